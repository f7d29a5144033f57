"""Parameters of a program that become constants, and parameters that go."""

import pytest

from cellc.runtime import Buffer, Copy, Fill, Kernel, Launch, Program
from cellc.runtime.fold import with_constants, without_unused_parameters

PROGRAM = Program(
    [
        Buffer("parameter", "w", "f32", (4,)),
        Buffer("constant", "", "u8", (3,)),
        Buffer("parameter", "panels", "f32", (2, 2)),
        Buffer("arena", "", "f32", (4,)),
        Buffer("output", "", "f32", (4,)),
    ],
    [Kernel("k", 1)],
    [Fill(3), Launch(0, (1, 2, 3)), Copy(3, 4)],
    64,
    b"abc",
)


def test_a_binding_becomes_a_constant() -> None:
    folded = with_constants(PROGRAM, {1: bytes(range(16))})
    folded.validate()
    assert folded.buffers[2] == Buffer("constant", "", "f32", (2, 2), 64)
    assert folded.constants == b"abc" + bytes(61) + bytes(range(16))
    assert [buffer.name for buffer in folded.bindings] == ["w", ""]
    assert folded.commands == PROGRAM.commands


def test_constants_have_the_size_of_their_buffer() -> None:
    with pytest.raises(ValueError, match="3 bytes for panels, which has 16"):
        with_constants(PROGRAM, {1: b"abc"})


def test_unused_parameters_go_where_no_program_uses_them() -> None:
    (smaller,) = without_unused_parameters([PROGRAM])
    smaller.validate()
    assert [buffer.name for buffer in smaller.bindings] == ["panels", ""]
    assert smaller.commands == (Fill(2), Launch(0, (0, 1, 2)), Copy(2, 3))
    reading = Program(PROGRAM.buffers, PROGRAM.kernels, [Copy(0, 4)], 64, b"abc")
    assert without_unused_parameters([PROGRAM, reading]) == [PROGRAM, reading]
