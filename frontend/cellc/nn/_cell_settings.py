"""The part of `Cell` that keeps settings and names: flags, phase, scopes, checks. Nothing here computes."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from cellc.nn._cell_parts import CellPart
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.nn._cell import Cell

_PREFIX = re.compile(r"[0-9a-zA-Z_.\-]*")


def checked_prefix(prefix: str) -> str:
    """The prefix of parameters' names; ValueError for one that MindSpore would not read back."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"a prefix must consist of letters, digits, '_', '.' and '-', got {prefix!r}")
    return prefix


class CellSettings(CellPart):
    """Base of `Cell`."""

    _phase: str
    _flags: dict[str, Any]
    _scope: str | None
    _param_prefix: str
    _cell_init_args: str
    _create_time: int
    _bprop_debug: bool
    _dynamic_inputs: tuple[Any, ...] | None
    cell_type: str | None
    requires_grad: bool

    def _init_settings(self) -> None:
        # Not through `__setattr__`, which looks for parameters and tells compiled programs of a change.
        self.__dict__.update(
            _phase="train", _flags={}, _scope=None, _param_prefix="", _cell_init_args="",
            _create_time=time.time_ns(), _bprop_debug=False,
            _dynamic_inputs=None, cell_type=None,
        )  # fmt: skip

    # What a cell is in

    @property
    def phase(self) -> str:
        """ "train" or "predict", as `set_train` left it, or any other string."""
        return self._phase

    @phase.setter
    def phase(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"phase must be a str, got {value!r} of type {type(value).__name__}")
        self._phase = value

    @property
    def cell_init_args(self) -> str:
        """A text that MindSpore's tools keep about how the cell was made; empty unless it is set."""
        return self._cell_init_args

    @cell_init_args.setter
    def cell_init_args(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"cell_init_args must be a str, got {value!r} of type {type(value).__name__}")
        self._cell_init_args = value

    @property
    def create_time(self) -> int:
        """When the cell was made, in nanoseconds."""
        return self._create_time

    @property
    def param_prefix(self) -> str:
        """The path of the cell in the network, after `update_cell_prefix` of the network."""
        return self._param_prefix

    @property
    def bprop_debug(self) -> bool:
        """MindSpore's switch that runs `bprop` in Python; it is always traced here."""
        return self._bprop_debug

    @bprop_debug.setter
    def bprop_debug(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"bprop_debug must be a bool, got {value!r} of type {type(value).__name__}")
        self._bprop_debug = value

    def update_cell_prefix(self) -> None:
        """Sets `param_prefix` of this cell and all below to their paths."""
        for name, cell in self.cells_and_names():
            cell._param_prefix = name

    def update_cell_type(self, cell_type: str) -> None:
        """Sets `cell_type`, such as "quant" or "second-order"."""
        self.cell_type = cell_type

    def get_scope(self) -> str | None:
        """The cell's place, `Default/features-SequentialCell/0-Conv2d`, after `generate_scope` of the network."""
        return self._scope

    def generate_scope(self) -> None:
        """Gives each cell below its scope; one that has a scope keeps it."""
        for scope, cell in _scopes(self, "Default"):
            cell._scope = cell._scope or scope

    # Flags

    def add_flags(self, **flags: Any) -> Self:
        """Sets attributes, which `get_flags` lists; `fp16=True` or `fp32=True` is `to_float` of this cell alone.

        Returns the cell.
        """
        from cellc import dtype as dtypes

        self._flags = {**self._flags, **flags}
        for name, value in flags.items():
            setattr(self, name, value)
        for name, dtype in (("fp16", dtypes.float16), ("fp32", dtypes.float32)):
            if flags.get(name):
                self._surround(dtype=dtype)
        return self

    def add_flags_recursive(self, **flags: Any) -> Self:
        """`add_flags` here and in all cells below. Returns the cell."""
        for _, cell in self.cells_and_names():
            cell.add_flags(**flags)
        return self

    def get_flags(self) -> dict[str, Any]:
        """The attributes that `add_flags` set."""
        return self._flags

    def set_train(self, mode: bool = True) -> Self:
        """Sets `training` here and in all cells below; Dropout and BatchNorm read it. Returns the cell."""
        if not isinstance(mode, bool):
            raise TypeError(f"set_train takes a bool, got {mode!r}")
        self._phase = "train" if mode else "predict"
        return self.add_flags_recursive(training=mode)

    def set_grad(self, requires_grad: bool = True) -> Self:
        """Sets `requires_grad` of the cell; gradients here are taken where they are asked for. Returns the cell."""
        self.requires_grad = requires_grad
        return self

    def set_broadcast_flag(self, mode: bool = True) -> Self:
        """Sets the flag `broadcast_flag`, which only a distributed run reads. Returns the cell."""
        return self.add_flags_recursive(broadcast_flag=mode)

    def set_comm_fusion(self, fusion_type: int, recurse: bool = True) -> Self:
        """Sets `comm_fusion` of the trainable parameters, which only a distributed run reads. Returns the cell.

        Raises:
            ValueError: `fusion_type` is not an int of at least 0.
        """
        if isinstance(fusion_type, bool) or not isinstance(fusion_type, int) or fusion_type < 0:
            raise ValueError(f"fusion_type must be an int of at least 0, got {fusion_type!r}")
        for parameter in self.trainable_params(recurse):
            parameter.comm_fusion = fusion_type
        return self

    def auto_parallel_compile_and_run(self) -> bool:
        """Whether the cell is cut over processes: never, each holds the whole network."""
        return False

    # Parameters

    def check_names(self) -> None:
        """Raises ValueError when two parameters have one name."""
        names: set[str] = set()
        for path, parameter in self.parameters_and_names():
            if parameter.name in names:
                raise ValueError(f"{path} is {parameter}, and its name '{parameter.name}' is taken; give it another")
            names.add(parameter.name)

    def init_parameters_data(self, auto_parallel_mode: bool = False) -> dict[Parameter, Parameter]:
        """Makes the elements of parameters that are initialised lazily; each parameter stays the same object."""
        if auto_parallel_mode:
            raise NotImplementedError("init_parameters_data: there is no parallel mode that cuts parameters")
        return {parameter: parameter.init_data() for parameter in self.get_parameters()}

    def parameters_broadcast_dict(self, recurse: bool = True) -> OrderedDict[str, Parameter] | None:
        """The parameters that are not `layerwise_parallel`, by name; None when there are none."""
        found = [(p.name, p) for p in self.get_parameters(expand=recurse) if not p.layerwise_parallel]
        return OrderedDict(found) or None

    # Inputs

    def set_inputs(self, *inputs: Any) -> None:
        """Keeps what inputs will look like. A program is made for the shapes of each call, so nothing depends on it.

        Raises:
            TypeError: an input is a str, an int or a dict.
        """
        for value in inputs:
            if isinstance(value, str | int | dict):
                raise TypeError(f"set_inputs takes Tensors, got {value!r} of type {type(value).__name__}")
        self._dynamic_inputs = inputs

    def get_inputs(self) -> tuple[Any, ...] | None:
        """What `set_inputs` was given."""
        return self._dynamic_inputs

    def cast_inputs(self, inputs: tuple[Any, ...], dst_type: Any) -> tuple[Any, ...]:
        """Nested tuples of Tensors and numbers as Tensors of a dtype."""
        return tuple(
            self.cast_inputs(item, dst_type) if isinstance(item, tuple) else _tensor(item).astype(dst_type)
            for item in inputs
        )

    def auto_cast_inputs(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs with those of floats in the dtype that `to_float` set."""
        from cellc.nn._around import cast_floats

        dtype = self._around.dtype
        return inputs if dtype is None else cast_floats(inputs, dtype)

    def cast_param(self, param: Parameter) -> Tensor:
        """A parameter in the dtype that `to_float` set."""
        dtype = self._around.dtype
        return param if dtype is None or not param.dtype.is_float else param.astype(dtype)


def _tensor(value: Any) -> Any:
    return value if isinstance(value, TensorBase) else Tensor(value)


def _scopes(cell: CellPart, prefix: str) -> Iterator[tuple[str, Cell]]:
    named = [(f"{prefix}/{name}-{child.cls_name}", child) for name, child in cell.name_cells().items()]
    yield from named
    for scope, child in named:
        yield from _scopes(child, scope)
