"""The program format: what is written is read back, and each broken rule is named."""

from __future__ import annotations

import dataclasses
import random
import struct
import zlib

import pytest

from cellc.runtime import Buffer, Copy, Fill, Kernel, Launch, Module, Program, ProgramFormatError, RuntimeCallError
from cellc.runtime.program import pack_constants

CONSTANTS, OFFSETS = pack_constants([b"abc", bytes(range(16))])
PROGRAM = Program(
    buffers=[
        Buffer("input", "x", "bf16", (2, 4)),
        Buffer("parameter", "net.weight", "f32", (4,)),
        Buffer("constant", "", "i32", (4,), OFFSETS[1]),
        Buffer("arena", "", "f32", (4,), 64),
        Buffer("arena", "view", "u8", (2, 0, 3), 0),
        Buffer("output", "", "f32", ()),
    ],
    kernels=[Kernel("kernel_0_add", 12, 4096), Kernel("kernel_1", 0)],
    commands=[
        Launch(0, (0, 1, 2, 3), (7, -1), "réseau.py:12"),
        Copy(3, 1),
        Fill(3, b"\x01\x02\x03\x04", "net.py:13"),
        Launch(1, (), ()),
    ],
    arena_bytes=128,
    constants=CONSTANTS,
)


def test_round_trip() -> None:
    assert Program.from_bytes(PROGRAM.to_bytes()) == PROGRAM
    empty = Program((), (), ())
    assert Program.from_bytes(empty.to_bytes()) == empty


def test_bytes_are_deterministic_and_do_not_change() -> None:
    assert PROGRAM.to_bytes() == PROGRAM.to_bytes()
    # The format's version 1. If this fails, the version must go up.
    assert zlib.crc32(PROGRAM.to_bytes()) == 0x37E03B5B


def test_bindings_are_what_the_caller_provides() -> None:
    assert [buffer.kind for buffer in PROGRAM.bindings] == ["input", "parameter", "output"]


def replace(field: str, index: int, **changes: object) -> Program:
    items = list(getattr(PROGRAM, field))
    items[index] = dataclasses.replace(items[index], **changes)
    return dataclasses.replace(PROGRAM, **{field: items})


@pytest.mark.parametrize(
    ("program", "field"),
    [
        (replace("buffers", 0, kind="inout"), "buffers[0].kind"),
        (replace("buffers", 0, dtype="f8"), "buffers[0].dtype"),
        (replace("buffers", 0, name="a\0b"), "buffers[0].name"),
        (replace("buffers", 0, name=""), "buffers[0].name"),
        (replace("buffers", 0, shape=(1,) * 17), "buffers[0].shape"),
        (replace("buffers", 0, shape=(-1,)), "buffers[0].shape"),
        (replace("buffers", 0, shape=(1 << 40, 1 << 40)), "buffers[0].shape"),
        (replace("buffers", 0, offset=64), "buffers[0].offset"),
        (replace("buffers", 3, offset=32), "buffers[3].offset"),
        (replace("buffers", 3, offset=128), "buffers[3].offset"),
        (replace("buffers", 3, offset=-64), "buffers[3].offset"),
        (replace("buffers", 2, offset=128), "buffers[2].offset"),
        (dataclasses.replace(PROGRAM, buffers=[*PROGRAM.buffers, PROGRAM.buffers[0]]), "buffers[6].name"),
        (dataclasses.replace(PROGRAM, arena_bytes=-1), "arena_bytes"),
        (replace("kernels", 0, name="not a name"), "kernels[0].name"),
        (replace("kernels", 0, blocks=-1), "kernels[0].blocks"),
        (replace("kernels", 0, scratch_bytes=1 << 50), "kernels[0].scratch_bytes"),
        (replace("commands", 0, kernel=2), "commands[0].kernel"),
        (replace("commands", 0, buffers=(6,)), "commands[0].buffers"),
        (replace("commands", 0, dims=(1 << 63,)), "commands[0].dims"),
        (replace("commands", 0, label="a\0"), "commands[0].label"),
        (replace("commands", 1, source=0, target=3), None),
        (replace("commands", 1, source=-1), "commands[1].source"),
        (replace("commands", 1, source=4), "commands[1].source"),
        (replace("commands", 1, target=0), "commands[1].target"),
        (replace("commands", 1, target=2), "commands[1].target"),
        (replace("commands", 2, target=9), "commands[2].target"),
        (replace("commands", 2, pattern=b"abc"), "commands[2].pattern"),
        (replace("commands", 2, pattern=b"\0" * 8, target=5), "commands[2].pattern"),
    ],
)
def test_each_rule_names_its_field(program: Program, field: str | None) -> None:
    if field is None:
        assert Program.from_bytes(program.to_bytes()) == program
        return
    with pytest.raises(ProgramFormatError) as caught:
        program.to_bytes()
    assert caught.value.field == field
    assert str(caught.value).startswith(f"program: {field}: ")


def test_every_truncation_and_every_flipped_bit_is_one_error() -> None:
    data = PROGRAM.to_bytes()
    for size in range(len(data)):
        with pytest.raises(ProgramFormatError):
            Program.from_bytes(data[:size])
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 4
        with pytest.raises(ProgramFormatError):
            Program.from_bytes(bytes(damaged))


def test_a_newer_version_is_refused_with_both_versions() -> None:
    data = bytearray(PROGRAM.to_bytes())
    struct.pack_into("<I", data, 8, 2)
    with pytest.raises(ProgramFormatError, match=r"version 2 is not supported, this cellc reads 1"):
        Program.from_bytes(bytes(data))


def reseal(data: bytearray) -> bytes:
    """Make the checksums of damaged bytes right again."""
    for index in range(7):
        entry = 40 + 24 * index
        offset, size = struct.unpack_from("<QQ", data, entry + 8)
        if offset + size <= len(data):
            struct.pack_into("<I", data, entry + 4, zlib.crc32(data[offset : offset + size]))
    struct.pack_into("<I", data, 32, 0)
    struct.pack_into("<I", data, 32, zlib.crc32(data[: 40 + 24 * 7]))
    return bytes(data)


def test_python_and_c_readers_agree() -> None:
    """On 3,000 damaged programs; C alone may accept names that only Python has rules for."""
    good = PROGRAM.to_bytes()
    source = random.Random(7)
    kernels = {kernel.name: 1 for kernel in PROGRAM.kernels}  # never run
    accepted = 0
    for _ in range(3000):
        data = bytearray(good)
        at = source.randrange(len(good) // 4) * 4
        struct.pack_into("<I", data, at, source.choice([0, 1, 2, 3, 4, 7, 64, 0xFFFFFFFF, source.getrandbits(32)]))
        damaged = reseal(data)
        try:
            program = Program.from_bytes(damaged)
        except ProgramFormatError as error:
            problem = error.field
        else:
            accepted += 1
            if any(kernel.name not in kernels for kernel in program.kernels) or program.arena_bytes > 1 << 20:
                continue
            if any(kernel.scratch_bytes > 1 << 20 for kernel in program.kernels):
                continue
            Module(damaged, kernels, threads=1)
            continue
        if problem.endswith(".name") or problem.startswith("debug"):
            continue
        with pytest.raises(RuntimeCallError):
            Module(damaged, kernels, threads=1)
    assert 100 < accepted < 2900
