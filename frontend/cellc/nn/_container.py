"""Containers of cells."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from cellc.errors import bad_argument
from cellc.nn._cell import Cell


class _Container(Cell):
    """Children in order, under names that are their numbers unless names were given."""

    def _checked(self, cell: Any) -> Cell:
        if isinstance(cell, Cell):
            return cell
        message = f"For '{self.cls_name}', each element must be a Cell, but got {cell!r} of type {type(cell).__name__}."
        raise bad_argument(TypeError, message)

    def _position(self, index: Any) -> int:
        if isinstance(index, bool) or not isinstance(index, int):
            message = f"For '{self.cls_name}', an index must be an int or a slice, but got {index!r}."
            raise bad_argument(TypeError, message)
        if not -len(self) <= index < len(self):
            message = f"For '{self.cls_name}', an index must be in [{-len(self)}, {len(self)}), but got {index}."
            raise bad_argument(IndexError, message)
        return index % len(self)

    def _prefix(self) -> str:
        """What stands before the attribute paths in the names of the parameters: the path of the container."""
        for path, parameter in self.parameters_and_names():
            if parameter.name.endswith(path):
                return parameter.name.removesuffix(path)
        return ""

    def _put(self, name: str, cell: Cell, prefix: str) -> None:
        self.insert_child_to_cell(name, cell)
        if self._auto_prefix:
            cell.update_parameters_name(f"{prefix}{name}.")

    def _replace_all(self, named: Iterable[tuple[str | None, Cell]]) -> None:
        """Makes `named` the children; a name of None becomes the child's number."""
        prefix = self._prefix()
        for name in list(self._cells):
            delattr(self, name)
        for number, (name, cell) in enumerate(named):
            self._put(str(number) if name is None else name, cell, prefix)

    def _named(self) -> list[tuple[str | None, Cell]]:
        return [(None if name.isdecimal() else name, cell) for name, cell in self._cells.items()]

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(list(self._cells.values()))

    def __setitem__(self, index: int, cell: Cell) -> None:
        name = list(self._cells)[self._position(index)]
        self._put(name, self._checked(cell), self._prefix())

    def __delitem__(self, index: int | slice) -> None:
        named = self._named()
        del named[index if isinstance(index, slice) else self._position(index)]
        self._replace_all(named)

    def append(self, cell: Cell) -> None:
        """Adds a cell at the end.

        Raises:
            TypeError: `cell` is not a Cell.
        """
        self._put(str(len(self)), self._checked(cell), self._prefix())


class SequentialCell(_Container):
    """Cells of which each takes what the one before returns.

    Args:
        args: cells, or one list of cells, or one OrderedDict from names to cells.

    Inputs:
        input_data: input of the first cell.

    Outputs:
        What the last cell returns.

    Raises:
        TypeError: an element is not a Cell, or a single argument is neither a list nor an OrderedDict.

    Examples:
        >>> nn.SequentialCell([nn.Dense(4, 3), nn.ReLU()])(ops.ones((2, 4))).shape
        (2, 3)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        cells = args[0] if len(args) == 1 else list(args)
        if isinstance(cells, list):
            cells = OrderedDict((str(number), cell) for number, cell in enumerate(cells))
        if not isinstance(cells, OrderedDict):
            message = f"For '{self.cls_name}', a single argument must be a list or an OrderedDict, but got "
            raise bad_argument(TypeError, f"{message}{cells!r} of type {type(cells).__name__}.")
        for name, cell in cells.items():
            self._put(name, self._checked(cell), "")

    @property
    def cell_list(self) -> list[Cell]:
        """The cells in order."""
        return list(self._cells.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._cells.items())[index]))
        return self.cell_list[self._position(index)]

    def construct(self, input_data: Any) -> Any:
        for cell in self.cell_list:
            input_data = cell(input_data)
        return input_data


class CellList(_Container):
    """A list of cells whose parameters belong to the cell that has the list. It is not called itself.

    Args:
        args: nothing, or one list of cells.
        auto_prefix: whether parameters are renamed to `<number>.<name>`.

    Raises:
        TypeError: an element is not a Cell, or the argument is not a list.

    Examples:
        >>> cells = nn.CellList([nn.Dense(4, 3)])
        >>> cells.append(nn.ReLU())
        >>> len(cells)
        2
    """

    def __init__(self, *args: Any, auto_prefix: bool = True) -> None:
        super().__init__(auto_prefix)
        if len(args) > 1:
            raise bad_argument(TypeError, f"For '{self.cls_name}', one list of cells is taken, but got {len(args)}.")
        if args:
            self.extend(args[0])

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._cells.values())[index])
        return list(self._cells.values())[self._position(index)]

    def __iadd__(self, cells: list[Cell]) -> CellList:
        return self.extend(cells)

    def insert(self, index: int, cell: Cell) -> None:
        """Adds a cell before the one at `index`; those behind move one place.

        Raises:
            TypeError: `index` is not an int, or `cell` is not a Cell.
            IndexError: there is no cell at `index`.
        """
        named = self._named()
        named.insert(self._position(index), (None, self._checked(cell)))
        self._replace_all(named)

    def extend(self, cells: list[Cell]) -> CellList:
        """Adds cells at the end.

        Raises:
            TypeError: `cells` is not a list of cells.
        """
        if not isinstance(cells, list):
            message = f"For '{self.cls_name}', cells to add must be a list, but got {type(cells).__name__}."
            raise bad_argument(TypeError, message)
        for cell in cells:
            self.append(cell)
        return self

    def construct(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{self.cls_name} is not called itself; call the cells in it")
