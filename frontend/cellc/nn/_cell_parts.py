"""What the parts that `Cell` is put together of may use of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellc.nn._around import Around
    from cellc.nn._cell import Cell
    from cellc.parameter import Parameter


class CellPart:
    """Base of the parts; `Cell` defines what is declared here."""

    if TYPE_CHECKING:
        _around: Around

        @property
        def cls_name(self) -> str: ...
        def _surround(self, **changes: Any) -> None: ...
        def cells_and_names(self) -> Iterator[tuple[str, Cell]]: ...
        def name_cells(self) -> OrderedDict[str, Cell]: ...
        def parameters_and_names(self) -> Iterator[tuple[str, Parameter]]: ...
        def get_parameters(self, expand: bool = True) -> Iterator[Parameter]: ...
        def trainable_params(self, recurse: bool = True) -> list[Parameter]: ...
