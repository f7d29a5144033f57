"""`to_float` on every layer: float32 parameters and inputs, computed in float16.

The casts are ops that other tests compile; here the meanings of the ops run.
"""

import numpy as np
import pytest
from conformance.table import ROWS, inputs_of

import cellc
from cellc import compile as compiler
from support.cells import assert_close, double, is_float, leaves, parameters, tensors
from support.meanings import MeaningsBackend


def _has_floats(row):
    return any(isinstance(array, np.ndarray) and is_float(array) for array in leaves(inputs_of(row)))


@pytest.mark.parametrize("row", [row for row in ROWS if _has_floats(row)], ids=lambda row: row.name)
def test_to_float16(row):
    cell, inputs = row.make().set_train(row.training), inputs_of(row)
    truth = row.oracle(parameters(cell), *double(inputs))
    before = [parameter.dtype for parameter in cell.get_parameters()]
    previous = compiler.set_backend(MeaningsBackend())
    try:
        result = cell.to_float(cellc.float16)(*tensors(inputs))
        assert_close(result, truth, 5e-3)
    finally:
        compiler.set_backend(previous)
        for _, each in cell.cells_and_names():  # a row's cells may share one that is made once, an activation
            each._surround(dtype=None)
    assert all(leaf.dtype is cellc.float16 or not leaf.dtype.is_float for leaf in leaves(result))
    assert [parameter.dtype for parameter in cell.get_parameters()] == before
