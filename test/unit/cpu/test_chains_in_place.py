"""A chain may write its result over an argument that its earlier ops read at the same index of the shared loops."""

import numpy as np
import pytest
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.outline_kernels import in_place
from cellc.targets.cpu.level import native_level
from support.cpu_kernels import Operand, compile_text, empty, filled, generic, kernel, parse_kernel

ADD = "%s = arith.addf %o0, %i0 : f32\nlinalg.yield %s : f32"


def less_its_sum(shape: tuple[int, int], axis: int) -> str:
    """x - sum over an axis, a chain of two ops that both read x."""
    rows, read = shape[1 - axis], "d0, d1" if axis == 1 else "d1, d0"
    x, result = Operand("%x", shape, "f32", read), Operand("%e", shape, "f32", read)
    ops = [
        filled("%f", (rows,), "f32", "0.0"),
        generic("%s", "pr", [x], [Operand("%f", (rows,), "f32", "d0")], ADD),
        empty("%e", shape, "f32"),
        generic("%r", "pp", [x, Operand("%s", (rows,), "f32", "d0")], [result],
                "%v = arith.subf %i0, %i1 : f32\nlinalg.yield %v : f32"),
    ]  # fmt: skip
    return kernel("reduction", [("%x", shape, "f32")], ops, [("%r", shape, "f32")], 1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(5, 7), (37, 201), (1030, 10), (10, 1030), (64, 64), (4, 4096), (9, 1)])
def test_a_chain_may_overwrite_what_it_read(shape: tuple[int, int], axis: int) -> None:
    """Rows of all lengths, turned or not, some of them at a time."""
    text = less_its_sum(shape, axis)
    assert in_place_of(text) == [(0, 0)]
    compiled = compile_text(text, native_level())
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    np.testing.assert_array_equal(compiled(x, in_place=True)[0], compiled(x)[0])


def test_a_chain_does_not_overwrite_what_it_reads_later_or_elsewhere() -> None:
    shape = (8, 8)
    x = Operand("%x", shape, "f32", "d0, d1")
    sums = [filled("%f", (8,), "f32", "0.0"), generic("%s", "pr", [x], [Operand("%f", (8,), "f32", "d0")], ADD)]
    twice = [
        empty("%e", shape, "f32"),
        generic("%r", "pp", [x], [Operand("%e", shape, "f32", "d0, d1")],
                "%v = arith.addf %i0, %i0 : f32\nlinalg.yield %v : f32"),
    ]  # fmt: skip
    later = kernel("reduction", [("%x", shape, "f32")], [*twice, *sums], [("%r", shape, "f32"), ("%s", (8,), "f32")], 1)
    assert in_place_of(later) == []
    columns = [filled("%f", (8,), "f32", "0.0")]
    columns += [generic("%s", "pr", [Operand("%x", shape, "f32", "d1, d0")], [Operand("%f", (8,), "f32", "d0")], ADD)]
    results = [("%r", shape, "f32"), ("%s", (8,), "f32")]
    elsewhere = kernel("reduction", [("%x", shape, "f32")], [*columns, *twice], results, 1)
    assert in_place_of(elsewhere) == []


def in_place_of(text: str) -> list[tuple[int, int]]:
    """The results of a chain that may lie where its arguments are."""
    block = parse_kernel(text).body.block
    *ops, end = block.ops
    generics = [op for op in ops if isinstance(op, GenericOp)]
    return in_place(generics, end.operands, block.args, 1)
