"""Functions and class forms of cellc.ops against NumPy in float64, inside a cell."""

import math

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops
from support.cells import assert_close, double, tensors

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 4)).astype(np.float32)
Y = RNG.standard_normal((3, 1)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.5)
INTS = RNG.integers(-9, 9, (3, 4)).astype(np.int32)
DIVISORS = np.array([[-3], [2], [5]], np.int32)
MATRIX = RNG.standard_normal((4, 5)).astype(np.float32)
IDS = np.array([[2, 0], [1, 3]], np.int32)


class Calling(nn.Cell):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def construct(self, *inputs):
        return self.function(*inputs)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _one_hot(ids, depth):
    return (ids[..., None] == np.arange(depth)).astype(float)


UNARY = [
    ("neg", np.negative, X), ("abs", np.abs, X), ("sign", np.sign, X), ("square", np.square, X), ("exp", np.exp, X),
    ("expm1", np.expm1, X), ("log", np.log, POSITIVE), ("log1p", np.log1p, POSITIVE), ("sqrt", np.sqrt, POSITIVE),
    ("rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE), ("reciprocal", lambda x: 1 / x, POSITIVE), ("sin", np.sin, X),
    ("cos", np.cos, X), ("tanh", np.tanh, X), ("sigmoid", _sigmoid, X), ("erf", np.vectorize(math.erf), X),
    ("floor", np.floor, X * 3), ("ceil", np.ceil, X * 3), ("round", np.round, X * 3), ("neg", np.negative, INTS),
    ("abs", np.abs, INTS), ("relu", lambda x: np.maximum(x, 0), X), ("relu6", lambda x: np.clip(x, 0, 6), X * 9),
    ("isnan", np.isnan, np.array([1, np.nan, np.inf], np.float32)),
    ("isfinite", np.isfinite, np.array([1, np.nan, np.inf], np.float32)),
    ("logical_not", np.logical_not, X > 0), ("ones_like", np.ones_like, X), ("zeros_like", np.zeros_like, INTS),
]  # fmt: skip
BINARY = [
    ("add", np.add, X, Y), ("sub", np.subtract, X, Y), ("mul", np.multiply, X, Y), ("div", np.divide, X, Y),
    ("pow", np.power, POSITIVE, Y), ("maximum", np.maximum, X, Y), ("minimum", np.minimum, X, Y),
    ("floor_div", np.floor_divide, INTS, DIVISORS), ("floor_mod", np.mod, INTS, DIVISORS),
    ("floor_mod", np.mod, X, Y), ("div", np.divide, INTS, DIVISORS), ("equal", np.equal, INTS, INTS[:1]),
    ("not_equal", np.not_equal, INTS, INTS[:1]), ("less", np.less, X, Y), ("less_equal", np.less_equal, INTS, INTS[:1]),
    ("greater", np.greater, X, Y), ("greater_equal", np.greater_equal, INTS, INTS[:1]),
    ("logical_and", np.logical_and, X > 0, Y > 0), ("logical_or", np.logical_or, X > 0, Y > 0),
    ("squared_difference", lambda x, y: (x - y) ** 2, X, Y),
]  # fmt: skip
OTHERS = {
    "add a number": (lambda x: ops.add(x, 2), lambda x: x + 2, X),
    "number first": (lambda x: ops.sub(2.5, x), lambda x: 2.5 - x, X),
    "clip_by_value": (lambda x: ops.clip_by_value(x, -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5), X),
    "addn": (lambda x, y: ops.addn((x, y, x)), lambda x, y: 2 * x + y, X, X * 3),
    "gelu": (ops.gelu, lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), X),
    "select": (ops.select, np.where, X > 0, X, Y),
    "where with numbers": (lambda c: ops.where(c, 1.0, -1.0), lambda c: np.where(c, 1, -1), X > 0),
    "cast to int": (lambda x: ops.cast(x, cellc.int32), np.trunc, X * 5),
    "reduce_sum": (ops.reduce_sum, np.sum, X),
    "reduce_sum axis": (lambda x: ops.reduce_sum(x, -1, True), lambda x: x.sum(-1, keepdims=True), X),
    "reduce_mean axes": (lambda x: ops.reduce_mean(x, (0, 2)), lambda x: x.mean((0, 2)), X),
    "reduce_mean of ints": (lambda x: ops.reduce_mean(x, 1), lambda x: x.mean(1), INTS),
    "reduce_max": (lambda x: ops.reduce_max(x, 1), lambda x: x.max(1), X),
    "reduce_min": (lambda x: ops.reduce_min(x, [0, 1]), lambda x: x.min((0, 1)), X),
    "reduce_prod": (lambda x: ops.reduce_prod(x, 2), lambda x: x.prod(2), X),
    "reduce_any": (lambda x: ops.reduce_any(x, 0), lambda x: x.any(0), X > 1),
    "reduce_all": (lambda x: ops.reduce_all(x, 0), lambda x: x.all(0), X > -1),
    "argmax": (lambda x: ops.argmax(x, 1), lambda x: x.argmax(1), X),
    "argmin": (lambda x: ops.argmin(x), lambda x: x.argmin(-1), X),
    "max": (lambda x: ops.max(x, 2, True), lambda x: (x.argmax(2)[..., None], x.max(2, keepdims=True)), X),
    "min": (lambda x: ops.min(x, 0), lambda x: (x.argmin(0), x.min(0)), X),
    "matmul": (ops.matmul, np.matmul, X, MATRIX),
    "matmul batches": (ops.matmul, np.matmul, X[:, None], np.stack([MATRIX, MATRIX * 2])[None]),
    "matmul transposed": (lambda a, b: ops.matmul(a, b, True, True), lambda a, b: a.T @ b.T, MATRIX, X[0]),
    "matmul of one term": (ops.matmul, np.matmul, MATRIX[:, :1], MATRIX[:1]),
    "matmul of one term, batches": (ops.BatchMatMul(transpose_a=True), lambda a, b: a.swapaxes(1, 2) @ b, X[:, :1],
                                    X[:, 1:2]),
    "matmul of vectors": (ops.matmul, np.matmul, MATRIX[0], MATRIX[1]),
    "matmul vector first": (ops.matmul, np.matmul, MATRIX[:, 0], MATRIX),
    "matmul vector last": (ops.matmul, np.matmul, MATRIX, MATRIX[0]),
    "bias_add": (ops.bias_add, lambda x, b: x + b[:, None], X, Y[:, 0]),
    "softmax axis": (lambda x: ops.softmax(x, 1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True), X),
    "softmax of large": (ops.softmax, lambda x: np.full((1, 4), 0.25), np.full((1, 4), 1e4, np.float32)),
    "reshape": (lambda x: ops.reshape(x, (4, -1)), lambda x: x.reshape(4, -1), X),
    "reshape to a vector": (lambda x: ops.reshape(x, -1), lambda x: x.reshape(-1), X),
    "flatten": (ops.flatten, lambda x: x.reshape(2, 12), X),
    "transpose": (lambda x: ops.transpose(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), X),
    "expand_dims": (lambda x: ops.expand_dims(x, -1), lambda x: x[..., None], X),
    "squeeze": (ops.squeeze, np.squeeze, X[:1, :, :1]),
    "squeeze axis": (lambda x: ops.squeeze(x, 0), lambda x: x[0], X[:1, :, :1]),
    "concat": (lambda x, y: ops.concat((x, y), 1), lambda x, y: np.concatenate((x, y), 1), X, X[:, :1]),
    "stack": (lambda x, y: ops.stack([x, y], 1), lambda x, y: np.stack([x, y], 1), X, X * 2),
    "unstack": (lambda x: ops.unstack(x, 1), lambda x: tuple(x[:, i] for i in range(3)), X),
    "split": (lambda x: ops.split(x, 2, 2), lambda x: tuple(np.split(x, 2, 2)), X),
    "slice": (lambda x: ops.slice(x, (0, 1, 1), (1, -1, 2)), lambda x: x[0:1, 1:, 1:3], X),
    "strided_slice": (lambda x: ops.strided_slice(x, (0, 0), (2, 3), (1, 2)), lambda x: x[0:2, 0:3:2], X),
    "StridedSlice": (lambda x: ops.StridedSlice()(x, (0, 0), (2, 3), (1, 2)), lambda x: x[0:2, 0:3:2], X),
    "StridedSlice ends": (lambda x: ops.StridedSlice(2, 1)(x, (1, 1), (1, 2), (1, 1)), lambda x: x[1:, :2], X),
    "StridedSlice axes": (lambda x: ops.StridedSlice(ellipsis_mask=1, new_axis_mask=2, shrink_axis_mask=4)(
        x, (0, 0, 1), (0, 0, 0), (1, 1, 1)), lambda x: x[..., None, 1], X),
    "strided_slice back": (lambda x: ops.strided_slice(x, (1, 2), (0, 0), (-1, -2)), lambda x: x[1:0:-1, 2:0:-2], X),
    "tile": (lambda x: ops.tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3)), X),
    "tile more axes": (lambda x: ops.tile(x, (2, 3)), lambda x: np.tile(x, (2, 3)), Y[:, 0]),
    "broadcast_to": (lambda y: ops.broadcast_to(y, (2, -1, 4)), lambda y: np.broadcast_to(y, (2, 3, 4)), Y),
    "pad": (lambda x: ops.pad(x, ((0, 1), (2, 0), (1, 1))), lambda x: np.pad(x, ((0, 1), (2, 0), (1, 1))), X),
    "reverse": (lambda x: ops.reverse(x, (0, 2)), lambda x: x[::-1, :, ::-1], X),
    "reverse_sequence": (
        lambda x, n: ops.reverse_sequence(x, n, 2, 0),
        lambda x, n: np.stack([np.concatenate([x[b, :, : n[b]][:, ::-1], x[b, :, n[b] :]], 1) for b in range(2)]),
        X, np.array([3, 1], np.int64),
    ),
    "gather": (lambda x, i: ops.gather(x, i, 2), lambda x, i: np.take(x, i, 2), X, IDS),
    "gather out of range": (ops.gather, lambda x, i: np.stack([x[0], x[0] * 0]), X, np.array([0, 5], np.int32)),
    "gather along the middle": (lambda x, i: ops.gather(x, i, 1), lambda x, i: np.take(x, i, 1), X,
                                np.array([[2, 0], [1, 1]], np.int32)),
    "gather from a transpose": (lambda x, i: ops.gather(ops.transpose(x, (1, 0)), i, 0), lambda x, i: x.T[i], MATRIX,
                                np.resize(np.arange(3, dtype=np.int32), 40)),
    "gather a scalar": (lambda x, i: ops.gather(x, i, 1), lambda x, i: x[:, 2], X, np.array(2, np.int64)),
    "one_hot": (lambda i: ops.one_hot(i, 4, 2.0, -1.0), lambda i: _one_hot(i, 4) * 3 - 1, IDS),
    "one_hot axis": (lambda i: ops.one_hot(i, 3, axis=0), lambda i: np.moveaxis(_one_hot(i, 3), -1, 0), IDS),
    "arange": (lambda x: x + ops.arange(4), lambda x: x + np.arange(4), X),
    "arange down": (lambda x: x + ops.range(4, 0, -1), lambda x: x + np.arange(4, 0, -1), X),
    "arange of floats": (lambda x: x + ops.arange(0.5, 2.5, 0.5), lambda x: x + np.arange(0.5, 2.5, 0.5), X),
    "zeros and ones": (lambda x: x + ops.ones((3, 1)) + ops.zeros(4), lambda x: x + 1, X),
    "fill": (lambda x: x + ops.fill(cellc.float32, (4,), 2.5), lambda x: x + 2.5, X),
    "stop_gradient": (ops.stop_gradient, lambda x: x, X),
    "depend": (lambda x: ops.depend(x, ops.exp(x)), lambda x: x, X),
}  # fmt: skip


def check(function, truth, *inputs):
    expected = truth(*double(inputs))
    assert_close(Calling(function)(*tensors(inputs)), expected, 2e-6)


@pytest.mark.parametrize(("name", "truth", "x"), UNARY)
def test_unary(name, truth, x):
    check(getattr(ops, name), truth, x)
    check(getattr(ops, name), truth, x.reshape(-1)[:1])


@pytest.mark.parametrize(("name", "truth", "x", "y"), BINARY)
def test_binary(name, truth, x, y):
    check(getattr(ops, name), truth, x, y)
    check(getattr(ops, name), truth, y, x) if name not in ("pow", "floor_div", "floor_mod") else None


@pytest.mark.parametrize("name", OTHERS)
def test_other(name):
    check(*OTHERS[name])


CLASSES = {
    "MatMul": (ops.MatMul(transpose_b=True), lambda a, b: a @ b.T, MATRIX, MATRIX[:2]),
    "BatchMatMul": (ops.BatchMatMul(transpose_a=True), lambda a, b: a.swapaxes(1, 2) @ b, X, X),
    "Reshape": (lambda x: ops.Reshape()(x, (6, 4)), lambda x: x.reshape(6, 4), X),
    "ReduceMean": (lambda x: ops.ReduceMean(keep_dims=True)(x, 1), lambda x: x.mean(1, keepdims=True), X),
    "ReduceSum": (ops.ReduceSum(), np.sum, X),
    "Concat": (lambda x: ops.Concat(axis=-1)((x, x)), lambda x: np.concatenate((x, x), -1), X),
    "Stack": (lambda x: ops.Stack(axis=1)((x, x)), lambda x: np.stack((x, x), 1), X),
    "Split": (ops.Split(axis=2, output_num=2), lambda x: tuple(np.split(x, 2, 2)), X),
    "Softmax": (ops.Softmax(axis=(0,)), lambda x: np.exp(x) / np.exp(x).sum(0), X),
    "OneHot": (lambda i: ops.OneHot()(i, 4, Tensor(1.0), Tensor(0.0)), lambda i: _one_hot(i, 4), IDS),
    "Cast": (lambda x: ops.Cast()(x, cellc.float64), lambda x: x, X),
    "Transpose": (lambda x: ops.Transpose()(x, (1, 0, 2)), lambda x: x.transpose(1, 0, 2), X),
    "Squeeze": (ops.Squeeze(0), lambda x: x[0], X[:1]),
    "Gather": (lambda x, i: ops.Gather()(x, i, 2), lambda x, i: np.take(x, i, 2), X, IDS),
    "SparseGatherV2 columns": (lambda x, i: ops.SparseGatherV2()(x, i, 1), lambda x, i: x[:, i], MATRIX, IDS % 2),
    "SparseGatherV2": (lambda x, i: ops.SparseGatherV2()(x, i, 0), lambda x, i: x[i], MATRIX, IDS % 2),
    "EmbeddingLookup": (lambda x, i: ops.EmbeddingLookup()(x, i + 5, 5), lambda x, i: x[i], MATRIX, IDS % 2),
    "Pad": (ops.Pad(((1, 0), (0, 2))), lambda x: np.pad(x, ((1, 0), (0, 2))), MATRIX),
    "BroadcastTo": (ops.BroadcastTo((2, 3, 4)), lambda y: np.broadcast_to(y, (2, 3, 4)), Y),
    "Argmax": (ops.Argmax(axis=1), lambda x: x.argmax(1), X),
    "Conv2D": (ops.Conv2D(1, 1), lambda x, w: x * w, X[:, :1, :, None], np.full((1, 1, 1, 1), 3, np.float32)),
    "MaxPool": (ops.MaxPool((1, 4)), lambda x: x.max(3, keepdims=True), X[:, None]),
    "AvgPool": (ops.AvgPool((1, 4)), lambda x: x.mean(3, keepdims=True), X[:, None]),
    "ReLU": (ops.ReLU(), lambda x: np.maximum(x, 0), X),
    "Add": (ops.Add(), np.add, X, Y),
    "Mul": (ops.Mul(), np.multiply, X, Y),
    "ReverseV2": (ops.ReverseV2([1]), lambda x: x[:, ::-1], X),
    "Shape": (lambda x: x + ops.Shape()(x)[2] + ops.Rank()(x) + ops.Size()(x), lambda x: x + 4 + 3 + 24, X),
}


@pytest.mark.parametrize("name", CLASSES)
def test_class_forms(name):
    check(*CLASSES[name])


def test_dtypes_of_results():
    ints, halves, floats = Tensor(INTS), Tensor(X, cellc.float16), Tensor(X)
    assert ops.DType()(ops.argmax(floats, output_type=cellc.int64)) is cellc.int64
    assert ops.div(ints, 2).dtype is cellc.float32
    assert ops.add(halves, 1.5).dtype is cellc.float16
    assert ops.add(halves, floats[0]).dtype is cellc.float32
    assert ops.reduce_mean(halves).dtype is cellc.float16
    assert ops.equal(ints, 1).dtype is cellc.bool_
    assert ops.arange(3).dtype is cellc.int32
    assert ops.arange(3, rtype=cellc.float64).dtype is cellc.float64


def test_assign_and_its_like():
    class Counting(nn.Cell):
        def __init__(self):
            super().__init__()
            self.total = cellc.Parameter(Tensor([1.0, 2.0]), name="total")

        def construct(self, x):
            ops.assign_add(self.total, x)
            doubled = self.total * 2
            ops.assign_sub(self.total, 1)
            ops.assign(self.total, ops.Assign()(self.total, self.total * 10))
            return doubled

    cell = Counting()
    assert cell(Tensor(3.0)).asnumpy().tolist() == [8, 10]
    assert cell.total.asnumpy().tolist() == [30, 40]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: ops.add(x, "a"), TypeError, "'a'"),
        (lambda x: ops.add(x, ops.ones((5,))), ValueError, "do not broadcast"),
        (lambda x: ops.reduce_sum(x, 3), ValueError, "axis 3 is out of range"),
        (lambda x: ops.reduce_sum(x, 0, 1), TypeError, "'keep_dims' must be bool"),
        (lambda x: ops.transpose(x, (0, 1)), ValueError, "'input_perm' (0, 1) must name each axis"),
        (lambda x: ops.reshape(x, (5, -1)), ValueError, "cannot reshape 24 elements"),
        (lambda x: ops.concat(x), TypeError, "'input_x' must be a tuple or list of Tensors, but got Tensor"),
        (lambda x: ops.concat(()), ValueError, "'input_x' must not be empty"),
        (lambda x: ops.concat((x, ops.ones((2, 3, 5))), 1), ValueError, "concat"),
        (lambda x: ops.split(x, 2, 3), ValueError, "extent 4 of axis 2 must be a multiple of 'output_num' 3"),
        (lambda x: ops.slice(x, (0,), (1,)), ValueError, "must have 3 entries"),
        (lambda x: ops.tile(x, (2,)), ValueError, "'multiples' (2,) must have at least 3 entries"),
        (lambda x: ops.pad(x, ((1, 1),)), ValueError, "one (before, after) for each of 3 axes"),
        (lambda x: ops.broadcast_to(x, (2, 3)), ValueError, "cannot broadcast shape (2, 3, 4) to (2, 3)"),
        (lambda x: ops.gather(x, x), TypeError, "'input_indices' must hold integers"),
        (lambda x: ops.one_hot(x, 3), TypeError, "'indices' must hold integers"),
        (lambda x: ops.matmul(x, ops.ones(())), ValueError, "'x1' and 'x2' must have an axis"),
        (lambda x: ops.matmul(x, x), ValueError, "matmul"),
        (lambda x: ops.MatMul()(x, x), ValueError, "'x1' and 'x2' must have rank 2, but got ranks 3 and 3"),
        (lambda x: ops.BatchMatMul()(x, x[0]), ValueError, "one rank of at least 3, but got 3 and 2"),
        (lambda x: ops.bias_add(x, ops.ones((4,))), ValueError, "'bias' must have the extent of axis 1"),
        (lambda x: ops.assign(x, 1.0), TypeError, "'variable' must be a Parameter, but got Tensor"),
        (lambda x: ops.dropout(x, 1.0), ValueError, "'p' must be in [0, 1), but got 1.0"),
        (lambda x: ops.Conv2D(2, 3)(ops.ones((1, 1, 4, 4)), ops.ones((2, 1, 1, 1))), ValueError, "'weight' must have"),
        (lambda x: ops.cast(x, "f128"), TypeError, "f128"),
        (lambda x: ops.arange(1, 2, 0), ValueError, "'step' must not be 0"),
        (lambda x: ops.exp(ops.ones((2,), cellc.int32)), TypeError, "exp"),
        (lambda x: ops.StridedSlice(end_mask=1)(x, (0,), (2,), (1, 1)), ValueError, "differ in length"),
        (lambda x: ops.StridedSlice(begin_mask=-1), ValueError, "'begin_mask' must not be negative"),
        (lambda x: ops.StridedSlice(shrink_axis_mask=1.0), TypeError, "'shrink_axis_mask'"),
        (lambda x: ops.StridedSlice(ellipsis_mask=3), ValueError, "'ellipsis_mask' must have at most one bit"),
    ],
)
def test_wrong_inputs(call, error, said):
    with pytest.raises(error) as caught:
        call(Tensor(X))
    assert said in str(caught.value)
    assert __file__.rsplit("/", 1)[1] in str(caught.value)


def test_class_forms_have_docstrings_and_names():
    for name, form in vars(ops).items():
        if isinstance(form, type) and issubclass(form, ops.Primitive):
            assert form.__doc__, name
            assert form.__name__ == name
    assert repr(ops.Softmax(1)) == "Softmax<axis=1>"


def test_batch_norm_of_matrices():
    weight, bias, mean, variance = (np.array(row, np.float32) for row in ([2, 3], [1, -1], [0.5, -0.5], [4, 0.25]))
    x = X[0, :, :2]
    check(
        lambda x, m, v, w, b: ops.batch_norm(x, m, v, w, b, eps=1e-3),
        lambda x, m, v, w, b: w * (x - m) / np.sqrt(v + 1e-3) + b,
        x, mean, variance, weight, bias,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"'running_var' must have shape \(C,\)"):
        ops.batch_norm(*tensors((x, mean, variance[:1], weight, bias)))
    with pytest.raises(TypeError, match="'variable' must be a Parameter"):
        ops.batch_norm(*tensors((x, mean, variance, weight, bias)), training=True)


def test_dropout_by_the_probability_to_drop():
    result, mask = Calling(lambda x: ops.dropout(x, p=0.25))(ops.ones((64, 64)))
    kept = mask.asnumpy()
    assert set(np.unique(kept)) == {0, 1}
    assert abs(kept.mean() - 0.75) < 0.04
    np.testing.assert_allclose(result.asnumpy(), kept / 0.75, rtol=1e-6)
    assert ops.dropout(ops.ones((3,)), p=0.0)[0].asnumpy().tolist() == [1, 1, 1]


def test_approximate_gelu_keeps_its_digits_in_the_tail():
    """1 + tanh(u) would cancel: MindSpore 1.7.1's documentation prints these values of GELU at -5 and -8."""
    result = ops.gelu(Tensor(np.array([-5, -8], np.float32))).asnumpy()
    np.testing.assert_allclose(result, [-2.2918017e-07, -3.1077917e-21], rtol=1e-5)


def _logistic_loss(x, y, weight=1.0, pos_weight=1.0):
    return -weight * (pos_weight * y * np.log(_sigmoid(x)) + (1 - y) * np.log(1 - _sigmoid(x)))


def test_binary_cross_entropy_with_logits():
    x, y = X.astype(np.float64), POSITIVE / POSITIVE.max()
    factors = Tensor(np.float32(2)), Tensor(POSITIVE[0])
    losses = _logistic_loss(x, y, 2, POSITIVE[0])
    for reduction, wanted in (("none", losses), ("mean", losses.mean()), ("sum", losses.sum())):
        found = ops.binary_cross_entropy_with_logits(Tensor(X), Tensor(y), *factors, reduction)
        assert_close(found, wanted, 1e-5)
    assert_close(ops.binary_cross_entropy_with_logits(Tensor(X), Tensor(y)), _logistic_loss(x, y).mean(), 1e-5)
    half = Tensor(X).astype(cellc.float16)
    assert ops.binary_cross_entropy_with_logits(half, half).dtype is cellc.float16
    extreme = Tensor([1000.0, -1000.0])
    found = ops.binary_cross_entropy_with_logits(extreme, Tensor([0.0, 1.0]), reduction="none")
    assert found.asnumpy().tolist() == [1000, 1000]


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        ((Tensor(INTS), Tensor(INTS)), TypeError, "'logits' must be a float tensor"),
        ((Tensor(X), Tensor(X).astype(cellc.float16)), TypeError, "'logits' and 'label'"),
        ((Tensor(X), Tensor(Y)), ValueError, "one shape"),
        ((Tensor(Y), Tensor(Y), Tensor(X)), ValueError, "'weight' must broadcast"),
        ((Tensor(Y), Tensor(Y), None, Tensor(X)), ValueError, "'pos_weight' must broadcast"),
        ((Tensor(X), Tensor(X), None, None, "max"), ValueError, "'reduction'"),
    ],
)
def test_binary_cross_entropy_with_logits_refuses(inputs, error, said):
    with pytest.raises(error, match=said):
        ops.binary_cross_entropy_with_logits(*inputs)
