"""Runs one `nn` op as compiled CPU kernels."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp

from cellc.dialects.host import ProgramOp
from cellc.dialects.nn import TensorType, definition_of
from cellc.dialects.nn.arrays import dtype_name
from cellc.passes.context import make_context
from cellc.passes.emit_program import to_program
from cellc.passes.pipelines import PIPELINES, run_pipeline
from cellc.runtime import Module
from cellc.targets.cpu.emit_object import compile_kernel
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import CpuLevel, native_level
from cellc.targets.cpu.target import CpuTarget
from support.check_lowering import TOLERANCE
from support.lowering import module_of


def run_compiled(
    name: str, arrays: tuple[np.ndarray, ...], attributes: dict[str, Any], level: CpuLevel | None = None
) -> list[np.ndarray]:
    """The results of op `name`, through the whole CPU pipeline."""
    level = level or native_level()
    types = [TensorType(a.shape, dtype_name(a.dtype)) for a in arrays]
    module = module_of(name, types, attributes)
    run_pipeline(module, PIPELINES["cpu"], make_context())
    codes = CpuTarget(level).emit([op for op in module.ops if isinstance(op, FuncOp)])
    (host,) = (op for op in module.ops if isinstance(op, ProgramOp))
    addresses = load({code.name: compile_kernel(code.text, code.name, level) for code in codes})
    runner = Module(to_program(host, codes).to_bytes(), addresses)
    results = definition_of(name).evaluate(*arrays, **attributes)
    wanted = results if isinstance(results, tuple) else (results,)
    inputs = [np.ascontiguousarray(a) for a in arrays]
    outputs = [np.empty(w.shape, w.dtype) for w in wanted]
    pointers = runner.pointer_array()
    for i, array in enumerate([*inputs, *outputs]):
        pointers[i] = array.ctypes.data_as(ctypes.c_void_p)
    runner.run(pointers)
    return outputs


def check_compiled(name: str, *arrays: np.ndarray, level: CpuLevel | None = None, **attributes: Any) -> None:
    """The compiled op gives what `evaluate` does: bits for integers and bool, else nearly."""
    expected = definition_of(name).evaluate(*arrays, **attributes)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for result, wanted in zip(run_compiled(name, arrays, attributes, level), expected, strict=True):
        if wanted.dtype.name not in TOLERANCE:
            np.testing.assert_array_equal(result, wanted)
            continue
        tolerance = TOLERANCE[wanted.dtype.name]
        np.testing.assert_allclose(result.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance)
