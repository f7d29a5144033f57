"""`from cellc.common.api import ms_function`."""

from typing import Any

from cellc.compiled_function import jit as jit
from cellc.compiled_function import ms_class as ms_class
from cellc.compiled_function import ms_function as ms_function


class _CellGraphExecutor:
    """Compiles Cells, for scripts that ask MindSpore's own executor to."""

    def compile(self, obj: Any, *args: Any, phase: str = "predict", **kwargs: Any) -> tuple[str, bool]:
        """Compiles `obj` for inputs like these, as `obj.compile(*args)`; other arguments are MindSpore's and unused.

        Returns:
            `phase` and True.
        """
        obj.compile(*args)
        return phase, True


_cell_graph_executor = _CellGraphExecutor()
