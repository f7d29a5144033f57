"""Sparse tensors: dense Tensors of positions and values, with the shape they stand for.

They are named tuples, so cells take and return them like other tuples of tensors. What they compute, they compute with
operations of their dense parts; `nn.SparseToDense` makes a Tensor of one.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from cellc.dtype import DType
from cellc.errors import bad_argument
from cellc.tensor_base import TensorBase
from cellc.trace import apply


def _tensor(owner: str, name: str, value: Any, rank: int) -> None:
    if not isinstance(value, TensorBase):
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must be a Tensor, but got {type(value).__name__}.")
    if value.ndim != rank:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must have rank {rank}, but got shape {value.shape}.")


def _positions(owner: str, name: str, value: Any, rank: int) -> None:
    _tensor(owner, name, value, rank)
    if not value.dtype.is_integer:
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must hold integers, but got {value.dtype}.")


def _shape(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, tuple) or not all(isinstance(e, int) and not isinstance(e, bool) for e in value):
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must be a tuple of ints, but got {value!r}.")
    if not value or min(value) < 1:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must hold positive ints, but got {value}.")


def _one_count(owner: str, first: str, one: TensorBase, second: str, other: TensorBase) -> None:
    if one.shape[0] != other.shape[0]:
        raise bad_argument(
            ValueError,
            f"For '{owner}', '{first}' and '{second}' must have one length, but got shapes {one.shape} and "
            f"{other.shape}.",
        )


class _Sparse:
    """What the three have: the dtype of their values, their extents, and equality by type and identity."""

    __slots__ = ()
    values: Any
    shape: tuple[int, ...]

    @property
    def dtype(self) -> DType:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """The number of axes of the dense tensor."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return self.values.size

    @property
    def itemsize(self) -> int:
        """The bytes of a value."""
        return self.values.itemsize

    def to_tuple(self) -> tuple[Any, ...]:
        """The parts as a plain tuple."""
        return tuple(self)  # type: ignore[arg-type, call-overload]

    def astype(self, dtype: Any) -> Any:
        """The same positions, with the values in another dtype."""
        return self._with_values(self.values.astype(dtype))

    def abs(self) -> Any:
        """The same positions, with the absolute values."""
        return self._with_values(self.values.abs())

    def _with_values(self, values: Any) -> Any:
        return self._replace(values=values)  # type: ignore[attr-defined]

    # A cell's programs are kept per structure of its arguments: one of another type must not look equal.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return hash((type(self).__name__, tuple.__hash__(self)))  # type: ignore[arg-type]


class COOTensor(_Sparse, namedtuple("COOTensor", ("indices", "values", "shape"))):
    """Values at coordinates.

    Args:
        indices: an integer Tensor (n, rank), a row of coordinates for each value.
        values: a Tensor (n,).
        shape: the shape of the dense tensor, a tuple of positive ints.

    Raises:
        TypeError: an argument is of another type, or `indices` does not hold integers.
        ValueError: the shapes do not fit together.

    Examples:
        >>> x = COOTensor(Tensor([[0, 1], [1, 2]]), Tensor([1.0, 2.0]), (3, 4))
        >>> x.ndim, x.size
        (2, 2)
    """

    __slots__ = ()

    def __new__(cls, indices: Any, values: Any, shape: Any) -> COOTensor:
        owner = cls.__name__
        _positions(owner, "indices", indices, 2)
        _tensor(owner, "values", values, 1)
        _shape(owner, "shape", shape)
        _one_count(owner, "indices", indices, "values", values)
        if indices.shape[1] != len(shape):
            message = f"For '{owner}', 'indices' must have shape (n, {len(shape)}) for 'shape' {shape}, "
            raise bad_argument(ValueError, f"{message}but got shape {indices.shape}.")
        return super().__new__(cls, indices, values, shape)


class CSRTensor(_Sparse, namedtuple("CSRTensor", ("indptr", "indices", "values", "shape"))):
    """A matrix by rows: row i has values[indptr[i]:indptr[i + 1]] in the columns `indices` names.

    Args:
        indptr: an integer Tensor (rows + 1,).
        indices: an integer Tensor (n,).
        values: a Tensor (n,).
        shape: (rows, columns), positive ints.

    Raises:
        TypeError: an argument is of another type, or positions are not integers.
        ValueError: the shapes do not fit together.
    """

    __slots__ = ()

    def __new__(cls, indptr: Any, indices: Any, values: Any, shape: Any) -> CSRTensor:
        owner = cls.__name__
        _positions(owner, "indptr", indptr, 1)
        _positions(owner, "indices", indices, 1)
        _tensor(owner, "values", values, 1)
        _shape(owner, "shape", shape)
        _one_count(owner, "indices", indices, "values", values)
        if len(shape) != 2 or indptr.shape != (shape[0] + 1,):
            message = f"For '{owner}', 'indptr' must have shape (rows + 1,) for 'shape' (rows, columns), but got shape "
            raise bad_argument(ValueError, f"{message}{indptr.shape} and 'shape' {shape}.")
        return super().__new__(cls, indptr, indices, values, shape)

    def mv(self, dense_vector: Any) -> Any:
        """The product with a column, a Tensor (columns, 1) of the dtype of the values; a Tensor (rows, 1).

        Raises:
            TypeError: `dense_vector` is not a Tensor of that dtype.
            ValueError: it has another shape.
        """
        _tensor("mv", "dense_vector", dense_vector, 2)
        if dense_vector.dtype is not self.dtype:
            message = f"For 'mv', 'dense_vector' must have the dtype {self.dtype} of the values, but got "
            raise bad_argument(TypeError, f"{message}{dense_vector.dtype}.")
        if dense_vector.shape != (self.shape[1], 1):
            message = f"For 'mv', 'dense_vector' must have shape {(self.shape[1], 1)}, but got "
            raise bad_argument(ValueError, f"{message}{dense_vector.shape}.")
        return self._sums_of_rows(self.values.reshape((-1, 1)) * apply("take", dense_vector, self.indices))

    def sum(self, axis: int) -> Any:
        """The sums along `axis`, which must be 1 (or -1): a Tensor (rows, 1).

        Raises:
            ValueError: another `axis`.
        """
        if axis not in (1, -1):
            raise bad_argument(ValueError, f"For 'sum', 'axis' must be 1 or -1, but got {axis!r}.")
        return self._sums_of_rows(self.values.reshape((-1, 1)))

    def _sums_of_rows(self, values: Any) -> Any:
        places = apply("iota", shape=(self.values.size,), dtype=self.indptr.dtype.code, axis=0)
        rows = self.indptr.searchsorted(places, "right") - 1
        return apply("scatter_add", rows, values, rows=self.shape[0])


class RowTensor(_Sparse, namedtuple("RowTensor", ("indices", "values", "dense_shape"))):
    """Rows of a tensor that is 0 elsewhere.

    Args:
        indices: an integer Tensor (n,), the row of each slice.
        values: a Tensor (n, ...) of slices.
        dense_shape: the shape of the dense tensor, a tuple of positive ints.

    Raises:
        TypeError: an argument is of another type, or `indices` does not hold integers.
        ValueError: the shapes do not fit together.
    """

    __slots__ = ()

    def __new__(cls, indices: Any, values: Any, dense_shape: Any) -> RowTensor:
        owner = cls.__name__
        _positions(owner, "indices", indices, 1)
        _shape(owner, "dense_shape", dense_shape)
        _tensor(owner, "values", values, len(dense_shape))
        _one_count(owner, "indices", indices, "values", values)
        if values.shape[1:] != dense_shape[1:]:
            message = f"For '{owner}', 'values' must hold rows of 'dense_shape' {dense_shape}, but got shape "
            raise bad_argument(ValueError, f"{message}{values.shape}.")
        return super().__new__(cls, indices, values, dense_shape)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """The shape of the dense tensor."""
        return self.dense_shape
