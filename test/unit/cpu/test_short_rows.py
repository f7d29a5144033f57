"""Chains over rows of few elements: lanes across rows, results turned back or written as they lie in memory."""

import re

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.cpu_kernels import DTYPES, Operand, assembly, compile_text, empty, filled, generic, kernel

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
EPS = {"f32": 2.0**-24, "f64": 2.0**-53}


def chain(shape: tuple[int, int], element: str = "f32", results: tuple[str, ...] = ("%p", "%l")) -> str:
    """%p: softmax of the rows of x; %l: ((x - maximum) - log(sum)) * g + column."""
    rows, width = shape
    bits = element[1:]
    lowest = "0xFF800000" if element == "f32" else "0xFFF0000000000000"
    x, one, g = (Operand(*o) for o in (("%x", shape, element, "d0, d1"), ("%m", (rows,), element, "d0"),
                                       ("%g", (width,), element, "d1")))  # fmt: skip
    e, total = Operand("%e", shape, element, "d0, d1"), Operand("%s", (rows,), element, "d0")
    ops = [
        filled("%fm", (rows,), element, lowest),
        generic("%m", "pr", [x], [Operand("%fm", (rows,), element, "d0")],
                f"%v = arith.maximumf %o0, %i0 : {element}\nlinalg.yield %v : {element}"),
        empty("%ee", shape, element),
        generic("%e", "pp", [x, one], [Operand("%ee", shape, element, "d0, d1")],
                f"%v = arith.subf %i0, %i1 : {element}\n%w = math.exp %v : {element}\nlinalg.yield %w : {element}"),
        filled("%fs", (rows,), element, "0.0"),
        generic("%s", "pr", [e], [Operand("%fs", (rows,), element, "d0")],
                f"%v = arith.addf %o0, %i0 : {element}\nlinalg.yield %v : {element}"),
        empty("%ep", shape, element),
        generic("%p", "pp", [e, total], [Operand("%ep", shape, element, "d0, d1")],
                f"%v = arith.divf %i0, %i1 : {element}\nlinalg.yield %v : {element}"),
        empty("%el", shape, element),
        generic("%l", "pp", [x, one, total, g], [Operand("%el", shape, element, "d0, d1")],
                f"""%v = arith.subf %i0, %i1 : {element}
%w = math.log %i2 : {element}
%d = arith.subf %v, %w : {element}
%t = arith.mulf %d, %i3 : {element}
%n = linalg.index 1 : index
%c = arith.index_cast %n : index to i{bits}
%f = arith.sitofp %c : i{bits} to {element}
%z = arith.addf %t, %f : {element}
linalg.yield %z : {element}"""),
    ]  # fmt: skip
    kept = ops if "%p" in results else ops[:6] + ops[8:]
    arguments = [("%x", shape, element), ("%g", (width,), element)]
    return kernel("reduction", arguments, kept, [(r, shape, element) for r in results], 1)


def operands(shape: tuple[int, int], element: str = "f32") -> tuple[np.ndarray, np.ndarray]:
    """Numbers, in some rows infinities or a NaN."""
    rng = np.random.default_rng(shape[1])
    x = (3 * rng.standard_normal(shape)).astype(DTYPES[element])
    x[2, shape[1] // 2], x[5, -1], x[7, 0], x[-1, -1] = np.nan, np.inf, -np.inf, -np.inf
    return x, rng.standard_normal(shape[1]).astype(DTYPES[element])


def exact(x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both results in float64 (of float64: in long doubles)."""
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    with np.errstate(invalid="ignore", divide="ignore"):
        y = x.astype(wide) - x.astype(wide).max(1, keepdims=True)
        total = np.exp(y).sum(1, keepdims=True)
        return np.exp(y) / total, (y - np.log(total)) * g.astype(wide) + np.arange(len(g))


def check(found: list[np.ndarray], x: np.ndarray, g: np.ndarray, element: str) -> None:
    """Each rounding is one eps of what it rounds: exp, its argument, sum and quotient; differences, product and sum."""
    width, eps = x.shape[1], EPS[element]
    share, scaled = exact(x, g)
    logs = np.where(np.isfinite(scaled), np.abs(scaled), 0) + np.arange(width)
    reach = np.nanmax(np.where(np.isfinite(x), np.abs(x), 0)) * 2
    with np.errstate(invalid="ignore"):
        for result, reference, bound in (
            (found[0], share, (reach + width + 8) * eps * np.abs(share)),
            (found[1], scaled, eps * (4 * logs + (np.abs(g) + 1) * (2 * reach + width + 16))),
        ):
            same = (result == reference) | (np.isnan(result) & np.isnan(reference))
            assert (same | (np.abs(result - reference) <= bound)).all()


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [*range(1, 34, 2), 2, 4, 8, 10, 12, 16, 24, 60])
def test_every_width(width: int, level: str) -> None:
    x, g = operands((77, width))
    check(compile_text(chain(x.shape), LEVELS[level])(x, g), x, g, "f32")


@pytest.mark.parametrize("level", ["v2", *LEVEL_NAMES])
@pytest.mark.parametrize("shape", [(16, 3), (33, 5), (130, 10), (19, 17)])
def test_doubles(shape: tuple[int, int], level: str) -> None:
    x, g = operands(shape, "f64")
    check(compile_text(chain(shape, "f64"), LEVELS[level])(x, g), x, g, "f64")


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [3, 10, 21])
def test_bits_do_not_depend_on_where_the_lanes_run(width: int, level: str) -> None:
    """Of few rows the lanes run along each, of many across them; and the result may lie where x was."""
    x, g = operands((77, width))
    many = compile_text(chain(x.shape), LEVELS[level])(x, g)
    few = compile_text(chain((3, width)), LEVELS[level])
    for start in range(0, 75, 3):
        for result, part in zip(many, few(x[start : start + 3], g), strict=True):
            np.testing.assert_array_equal(result[start : start + 3], part)
    in_place = compile_text(chain(x.shape, results=("%l",)), LEVELS[level])(x, g, in_place=True)
    np.testing.assert_array_equal(in_place[0], many[1])


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [2, 5, 11, 20])
@pytest.mark.parametrize("element", ["i8", "i16", "i64", "bf16", "f16"])
def test_every_type_is_turned_and_turned_back(element: str, width: int, level: str) -> None:
    """The distance of each element to the largest of its row, twice as long."""
    shape, is_int = (53, width), element[0] == "i"
    wide = element if is_int else "f32"
    add, sub = ("arith.addi", "arith.subi") if is_int else ("arith.addf", "arith.subf")
    larger, lowest = ("arith.maxsi", "-100") if is_int else ("arith.maximumf", "-100.0")

    def body(op: str, narrows: bool = True) -> str:
        """An op in the wide type, as all bodies compute."""
        if is_int:
            return f"%v = {op} : {element}\nlinalg.yield %v : {element}"
        text = f"%x0 = arith.extf %i0 : {element} to f32\n%v = {op.replace('%i0', '%x0')} : f32\n"
        if not narrows:
            return text + "linalg.yield %v : f32"
        return text + f"%t = arith.truncf %v : f32 to {element}\nlinalg.yield %t : {element}"

    x, largest = Operand("%x", shape, element, "d0, d1"), Operand("%m", (53,), wide, "d0")
    ops = [
        filled("%f", (53,), wide, lowest),
        generic("%m", "pr", [x], [Operand("%f", (53,), wide, "d0")], body(f"{larger} %o0, %i0", narrows=False)),
        empty("%e", shape, element),
        generic("%d", "pp", [x, largest], [Operand("%e", shape, element, "d0, d1")], body(f"{sub} %i1, %i0")),
        empty("%e2", shape, element),
        generic("%r", "pp", [Operand("%d", shape, element, "d0, d1")], [Operand("%e2", shape, element, "d0, d1")],
                body(f"{add} %i0, %i0")),
    ]  # fmt: skip
    text = kernel("reduction", [("%x", shape, element)], ops, [("%r", shape, element)], 1)
    numbers = np.random.default_rng(width).integers(-12, 12, shape).astype(DTYPES[element])
    expected = 2 * (numbers.max(1, keepdims=True) - numbers)
    np.testing.assert_array_equal(compile_text(text, LEVELS[level])(numbers)[0], expected)


def test_results_that_need_no_turn_are_whole_vectors() -> None:
    """Of sixteen rows of ten, ten vectors end to end; and one logarithm is computed for all sixteen."""
    text = assembly(chain((1024, 10), results=("%l",)), LEVELS["v4"])
    assert "gather" not in text
    assert "scatter" not in text
    assert not re.search(r"vmovup[sd]\s+%zmm\d+, [^#\n]*\{%k", text)
    logarithms = len(re.findall(r"vgetexpps", text))
    assert logarithms <= 1


def test_a_reduction_alone_turns_short_rows() -> None:
    x = Operand("%x", (1024, 10), "f32", "d0, d1")
    ops = [
        filled("%f", (1024,), "f32", "0xFF800000"),
        generic("%r", "pr", [x], [Operand("%f", (1024,), "f32", "d0")],
                "%v = arith.maximumf %o0, %i0 : f32\nlinalg.yield %v : f32"),
    ]  # fmt: skip
    text = kernel("reduction", [("%x", (1024, 10), "f32")], ops, [("%r", (1024,), "f32")], 1)
    code = assembly(text, LEVELS["v4"])
    assert "gather" not in code
    assert not re.search(r"vmaxps\s+%[xy]mm", code)
