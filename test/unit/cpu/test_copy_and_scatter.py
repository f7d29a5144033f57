"""Copies with strides and gaps; scatter in the order of the indices."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.compiled_op import check_compiled, run_compiled
from support.cpu_kernels import Operand, compile_text, empty, filled, generic, kernel, tensor_type

LEVELS_HERE = ["v3", native_level().name]


def insert(result: str, source: tuple, target: tuple, offsets: str, strides: str) -> str:
    (name, shape), (into, whole) = source, target
    sizes = ", ".join(map(str, shape))
    kinds = f"{tensor_type(shape, 'f32')} into {tensor_type(whole, 'f32')}"
    return f"{result} = tensor.insert_slice {name} into {into}[{offsets}] [{sizes}] [{strides}] : {kinds}"


def test_pieces_with_strides_over_a_fill() -> None:
    ops = [
        filled("%f", (2, 7, 9), "f32", "1.5"),
        insert("%i", ("%x", (2, 3, 5)), ("%f", (2, 7, 9)), "0, 1, 2", "1, 2, 1"),
        insert("%j", ("%y", (2, 2, 1)), ("%i", (2, 7, 9)), "0, 2, 8", "1, 3, 1"),
    ]
    compiled = compile_text(
        kernel("copy", [("%x", (2, 3, 5), "f32"), ("%y", (2, 2, 1), "f32")], ops, [("%j", (2, 7, 9), "f32")])
    )
    x, y = np.arange(30, dtype=np.float32).reshape(2, 3, 5), np.arange(4, dtype=np.float32).reshape(2, 2, 1)
    expected = np.full((2, 7, 9), 1.5, np.float32)
    expected[:, 1:6:2, 2:7], expected[:, 2:6:3, 8:] = x, y
    np.testing.assert_array_equal(compiled(x, y)[0], expected)


@pytest.mark.parametrize("level", LEVELS_HERE)
@pytest.mark.parametrize("shape", [(3, 70, 12, 21), (70, 12, 21), (2, 40, 2, 1), (500, 9, 17)])
def test_planes_are_padded_one_after_the_other(shape: tuple[int, ...], level: str) -> None:
    """What a fill wrote is in the cache then; some planes of one block, or of several."""
    whole = (*shape[:-2], shape[-2] + 3, shape[-1] + 2)
    offsets, ones = ", ".join([*["0"] * (len(shape) - 2), "2", "1"]), ", ".join("1" for _ in shape)
    ops = [filled("%f", whole, "f32", "1.5"), insert("%r", ("%x", shape), ("%f", whole), offsets, ones)]
    compiled = compile_text(kernel("copy", [("%x", shape, "f32")], ops, [("%r", whole, "f32")]), LEVELS[level])
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    pads = [*[(0, 0)] * (len(shape) - 2), (2, 1), (1, 1)]
    np.testing.assert_array_equal(compiled(x)[0], np.pad(x, pads, constant_values=1.5))
    assert (compiled.code.blocks > 1) == (np.prod(whole) > 1 << 14)


@pytest.mark.parametrize("shape", [(300, 200), (1, 300, 200), (1, 1, 3)])
def test_blocks_own_rows_of_a_concatenation(shape: tuple[int, ...]) -> None:
    """Nothing is filled that is not asked for: the pieces cover the result."""
    whole, ones = (*shape[:-2], 2 * shape[-2], shape[-1]), ", ".join("1" for _ in shape)
    zeros = ["0"] * len(shape)
    ops = [
        empty("%e", whole, "f32"),
        insert("%i", ("%x", shape), ("%e", whole), ", ".join(zeros), ones),
        insert("%j", ("%y", shape), ("%i", whole), ", ".join([*zeros[:-2], str(shape[-2]), "0"]), ones),
    ]
    compiled = compile_text(kernel("copy", [("%x", shape, "f32"), ("%y", shape, "f32")], ops, [("%j", whole, "f32")]))
    x, y = (np.random.default_rng(i).standard_normal(shape).astype(np.float32) for i in range(2))
    assert (compiled.code.blocks > 1) == (max(shape) > 100)
    np.testing.assert_array_equal(compiled(x, y)[0], np.concatenate([x, y], axis=-2))


@pytest.mark.parametrize("level", ["v3", native_level().name])
@pytest.mark.parametrize("filler", [True, False])
@pytest.mark.parametrize(("steps", "width"), [(2, 16), (2, 5), (2, 37), (3, 7), (4, 21)])
def test_slices_that_take_turns_in_a_row(steps: int, width: int, filler: bool, level: str) -> None:
    """With a filler one of them is missing; the rows between are the fill's too."""
    whole, part = (20, 4, steps * width), (20, 2, width)
    count = steps - filler
    ops = [filled("%f", whole, "f32", "1.5")]
    for i in range(count):
        ops.append(
            insert(f"%r{i + 1}", (f"%x{i}", part), (f"%r{i}" if i else "%f", whole), f"0, 1, {i}", f"1, 2, {steps}")
        )
    inputs = [(f"%x{i}", part, "f32") for i in range(count)]
    compiled = compile_text(kernel("copy", inputs, ops, [(f"%r{count}", whole, "f32")]), LEVELS[level])
    values = [np.random.default_rng(i).standard_normal(part).astype(np.float32) for i in range(count)]
    expected = np.full(whole, 1.5, np.float32)
    for i, value in enumerate(values):
        expected[:, 1::2, i::steps] = value
    assert "vector.scatter" not in compiled.code.text
    np.testing.assert_array_equal(compiled(*values)[0], expected)


def test_a_slice_between_others_of_a_row_keeps_them() -> None:
    """What lies between its elements was written before it by another slice, and stays."""
    ops = [
        filled("%f", (3, 8), "f32", "1.5"),
        insert("%i", ("%x", (3, 8)), ("%f", (3, 8)), "0, 0", "1, 1"),
        insert("%j", ("%y", (3, 4)), ("%i", (3, 8)), "0, 1", "1, 2"),
    ]
    text = kernel("copy", [("%x", (3, 8), "f32"), ("%y", (3, 4), "f32")], ops, [("%j", (3, 8), "f32")])
    x, y = np.arange(24, dtype=np.float32).reshape(3, 8), -np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = x.copy()
    expected[:, 1::2] = y
    np.testing.assert_array_equal(compile_text(text)(x, y)[0], expected)


@pytest.mark.parametrize(("rows", "width", "count"), [(1, 1, 5), (7, 3, 40), (100, 33, 257), (40, 1, 1000), (3, 16, 1)])
def test_scatter_add(rows: int, width: int, count: int) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(-2, rows + 2, count).astype(np.int32)
    updates = rng.integers(-9, 9, (count, width)).astype(np.float32)
    check_compiled("scatter_add", indices, updates, rows=rows)


def test_scatter_adds_in_the_order_of_the_indices() -> None:
    """1e8 + 1 - 1e8 is 0 in f32, and 1 in another order."""
    indices, updates = np.zeros(3, np.int32), np.array([[1e8], [1], [-1e8]], np.float32)
    assert run_compiled("scatter_add", (indices, updates), {"rows": 20})[0][0, 0] == 0


@pytest.mark.parametrize("level", LEVELS_HERE)
@pytest.mark.parametrize("shape", [(2, 3), (7, 5), (33, 70), (1, 40), (300, 129)])
def test_pieces_that_are_made_in_the_kernel(shape: tuple[int, int], level: str) -> None:
    """A pad in a pad with steps: of an argument, of one that is computed, and one read backwards, with an axis of 1."""
    rows, width = shape
    inner, whole = (2 * rows + 1, width), (2 * (2 * rows + 1) + 3, width + 5)
    body = "%s = arith.mulf %i0, %i0 : f32\nlinalg.yield %s : f32"
    moved = [Operand("%x", shape, "f32", f"d1, {width - 1} - d2")], [Operand("%e1", (1, *shape), "f32", "d0, d1, d2")]
    square = [Operand("%x", shape, "f32", "d0, d1")], [Operand("%e2", shape, "f32", "d0, d1")]
    flat = f"{tensor_type((1, *shape), 'f32')} into {tensor_type(shape, 'f32')}"
    ops = [
        empty("%e1", (1, *shape), "f32"),
        generic("%b", "ppp", *moved, "linalg.yield %i0 : f32"),
        f"%c = tensor.collapse_shape %b [[0, 1], [2]] : {flat}",
        empty("%e2", shape, "f32"),
        generic("%d", "pp", *square, body),
        filled("%f", inner, "f32", "2.5"),
        insert("%g", ("%c", shape), ("%f", inner), "1, 0", "1, 1"),
        insert("%h", ("%d", shape), ("%g", inner), f"{rows + 1}, 0", "1, 1"),
        filled("%k", whole, "f32", "1.5"),
        insert("%l", ("%h", inner), ("%k", whole), "2, 1", "2, 1"),
        insert("%m", ("%x", shape), ("%l", whole), "1, 5", "1, 1"),
    ]
    compiled = compile_text(kernel("copy", [("%x", shape, "f32")], ops, [("%m", whole, "f32")]), LEVELS[level])
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = np.full(whole, 1.5, np.float32)
    expected[2 : 2 + 2 * inner[0] : 2, 1 : 1 + width] = np.concatenate([np.full((1, width), 2.5), x[:, ::-1], x * x])
    expected[1 : 1 + rows, 5:] = x
    np.testing.assert_array_equal(compiled(x)[0], expected)


@pytest.mark.parametrize("level", LEVELS_HERE)
def test_blocks_share_all_loops_of_a_copy_but_the_innermost(level: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 2, 70, 300)).astype(np.float32)
    attributes = {"low": (0, 1, 1, 2), "high": (1, 0, 2, 1), "interior": (0, 0, 0, 0)}
    (found,) = run_compiled("pad", (x, np.float32(0.5)), attributes, LEVELS[level])
    np.testing.assert_array_equal(found, np.pad(x, ((0, 1), (1, 0), (1, 2), (2, 1)), constant_values=0.5))
