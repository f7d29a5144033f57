"""Runs an nn function by its ops' NumPy meanings: the truth that compiled code is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from cellc.dialects.nn import FLOATS
from cellc.dialects.nn.arrays import is_float
from cellc.dialects.nn.ir import NNOperation


def interpret(
    module: ModuleOp, inputs: Sequence[np.ndarray], *, function: str = "main", in_f64: bool = False
) -> list[np.ndarray]:
    """The results of `@function` for the inputs.

    With `in_f64` every float, constants and casts included, is an f64: an oracle for
    a module of a narrower dtype.
    """
    body = _function(module, function).body.block
    values = {argument: _given(array, in_f64) for argument, array in zip(body.args, inputs, strict=True)}
    for op in body.ops:
        if isinstance(op, func.ReturnOp):
            return [values[operand] for operand in op.operands]
        if not isinstance(op, NNOperation):
            raise TypeError(f"{op.name} is not an nn op")
        values.update(_evaluated(op, values, in_f64))
    raise ValueError(f"@{function} does not return")


def _function(module: ModuleOp, name: str) -> func.FuncOp:
    return next(op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == name)


def _given(array: np.ndarray, in_f64: bool) -> np.ndarray:
    return np.asarray(array).astype(np.float64) if in_f64 and is_float(np.asarray(array)) else np.asarray(array)


def _evaluated(op: NNOperation, values: dict[SSAValue, np.ndarray], in_f64: bool) -> dict[SSAValue, np.ndarray]:
    attributes = {name: _attribute(value, in_f64) for name, value in op.attribute_values.items()}
    results = op.definition.evaluate(*(values[operand] for operand in op.operands), **attributes)
    listed = results if isinstance(results, tuple) else (results,)
    return {result: np.asarray(array) for result, array in zip(op.results, listed, strict=True)}


def _attribute(value: Any, in_f64: bool) -> Any:
    if not in_f64:
        return value
    if isinstance(value, np.ndarray):
        return _given(value, in_f64)
    return "f64" if isinstance(value, str) and value in FLOATS else value
