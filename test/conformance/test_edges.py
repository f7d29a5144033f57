"""Rows of the table at the edges: layouts, extents of 0 and 1, NaN and infinities; and layers at rank 0 and 8."""

import warnings

import numpy as np
import pytest
from conformance import oracles
from conformance import table_activations as activations
from conformance import table_losses as losses
from conformance import table_tools as tools
from conformance.row import floats, of
from conformance.table import ROWS, inputs_of

import cellc
from cellc import nn
from support.cells import assert_close, converted, double, in_dtype, leaves, mapped, parameters, tensors

LAYOUTS = {
    "every other element": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "backwards": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "Fortran order": np.asfortranarray,
    "in a larger array": lambda array: np.pad(array, 1)[(slice(1, -1),) * array.ndim],
}

# Recurrent layers whose first axis is time.
OVER_TIME = ("LSTM", "LSTM one step", "LSTM bidirectional", "LSTM wide", "RNN", "GRU", "GRU one step", "GRU wide")
# The first extent is bound to that of a weight or of a padding, or to the classes.
BOUND = ("BCELoss mean", "BCEWithLogitsLoss weights", "CrossEntropyLoss vector", "GRU lengths", "LSTM lengths",
         "Pad reflect", "Pad symmetric", "RMSELoss broadcast", "RNN lengths", "SampledSoftmaxLoss",
         "SampledSoftmaxLoss mean")  # fmt: skip
# The oracle itself is not defined without elements.
NEEDS_ELEMENTS = ("Flatten", "Flatten of 1", "FocalLoss", "FocalLoss factors", "FocalLoss weight", "GELU exact",
                  "Softmax axis 0 of 1", "Softmax wide axis 0", "Unfold", "Unfold same")  # fmt: skip
# Layer and oracle are equal formulas, but one of them meets inf - inf or 0 * inf where the other does not.
OTHER_FORMULA = {
    "inf": ("FastGelu", "ResizeBilinear"),
    "-inf": ("BCEWithLogitsLoss", "CrossEntropyLoss", "HSwish", "ResizeBilinear"),
    "nan": ("MultiFieldEmbeddingLookup mean",),
}


def true_of(cell, oracle, inputs):
    """The oracle's result; sums over nothing and of infinities are no mistakes here."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return oracle(parameters(cell), *double(inputs))


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


@named([row for row in ROWS if any(array.ndim for array in leaves(inputs_of(row)))])
def test_any_layout_gives_the_same_bits(row):
    cell, inputs = row.make().set_train(row.training), inputs_of(row)
    wanted = [leaf.asnumpy() for leaf in leaves(cell(*tensors(inputs)))]
    for layout in LAYOUTS.values():
        other = mapped(lambda array, layout=layout: layout(array) if array.ndim else array, inputs)
        for got, expected in zip(leaves(row.make().set_train(row.training)(*tensors(other))), wanted, strict=True):
            np.testing.assert_array_equal(got.asnumpy(), expected)


def first(inputs, count):
    """The first `count` along the leading axis of the first input, and of each other input of that extent."""
    extent = leaves(inputs)[0].shape[0]
    return mapped(lambda array: array[:count] if array.shape[:1] == (extent,) else array, inputs)


BATCHES = [row for row in ROWS if leaves(inputs_of(row)) and leaves(inputs_of(row))[0].ndim and row.name not in BOUND]


@pytest.mark.parametrize("count", [0, 1])
@named([row for row in BATCHES if row.name not in OVER_TIME])
def test_batch_of_none_and_of_one(row, count):
    cell, inputs = row.make().set_train(row.training), first(inputs_of(row), count)
    result = cell(*tensors(inputs))
    if count or row.name not in NEEDS_ELEMENTS:
        assert_close(result, true_of(row.make(), row.oracle, inputs), row.tolerance)
    else:
        assert all(leaf.size == 0 or leaf.ndim == 0 for leaf in leaves(result))


@named([row for row in ROWS if row.name in OVER_TIME])
def test_sequences_of_one_step_and_of_none(row):
    inputs = first(inputs_of(row), 1)
    assert_close(row.make()(*tensors(inputs)), true_of(row.make(), row.oracle, inputs), row.tolerance)
    with pytest.raises(ValueError, match="'x' must have at least one step"):
        row.make()(*tensors(first(inputs_of(row), 0)))


def with_one(value, inputs):
    """`value` in the middle of the first input of floats."""
    target = next(array for array in leaves(inputs) if array.dtype.kind == "f")

    def changed(array):
        copy = array.copy()
        if array is target:
            copy.reshape(-1)[array.size // 2] = value
        return copy

    return mapped(changed, inputs)


SPOILT = [
    pytest.param(row, value, id=f"{row.name}-{value}")
    for value, other_formula in OTHER_FORMULA.items()
    for row in ROWS
    if not row.name.startswith(other_formula) and any(array.dtype.kind == "f" for array in leaves(inputs_of(row)))
]


@pytest.mark.parametrize(("row", "value"), SPOILT)
def test_not_a_number_and_infinities_go_where_the_formula_takes_them(row, value):
    cell, inputs = row.make().set_train(row.training), with_one(float(value), inputs_of(row))
    truth = true_of(row.make(), row.oracle, inputs)
    for got, wanted in zip(leaves(cell(*tensors(inputs))), leaves(truth), strict=True):
        wanted = np.asarray(wanted, np.float64)
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
        np.testing.assert_allclose(got.asnumpy(), wanted, rtol=0, atol=row.tolerance * scale)


RANK_8 = (2, 1, 3, 1, 2, 1, 2, 3)


def ids_of_rank_7(rng):
    return (rng.integers(0, 5, RANK_8[:7]).astype(np.int32),)


RANKS = [
    *[(make, floats(shape), oracle) for shape in ((), RANK_8) for make, oracle in [
        (nn.ReLU, oracles.relu), (nn.ReLU6, oracles.relu6), (nn.Sigmoid, oracles.sigmoid), (nn.Tanh, oracles.tanh),
        (nn.GELU, oracles.gelu_tanh), (nn.CELU, activations.celu(1.0)), (nn.ELU, activations.celu(1.0)),
        (nn.FastGelu, activations.fast_gelu), (nn.HShrink, activations.hard_shrink(0.5)),
        (nn.SoftShrink, activations.soft_shrink(0.5)), (nn.HSigmoid, activations.hard_sigmoid),
        (nn.HSwish, activations.hard_swish), (nn.LeakyReLU, activations.leaky_relu(0.2)),
        (nn.LogSigmoid, activations.log_sigmoid), (nn.Dropout, oracles.identity), (nn.Norm, tools.norm(None)),
        (nn.Moments, tools.moments(None)), (lambda: nn.ReduceLogSumExp(()), tools.log_sum_exp(None)),
    ]],
    *[(make, floats(shape, shape), oracle) for shape in ((), RANK_8) for make, oracle in [
        (nn.MSELoss, oracles.reduced(oracles.squared_error, "mean")), (nn.RMSELoss, losses.rmse),
        (lambda: nn.L1Loss("none"), oracles.reduced(oracles.absolute_error, "none")), (nn.DiceLoss, losses.dice),
        (nn.SmoothL1Loss, oracles.reduced(losses.smooth_l1(1.0), "none")),
        (nn.BCEWithLogitsLoss, oracles.reduced(losses.bce_with_logits(), "mean")),
        (lambda: nn.SoftMarginLoss("none"), oracles.reduced(losses.soft_margin, "none")),
    ]],
    *[(make, floats(RANK_8), oracle) for make, oracle in [
        (lambda: nn.Softmax(2), oracles.softmax(2)), (lambda: nn.LogSoftmax(-1), oracles.log_softmax(-1)),
        (lambda: nn.ReduceLogSumExp((1, -2)), tools.log_sum_exp((1, 6))), (lambda: nn.Norm((0, 7)), tools.norm((0, 7))),
        (lambda: nn.Moments((2, 4), True), tools.moments((2, 4), True)), (nn.Flatten, oracles.flatten),
        (lambda: nn.Roll([1, 2], [2, 7]), lambda p, x: np.roll(x, [1, 2], [2, 7])),
        (of(nn.Dense, 3, 4), oracles.dense()), (of(nn.LayerNorm, (1, 2, 3), 5, 5), oracles.layer_norm((5, 6, 7))),
        (nn.Tril, lambda p, x: np.tril(x)), (nn.Triu, lambda p, x: np.triu(x)), (nn.PReLU, activations.prelu),
        (nn.MatrixDiagPart, tools.matrix_diag_part),
    ]],
    (nn.MatrixDiag, floats(RANK_8[:7]), tools.matrix_diag),
    (nn.MatrixSetDiag, floats(RANK_8, RANK_8[:7]), tools.matrix_set_diag),
    (nn.MatMul, floats((2, 1, 3, 1, 2, 1, 4, 5), (3, 2, 1, 5, 6)), lambda p, x, y: x @ y),
    (of(nn.Embedding, 5, 3), ids_of_rank_7, oracles.embedding),
    (of(nn.Embedding, 5, 3), lambda rng: (np.array(3, np.int32),), oracles.embedding),
    (lambda: nn.OneHot(3, 5), ids_of_rank_7, tools.one_hot(3, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [cellc.float32, cellc.float16, cellc.bfloat16], ids=str)
@pytest.mark.parametrize(("make", "inputs", "oracle"), RANKS)
def test_ranks_0_and_8(make, inputs, oracle, dtype):
    made = converted(inputs(np.random.default_rng(1)), dtype.numpy)
    cell = in_dtype(make(), dtype.numpy)
    tolerance = {"Float32": 3e-6, "Float16": 5e-3, "BFloat16": 4e-2}[dtype.name]
    assert_close(cell(*tensors(made)), true_of(cell, oracle, made), tolerance)
