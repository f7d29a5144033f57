"""Elementwise kernels against NumPy: strides, tails, types, in place."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.assembly import count
from support.cpu_kernels import DTYPES, Operand, assembly, compile_text, empty, generic, kernel

SHAPES = [(), (1,), (7,), (16,), (17,), (3, 5), (4, 16), (2, 3, 33), (5, 1, 4), (40000,), (3, 20011)]


def loops(shape: tuple[int, ...]) -> str:
    return ", ".join(f"d{i}" for i in range(len(shape)))


def elementwise(inputs: list[Operand], shape: tuple[int, ...], body: str, elements: tuple[str, ...] = ("f32",)) -> str:
    """One generic with a result of each element type."""
    outputs = [Operand(f"%e{i}", shape, element, loops(shape)) for i, element in enumerate(elements)]
    result = "%r0" if len(elements) == 1 else f"%r:{len(elements)}"
    results = [("%r0" if len(elements) == 1 else f"%r#{i}", shape, element) for i, element in enumerate(elements)]
    operation = generic(result, "p" * len(shape), inputs, outputs, body)
    ops = [*(empty(o.name, shape, o.element) for o in outputs), operation]
    return kernel("elementwise", [(i.name, i.shape, i.element) for i in inputs], ops, results)


@pytest.mark.parametrize("shape", SHAPES)
def test_two_results_with_a_scalar_operand(shape: tuple[int, ...]) -> None:
    body = "%s = arith.mulf %i0, %i1 : f32\n%c = arith.cmpf olt, %s, %i0 : f32\nlinalg.yield %s, %c : f32, i1"
    inputs = [Operand("%x", shape, "f32", loops(shape)), Operand("%y", (), "f32", "")]
    compiled = compile_text(elementwise(inputs, shape, body, ("f32", "i1")))
    x, y = np.random.default_rng(0).standard_normal(shape).astype(np.float32), np.asarray(1.7, np.float32)
    product, less = compiled(x, y)
    np.testing.assert_array_equal(product, x * y)
    np.testing.assert_array_equal(less, x * y < x)


@pytest.mark.parametrize(
    ("indexing", "operand"),
    [("d1, d0", (35, 9)), ("d0", (9,)), ("d1", (35,)), ("d0, d1 * 2", (9, 69)), ("d0, d1 * 3 + 1", (9, 104)),
     ("d0, d1 * 5", (9, 171)), ("d0, d1 * -1 + 34", (9, 35)), ("d0 * 2 + 1, d1 + 3", (18, 38))],
)  # fmt: skip
def test_operand_read_at(indexing: str, operand: tuple[int, ...]) -> None:
    shape = (9, 35)
    inputs = [Operand("%a", shape, "f32", "d0, d1"), Operand("%x", operand, "f32", indexing)]
    compiled = compile_text(elementwise(inputs, shape, "%s = arith.addf %i0, %i1 : f32\nlinalg.yield %s : f32"))
    x, a = np.arange(np.prod(operand), dtype=np.float32).reshape(operand), np.ones(shape, np.float32)
    rows, columns = np.indices(shape)
    expected = x[eval(f"lambda d0, d1: ({indexing},)")(rows, columns)]
    np.testing.assert_array_equal(compiled(a, x)[0], expected + a)


@pytest.mark.parametrize("element", list(DTYPES))
@pytest.mark.parametrize("level", [level for level in LEVELS if level in ("v2", "v3", native_level().name)])
def test_types_are_copied_and_selected(element: str, level: str) -> None:
    shape = (5, 13)
    inputs = [Operand("%c", shape, "i1", "d0, d1"), Operand("%x", shape, element, "d0, d1"),
              Operand("%y", (13,), element, "d1")]  # fmt: skip
    body = f"%s = arith.select %i0, %i1, %i2 : {element}\nlinalg.yield %s : {element}"
    rng = np.random.default_rng(1)
    condition = rng.integers(0, 2, shape).astype(bool)
    x, y = (rng.integers(0, 2 if element == "i1" else 100, s).astype(DTYPES[element]) for s in (shape, (13,)))
    compiled = compile_text(elementwise(inputs, shape, body, (element,)), LEVELS[level])
    np.testing.assert_array_equal(compiled(condition, x, y)[0], np.where(condition, x, y))


@pytest.mark.parametrize("element", ["f16", "bf16"])
@pytest.mark.parametrize("level", [level for level in LEVELS if level in ("v2", "v3", native_level().name)])
def test_narrow_floats_round_to_nearest_even(element: str, level: str) -> None:
    bits = np.random.default_rng(2).integers(0, 1 << 32, 5000, dtype=np.uint32)
    x = np.concatenate([bits.view(np.float32), np.array([0, -0.0, np.inf, -np.inf, np.nan, 65520, 1e-8], np.float32)])
    inputs = [Operand("%x", x.shape, "f32", "d0")]
    body = f"%s = arith.truncf %i0 : f32 to {element}\nlinalg.yield %s : {element}"
    result = compile_text(elementwise(inputs, x.shape, body, (element,)), LEVELS[level])(x)[0]
    with np.errstate(over="ignore", invalid="ignore"):
        expected = x.astype(DTYPES[element])
    np.testing.assert_array_equal(np.isnan(result), np.isnan(x))
    np.testing.assert_array_equal(result[~np.isnan(x)].view(np.uint16), expected[~np.isnan(x)].view(np.uint16))


def test_loop_indices_and_gathers() -> None:
    shape, table = (3, 37), (40, 3)
    body = """%r = linalg.index 0 : index
%c = linalg.index 1 : index
%e = tensor.extract %t[%c, %r] : tensor<40x3xf32>
%n = arith.index_cast %c : index to i32
%f = arith.sitofp %n : i32 to f32
%s = arith.addf %e, %f : f32
%q = arith.addf %s, %i0 : f32
linalg.yield %q : f32"""
    inputs = [Operand("%x", shape, "f32", "d0, d1"), Operand("%t", table, "f32", "d1, d0")]
    text = elementwise(inputs[:1], shape, body)
    text = text.replace("%x: tensor<3x37xf32>", "%x: tensor<3x37xf32>, %t: tensor<40x3xf32>")
    x, t = np.ones(shape, np.float32), np.arange(120, dtype=np.float32).reshape(table)
    np.testing.assert_array_equal(compile_text(text)(x, t)[0], t.T[:, :37] + np.arange(37) + 1)


def rows_by_number(shape: tuple[int, int], rows: int) -> str:
    """result[i, j] = table[numbers[i], j]."""
    body = f"""%n = arith.index_cast %i0 : i32 to index
%c = linalg.index 1 : index
%e = tensor.extract %t[%n, %c] : tensor<{rows}x{shape[1]}xf32>
linalg.yield %e : f32"""
    numbers = f"%x: tensor<{shape[0]}xi32>"
    text = elementwise([Operand("%x", shape[:1], "i32", "d0")], shape, body)
    return text.replace(numbers, f"{numbers}, %t: tensor<{rows}x{shape[1]}xf32>")


@pytest.mark.parametrize("columns", [1, 4, 37, 256])
@pytest.mark.parametrize("level", [level for level in LEVELS if level in ("v2", "v3", native_level().name)])
def test_rows_of_a_table_are_read_as_they_lie(columns: int, level: str) -> None:
    text = rows_by_number((5, columns), 7)
    numbers = np.array([6, 0, 3, 3, 1], np.int32)
    table = np.random.default_rng(0).standard_normal((7, columns)).astype(np.float32)
    np.testing.assert_array_equal(compile_text(text, LEVELS[level])(numbers, table)[0], table[numbers])


@pytest.mark.parametrize("level", ["v3", "v4"])
def test_rows_of_a_table_need_no_gather(level: str) -> None:
    assert not count("vgather", assembly(rows_by_number((5, 37), 7), LEVELS[level]).splitlines())


def test_division_by_zero_is_not_met_in_tails() -> None:
    shape = (5,)
    inputs = [Operand("%x", shape, "i32", "d0"), Operand("%y", shape, "i32", "d0")]
    text = elementwise(inputs, shape, "%s = arith.divsi %i0, %i1 : i32\nlinalg.yield %s : i32", ("i32",))
    np.testing.assert_array_equal(compile_text(text)(np.full(5, 9, np.int32), np.full(5, 3, np.int32))[0], 3)


def test_a_result_may_share_an_operands_memory() -> None:
    shape = (3, 20011)
    inputs = [Operand("%x", shape, "f32", "d0, d1"), Operand("%y", (20011,), "f32", "d1")]
    compiled = compile_text(elementwise(inputs, shape, "%s = arith.subf %i0, %i1 : f32\nlinalg.yield %s : f32"))
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(20011).astype(np.float32)
    assert compiled.code.blocks > 1
    np.testing.assert_array_equal(compiled(x, y, in_place=True)[0], x - y)


def test_what_is_the_same_for_a_row_is_computed_before_its_loop() -> None:
    shape = (3, 100)
    inputs = [Operand("%x", shape, "f32", "d0, d1"), Operand("%y", (3,), "f32", "d0")]
    body = "%e = math.exp %i1 : f32\n%s = arith.mulf %e, %i0 : f32\nlinalg.yield %s : f32"
    compiled = compile_text(elementwise(inputs, shape, body))
    assert compiled.code.text.index("func.call @") < compiled.code.text.rindex("scf.for")
    x, y = np.ones(shape, np.float32), np.array([0, 1, -np.inf], np.float32)
    np.testing.assert_allclose(compiled(x, y)[0], np.exp(y)[:, None] * x, rtol=1e-6)


@pytest.mark.parametrize("level", [name for name in LEVELS if name in ("v2", "v3", native_level().name)])
@pytest.mark.parametrize("width", [5, 16, 33, 70])
def test_rows_of_a_table_are_loaded_whole(width: int, level: str) -> None:
    shape, table = (3, width), (40, width)
    body = """%k = arith.index_cast %i0 : i32 to index
%c = linalg.index 1 : index
%e = tensor.extract %t[%k, %c] : tensor<TABLExf32>
linalg.yield %e : f32""".replace("TABLE", f"40x{width}")
    text = elementwise([Operand("%x", (3,), "i32", "d0")], shape, body)
    text = text.replace("%x: tensor<3xi32>", f"%x: tensor<3xi32>, %t: tensor<40x{width}xf32>")
    rows, t = np.array([39, 0, 7], np.int32), np.random.default_rng(0).standard_normal(table).astype(np.float32)
    compiled = compile_text(text, LEVELS[level])
    np.testing.assert_array_equal(compiled(rows, t)[0], t[rows])
    assert "vector.gather" not in compiled.code.text


@pytest.mark.parametrize("level", ["v3", native_level().name])
@pytest.mark.parametrize("shape", [(200,), (3, 64), (3, 40), (5, 33), (2, 3, 96), (4, 16)])
def test_bits_of_numbers_of_elements(shape: tuple[int, ...], level: str) -> None:
    """Numbers that step by 4 from row to row, in rows of whole runs and of others, where no bits are known."""
    body = """%r = linalg.index 0 : index
%c = linalg.index LAST : index
%four = arith.constant 4 : index
%row = arith.muli %r, %four : index
%n = arith.addi %row, %c : index
%i = arith.index_cast %n : index to i32
%five = arith.constant 5 : i32
%three = arith.constant 3 : i32
%seven = arith.constant 7 : i32
%eight = arith.constant 8 : i32
%run = arith.shrui %i, %five : i32
%first = arith.muli %run, %eight : i32
%place = arith.andi %i, %seven : i32
%number = arith.addi %first, %place : i32
%turn = arith.shrui %i, %three : i32
%word = arith.andi %turn, %three : i32
%sum = arith.addi %i0, %number : i32
linalg.yield %sum, %word : i32, i32""".replace("LAST", str(len(shape) - 1))
    text = elementwise([Operand("%x", shape, "i32", loops(shape))], shape, body, ("i32", "i32"))
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.int32)
    rows, columns = np.indices(shape)[0], np.indices(shape)[-1]
    number = 4 * rows + columns
    found = compile_text(text, LEVELS[level])(x)
    np.testing.assert_array_equal(found[0], x + number // 32 * 8 + number % 8)
    np.testing.assert_array_equal(found[1], number // 8 % 4)


def in_place(row: int, element: str) -> str:
    """x where c, else what the row has: x may be replaced."""
    inputs = [Operand("%x", (7, row), element, "d0, d1"), Operand("%c", (7, row), "i1", "d0, d1"),
              Operand("%y", (7,), element, "d0")]  # fmt: skip
    body = f"%s = arith.select %i1, %i0, %i2 : {element}\nlinalg.yield %s : {element}"
    text = elementwise(inputs, (7, row), body, (element,))
    return text.replace('"elementwise"', '"elementwise", cellc.in_place = [[0 : i64, 0 : i64]]')


@pytest.mark.parametrize("element", list(DTYPES))
@pytest.mark.parametrize("row", [2, 3, 5, 7, 8, 10, 13, 15, 17, 21, 31, 47])
@pytest.mark.parametrize("level", [level for level in LEVELS if level in ("v2", "v3", native_level().name)])
def test_rows_replaced_one_after_the_other(row: int, element: str, level: str) -> None:
    rng = np.random.default_rng(row)
    x, y = (rng.integers(0, 2, shape).astype(DTYPES[element]) for shape in ((7, row), (7,)))
    choose = rng.integers(0, 2, (7, row)).astype(bool)
    expected = np.where(choose, x, y[:, None])
    result = compile_text(in_place(row, element), LEVELS[level])(x, choose, y, in_place=True)[0]
    np.testing.assert_array_equal(result, expected)


def test_tails_that_are_read_behind_are_not_masked() -> None:
    """A load behind a masked store waits for it; without a result in place the mask is one instruction."""
    replaced = in_place(10, "f32")
    apart = replaced.replace(", cellc.in_place = [[0 : i64, 0 : i64]]", "")
    lines = [[line.strip() for line in assembly(text, LEVELS["v4"]).splitlines()] for text in (replaced, apart)]
    assert [count(r"^vmovups\s+%zmm\d+, .*\{%k\d\}", each) > 0 for each in lines] == [False, True]
