"""`Parameter`: a tensor with a name and storage that compiled programs update in place; `ParameterTuple`."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import ref

import numpy as np

from cellc import context, running
from cellc import dtype as dtypes
from cellc import trace as tracing
from cellc.dtype import DType
from cellc.eager import EagerTrace
from cellc.storage import address_of, aligned_copy
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase

_DEFAULT_NAME = "Parameter"
_versions = itertools.count(1)


class _Newest:
    """`version` is that of the parameter written last: while it stays, none has changed."""

    version = 0


newest = _Newest()


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, got {value!r} of type {type(value).__name__}")
    return value


def written(parameters: Sequence[Parameter]) -> None:
    """Everything that writes elements calls this when it is done: what was computed of them is outdated."""
    version = next(_versions)
    for parameter in parameters:
        parameter._version = version
    newest.version = version


class UpdateLock:
    """Held by a program while it runs, where it updates parameters; they know it as long as the program lives."""

    def __init__(self) -> None:
        self.held = threading.Lock()


class Parameter(Tensor):
    """A tensor that belongs to a Cell: named, trainable or not, updated in place by compiled programs.

    Args:
        default_input: Tensor, initializer, array, list or number with the first value.
        name: its name; inside a Cell the attribute path replaces it.
        requires_grad: whether `trainable_params` lists it.
        layerwise_parallel, parallel_optimizer: kept for distributed training.

    Raises:
        TypeError: a flag is not a bool.
        ValueError: the name is not a string or is empty, or the first value is a Python bool.
    """

    is_parameter = True
    _version = 0

    def __init__(
        self,
        default_input: Any,
        name: str | None = None,
        requires_grad: bool = True,
        layerwise_parallel: bool = False,
        parallel_optimizer: bool = True,
    ) -> None:
        if isinstance(default_input, bool):
            raise ValueError(f"a parameter's first value must be a number or a tensor, got {default_input}")
        if isinstance(default_input, TensorBase) and default_input._init is not None:
            super().__init__(shape=default_input.shape, dtype=default_input.dtype, init=default_input._init)
        else:
            super().__init__(default_input)
        self._name = _DEFAULT_NAME
        self.name = name
        self.requires_grad = requires_grad
        self.comm_fusion = 1
        self._updaters: tuple[ref[UpdateLock], ...] = ()
        self.layerwise_parallel = _flag("layerwise_parallel", layerwise_parallel)
        self.parallel_optimizer = _flag("parallel_optimizer", parallel_optimizer)

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if name is None:
            name = _DEFAULT_NAME
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"a parameter's name must be a str that is not empty, got {name!r}")
        self._name = name

    @property
    def has_default_name(self) -> bool:
        """Whether no name was given, so that a Cell names the parameter after its attribute."""
        return self._name == _DEFAULT_NAME

    @property
    def requires_grad(self) -> bool:
        """Whether the parameter is trainable."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._requires_grad = _flag("requires_grad", value)

    @property
    def storage(self) -> Parameter:
        """The parameter that holds the value: itself, unless it is a view of another."""
        return self

    @property
    def data(self) -> Parameter:
        """The parameter itself (MindSpore's spelling)."""
        return self

    def value(self) -> Tensor:
        """The parameter's present value as a Tensor that later updates do not change."""
        return tracing.apply("identity", self)

    def set_data(self, data: Any, slice_shape: bool = False) -> Parameter:
        """Replaces the value in place.

        Args:
            data: Tensor, array, list or number of the parameter's shape, which is converted to its dtype; a float
                does not fit an integer parameter, nor a Tensor a parameter of lower precision.
            slice_shape: allows another shape.

        Raises:
            TypeError: the dtype does not fit.
            ValueError: the shape differs.
        """
        __tracebackhide__ = True
        narrows = isinstance(data, TensorBase) and dtypes.promote(self.dtype, data.dtype) is not self.dtype
        data = data if isinstance(data, TensorBase) else Tensor(data)
        self._check(data, narrows, slice_shape)
        if running.recorded():
            tracing.assign(self, data.astype(self.dtype))
            return self
        self._finish_pending()
        elements = data._elements()
        if self.shape != elements.shape or self._array is None:
            with context.reshaping():
                self._array = aligned_copy(elements, self.dtype.numpy)
                self._type = self._type._replace(shape=elements.shape)
                self._init = None
                context.touch()
        else:
            with self._quiet():
                np.copyto(self._array, elements, casting="unsafe")
        written([self])
        return self

    def _check(self, data: TensorBase, narrows: bool, slice_shape: bool) -> None:
        from cellc import errors

        if narrows or (data.dtype.is_float and not self.dtype.is_float):
            raise errors.bad_argument(TypeError, f"parameter {self.name} is {self.dtype}, the new value {data.dtype}")
        if data.shape != self.shape and not slice_shape:
            raise errors.bad_argument(
                ValueError, f"parameter {self.name} has shape {self.shape}, the new value {data.shape}"
            )

    def asnumpy(self) -> np.ndarray:
        """A copy of the elements as a NumPy array: those of one moment, also while another thread trains."""
        self._asking("asnumpy()")
        return self._at_once()

    def _at_once(self) -> np.ndarray:
        """A copy of the elements that they have at one moment."""
        elements = self._elements()
        with self._quiet():
            return elements.copy()

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Inside the block no program updates the parameter."""
        with ExitStack() as stack:
            alive = [lock for each in self.storage._updaters if (lock := each()) is not None]
            for lock in sorted(alive, key=id):
                stack.enter_context(lock.held)
            yield

    def updated_under(self, lock: UpdateLock) -> None:
        """Told of a program that updates the parameter while it holds the lock."""
        self._updaters = (*(each for each in self._updaters if each() is not None), ref(lock))

    def _finish_pending(self) -> None:
        """Runs the pending graph where it reads or assigns this parameter, so that it sees the old value."""
        eager = tracing.current()
        if eager.eager and (eager.captured(self) or eager.assigned(self)):
            eager.flush()

    def _elements(self) -> np.ndarray:
        eager = tracing.current()
        if isinstance(eager, EagerTrace) and eager.assigned(self):
            if eager.kept:
                return eager.present(self)
            eager.flush()
        return super()._elements()

    def _located(self) -> tuple[np.ndarray, int]:
        """A copy and its address: the program that asks may overwrite the parameter."""
        with self._quiet():
            array = aligned_copy(self._elements(), self.dtype.numpy)
        return array, address_of(array)

    def _asking(self, operation: str) -> np.ndarray:
        if running.tracing():
            from cellc import errors

            raise errors.value_needed(self, operation)
        return self._elements()

    def _become(self, other: Tensor) -> None:
        tracing.assign(self, other)

    def clone(self, init: Any = "same") -> Parameter:
        """A new parameter with this one's attributes.

        Args:
            init: `"same"` (the present value), a number, an initializer or its name, or a Tensor.
        """
        from cellc.initializer import initializer

        if init == "same" if isinstance(init, str) else False:
            value: Any = Tensor(self._at_once(), self.dtype)
        elif isinstance(init, TensorBase):
            value = init
        else:
            value = initializer(init, self.shape, self.dtype)
        return self._like(value)

    def _like(self, value: Any) -> Parameter:
        """A parameter with this one's attributes and another value."""
        other = Parameter(value, self.name, self.requires_grad, self.layerwise_parallel, self.parallel_optimizer)
        other.comm_fusion = self.comm_fusion
        return other

    def __repr__(self) -> str:
        return (
            f"Parameter (name={self.name}, shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"
        )

    def __str__(self) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        flags = self.requires_grad, self.layerwise_parallel, self.parallel_optimizer
        return (Parameter, (self._at_once(), self.name, *flags), {"comm_fusion": self.comm_fusion})

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        clone = self.clone()
        memo[id(self)] = clone
        return clone


class CastParameter(Parameter):
    """A parameter as a cell sees it that computes in another dtype: its value cast; assignments go to the parameter."""

    is_parameter = False
    _source: Parameter

    @classmethod
    def of(cls, parameter: Parameter, dtype: DType) -> CastParameter:
        """A view of the parameter's present value."""
        value = tracing.apply("cast", parameter, dtype=dtype.code)
        view = cls._traced(value._value, value._trace)
        value._trace.track(view)
        view._source = parameter
        return view

    @property
    def storage(self) -> Parameter:
        """The parameter itself."""
        return self._source

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self._source.name

    @property
    def requires_grad(self) -> bool:
        """Whether the parameter is trainable."""
        return self._source.requires_grad

    def set_data(self, data: Any, slice_shape: bool = False) -> Parameter:
        """Replaces the parameter's value."""
        return self._source.set_data(data, slice_shape)

    def _become(self, other: Tensor) -> None:
        self._source.set_data(other)


class ParameterTuple(tuple[Parameter, ...]):
    """A tuple of parameters with distinct names.

    Raises:
        TypeError: an element is not a Parameter.
        ValueError: two parameters have one name.
    """

    def __new__(cls, iterable: Iterable[Parameter]) -> ParameterTuple:
        parameters = tuple(iterable)
        seen: dict[str, Parameter] = {}
        for parameter in parameters:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"ParameterTuple takes Parameters, got {parameter!r} ({type(parameter).__name__})")
            if seen.setdefault(parameter.name, parameter) is not parameter:
                raise ValueError(f"two parameters are named {parameter.name!r}; give one another name")
        return super().__new__(cls, parameters)

    def clone(self, prefix: str, init: Any = "same") -> ParameterTuple:
        """A tuple of clones named `<prefix>.<name>`, as optimizers make for their slots."""
        clones = []
        for parameter in self:
            clone = parameter.clone(init)
            clone.name = f"{prefix}.{parameter.name}"
            clones.append(clone)
        return ParameterTuple(clones)
