"""Matrix products against NumPy in f64, within a bound that follows from the number of additions."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.scratch_copies import CopiedRows
from support.assembly import count, inner_loops
from support.cpu_kernels import assembly, compile_text, parse_kernel
from support.matmul_kernels import Matmul
from support.products import tiled

NATIVE = native_level()
LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", NATIVE.name)]
SIZES = [
    (1, 1, 1), (1, 1, 70), (1, 7, 3), (5, 17, 33), (13, 47, 100), (50, 1, 70), (50, 2, 70), (1, 100, 129),
    (2, 40, 64), (14, 32, 16), (15, 33, 17), (13, 31, 15), (128, 10, 84), (300, 130, 20), (64, 64, 64), (5, 17, 0),
]  # fmt: skip


def check(matmul: Matmul, level: str = NATIVE.name) -> None:
    rng = np.random.default_rng(0)
    dtype = {"f32": np.float32, "f64": np.float64}[matmul.element]
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in (matmul.lhs, matmul.rhs, (matmul.n,)))
    if matmul.narrow:
        a, b = (operand.astype({"f16": np.float16, "bf16": ml_dtypes.bfloat16}[matmul.narrow]) for operand in (a, b))
    inputs = (a, b, bias) if matmul.epilogue else (a, b)
    result = compile_text(matmul.text(), LEVELS[level])(*inputs)[0]
    # |error| <= (k + 2) eps |a| |b| for any order of the sum.
    magnitude = matmul.magnitude(a, b) + 50
    bound = (matmul.k + 2) * np.finfo(dtype).eps * magnitude
    assert (np.abs(result - matmul.expected(*inputs)) <= bound).all()


@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("size", SIZES)
def test_sizes_around_tiles(size: tuple[int, int, int], flags: tuple[bool, bool]) -> None:
    check(Matmul(*size, transpose_lhs=flags[0], transpose_rhs=flags[1]))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("transpose_rhs", [False, True])
def test_levels(level: str, transpose_rhs: bool) -> None:
    check(Matmul(33, 41, 27, transpose_rhs=transpose_rhs, epilogue=True), level)


@pytest.mark.parametrize("transpose_rhs", [False, True])
def test_long_sums_run_in_pieces(transpose_rhs: bool) -> None:
    check(Matmul(13, 47, 1601, (3,), transpose_rhs=transpose_rhs, epilogue=True))
    check(Matmul(37, 70, 2048, transpose_rhs=transpose_rhs))


@pytest.mark.parametrize("level", [name for name in LEVEL_NAMES if name != "v2"])  # its panels are too narrow
@pytest.mark.parametrize("size", [(1250, 1300, 215), (261, 270, 1500), (530, 517, 511), (270, 390, 1025)])
def test_rows_side_by_side_are_copied(size: tuple[int, int, int], level: str) -> None:
    """Of x^T y a tile reads other pages in each step: its rows are copied for all panels of a block."""
    matmul = Matmul(*size, transpose_lhs=True, epilogue=True)
    product, tiling = tiled(matmul.text(), level)
    assert choose_blocking(product, tiling).rows is CopiedRows.BY_STEP
    check(matmul, level)


@pytest.mark.parametrize("level", [name for name in LEVEL_NAMES if name != "v2"])
@pytest.mark.parametrize("rows", [27, 100, 515, 1030])  # of the last block: some tiles and a part, or less than a tile
@pytest.mark.parametrize("columns", [64, 150])
@pytest.mark.parametrize("steps", [66, 250, 1100])
def test_the_first_tile_packs_a_panel(rows: int, columns: int, steps: int, level: str) -> None:
    check(Matmul(rows, columns, steps, epilogue=True), level)


def test_whole_panels_are_packed_without_a_loop_of_their_own() -> None:
    loops = inner_loops(assembly(Matmul(128, 768, 512).text(), LEVELS["v4"]))
    assert all(count("vfmadd", loop) for loop in loops)
    packing = [loop for loop in loops if count(r"vmovups\s+%zmm", loop)]  # stores
    assert len(packing) == 1


def test_steps_of_a_far_matrix_are_read_by_one_load_each() -> None:
    """Its rows lie pages apart and in no cache: processors foresee what the same load reads, step after step."""
    (far,) = inner_loops(assembly(Matmul(1, 3072, 512).text(), LEVELS["v4"]))
    (near,) = inner_loops(assembly(Matmul(1, 256, 512).text(), LEVELS["v4"]))
    assert count("vfmadd", near) == 4 * count("vfmadd", far) > 0


def test_tiles_of_a_far_matrix_are_not_one_vector_wide() -> None:
    """Lines come in pairs; 16 rows of a near matrix, in one pass, need no second one."""
    widths = []
    for columns, steps in ((256, 512), (768, 768)):
        _, tiling = tiled(Matmul(16, columns, steps).text(), "v4")
        widths.append(tiling.vectors)
    assert widths == [1, 2]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("narrow", ["f16", "bf16"])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("size", [(30, 50, 37), (67, 33, 1), (64, 70, 64), (45, 131, 1505)])
def test_narrow_operands(size: tuple[int, int, int], flags: tuple[bool, bool], narrow: str, level: str) -> None:
    """Rows are widened once, along the sums or across them."""
    matmul = Matmul(*size, transpose_lhs=flags[0], transpose_rhs=flags[1], narrow=narrow)
    check(matmul if matmul.m != 30 else replace(matmul, batch=(3,), epilogue=True), level)


def test_copied_rows_in_a_batch() -> None:
    check(Matmul(1100, 1050, 250, (2,), transpose_lhs=True))


@pytest.mark.parametrize("batch", [(1,), (5,), (2, 3)])
def test_batches(batch: tuple[int, ...]) -> None:
    check(Matmul(5, 17, 33, batch, epilogue=True))
    check(Matmul(1, 65, 33, batch, transpose_rhs=True))
    check(Matmul(3, 5, 129, batch, transpose_rhs=True))


def test_epilogue_of_one_row() -> None:
    check(Matmul(1, 100, 100, transpose_rhs=True, epilogue=True))
    check(Matmul(1, 100, 100, epilogue=True))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("size", [(37, 70, 33), (64, 7, 33), (14, 33, 1601), (1, 33, 20), (16, 16, 16)])
def test_long_epilogues_are_loops_over_the_tile(size: tuple[int, int, int], level: str) -> None:
    """Also where tiles are turned: of 64 x 7 results, lanes run along the 64."""
    check(Matmul(*size, epilogue=True, long_epilogue=True), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("rows", [1, 3, 16, 19])
def test_few_rows_of_a_far_matrix(rows: int, level: str) -> None:
    check(Matmul(rows, 1100, 301, epilogue=True), level)


def test_f64() -> None:
    check(Matmul(40, 41, 43, element="f64", transpose_rhs=True))


def test_the_host_does_not_change_the_text() -> None:
    """Levels alone decide: the text for v3 is the same wherever it is written."""
    from cellc.targets.cpu.target import CpuTarget

    kernel = parse_kernel(Matmul(33, 41, 27).text())
    texts = {CpuTarget(LEVELS["v3"]).emit([kernel])[0].text for _ in range(2)}
    assert len(texts) == 1
    assert "vector<8xf32>" in texts.pop()
