"""Contractions that read a constant factor from panels give the bits of those that pack it in every call."""

import re

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.pack_constants import PackConstantsPass
from support.convolution_kernels import Convolution
from support.cpu_kernels import assembly, compile_text
from support.matmul_kernels import Matmul

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
MATMULS = {
    "transposed": Matmul(72, 128, 96, transpose_rhs=True, epilogue=True),
    "few rows, too few for lanes": Matmul(5, 128, 96, transpose_rhs=True),
    "straight": Matmul(130, 64, 33),
    "one panel, odd rows": Matmul(61, 16, 37, transpose_rhs=True),
    "pieces": Matmul(64, 96, 1601, transpose_rhs=True, long_epilogue=True, epilogue=True),
    "f64": Matmul(70, 48, 40, transpose_rhs=True, element="f64"),
}
CONVOLUTIONS = {
    "3x3": Convolution(2, 32, 5, 5, 64, 3, 3),
    "1x1, stride": Convolution(4, 48, 5, 5, 96, 1, 1, 2),
}


def packed(text: str, shapes: list[str], constant: int, level: str) -> dict[str, str]:
    """The kernels of a program that calls the kernel in `text` once, with one parameter, after the pass."""
    arguments = ", ".join(
        f'%x{i}: {s} {{cellc.name = "x{i}", cellc.kind = "{"parameter" if i == constant else "input"}"}}'
        for i, s in enumerate(shapes[:-1])
    )
    operands = ", ".join(f"%x{i}" for i in range(len(shapes) - 1))
    call = f"%r = func.call @kernel({operands}) : ({', '.join(shapes[:-1])}) -> {shapes[-1]}"
    host = f"func.func @main({arguments}) -> {shapes[-1]} {{\n{call}\nfunc.return %r : {shapes[-1]}\n}}"
    context: Context = make_context()
    module: ModuleOp = Parser(context, f"{host}\n{text}").parse_module()
    PackConstantsPass(level).apply(context, module)
    module.verify()
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    return {f.sym_name.data: str(f) for f in functions if f.sym_name.data != "main"}


def check(text: str, inputs: list[np.ndarray], shapes: list[str], level: str) -> None:
    kernels = packed(text, shapes, 1, level)
    assert set(kernels) == {"pack_0", "kernel_packed"}
    panels = compile_text(kernels["pack_0"], LEVELS[level])(inputs[1])[0]
    assert panels.size == inputs[1].size
    result = compile_text(kernels["kernel_packed"], LEVELS[level])(inputs[0], panels, *inputs[2:])[0]
    np.testing.assert_array_equal(result, compile_text(text, LEVELS[level])(*inputs)[0])


def types(element: str, *shapes: tuple[int, ...]) -> list[str]:
    return [f"tensor<{'x'.join(map(str, shape))}x{element}>" for shape in shapes]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", MATMULS)
def test_matmul(name: str, level: str) -> None:
    matmul, rng = MATMULS[name], np.random.default_rng(0)
    shapes = [matmul.lhs, matmul.rhs, *([(matmul.n,)] if matmul.epilogue else [])]
    dtype = {"f32": np.float32, "f64": np.float64}[matmul.element]
    inputs = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    check(matmul.text(), inputs, types(matmul.element, *shapes, matmul.result), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_panels_of_half_precision_are_wide(level: str) -> None:
    matmul, rng = Matmul(72, 128, 96, transpose_rhs=True, narrow="f16"), np.random.default_rng(0)
    inputs = [rng.standard_normal(shape).astype(np.float16) for shape in (matmul.lhs, matmul.rhs)]
    shapes = [*types("f16", matmul.lhs, matmul.rhs), *types("f32", matmul.result)]
    check(matmul.text(), inputs, shapes, level)
    kernels = packed(matmul.text(), shapes, 1, level)
    assert re.search(
        r"kernel_packed\(%\w+: tensor<72x96xf16>, %\w+: tensor<\d+x96x\d+xf32>\)", kernels["kernel_packed"]
    )


@pytest.mark.parametrize(("steps", "asked"), [(768, True), (96, False)])
def test_the_next_panel_is_asked_for(steps: int, asked: bool) -> None:
    """Where panels do not stay in the L1 cache."""
    matmul = Matmul(72, 128, steps, transpose_rhs=True)
    kernels = packed(matmul.text(), types("f32", matmul.lhs, matmul.rhs, matmul.result), 1, "v4")
    assert ("prefetcht1" in assembly(kernels["kernel_packed"], LEVELS["v4"])) == asked


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str, level: str) -> None:
    convolution, rng = CONVOLUTIONS[name], np.random.default_rng(0)
    shapes = [convolution.x, convolution.weight]
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    check(convolution.forward(), inputs, types("f32", *shapes, convolution.y), level)


@pytest.mark.parametrize(
    ("matmul", "reason"),
    [
        (Matmul(72, 130, 96, transpose_rhs=True), "columns that fill no panel"),
        (Matmul(1, 128, 96, transpose_rhs=True), "one row: nothing to read again"),
        (Matmul(4, 128, 96, transpose_rhs=True), "few rows: reading the weights is what takes the time"),
        (Matmul(2048, 128, 96, transpose_rhs=True), "many rows: packing is lost in the product"),
        (Matmul(72, 128, 96, (3,), transpose_rhs=True), "a batch of matrices"),
    ],
)
def test_stays_as_it_is(matmul: Matmul, reason: str) -> None:
    kernels = packed(matmul.text(), types("f32", matmul.lhs, matmul.rhs, matmul.result), 1, native_level().name)
    assert set(kernels) == {"kernel"}, reason
