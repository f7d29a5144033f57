"""Reductions along contiguous and other loops, chains, and the accuracy of long sums."""

import re

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.target import CpuTarget
from support.cpu_kernels import Operand, assembly, compile_text, empty, filled, generic, kernel, parse_kernel

ADD = "%s = arith.addf %o0, %i0 : f32\nlinalg.yield %s : f32"
LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", native_level().name)]


def reduction(shape: tuple[int, ...], loops: str, body: str = ADD, initial: str = "0.0", dtype: str = "f32") -> str:
    """x reduced over the loops marked r."""
    kept = [i for i, letter in enumerate(loops) if letter == "p"]
    result = [shape[i] for i in kept]
    source = Operand("%x", shape, dtype, ", ".join(f"d{i}" for i in range(len(shape))))
    target = Operand("%f", result, dtype, ", ".join(f"d{i}" for i in kept))
    ops = [filled("%f", result, dtype, initial), generic("%r", loops, [source], [target], body)]
    return kernel("reduction", [("%x", shape, dtype)], ops, [("%r", result, dtype)], 0)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(
    ("shape", "loops"),
    [((7,), "r"), ((1,), "r"), ((1000,), "r"), ((5, 137), "pr"), ((137, 5), "rp"), ((64, 70), "rp"), ((3, 5, 7), "prp"),
     ((3, 5, 70), "rpr"), ((20, 1, 3), "prr"), ((300, 200), "pr"), ((2, 40, 40), "rrp"), ((6, 0), "pr")],
)  # fmt: skip
def test_sums(shape: tuple[int, ...], loops: str, level: str) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    axes = tuple(i for i, letter in enumerate(loops) if letter == "r")
    count = int(np.prod([shape[a] for a in axes]))
    result = compile_text(reduction(shape, loops), LEVELS[level])(x)[0]
    bound = (count + 1) * np.finfo(np.float32).eps * (np.abs(x.astype(np.float64)).sum(axes) + 1)
    assert (np.abs(result - x.astype(np.float64).sum(axes)) <= bound).all()


@pytest.mark.parametrize(("op", "initial", "reference"), [
    ("arith.maximumf", "0xFF800000", np.max), ("arith.minimumf", "0x7F800000", np.min), ("arith.mulf", "1.0", np.prod),
])  # fmt: skip
def test_other_reductions(op: str, initial: str, reference: object) -> None:
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (9, 77)).astype(np.float32)
    body = f"%s = {op} %o0, %i0 : f32\nlinalg.yield %s : f32"
    result = compile_text(reduction(x.shape, "pr", body, initial))(x)[0]
    np.testing.assert_allclose(result, reference(x, axis=1), rtol=1e-5)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("length", [1, 3, 10, 77, 1000])
@pytest.mark.parametrize(("op", "initial", "reference"), [
    ("arith.maxui", "0", np.max), ("arith.minui", "-1", np.min), ("arith.maxsi", "-128", np.max),
    ("arith.minsi", "127", np.min),
])  # fmt: skip
def test_extremes_of_bytes(op: str, initial: str, reference: object, length: int, level: str) -> None:
    """Lanes run along long rows, signed or not: no byte is gathered."""
    dtype = np.uint8 if op.endswith("ui") else np.int8
    x = np.random.default_rng(0).integers(0, 256, (9, length), np.uint8).view(dtype)
    x[-1] = np.iinfo(dtype).min if reference is np.max else np.iinfo(dtype).max
    text = reduction(x.shape, "pr", f"%s = {op} %o0, %i0 : i8\nlinalg.yield %s : i8", initial, "i8")
    (result,) = compile_text(text, LEVELS[level])(x.view(np.int8))
    np.testing.assert_array_equal(result.view(dtype), reference(x, axis=1))
    if length == 1000:
        assert "vector.gather" not in CpuTarget(LEVELS[level]).emit_kernel(parse_kernel(text)).text


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("count", [1, 15, 16, 17, 64, 100, 150])
@pytest.mark.parametrize(("op", "initial", "reference"), [
    ("arith.maximumf", "0xFF800000", np.max), ("arith.minimumf", "0x7F800000", np.min),
])  # fmt: skip
def test_nan_anywhere_is_the_extreme(op: str, initial: str, reference: object, count: int, level: str) -> None:
    """Row i has it as element i; the last rows have none, one of them nothing but the initial value."""
    x = np.random.default_rng(0).standard_normal((count + 2, count)).astype(np.float32)
    x[range(count), range(count)] = np.nan
    x[-1] = -np.inf if reference is np.max else np.inf
    body = f"%s = {op} %o0, %i0 : f32\nlinalg.yield %s : f32"
    result = compile_text(reduction(x.shape, "pr", body, initial), LEVELS[level])(x)[0]
    np.testing.assert_array_equal(result, reference(x, axis=1))


def test_a_sum_that_does_not_start_at_zero() -> None:
    x = np.ones((3, 50), np.float32)
    np.testing.assert_array_equal(compile_text(reduction((3, 50), "pr", ADD, "5.0"))(x)[0], 55)


def test_long_sums_are_more_accurate_than_one_accumulator() -> None:
    x = np.full(10_000_000, 0.1, np.float32)
    result = compile_text(reduction(x.shape, "r"))(x)[0]
    exact = float(np.float32(0.1)) * x.size
    assert abs(result - exact) / exact < 1e-4
    assert abs(np.add.accumulate(x)[-1] - exact) / exact > 1e-2


def test_sums_are_the_same_wherever_memory_lies() -> None:
    x = np.random.default_rng(0).standard_normal(1237).astype(np.float32)
    compiled = compile_text(reduction(x.shape, "r"))
    memory = np.zeros(1300, np.float32)
    results = set()
    for offset in range(5):
        memory[offset : offset + 1237] = x
        results.add(float(compiled(memory[offset : offset + 1237])[0]))
    assert len(results) == 1


def centred(shape: tuple[int, int], axis: int) -> str:
    """x - sum over an axis, a chain whose outer loop is the other axis."""
    rows = shape[1 - axis]
    inner = shape[axis]
    read = "d0, d1" if axis == 1 else "d1, d0"
    ops = [
        filled("%f", (rows,), "f32", "0.0"),
        generic("%s", "pr", [Operand("%x", shape, "f32", read)], [Operand("%f", (rows,), "f32", "d0")], ADD),
        empty("%e", (rows, inner), "f32"),
        generic("%d", "pp", [Operand("%x", shape, "f32", read), Operand("%s", (rows,), "f32", "d0")],
                [Operand("%e", (rows, inner), "f32", "d0, d1")],
                "%v = arith.subf %i0, %i1 : f32\nlinalg.yield %v : f32"),
        empty("%e2", shape, "f32"),
        generic("%r", "pp", [Operand("%d", (rows, inner), "f32", "d0, d1")], [Operand("%e2", shape, "f32", read)],
                "%v = arith.addf %i0, %i0 : f32\nlinalg.yield %v : f32"),
    ]  # fmt: skip
    return kernel("reduction", [("%x", shape, "f32")], ops, [("%r", shape, "f32")], 1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(5, 7), (37, 201), (128, 70), (1, 9), (9, 1), (64, 64), (101, 10), (40, 32)])
def test_chains_with_lanes_inside_and_outside(shape: tuple[int, int], axis: int) -> None:
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)
    np.testing.assert_array_equal(compile_text(centred(shape, axis))(x)[0], 2 * (x - x.sum(axis, keepdims=True)))


def exponentials(shape: tuple[int, int], indexing: str, results: tuple[str, ...]) -> str:
    """exp(x), its sum over each row, and their quotients, stored at `indexing`."""
    rows, stored = shape[0], shape if indexing == "d0, d1" else shape[::-1]
    total = Operand("%s", (rows,), "f32", "d0")
    ops = [
        empty("%e", shape, "f32"),
        generic("%v", "pp", [Operand("%x", shape, "f32", "d0, d1")], [Operand("%e", shape, "f32", "d0, d1")],
                "%y = math.exp %i0 : f32\nlinalg.yield %y : f32"),
        filled("%f", (rows,), "f32", "0.0"),
        generic("%s", "pr", [Operand("%v", shape, "f32", "d0, d1")], [Operand("%f", (rows,), "f32", "d0")], ADD),
        empty("%e2", stored, "f32"),
        generic("%r", "pp", [Operand("%v", shape, "f32", "d0, d1"), total], [Operand("%e2", stored, "f32", indexing)],
                "%y = arith.divf %i0, %i1 : f32\nlinalg.yield %y : f32"),
    ]  # fmt: skip
    types = {"%v": shape, "%s": (rows,), "%r": stored}
    return kernel("reduction", [("%x", shape, "f32")], ops, [(name, types[name], "f32") for name in results], 1)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("shape", [(5, 70), (9, 201), (3, 1000), (2, 5000)])
def test_a_sum_of_what_is_made_in_the_same_loop(shape: tuple[int, int], level: str) -> None:
    """It has the bits of a sum that reads memory, whether what is made is kept, or becomes the result in its place."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    kept = compile_text(exponentials(shape, "d0, d1", ("%v", "%s", "%r")), LEVELS[level])
    made, total, quotients = kept(x)
    np.testing.assert_allclose(made, np.exp(x.astype(np.float64)), rtol=2e-7)
    np.testing.assert_array_equal(total, compile_text(reduction(shape, "pr"), LEVELS[level])(made)[0])
    np.testing.assert_array_equal(quotients, made / total[:, None])
    alone = compile_text(exponentials(shape, "d0, d1", ("%r",)), LEVELS[level])
    np.testing.assert_array_equal(alone(x)[0], quotients)
    assert alone.code.scratch_bytes < 4 * shape[1]
    turned = compile_text(exponentials(shape, "d1, d0", ("%r",)), LEVELS[level])
    np.testing.assert_array_equal(turned(x)[0], quotients.T)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("length", [2, 10, 16, 23, 32])
def test_sums_of_short_rows_do_not_depend_on_where_the_lanes_run(length: int, level: str) -> None:
    """A few rows have their lanes along each, many across them."""
    x = np.random.default_rng(0).standard_normal((77, length)).astype(np.float32)
    many = compile_text(centred(x.shape, 1), LEVELS[level])(x)[0]
    few = [compile_text(centred((3, length), 1), LEVELS[level])(x[i : i + 3])[0] for i in range(0, 75, 3)]
    np.testing.assert_array_equal(many[:75], np.concatenate(few))
    exact = 2 * (x - x.astype(np.float64).sum(1, keepdims=True))
    np.testing.assert_allclose(many, exact, atol=1e-5 * length)


def test_lanes_run_across_short_rows() -> None:
    """Rows are turned in registers: none is read with a gather, and no sum ends with the lanes of one vector."""
    text = assembly(centred((1024, 10), 1), LEVELS["v4"])
    assert "gather" not in text
    assert "vunpcklpd" in text
    assert not re.search(r"vaddps\s+%[xy]mm", text)
