"""`Tensor`: operators and methods. Each one records `nn` ops; none computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cellc import arithmetic, context, indexing, reductions, selecting, shaping
from cellc.dtype import DType, bool_, dtype_of
from cellc.tensor_base import TensorBase
from cellc.trace import apply


def _reflected(op: str) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.binary(op, other, self)

    return method


def _binary(op: str) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.binary(op, self, other)

    return method


def _comparison(predicate: str) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        __tracebackhide__ = True
        if predicate in ("eq", "ne") and (other is None or isinstance(other, str)):
            return predicate == "ne"
        return arithmetic.compare(predicate, self, other)

    return method


def _unary(op: str, doc: str) -> Any:
    def method(self: Tensor) -> Any:
        __tracebackhide__ = True
        return apply(op, self)

    method.__doc__ = doc
    return method


class Tensor(TensorBase):
    """A multi-dimensional array of one element type.

    Args:
        input_data: number, nested list or tuple, NumPy array or Tensor; the data is copied.
        dtype: element type; by default that of the data (Python floats: float32, ints: int64).
        shape, dtype, init: instead of data, an initializer that fills the tensor when first needed.

    Raises:
        TypeError: the data is not numeric.

    Examples:
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=0)
        Tensor(shape=[2], dtype=Float32, value= [ 4.00000000e+00,  6.00000000e+00])
    """

    __slots__ = ()

    __add__ = _binary("add")
    __radd__ = _reflected("add")
    __sub__ = _binary("sub")
    __rsub__ = _reflected("sub")
    __mul__ = _binary("mul")
    __rmul__ = _reflected("mul")
    __mod__ = _binary("mod")
    __rmod__ = _reflected("mod")
    __floordiv__ = _binary("floor_div")
    __rfloordiv__ = _reflected("floor_div")
    __eq__ = _comparison("eq")
    __ne__ = _comparison("ne")
    __lt__ = _comparison("lt")
    __le__ = _comparison("le")
    __gt__ = _comparison("gt")
    __ge__ = _comparison("ge")
    __hash__ = object.__hash__

    def __truediv__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        __tracebackhide__ = True
        return arithmetic.matmul(other, self)

    def __and__(self, other: Any) -> Any:
        return arithmetic.logical("logical_and", self, other)

    def __or__(self, other: Any) -> Any:
        return arithmetic.logical("logical_or", self, other)

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Any:
        return apply("logical_not", arithmetic.cast(self, bool_))

    def __neg__(self) -> Any:
        return apply("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return apply("abs", self)

    def __getitem__(self, index: Any) -> Any:
        __tracebackhide__ = True
        return indexing.get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        __tracebackhide__ = True
        self._become(indexing.updated(self, index, value))

    def _become(self, other: Tensor) -> None:
        """Takes over the value of `other`; a name that was bound to the old value keeps nothing of it."""
        self._value, self._trace = other._value, other._trace  # first: where there is no array, others look here
        self._array, self._init, self._place = other._array, None, None
        context.touch()  # a compiled program may hold the address of the old elements
        if other._trace is not None:
            other._trace.track(self)

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # Elementwise

    abs = _unary("abs", "Absolute values.")
    exp = _unary("exp", "e to the power of each element.")
    log = _unary("log", "Natural logarithms.")
    sqrt = _unary("sqrt", "Square roots.")
    rsqrt = _unary("rsqrt", "1 / sqrt(x).")
    tanh = _unary("tanh", "Hyperbolic tangents.")
    sigmoid = _unary("sigmoid", "1 / (1 + exp(-x)).")
    sin = _unary("sin", "Sines.")
    cos = _unary("cos", "Cosines.")
    erf = _unary("erf", "Error function.")
    floor = _unary("floor", "Largest integers not above.")
    ceil = _unary("ceil", "Smallest integers not below.")
    round = _unary("round", "Nearest integers, halves to even.")
    isnan = _unary("isnan", "Whether each element is NaN.")
    isfinite = _unary("isfinite", "Whether each element is neither infinite nor NaN.")
    negative = __neg__
    absolute = __abs__

    def pow(self, power: Any) -> Any:
        """Each element to the power of `power` (broadcast)."""
        return self**power

    def clip(self, xmin: Any = None, xmax: Any = None, dtype: DType | None = None) -> Any:
        """Elements limited to [xmin, xmax]; either bound may be None."""
        result = self if xmin is None else arithmetic.binary("maximum", self, xmin)
        result = result if xmax is None else arithmetic.binary("minimum", result, xmax)
        return result if dtype is None else result.astype(dtype)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The tensor in another element type (a DType, a NumPy dtype or its name)."""
        return arithmetic.cast(self, dtype_of(dtype))

    def copy(self) -> Any:
        """A tensor of the same value."""
        return apply("identity", self)

    def matmul(self, other: Any) -> Any:
        """Matrix product, as `self @ other`."""
        return arithmetic.matmul(self, other)

    def where(self, condition: Any, other: Any) -> Any:
        """`self` where `condition` holds, `other` elsewhere."""
        return arithmetic.where(condition, self, other)

    # Reductions

    sum = reductions.sum
    mean = reductions.mean
    prod = reductions.prod
    max = reductions.max
    min = reductions.min
    any = reductions.any
    all = reductions.all
    argmax = reductions.argmax
    argmin = reductions.argmin
    var = reductions.var
    std = reductions.std
    ptp = reductions.ptp
    cumsum = reductions.cumsum
    trace = selecting.trace

    # Shape

    reshape = shaping.reshape
    view = shaping.reshape
    transpose = shaping.transpose
    swapaxes = shaping.swapaxes
    squeeze = shaping.squeeze
    expand_dims = shaping.expand_dims
    flatten = shaping.flatten
    ravel = shaping.ravel
    broadcast_to = shaping.broadcast_to
    expand_as = shaping.expand_as
    take = shaping.take

    # Elements

    narrow = selecting.narrow
    resize = selecting.resize
    repeat = selecting.repeat
    diagonal = selecting.diagonal
    fill = selecting.fill
    masked_fill = selecting.masked_fill
    itemset = selecting.itemset
    choose = selecting.choose
    searchsorted = selecting.searchsorted

    @property
    def T(self) -> Any:
        """All axes in reverse order."""
        return shaping.transpose(self)
