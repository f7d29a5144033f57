"""Contractions that make their factors themselves, however these are read, and when that is chosen."""

import numpy as np
import pytest
from xdsl.dialects import func

import cellc
from cellc import nn, ops
from cellc.targets.cpu.fuse_prologues import with_prologue
from cellc.targets.cpu.kernel_variants import contraction_of
from cellc.targets.cpu.level import LEVELS, native_level
from support.convolution_kernels import Convolution
from support.cpu_kernels import DTYPES, Operand, compile_text, empty, generic, kernel, parse_kernel
from support.matmul_kernels import Matmul

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]


def made(shape: tuple[int, ...], element: str) -> func.FuncOp:
    """max(x * s[last dimension], 0)."""
    loops = ", ".join(f"d{i}" for i in range(len(shape)))
    body = (
        f"%z = arith.constant 0.0 : {element}\n%p = arith.mulf %i0, %i1 : {element}\n"
        f"%m = arith.maximumf %p, %z : {element}\nlinalg.yield %m : {element}"
    )
    reads = [Operand("%x", shape, element, loops), Operand("%s", shape[-1:], element, f"d{len(shape) - 1}")]
    op = generic("%r", "p" * len(shape), reads, [Operand("%e", shape, element, loops)], body)
    inputs = [("%x", shape, element), ("%s", shape[-1:], element)]
    return parse_kernel(kernel("elementwise", inputs, [empty("%e", shape, element), op], [("%r", shape, element)]))


def joined(text: str, factors: tuple[int, ...], shapes: list[tuple[int, ...]], element: str) -> str:
    """The contraction kernel with some factors made inside; their arguments come last, in this order."""
    contraction = parse_kernel(text)
    for factor in factors:
        variant = with_prologue(contraction, factor, made(shapes[factor], element), "kernel")
        assert variant is not None
        contraction = variant
    return str(contraction)


MATMULS = {
    "rows": Matmul(33, 130, 77),
    "one row": Matmul(1, 130, 77),
    "one row, turned": Matmul(1, 70, 200, transpose_rhs=True),
    "turned": Matmul(64, 96, 100, transpose_rhs=True, epilogue=True),
    "turned, few rows": Matmul(5, 96, 100, transpose_rhs=True),
    "left turned": Matmul(40, 48, 65, transpose_lhs=True),
    "pieces": Matmul(64, 96, 1601, epilogue=True),
    "far apart": Matmul(24, 64, 300, transpose_lhs=True, batch=(2,)),
    "batches": Matmul(7, 9, 11, (3, 2)),
    "f64": Matmul(21, 30, 40, element="f64"),
    "half": Matmul(40, 70, 90, narrow="f16"),
    "half, few rows": Matmul(3, 70, 90, narrow="f16"),
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("factors", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("name", MATMULS)
def test_products(name: str, factors: tuple[int, ...], level: str) -> None:
    matmul, rng = MATMULS[name], np.random.default_rng(0)
    element = matmul.narrow or matmul.element
    shapes = [matmul.lhs, matmul.rhs]
    values = [rng.standard_normal(shape).astype(DTYPES[element]) for shape in shapes]
    scales = [rng.standard_normal(shape[-1:]).astype(DTYPES[element]) for shape in shapes]
    bias = [rng.standard_normal(matmul.n).astype(DTYPES[matmul.element])] if matmul.epilogue else []
    made_values = [
        np.maximum(v * s, 0) if i in factors else v for i, (v, s) in enumerate(zip(values, scales, strict=True))
    ]
    kept = [v for i, v in enumerate(values) if i not in factors]
    given = [array for i in factors for array in (values[i], scales[i])]
    compiled = compile_text(joined(matmul.text(), factors, shapes, element), LEVELS[level])
    result = compiled(*kept, *bias, *given)[0]
    bound = (matmul.k + 2) * np.finfo(DTYPES[matmul.element]).eps * matmul.magnitude(*made_values)
    bound += np.finfo(DTYPES[matmul.element]).eps * 4 * (abs(bias[0]) if bias else 1)
    assert (abs(result - matmul.expected(*made_values, *bias)) <= bound).all()


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_filters(level: str) -> None:
    """Those of a convolution; windows of images are not made, since each element would be many times."""
    convolution, rng = Convolution(2, 5, 9, 9, 20, 3, 3), np.random.default_rng(0)
    shapes = [convolution.x, convolution.weight]
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    scale = rng.standard_normal(3).astype(np.float32)
    compiled = compile_text(joined(convolution.forward(), (1,), shapes, "f32"), LEVELS[level])
    plain = compile_text(convolution.forward(), LEVELS[level])
    np.testing.assert_allclose(compiled(x, w, scale)[0], plain(x, np.maximum(w * scale, 0))[0], rtol=1e-4, atol=1e-4)
    assert with_prologue(parse_kernel(convolution.forward()), 0, made(convolution.x, "f32"), "kernel") is None


class Masked(nn.Cell):
    """x (w * mask)^T."""

    def construct(self, x: cellc.Tensor, w: cellc.Tensor, mask: cellc.Tensor) -> cellc.Tensor:
        return ops.matmul(x, ops.transpose(w * mask, (1, 0)))


class Dequantized(nn.Cell):
    """x (w * scale), where w has integers of 8 bits; `scale` has one number a column."""

    def construct(self, x: cellc.Tensor, w: cellc.Tensor, scale: cellc.Tensor) -> cellc.Tensor:
        return ops.matmul(x, ops.cast(w, cellc.float32) * scale)


class Activated(nn.Cell):
    """relu(x) w."""

    def construct(self, x: cellc.Tensor, w: cellc.Tensor) -> cellc.Tensor:
        return ops.matmul(ops.relu(x), w)


def kernel_names(cell: nn.Cell, *inputs: cellc.Tensor) -> list[str]:
    return [kernel.name for kernel in cell.lower(*inputs)._lowered.kernels]


@pytest.mark.parametrize("rows", [1, 4, 64, 300])
def test_weights_are_made_in_the_product(rows: int) -> None:
    x, w, mask = ops.ones((rows, 192)), ops.ones((160, 192)), ops.ones((160, 192))
    assert kernel_names(Masked(), x, w, mask) == ["kernel_1_matmul_of_0"]
    integers = cellc.Tensor(np.ones((192, 160), np.int8))
    assert kernel_names(Dequantized(), x, integers, ops.ones((160,))) == ["kernel_1_matmul_of_0"]


def test_activations_are_made_where_columns_are_few() -> None:
    """Else copying rows in order to make them takes as long as a kernel before."""
    x = ops.ones((512, 192))
    assert kernel_names(Activated(), x, ops.ones((192, 32))) == ["kernel_1_matmul_of_0"]
    assert len(kernel_names(Activated(), x, ops.ones((192, 512)))) == 2


@pytest.mark.parametrize("rows", [1, 5, 70])
def test_integers_of_8_bits(rows: int) -> None:
    rng = np.random.default_rng(0)
    x, scale = rng.standard_normal((rows, 200)).astype(np.float32), rng.standard_normal(50).astype(np.float32)
    w = rng.integers(-128, 128, (200, 50)).astype(np.int8)
    expected = x.astype(np.float64) @ (w * scale)
    result = Dequantized()(*map(cellc.Tensor, (x, w, scale))).asnumpy()
    bound = 202 * np.finfo(np.float32).eps * (abs(x).astype(np.float64) @ abs(w * scale))
    assert (abs(result - expected) <= bound).all()


class Residual(nn.Cell):
    """relu(y) w + y, where y is in the arena for this alone, and sums of that along rows."""

    def construct(self, x: cellc.Tensor, w: cellc.Tensor) -> cellc.Tensor:
        y = ops.concat((x, w), 0)
        return (ops.matmul(ops.relu(y), w) + y).cumsum(1)


def test_a_result_does_not_lie_on_what_the_prologue_reads() -> None:
    """The last op that reads y alone may store there, but not where blocks still make factors of it."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal((64, 64)).astype(np.float32) for _ in range(2))
    arguments = cellc.Tensor(x), cellc.Tensor(w)
    assert any("matmul_add_of" in name for name in kernel_names(Residual(), *arguments))
    y = np.concatenate((x, w)).astype(np.float64)
    expected = np.cumsum(np.maximum(y, 0) @ w + y, 1)
    np.testing.assert_allclose(Residual()(*arguments).asnumpy(), expected, rtol=1e-4, atol=1e-3)


def test_factors_of_one_kernel() -> None:
    """The contraction is found behind what makes its factors."""
    text = joined(Matmul(8, 16, 24).text(), (0, 1), [(8, 24), (24, 16)], "f32")
    contraction = contraction_of(parse_kernel(text))
    assert [kind.data.value for kind in contraction.iterator_types] == ["parallel", "parallel", "reduction"]
