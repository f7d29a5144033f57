"""Nests that read along another loop than they write: tiles, their tails, types and bodies."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.cpu_kernels import DTYPES, Operand, assembly, compile_text, empty, generic, kernel

LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", native_level().name)]
SHAPES = [(2, 2), (2, 100), (100, 2), (16, 16), (17, 15), (31, 33), (64, 130), (700, 301)]


def transposed(shape: tuple[int, int], element: str, body: str = "") -> str:
    """result[i, j] of operands y[i, j] and x[j, i]; without a body, a copy of x."""
    inputs = [Operand("%y", shape, element, "d0, d1"), Operand("%x", shape[::-1], element, "d1, d0")]
    output = Operand("%e", shape, element, "d0, d1")
    operation = generic("%r", "pp", inputs, [output], body or f"linalg.yield %i1 : {element}")
    arguments = [(i.name, i.shape, i.element) for i in inputs]
    return kernel("elementwise", arguments, [empty("%e", shape, element), operation], [("%r", shape, element)])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_tiles_and_their_tails(shape: tuple[int, int], level: str) -> None:
    body = "%s = arith.subf %i1, %i0 : f32\nlinalg.yield %s : f32"
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape[::-1]).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    np.testing.assert_array_equal(compile_text(transposed(shape, "f32", body), LEVELS[level])(y, x)[0], x.T - y)


@pytest.mark.parametrize("element", list(DTYPES))
@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_every_type(element: str, level: str) -> None:
    shape = (21, 37)
    x = np.random.default_rng(1).integers(0, 2 if element == "i1" else 100, shape[::-1]).astype(DTYPES[element])
    y = np.zeros(shape, DTYPES[element])
    np.testing.assert_array_equal(compile_text(transposed(shape, element), LEVELS[level])(y, x)[0], x.T)


def test_loop_indices_are_those_of_each_element() -> None:
    body = """%a = linalg.index 0 : index
%b = linalg.index 1 : index
%c = arith.constant 1000 : index
%m = arith.muli %a, %c : index
%s = arith.addi %m, %b : index
%k = arith.index_cast %s : index to i32
%t = arith.addi %k, %i1 : i32
linalg.yield %t : i32"""
    shape = (35, 50)
    x, y = np.arange(35 * 50, dtype=np.int32).reshape(50, 35), np.zeros(shape, np.int32)
    rows, columns = np.indices(shape)
    np.testing.assert_array_equal(compile_text(transposed(shape, "i32", body))(y, x)[0], rows * 1000 + columns + x.T)


def test_divisors_that_a_tail_has_not_are_not_met() -> None:
    body = "%s = arith.divsi %i0, %i1 : i32\nlinalg.yield %s : i32"
    x, y = np.full((3, 5), 2, np.int32), np.full((5, 3), 9, np.int32)
    np.testing.assert_array_equal(compile_text(transposed((5, 3), "i32", body))(y, x)[0], 4)


def test_a_result_may_share_an_operands_memory() -> None:
    body = "%s = arith.subf %i0, %i1 : f32\nlinalg.yield %s : f32"
    rng = np.random.default_rng(2)
    y, x = rng.standard_normal((333, 200)).astype(np.float32), rng.standard_normal((200, 333)).astype(np.float32)
    compiled = compile_text(transposed((333, 200), "f32", body))
    assert compiled.code.blocks > 1
    np.testing.assert_array_equal(compiled(y, x, in_place=True)[0], y - x.T)


@pytest.mark.parametrize("level", [name for name in ("v3", "v4") if name in LEVEL_NAMES])
def test_no_element_is_loaded_on_its_own(level: str) -> None:
    text = assembly(transposed((256, 256), "f32"), LEVELS[level])
    assert "gather" not in text
    assert "vinsertps" not in text


@pytest.mark.parametrize("shape", [(7, 5, 2), (7, 1, 4), (33, 18, 8)])
@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_short_rows_of_results_have_their_lanes_along_two_loops(shape: tuple[int, int, int], level: str) -> None:
    """No tiles there: a lane's place in the operand is not a multiple of its number."""
    operand, output = Operand("%x", shape[::-1], "f32", "d2, d1, d0"), Operand("%e", shape, "f32", "d0, d1, d2")
    operation = generic("%r", "ppp", [operand], [output], "linalg.yield %i0 : f32")
    body = [empty("%e", shape, "f32"), operation]
    text = kernel("elementwise", [("%x", operand.shape, "f32")], body, [("%r", shape, "f32")])
    x = np.random.default_rng(0).standard_normal(shape[::-1]).astype(np.float32)
    np.testing.assert_array_equal(compile_text(text, LEVELS[level])(x)[0], x.T)
