"""The part of `Cell` that holds what is assigned to it: parameters, children and plain attributes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard, cast

from cellc import context, running
from cellc.nn._cell_parts import CellPart
from cellc.nn._cell_settings import checked_prefix
from cellc.parameter import CastParameter, Parameter, ParameterTuple
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.nn._cell import Cell

_UNSET = object()


class CellMembers(CellPart):
    """Base of `Cell`."""

    _auto_prefix: bool
    _params: OrderedDict[str, Any]  # Parameters; None where one was taken away
    _cells: OrderedDict[str, Any]  # the same with children

    def _init_members(self) -> None:
        object.__setattr__(self, "_params", OrderedDict())
        object.__setattr__(self, "_cells", OrderedDict())

    # Attributes

    def __getattr__(self, name: str) -> Any:
        for kind in ("_params", "_cells"):
            members = self.__dict__.get(kind)
            if members is not None and name in members:
                return self._seen(name, members[name]) if running.state.computing else members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}")

    _kept_wide: ClassVar[tuple[str, ...]] = ()
    """Parameters that `to_float` leaves alone: running statistics, which would stand still in half precision."""

    def _seen(self, name: str, member: Any) -> Any:
        """A member as `construct` sees it: with `to_float` a parameter of floats is cast."""
        dtype = self._around.dtype if running.state.computing[-1] is self else None
        if dtype is None or not isinstance(member, Parameter) or name in self._kept_wide:
            return member
        return CastParameter.of(member, dtype) if member.dtype.is_float and member.dtype is not dtype else member

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._members("_params", name)
            self._discard(name, keep="_params")
            self.insert_param_to_cell(name, value)
        elif _is_cell(value):
            self._members("_cells", name)
            self._discard(name, keep="_cells")
            if self._auto_prefix:
                value.update_parameters_name(name + ".")
            self.insert_child_to_cell(name, value)
        elif isinstance(value, ParameterTuple):
            for parameter in value:
                self.insert_param_to_cell(parameter.name, parameter, check_name_contain_dot=False)
            self._set_plain(name, value)
        elif name in self.__dict__.get("_params", ()):
            self._assign_parameter(name, value)
        elif name in self.__dict__.get("_cells", ()):
            if value is not None:
                raise TypeError(f"attribute {name} holds a Cell; a {type(value).__name__} cannot replace it")
            self._cells[name] = None
            context.touch()
        else:
            self._set_plain(name, value)

    def _members(self, kind: str, name: str) -> None:
        if kind not in self.__dict__:
            raise AttributeError(f"call super().__init__() before assigning {name} in {type(self).__name__}.__init__")

    def _discard(self, name: str, keep: str) -> None:
        """Forgets what `name` was, unless it was of the same sort."""
        self.__dict__.pop(name, None)
        for kind in {"_params", "_cells"} - {keep}:
            self.__dict__[kind].pop(name, None)

    def _assign_parameter(self, name: str, value: Any) -> None:
        parameter = self._params[name]
        if value is None:
            self._params[name] = None
            context.touch()
        elif isinstance(value, TensorBase) and parameter is not None:
            parameter.set_data(value)
        else:
            raise TypeError(f"attribute {name} holds a Parameter; a {type(value).__name__} cannot replace it")

    def _set_plain(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name, _UNSET)
        object.__setattr__(self, name, value)
        if old is not value:
            context.touch()

    def __delattr__(self, name: str) -> None:
        for kind in ("_params", "_cells"):
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                context.touch()
                return
        object.__delattr__(self, name)
        context.touch()

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self._params, *self._cells})

    # Parameters

    def insert_param_to_cell(self, param_name: str, param: Parameter | None,
                             check_name_contain_dot: bool = True) -> None:  # fmt: skip
        """Adds a parameter as attribute `param_name`.

        Raises:
            KeyError: the name is empty, contains a dot, or is taken by another attribute.
            TypeError: `param` is not a Parameter.
        """
        if not param_name:
            raise KeyError("a parameter's attribute name must not be empty")
        if check_name_contain_dot and "." in param_name:
            raise KeyError(f"a parameter's attribute name must not contain '.', got {param_name!r}")
        if not isinstance(param, Parameter) and param is not None:
            raise TypeError(f"insert_param_to_cell takes a Parameter, got {type(param).__name__}")
        if param_name not in self._params and hasattr(self, param_name):
            raise KeyError(f"{type(self).__name__} already has an attribute {param_name!r}")
        if param is not None and param.has_default_name:
            param.name = param_name
        self._params[param_name] = param
        context.touch()

    def parameters_and_names(self, name_prefix: str = "", expand: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Yields (attribute path, parameter), each parameter once; only its own unless `expand`."""
        seen: set[int] = set()
        cells = self.cells_and_names(name_prefix=name_prefix) if expand else [(name_prefix, self)]
        for cell_name, cell in cells:
            for name, parameter in cell._params.items():
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield (f"{cell_name}.{name}" if cell_name else name), parameter

    def get_parameters(self, expand: bool = True) -> Iterator[Parameter]:
        """Yields the parameters of the cell and, with `expand`, of all cells in it."""
        for _, parameter in self.parameters_and_names(expand=expand):
            yield parameter

    def trainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters with `requires_grad`."""
        return [parameter for parameter in self.get_parameters(recurse) if parameter.requires_grad]

    def untrainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters without `requires_grad`."""
        return [parameter for parameter in self.get_parameters(recurse) if not parameter.requires_grad]

    def parameters_dict(self, recurse: bool = True) -> OrderedDict[str, Parameter]:
        """The parameters by name (their own names, not the attribute paths)."""
        return OrderedDict((parameter.name, parameter) for parameter in self.get_parameters(recurse))

    def update_parameters_name(self, prefix: str = "", recurse: bool = True) -> None:
        """Renames each parameter to `prefix` + its attribute path.

        Raises:
            ValueError: the prefix holds something beside letters, digits, '_', '.' and '-'.
        """
        checked_prefix(prefix)
        for name, parameter in self.parameters_and_names(expand=recurse):
            parameter.name = prefix + name

    # Cells

    def insert_child_to_cell(self, child_name: str, child_cell: Cell | None) -> None:
        """Adds a cell as attribute `child_name`.

        Raises:
            KeyError: the name is empty, contains a dot, or is taken by another attribute.
            TypeError: `child_cell` is not a Cell.
        """
        if not child_name or "." in child_name:
            raise KeyError(f"a child's name must not be empty or contain '.', got {child_name!r}")
        if not _is_cell(child_cell) and child_cell is not None:
            raise TypeError(f"insert_child_to_cell takes a Cell, got {type(child_cell).__name__}")
        if child_name not in self._cells and hasattr(self, child_name):
            raise KeyError(f"{type(self).__name__} already has an attribute {child_name!r}")
        self._cells[child_name] = child_cell
        if child_cell is not None:
            child_cell.__dict__["_cell_name"] = child_name
        context.touch()

    def cells(self) -> Iterable[Cell]:
        """The direct children."""
        return self.name_cells().values()

    def name_cells(self) -> OrderedDict[str, Cell]:
        """The direct children by name, each once."""
        found: OrderedDict[str, Cell] = OrderedDict()
        for name, cell in self._cells.items():
            if cell is not None and all(cell is not other for other in found.values()):
                found[name] = cell
        return found

    def cells_and_names(self, cells: set[int] | None = None, name_prefix: str = "") -> Iterator[tuple[str, Cell]]:
        """Yields (path, cell) for this cell and all cells in it, parents first, each once."""
        seen = cells if cells is not None else set()
        if id(self) in seen:
            return
        seen.add(id(self))
        yield name_prefix, cast("Cell", self)
        for name, cell in self._cells.items():
            if cell is not None:
                yield from cell.cells_and_names(seen, f"{name_prefix}.{name}" if name_prefix else name)


def _is_cell(value: object) -> TypeGuard[Cell]:
    return isinstance(value, CellMembers)
