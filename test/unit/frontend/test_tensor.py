"""Tensor: data in and out, operators, promotion, indexing. NumPy is the truth throughout."""

import operator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import cellc
from cellc import Tensor
from cellc.initializer import Constant, initializer
from cellc.storage import aligned_copy

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 8 + 0.5


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, cellc.int64), (1.5, cellc.float32), (True, cellc.bool_), ([1, 2], cellc.int64), ([1.0, 2.0], cellc.float32),
        (np.float64(1), cellc.float64), (np.ones(2), cellc.float64), (np.ones(2, np.uint8), cellc.uint8),
        (np.ones(2, ml_dtypes.bfloat16), cellc.bfloat16), ((True, False), cellc.bool_),
    ],
)  # fmt: skip
def test_dtype_of_data(data: Any, dtype: Any) -> None:
    assert Tensor(data).dtype is dtype


def test_data_is_copied_in_and_out() -> None:
    array = np.ones(3, np.float32)
    tensor = Tensor(array)
    array[0] = 9
    copy = tensor.asnumpy()
    copy[1] = 9
    assert np.asarray(tensor).tolist() == [1, 1, 1]
    assert np.from_dlpack(tensor).tolist() == [1, 1, 1]


@pytest.mark.parametrize("code", [">f2", ">f4", ">f8", ">i2", ">i4", ">i8", "<f4"])
def test_arrays_of_either_byte_order(code: str) -> None:
    array = aligned_copy(np.arange(6).reshape(2, 3), np.dtype(code))
    for tensor in (Tensor(array), Tensor.from_numpy(array), Tensor(array[:, 1:])):
        assert tensor.dtype is cellc.dtype.dtype_of(code)
        assert tensor.dtype.numpy.isnative
        assert (tensor + 1).asnumpy().tolist() == (array[:, -tensor.shape[1] :] + 1).tolist()
    assert Tensor([1, 2]).astype(code).asnumpy().tolist() == [1, 2]


def test_from_numpy_shares_where_it_can() -> None:
    aligned = Tensor(np.ones(4, np.float32))._elements()
    shared = Tensor.from_numpy(aligned)
    aligned[0] = 5
    assert shared.asnumpy()[0] == 5
    assert Tensor.from_numpy(np.ones((4, 4), np.float32).T[1:]).shape == (3, 4)


@pytest.mark.parametrize("data", ["text", {"a": 1}, [[1, 2], [3]], None, object()])
def test_data_that_is_refused(data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Tensor(data)


def test_a_shape_alone_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a Tensor of shape \[3, None\] needs input_data or init"):
        Tensor(shape=[3, None], dtype=cellc.float32)


def test_a_lazy_tensor_is_filled_under_both_names() -> None:
    for name in ("init_data", "to_tensor"):
        lazy = initializer(Constant(2), [2, 2], cellc.float32)
        assert lazy.has_init
        filled = getattr(lazy, name)()
        assert filled is lazy
        assert not lazy.has_init
        assert lazy.asnumpy().tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_repr_and_str() -> None:
    assert repr(Tensor([1.0, 2.5])) == "Tensor(shape=[2], dtype=Float32, value= [ 1.00000000e+00,  2.50000000e+00])"
    assert repr(Tensor(np.eye(2, dtype=np.int32))) == "Tensor(shape=[2, 2], dtype=Int32, value=\n[[1, 0],\n [0, 1]])"
    assert str(Tensor([1, 2])) == "[1 2]"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (0.1, "shape=[], dtype=Float32, value= 0.1"),
        (np.float16(0.1), "shape=[], dtype=Float16, value= 0.0999756"),
        (float("nan"), "shape=[], dtype=Float32, value= nan"),
        (3, "shape=[], dtype=Int64, value= 3"),
        ([np.inf, -1.0], "shape=[2], dtype=Float32, value= [            inf, -1.00000000e+00]"),
        (np.ones(1, np.float16), "shape=[1], dtype=Float16, value= [ 1.0000e+00]"),
        (np.eye(2, dtype=np.int32)[None, None], "shape=[1, 1, 2, 2], dtype=Int32, value=\n[[[[1, 0],\n   [0, 1]]]]"),
        (np.zeros((2, 1, 1), np.int8), "shape=[2, 1, 1], dtype=Int8, value=\n[[[0]],\n [[0]]]"),
    ],
)
def test_repr_of_scalars_16_bit_floats_and_more_axes(data: Any, text: str) -> None:
    assert repr(Tensor(data)) == f"Tensor({text})"


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARE = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", BINARY + COMPARE + [operator.floordiv, operator.mod])
def test_operators_broadcast_as_numpy(op: Any) -> None:
    other = np.array([[0.5], [1.5], [2.0]], np.float32)
    for left, right in ((X, other), (X, 1.5), (2.0, X), (other, X)):
        result = op(*(Tensor(side) if isinstance(side, np.ndarray) else side for side in (left, right)))
        np.testing.assert_allclose(result.asnumpy(), op(left, right), rtol=1e-6)


@pytest.mark.parametrize(
    ("left", "right", "dtype"),
    [
        (cellc.float16, 2.0, cellc.float16), (cellc.float16, 2, cellc.float16), (cellc.int32, 2, cellc.int32),
        (cellc.int32, 2.0, cellc.float32), (cellc.bool_, 2, cellc.int64), (cellc.bool_, 2.0, cellc.float32),
        (cellc.int32, cellc.float16, cellc.float16), (cellc.int8, cellc.uint8, cellc.int16),
        (cellc.float16, cellc.bfloat16, cellc.float32), (cellc.int64, cellc.int32, cellc.int64),
        (cellc.float32, cellc.float64, cellc.float64),
    ],
)  # fmt: skip
def test_promotion(left: Any, right: Any, dtype: Any) -> None:
    other = Tensor(np.ones(2), right) if isinstance(right, cellc.dtype.DType) else right
    tensor = Tensor(np.ones(2), left)
    assert (tensor * other).dtype is dtype
    assert (other * tensor).dtype is dtype


def test_integers_divide_in_float32() -> None:
    quotient = Tensor([1, 2]) / Tensor([2, 2])
    assert quotient.dtype is cellc.float32
    assert quotient.asnumpy().tolist() == [0.5, 1.0]


def test_large_integers_are_exact() -> None:
    assert (Tensor([2**60]) + (2**60 + 1)).item() == 2**61 + 1


def test_numpy_on_the_left() -> None:
    assert isinstance(np.ones(2, np.float32) + Tensor([1.0, 2.0]), Tensor)


@pytest.mark.parametrize(
    ("a", "b"), [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((5, 2, 3), (3, 4)), ((2, 3), (3, 4))]
)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=a), rng.normal(size=b)
    np.testing.assert_allclose((Tensor(left) @ Tensor(right)).asnumpy(), left @ right)


INDICES: list[Any] = [
    0, -1, slice(None), slice(1, None), slice(None, None, -1), (0, 1, 2), (..., 1), (slice(None), None, 1),
    (slice(0, 2), slice(2, 0, -1)), (None, ...), (slice(None), slice(None, None, 2), slice(3, None, -2)),
    [1, 0], (slice(None), [2, 0]), (slice(None), [2, -1], [0, 3]), ([1, 0], slice(1, 3)), (0, [0, 2]),
    (slice(5, 9),), (slice(None), np.array([[0, 1], [2, 0]])),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index: Any) -> None:
    expected = X[tuple(np.array(i) if isinstance(i, list) else i for i in index) if isinstance(index, tuple) else index]
    result = Tensor(X)[index]
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result.asnumpy(), expected)


@pytest.mark.parametrize("index", [i for i in INDICES if "[" not in str(i) and "array" not in str(i)], ids=str)
def test_assignment_through_an_index(index: Any) -> None:
    expected = X.copy()
    expected[index] = -1
    tensor = Tensor(X)
    before = tensor * 1
    tensor[index] = -1
    np.testing.assert_array_equal(tensor.asnumpy(), expected)
    np.testing.assert_array_equal(before.asnumpy(), X)


def test_assignment_through_a_mask() -> None:
    tensor = Tensor(X)
    tensor[tensor > 1] = 0
    np.testing.assert_array_equal(tensor.asnumpy(), np.where(X > 1, 0, X))


@pytest.mark.parametrize("index", [2, (0, 0, 0, 0), (..., ...), 1.5, "a", (0, 7), Tensor([True, False])])
def test_indices_that_are_refused(index: Any) -> None:
    with pytest.raises(IndexError):
        Tensor(X)[index]


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_reductions(name: str, axis: Any) -> None:
    result = getattr(Tensor(X), name)(axis)
    np.testing.assert_allclose(result.asnumpy(), getattr(X, name)(axis), rtol=1e-6)


def test_other_reductions() -> None:
    tensor = Tensor(X)
    np.testing.assert_allclose(tensor.var(axis=1).asnumpy(), X.var(axis=1), rtol=1e-5)
    np.testing.assert_allclose(tensor.std().asnumpy(), X.std(), rtol=1e-5)
    assert tensor.argmax().item() == 23
    assert tensor.argmin(axis=2).asnumpy().tolist() == X.argmin(2).tolist()
    assert bool((tensor > 3).any())
    assert not bool((tensor > 3).all())
    assert tensor.sum(axis=1, keepdims=True).shape == (2, 1, 4)


def test_shapes() -> None:
    tensor = Tensor(X)
    assert tensor.reshape(-1, 4).shape == tensor.view((6, 4)).shape == (6, 4)
    assert tensor.T.shape == (4, 3, 2)
    np.testing.assert_array_equal(tensor.transpose(1, 0, 2).asnumpy(), X.transpose(1, 0, 2))
    np.testing.assert_array_equal(tensor.swapaxes(0, 2).asnumpy(), X.swapaxes(0, 2))
    np.testing.assert_array_equal(tensor.flatten("F").asnumpy(), X.flatten("F"))
    assert tensor.expand_dims(-1).squeeze(-1).shape == X.shape
    assert (tensor.ndim, tensor.size, len(tensor), tensor.itemsize, tensor.nbytes) == (3, 24, 2, 4, 96)
    assert tensor.strides == X.strides
    np.testing.assert_array_equal(tensor.take([1, 0], axis=1).asnumpy(), X.take([1, 0], axis=1))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.reshape(5, 5), lambda t: t.squeeze(0), lambda t: t.transpose(0, 0, 1), lambda t: t.sum(axis=3),
        lambda t: t.broadcast_to((3, 4)), lambda t: t @ t, lambda t: t + Tensor([1.0, 2.0]),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(call: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the messages are golden files
        call(Tensor(X))


def test_scalars() -> None:
    assert (float(Tensor(1.5)), int(Tensor(3)), bool(Tensor(False))) == (1.5, 3, False)
    assert [10, 20, 30][Tensor(1)] == 20
    assert Tensor([[1, 2], [3, 4]]).item(3) == 4
    with pytest.raises(ValueError, match="one element"):
        bool(Tensor([1, 2]))
    with pytest.raises(TypeError, match="integer tensor"):
        [1][Tensor(0.0)]


def test_iteration_and_containment() -> None:
    assert [row.sum().item() for row in Tensor([[1, 2], [3, 4]])] == [3, 7]
    assert 3 in Tensor([1, 3])
    assert Tensor([1]) != None  # noqa: E711  that comparison is what is tested


def test_unknown_dtype() -> None:
    with pytest.raises(TypeError, match="complex128"):
        Tensor(np.ones(2, np.complex128))


def test_operators_of_arrays_and_functions_of_numpy() -> None:
    x, array = Tensor([1.0, 4.0]), np.array([2.0, 3.0], np.float32)
    for result, expected in [
        (array + x, [3, 7]), (array - x, [1, -1]), (array * x, [2, 12]), (array / x, [2, 0.75]), (array**x, [2, 81]),
        (array // x, [2, 0]), (array % x, [0, 3]), (array < x, [False, True]), (array >= x, [True, False]),
        (np.float32(2) * x, [2, 8]), (array == x, [False, False]), (array @ x, 14),
    ]:  # fmt: skip
        assert isinstance(result, Tensor)
        assert result.tolist() == expected
    assert np.sqrt(x).tolist() == [1, 2]
    assert np.add.reduce(x) == 5
    array += x
    assert array.tolist() == [3, 7]


@pytest.mark.parametrize("shape", [(1000,), (260, 260)])
def test_means_of_float16_whose_sums_and_counts_are_too_large_for_it(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).uniform(80, 120, shape).astype(np.float16)
    tensor, exact = Tensor(x), x.astype(np.float64)
    for found, wanted in ((tensor.mean(), exact.mean()), (tensor.var(), exact.var()), (tensor.std(), exact.std())):
        assert found.dtype is cellc.float16
        np.testing.assert_allclose(found.asnumpy(), wanted, rtol=1e-3)
    np.testing.assert_allclose(tensor.var(ddof=1).asnumpy(), exact.var(ddof=1), rtol=1e-3)
    np.testing.assert_allclose(tensor.mean(0, keep_dims=True).asnumpy(), exact.mean(0, keepdims=True), rtol=1e-3)
