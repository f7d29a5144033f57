"""The data side of a tensor: where its elements are, and how they come in and out.

A tensor is in one of four states:

* concrete: `_array` holds the elements (C order, 64-byte aligned);
* initialised lazily: `_init` makes `_array` when first needed;
* pending: `_value` is part of a thread's eager graph and runs, compiled, when the elements are asked for;
* traced: `_value` is part of a Cell's graph that is being recorded; it has a shape and a dtype, but no elements.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc import dtype as dtypes
from cellc.dialects.nn.definition import TensorType
from cellc.dtype import DType, by_code, dtype_of
from cellc.storage import ALIGNMENT, address_of, aligned_copy, aligned_empty

if TYPE_CHECKING:
    from cellc.graph import Value
    from cellc.trace import Trace


def _default_dtype(data: Any, array: np.ndarray) -> DType:
    """Python floats are float32 (as in MindSpore since 1.9); arrays, NumPy scalars and tensors keep their dtype."""
    if array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic | TensorBase):
        return dtypes.float32
    return dtype_of(array.dtype)


def _text_of(array: np.ndarray, dtype: DType) -> str:
    """The elements as MindSpore prints them in a tensor's repr: 9 digits (16-bit floats: 5), no empty lines."""
    if dtype.is_float and array.ndim == 0:
        return f"{float(array):g}"
    digits = 4 if dtype.itemsize == 2 else 8
    formatter: Any = {"float_kind": lambda value: f"{value: {digits + 7}.{digits}e}"}
    text = np.array2string(array, separator=", ", formatter=formatter if dtype.is_float else None)
    return re.sub("\n+", "\n", text)


_REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "true_divide": "__rtruediv__", "floor_divide": "__rfloordiv__", "remainder": "__rmod__", "power": "__rpow__",
    "matmul": "__rmatmul__", "bitwise_and": "__rand__", "bitwise_or": "__ror__", "equal": "__eq__",
    "not_equal": "__ne__", "less": "__gt__", "less_equal": "__ge__", "greater": "__lt__", "greater_equal": "__le__",
}  # fmt: skip
"""NumPy's functions behind the operators of an array, and what a Tensor on the right does for each."""


_filling: dict[int, threading.RLock] = {}
"""By identity: the tensors that a thread is making the first elements of."""


class TensorBase:
    """Shape, dtype, elements and conversions; `cellc.Tensor` adds the operations."""

    __slots__ = ("__weakref__", "_array", "_init", "_place", "_trace", "_type", "_value")
    __array_priority__ = 1000
    is_parameter = False

    _type: TensorType
    _array: np.ndarray | None
    _place: tuple[np.ndarray, int] | None  # an array with its address; outdated where it is not `_array`
    _value: Value | None
    _trace: Trace | None
    _init: Any

    def __init__(
        self,
        input_data: Any = None,
        dtype: DType | None = None,
        shape: tuple[int, ...] | int | None = None,
        init: Any = None,
        internal: bool = False,
        const_arg: bool = False,
    ) -> None:
        self._value = self._trace = self._init = self._array = self._place = None
        if init is not None:
            if input_data is not None or shape is None or dtype is None:
                raise ValueError("a Tensor with init takes shape and dtype, and no input_data")
            shape = (shape,) if isinstance(shape, int) else tuple(shape)
            self._type = TensorType(shape, dtype_of(dtype).code)
            self._init = init
            return
        if input_data is None and shape is not None:
            raise TypeError(
                f"a Tensor of shape {shape!r} needs input_data or init; networks take their shapes from each call"
            )
        self._take_data(input_data, None if dtype is None else dtype_of(dtype))

    def _take_data(self, data: Any, dtype: DType | None) -> None:
        if isinstance(data, np.ndarray):
            array = data
        elif isinstance(data, TensorBase):
            data._materialize()
            array = data._elements()
        elif isinstance(data, list | tuple) and any(isinstance(item, TensorBase) for item in data):
            array = np.stack([item.asnumpy() if isinstance(item, TensorBase) else np.asarray(item) for item in data])
        elif isinstance(data, np.generic | bool | int | float | list | tuple):
            array = np.asarray(data)
        else:
            raise TypeError(
                "Tensor takes a number, a list or tuple of numbers, a numpy array or a Tensor, "
                f"got {data!r} of type {type(data).__name__}"
            )
        if array.dtype == object:
            raise TypeError(f"Tensor takes rectangular numeric data, got {data!r}")
        dtype = dtype or _default_dtype(data, array)
        self._array = aligned_copy(array, dtype.numpy)
        self._type = TensorType(array.shape, dtype.code)

    @classmethod
    def _traced(cls, value: Value, trace: Trace) -> Any:
        tensor = cls.__new__(cls)
        tensor._array = tensor._init = tensor._place = None
        tensor._value = value
        tensor._trace = trace
        tensor._type = value.type
        return tensor

    @classmethod
    def _wrap(cls, array: np.ndarray, type: TensorType) -> Any:
        """A concrete tensor on `array`, which is aligned, in C order and owned by nobody else."""
        tensor = cls.__new__(cls)
        tensor._value = tensor._trace = tensor._init = tensor._place = None
        tensor._array = array
        tensor._type = type
        return tensor

    @classmethod
    def _placed(cls, place: tuple[np.ndarray, int], type: TensorType) -> Any:
        """As `_wrap`, of an array whose address is known."""
        tensor = cls.__new__(cls)
        tensor._value = tensor._trace = tensor._init = None
        tensor._array = place[0]
        tensor._place = place
        tensor._type = type
        return tensor

    @classmethod
    def from_numpy(cls, array: np.ndarray) -> Any:
        """A tensor that shares the array's memory, where that is aligned, in C order and native bytes, else a copy."""
        if not isinstance(array, np.ndarray):
            raise TypeError(f"from_numpy takes a numpy.ndarray, got {type(array).__name__}")
        if not array.flags.c_contiguous or not array.dtype.isnative or address_of(array) % ALIGNMENT:
            return cls(array)
        return cls._wrap(array, TensorType(array.shape, dtype_of(array.dtype).code))

    # Properties

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents, outermost first."""
        return self._type.shape

    @property
    def dtype(self) -> DType:
        """Element type, such as `cellc.float32`."""
        return by_code(self._type.dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._type.size

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes all elements take."""
        return self._type.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes to step in each axis; always those of C order."""
        strides, step = [], self.itemsize
        for extent in reversed(self.shape):
            strides.append(step)
            step *= extent
        return tuple(reversed(strides))

    @property
    def has_init(self) -> bool:
        """Whether the elements are still to be made by an initializer."""
        return self._init is not None

    # Elements

    def to_tensor(self, slice_index: Any = None, shape: Any = None, opt_shard_group: Any = None) -> Any:
        """The older name of `init_data`."""
        return self.init_data(slice_index, shape, opt_shard_group)

    def init_data(self, slice_index: Any = None, shape: Any = None, opt_shard_group: Any = None) -> Any:
        """Makes the elements of a lazily initialised tensor; returns the tensor."""
        if self._init is not None:
            with _filling.setdefault(id(self), threading.RLock()):
                self._fill()
            _filling.pop(id(self), None)
        return self

    def _fill(self) -> None:
        init = self._init
        if init is not None:  # else another thread made the elements, which all have to share
            array = aligned_empty(self.shape, self.dtype.numpy)
            init.fill(array)
            if self._init is init:  # else `set_data` gave it others
                self._array = array
                self._init = None

    def _materialize(self) -> None:
        """Makes the tensor concrete: initialises it, or runs the pending graph it belongs to.

        Raises:
            TypeError: the tensor is being traced, so it has no elements.
        """
        if self._array is not None:
            return
        if self._init is not None:
            self.init_data()
        elif (trace := self._trace) is not None:  # else another thread has just made the elements
            trace.materialize(self)

    def _being_traced(self) -> bool:
        """Whether it has no elements and never will: it is part of a Cell's graph."""
        trace = self._trace  # once: another thread may be giving it its elements
        return self._array is None and trace is not None and not trace.eager

    def _elements(self) -> np.ndarray:
        """The storage itself; callers must not write to it or let it out."""
        self._materialize()
        assert self._array is not None
        return self._array

    def _located(self) -> tuple[np.ndarray, int]:
        """The storage and its address, which is found once; while the pair is held, the memory is there."""
        place = self._place
        if place is None or place[0] is not self._array:
            array = self._elements()
            place = self._place = array, address_of(array)
        return place

    def asnumpy(self) -> np.ndarray:
        """A copy of the elements as a NumPy array."""
        return self._asking("asnumpy()").copy()

    def _asking(self, operation: str) -> np.ndarray:
        """The storage, or an error that names the operation when the tensor is being traced."""
        if self._being_traced():
            from cellc import errors

            # Without the TypeError of a method of the same name, which NumPy tries first, with arguments of its own.
            raise errors.value_needed(self, operation) from None
        return self._elements()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """A copy; `copy=False` cannot be honoured because storage is not shared."""
        if copy is False:
            raise ValueError("a Tensor does not share its memory with NumPy; drop copy=False")
        array = self._asking("a NumPy function").copy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """`np.ndarray + Tensor` is what `Tensor.__radd__` gives; other functions of NumPy take the elements."""
        reflected = _REFLECTED.get(ufunc.__name__)
        if method == "__call__" and reflected is not None and not options and inputs[1] is self:
            return getattr(self, reflected)(inputs[0])
        for value in inputs:
            if isinstance(value, TensorBase):
                value._asking(f"np.{ufunc.__name__}")
        elements = [value.asnumpy() if isinstance(value, TensorBase) else value for value in inputs]
        return getattr(ufunc, method)(*elements, **options)

    def __dlpack__(self, **options: Any) -> Any:
        return self._asking("__dlpack__()").copy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU

    def item(self, index: Any = None) -> Any:
        """One element as a Python number: the only one, or the one at a flat or tuple index."""
        array = self._asking("item()")
        if index is None and array.size != 1:
            raise ValueError(f"item() needs an index: the tensor has {array.size} elements, not one")
        return array.item() if index is None else array.item(index)

    def tolist(self) -> Any:
        """The elements as nested Python lists."""
        return self._asking("tolist()").tolist()

    def _single(self, operation: str) -> Any:
        array = self._asking(operation)
        if array.size != 1:
            raise ValueError(f"{operation} needs a tensor of one element, got one of shape {self.shape}")
        return array.item()

    def __bool__(self) -> bool:
        return bool(self._single("bool()"))

    def __int__(self) -> int:
        return int(self._single("int()"))

    def __float__(self) -> float:
        return float(self._single("float()"))

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise TypeError(f"only an integer tensor is an index, got {self.dtype}")
        return int(self._single("an index"))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor of rank 0 has no len()")
        return self.shape[0]

    def __repr__(self) -> str:
        head = f"{type(self).__name__}(shape={list(self.shape)}, dtype={self.dtype}"
        if self._being_traced() and self._trace is not None:
            return f"{head}, traced in {self._trace.name})"
        return f"{head}, value={' ' if self.ndim < 2 else chr(10)}{_text_of(self._elements(), self.dtype)})"

    def __str__(self) -> str:
        if self._being_traced():
            return repr(self)
        return str(self._elements())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._elements().copy(),))

    def __copy__(self) -> Any:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from cellc.tensor import Tensor

        return Tensor._wrap(aligned_copy(self._elements(), self.dtype.numpy), self._type)
