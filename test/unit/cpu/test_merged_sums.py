"""Sums over the same elements, in one pass, have the bits of sums alone, wherever the lanes run."""

from functools import cache

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.merge_sums import MOST_RESULTS, MergeSumsPass
from cellc.targets.cpu.level import LEVELS, native_level
from support.cpu_kernels import DTYPES, Operand, compile_function, compile_text, filled, generic, kernel, parse_kernel

LEVEL_NAMES = ["v3", native_level().name]


def sums(loops: str, shape: tuple[int, ...], outer: int, element: str = "f32", number: int = 2) -> str:
    """The sum of x, and of x (y - m) for several m, over the loops marked r; the loops are x's dimensions, p first."""
    order = sorted(range(len(shape)), key=lambda d: loops[d] == "r")
    read = ", ".join(f"d{order.index(d)}" for d in range(len(shape)))
    rows = [shape[d] for d in order if loops[d] == "p"]
    at_row, kinds = ", ".join(f"d{i}" for i in range(len(rows))), "".join(sorted(loops))
    x, y = (Operand(name, shape, element, read) for name in ("%x", "%y"))
    means = [Operand(f"%m{i}", rows, element, at_row) for i in range(1, number)]
    ops = []
    for i, mean in enumerate([None, *means]):
        body = f"%r = arith.addf %o0, %i0 : {element}\nlinalg.yield %r : {element}"
        if mean is not None:
            body = (
                f"%d = arith.subf %i1, %i2 : {element}\n%p = arith.mulf %i0, %d : {element}\n"
                f"%r = arith.addf %o0, %p : {element}\nlinalg.yield %r : {element}"
            )
        inputs = [x] if mean is None else [x, y, mean]
        ops += [filled(f"%f{i}", rows, element, "0.0"),
                generic(f"%s{i}", kinds, inputs, [Operand(f"%f{i}", rows, element, at_row)], body)]  # fmt: skip
    arguments = [(o.name, o.shape, o.element) for o in (x, y, *means)]
    return kernel("reduction", arguments, ops, [(f"%s{i}", rows, element) for i in range(number)], outer)


def merged(text: str) -> func.FuncOp:
    parsed = parse_kernel(text)
    module = parsed.parent_op()
    assert isinstance(module, ModuleOp)
    MergeSumsPass().apply(Context(), module)
    module.verify()
    verify_kernel_form(parsed)
    return parsed


def generics_of(function: func.FuncOp) -> list[int]:
    """The number of results of each generic."""
    return [len(op.results) for op in function.walk() if isinstance(op, GenericOp)]


@cache
def operands(shape: tuple[int, ...], rows: tuple[int, ...], element: str, number: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = [shape, shape, *[rows] * (number - 1)]
    return [random.standard_normal(each).astype(DTYPES[element]) for each in shapes]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(("loops", "shape", "element"), [
    ("pr", (5, 1237), "f32"),  # lanes along rows, with a tail
    ("pr", (5, 9000), "f64"),
    ("rpr", (3, 4, 131), "f32"),  # images of a batch normalization
    ("rpr", (16, 20, 4), "f32"),
    ("rp", (131, 70), "f32"),  # lanes across sums, in groups and alone
    ("rrp", (7, 5, 35), "f64"),
    ("pr", (100, 10), "f32"),  # rows shorter than a vector, turned
    ("pr", (70, 23), "f32"),
])  # fmt: skip
def test_bits(loops: str, shape: tuple[int, ...], element: str, level: str) -> None:
    rows = tuple(extent for extent, kind in zip(shape, loops, strict=True) if kind == "p")
    text, arrays = sums(loops, shape, len(rows), element), operands(shape, rows, element, 2)
    together = merged(text)
    assert generics_of(together) == [2]
    results = compile_function(together, LEVELS[level])(*arrays)
    for one, other in zip(results, compile_text(text, LEVELS[level])(*arrays), strict=True):
        np.testing.assert_array_equal(one, other)
    x, y, mean = (a.astype(np.longdouble) for a in arrays)
    axes = tuple(d for d, kind in enumerate(loops) if kind == "r")
    wanted = (x * (y - np.expand_dims(mean, axes))).sum(axes)
    error = np.finfo(DTYPES[element]).eps * np.abs(x).sum(axes) * (np.abs(y).max() + np.abs(mean).max())
    assert (np.abs(results[1] - wanted) <= 4 * error).all()


def test_no_more_sums_than_registers_hold() -> None:
    """Sums beyond that make a second generic."""
    shape, number = (3, 200), MOST_RESULTS + 2
    text = sums("pr", shape, 1, "f32", number)
    together = merged(text)
    assert generics_of(together) == [MOST_RESULTS, 2]
    arrays = operands(shape, (3,), "f32", number)
    for one, other in zip(compile_text(text)(*arrays), compile_function(together)(*arrays), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sums_of_other_elements_stay_apart() -> None:
    """A sum over other loops, and one that reads the tensor turned."""
    square = (8, 8)
    x, turned = (Operand("%x", square, "f32", read) for read in ("d0, d1", "d1, d0"))
    body = "%r = arith.addf %o0, %i0 : f32\nlinalg.yield %r : f32"
    ops = []
    for name, operand in (("a", x), ("b", turned)):
        result = Operand(f"%f{name}", (8,), "f32", "d0")
        ops += [filled(f"%f{name}", (8,), "f32", "0.0"), generic(f"%{name}", "pr", [operand], [result], body)]
    text = kernel("reduction", [("%x", square, "f32")], ops, [("%a", (8,), "f32"), ("%b", (8,), "f32")], 0)
    assert generics_of(merged(text)) == [1, 1]
