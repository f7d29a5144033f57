"""MindSpore's import paths lead to the same objects."""

import importlib

import pytest

import cellc
from cellc import ops


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        ("cellc.ops.functional", "grad", ops.grad),
        ("cellc.ops.functional", "vjp", ops.vjp),
        ("cellc.ops.functional", "depend", ops.depend),
        ("cellc.ops.operations", "MatMul", ops.MatMul),
        ("cellc.ops.composite", "GradOperation", ops.GradOperation),
        ("cellc.common.dtype", "float32", cellc.float32),
        ("cellc.common.initializer", "initializer", cellc.initializer.initializer),
        ("cellc.common.parameter", "ParameterTuple", cellc.ParameterTuple),
        ("cellc.common.tensor", "Tensor", cellc.Tensor),
        ("cellc.common.api", "ms_function", cellc.ms_function),
    ],
)
def test_path(module: str, name: str, same: object) -> None:
    assert getattr(importlib.import_module(module), name) is same
