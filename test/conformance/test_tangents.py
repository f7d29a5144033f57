"""Forward mode through every layer that is differentiated: tangents in float64 against differences of the oracle.

What a tangent is made of are ops that other tests compile; here their meanings run.
"""

import numpy as np
import pytest
from conformance.table import ROWS, inputs_of

from cellc import compile as compiler
from cellc import nn
from support.cells import double, in_dtype, is_float, leaves, parameters, tensors
from support.meanings import MeaningsBackend

STEP = 1e-6


def _moving(inputs):
    """Whether each input moves: `Jvp` takes tensors of floats, so that the other inputs are held fixed."""
    return [isinstance(array, np.ndarray) and is_float(array) for array in inputs]


def _differentiable(row):
    return row.gradient and any(_moving(inputs_of(row)))


class _Held(nn.Cell):
    """The cell as a function of the inputs that move."""

    def __init__(self, cell, inputs, moving):
        super().__init__()
        self.cell, self.inputs, self.moving = cell, inputs, moving

    def construct(self, *given):
        given = iter(given)
        return self.cell(*(next(given) if moves else x for x, moves in zip(self.inputs, self.moving, strict=True)))


@pytest.mark.parametrize("row", [row for row in ROWS if _differentiable(row)], ids=lambda row: row.name)
def test_tangent(row):
    cell, inputs = in_dtype(row.make(), np.float64).set_train(row.training), double(inputs_of(row))
    moving, rng, p = _moving(inputs), np.random.default_rng(9), parameters(cell)
    directions = [rng.standard_normal(np.shape(x)) if moves else 0 for x, moves in zip(inputs, moving, strict=True)]

    def at(step):
        moved = [x + step * v if moves else x for x, v, moves in zip(inputs, directions, moving, strict=True)]
        return leaves(row.oracle(p, *moved))

    slopes = [(above - below) / (2 * STEP) for above, below in zip(at(STEP), at(-STEP), strict=True)]
    given = [tensors(x) for x, moves in zip(inputs, moving, strict=True) if moves]
    v = tuple(tensors(x) for x, moves in zip(directions, moving, strict=True) if moves)
    previous = compiler.set_backend(MeaningsBackend())
    try:
        _, tangents = nn.Jvp(_Held(cell, tensors(inputs), moving))(*given, v)
        found = [tangent.asnumpy() for tangent in leaves(tangents)]
    finally:
        compiler.set_backend(previous)
    for tangent, slope in zip(found, slopes, strict=True):
        np.testing.assert_allclose(tangent, slope, rtol=1e-3, atol=1e-5)
