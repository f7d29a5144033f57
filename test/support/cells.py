"""Helpers for tests of cells: parameters as arrays, cells in float64, gradients, comparison."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import nn, ops
from cellc.trace import gradient, snapshot

compiled_only = pytest.mark.skipif(
    os.environ.get("CELLC_TEST_REFERENCE") == "1", reason="the meanings of the ops were asked for"
)


@contextmanager
def chosen_backend() -> Iterator[None]:
    """Runs the compiler, or with CELLC_TEST_REFERENCE=1 the meanings of the ops (to see which of the two is wrong)."""
    if os.environ.get("CELLC_TEST_REFERENCE") != "1":
        yield
        return
    from cellc.compile import set_backend
    from support.meanings import MeaningsBackend

    previous = set_backend(MeaningsBackend())
    try:
        yield
    finally:
        set_backend(previous)


def parameters(cell: nn.Cell) -> dict[str, np.ndarray]:
    """The parameters by name, as float64."""
    return {parameter.name: parameter.asnumpy().astype(np.float64) for parameter in cell.get_parameters()}


def mapped(function: Any, value: Any) -> Any:
    """`function` of each array in nested tuples."""
    return tuple(mapped(function, item) for item in value) if isinstance(value, tuple) else function(value)


def tensors(value: Any) -> Any:
    """Arrays in nested tuples as Tensors."""
    return mapped(cellc.Tensor, value)


def converted(value: Any, dtype: Any) -> Any:
    """Float arrays in nested tuples in another dtype."""
    return mapped(lambda array: array.astype(dtype) if is_float(array) else array, value)


def is_float(array: np.ndarray) -> bool:
    """Whether the elements are floats, those of ml_dtypes included."""
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def double(value: Any) -> Any:
    """Float arrays in nested tuples as float64."""
    return converted(value, np.float64)


def leaves(value: Any) -> list[Any]:
    """The elements of nested tuples."""
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, tuple) else [value]


def in_dtype(cell: nn.Cell, dtype: Any) -> nn.Cell:
    """`cell` with its float parameters replaced by ones of another NumPy dtype and the same names."""
    made: dict[int, cellc.Parameter] = {}

    def replaced(parameter: cellc.Parameter) -> cellc.Parameter:
        if id(parameter) not in made:
            array = parameter.asnumpy()
            array = converted(array, dtype)
            made[id(parameter)] = cellc.Parameter(cellc.Tensor(array), parameter.name, parameter.requires_grad)
            assert made[id(parameter)].dtype.numpy == array.dtype
        return made[id(parameter)]

    for _, child in cell.cells_and_names():
        for name, parameter in child._params.items():
            child._params[name] = replaced(parameter)
        for name, value in vars(child).items():
            if isinstance(value, cellc.ParameterTuple):
                object.__setattr__(child, name, cellc.ParameterTuple(replaced(parameter) for parameter in value))
    return cell


class Gradients(nn.Cell):
    """Gradients of sum(result * seed) with respect to the float inputs and the trainable parameters."""

    def __init__(self, cell: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.cell = cell
        self.weights = cellc.ParameterTuple(cell.trainable_params())

    def construct(self, inputs: Any, seeds: Any) -> Any:
        weights = [snapshot(weight) for weight in self.weights]  # the cell may assign to them
        result = self.cell(*inputs)
        total = ops.zeros((), cellc.float64)
        for y, seed in zip(leaves(result), leaves(seeds), strict=True):
            total = total + ops.reduce_sum(y * seed)
        wrt = [leaf for leaf in leaves(inputs) if leaf.dtype.is_float]
        return gradient(total, ops.ones((), cellc.float64), [*wrt, *weights])


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Each element differs by at most `tolerance` times the largest expected one (at least 1)."""
    actual, expected = leaves(actual), leaves(expected)
    assert len(actual) == len(expected)
    for got, wanted in zip(actual, expected, strict=True):
        got = got.asnumpy() if isinstance(got, cellc.Tensor) else np.asarray(got)
        wanted = np.asarray(wanted, np.float64)
        assert got.shape == wanted.shape
        scale = max(np.abs(wanted).max(initial=0.0), 1.0)
        np.testing.assert_allclose(got.astype(np.float64), wanted, rtol=0, atol=tolerance * scale)
