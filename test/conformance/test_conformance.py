"""Every row of the table: values, gradients, and that nothing but compiled code answers."""

import numpy as np
import pytest
from conformance.table import ROWS, inputs_of

import cellc
from cellc.dialects.nn.definition import definitions
from support.cells import (
    Gradients,
    assert_close,
    compiled_only,
    converted,
    double,
    in_dtype,
    is_float,
    leaves,
    parameters,
    tensors,
)

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def test_names_are_unique():
    assert len({row.name for row in ROWS}) == len(ROWS)


@rows
def test_forward(row):
    cell, inputs = row.make().set_train(row.training), inputs_of(row)
    truth = row.oracle(parameters(cell), *double(inputs))
    assert_close(cell(*tensors(inputs)), truth, row.tolerance)


@rows
def test_forward_in_float64(row):
    """Constants and functions keep their precision."""
    cell, inputs = in_dtype(row.make(), np.float64).set_train(row.training), double(inputs_of(row))
    truth = row.oracle(parameters(cell), *inputs)
    assert_close(cell(*tensors(inputs)), truth, 1e-14)


@pytest.mark.parametrize("dtype", [cellc.float16, cellc.bfloat16], ids=str)
@rows
def test_forward_in_half_precision(row, dtype):
    """Sums run in float32, so the error is that of rounding inputs, intermediate and final results."""
    inputs = converted(inputs_of(row), dtype.numpy)
    cell = in_dtype(row.make(), dtype.numpy).set_train(row.training)
    truth = row.oracle(parameters(cell), *double(inputs))
    result = cell(*tensors(inputs))
    if parameters(cell) or any(is_float(array) for array in leaves(inputs)):
        assert all(leaf.dtype is dtype or not leaf.dtype.is_float for leaf in leaves(result))
    assert_close(result, truth, {"Float16": 5e-3, "BFloat16": 4e-2}[dtype.name])


@pytest.mark.parametrize("row", [row for row in ROWS if row.gradient], ids=lambda row: row.name)
def test_gradient(row):
    """The compiled gradient in float64 against central differences of the oracle."""
    cell, inputs = in_dtype(row.make(), np.float64).set_train(row.training), double(inputs_of(row))
    p = parameters(cell)
    rng = np.random.default_rng(3)
    seeds = tuple(rng.standard_normal(np.shape(leaf)) for leaf in leaves(row.oracle(p, *inputs)))
    wrt = [leaf for leaf in leaves(inputs) if leaf.dtype.kind == "f"]
    wrt += [p[parameter.name] for parameter in cell.trainable_params()]

    def value():
        results = leaves(row.oracle(p, *inputs))
        return sum(float((y * seed).sum()) for y, seed in zip(results, seeds, strict=True))

    found = [gradient.asnumpy() for gradient in Gradients(cell)(tensors(inputs), tensors(seeds))]
    check = _check_each_element if sum(array.size for array in wrt) <= 300 else _check_directions
    check(value, wrt, found)


def _slope(value, array, direction, eps=1e-6):
    middle = array.copy()
    array[...] = middle + eps * direction
    above = value()
    array[...] = middle - eps * direction
    slope = (above - value()) / (2 * eps)
    array[...] = middle
    return slope


def _check_each_element(value, wrt, found):
    for array, gradient in zip(wrt, found, strict=True):
        for at in np.ndindex(array.shape):
            direction = np.zeros(array.shape)
            direction[at] = 1
            np.testing.assert_allclose(gradient[at], _slope(value, array, direction), rtol=1e-3, atol=1e-5)


def _check_directions(value, wrt, found):
    """Along random directions: as sharp where it fails, and affordable for large arrays."""
    rng = np.random.default_rng(5)
    for array, gradient in zip(wrt, found, strict=True):
        for _ in range(4):
            direction = rng.standard_normal(array.shape)
            np.testing.assert_allclose(
                (gradient * direction).sum(), _slope(value, array, direction), rtol=1e-3, atol=1e-5
            )


def _raising(*_, **__):
    raise AssertionError("NumPy was asked for what compiled code computes")


@compiled_only
@rows
def test_nothing_but_compiled_code_answers(row, monkeypatch):
    """The meanings of the ops raise from the first call on, NumPy's functions while the compiled cell runs."""
    cell, inputs = row.make().set_train(row.training), inputs_of(row)
    truth, arguments = row.oracle(parameters(cell), *double(inputs)), tensors(inputs)
    with monkeypatch.context() as patch:
        for definition in definitions().values():
            patch.setattr(definition, "evaluate", _raising)
        cell(*arguments)
        for name, function in vars(np).items():
            if isinstance(function, np.ufunc):
                patch.setattr(np, name, _raising)
        result = cell(*arguments)
    assert_close(result, truth, row.tolerance)
