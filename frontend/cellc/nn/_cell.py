"""`Cell`: the building block of networks: a tree of parameters and cells with a `construct` method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cellc import context, running
from cellc.errors import bad_argument
from cellc.function import Function
from cellc.nn._around import PLAIN, run
from cellc.nn._cell_absent import AbsentMethods
from cellc.nn._cell_control import CellControl
from cellc.nn._cell_members import CellMembers
from cellc.nn._cell_settings import CellSettings
from cellc.recompile import watched
from cellc.running import cell_path, inside
from cellc.source_location import user_frame
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.lowered import Lowered


def _not_a_tensor(cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any], error: AttributeError) -> Exception | None:
    """What to raise where `construct` took an input for a Tensor that is none: `None.ndim`."""
    if isinstance(error.obj, TensorBase) or not hasattr(Tensor, error.name or ""):
        return None
    try:
        given = inspect.signature(cell.construct).bind(*args, **kwargs).arguments
    except TypeError:
        return None
    for name, value in given.items():
        if value is error.obj:
            message = (
                f"For '{cell.cls_name}', '{name}' must be a Tensor, but got {value!r} of type {type(value).__name__}."
            )
            return bad_argument(TypeError, message)
    return None


@watched
class Cell(CellMembers, CellControl, CellSettings, AbsentMethods):
    """Base class of all layers and networks.

    A subclass assigns parameters and cells to attributes in `__init__` and defines `construct`. A call compiles
    `construct` once for each kind of arguments (shapes, dtypes, Python values) and runs the compiled program.

    Args:
        auto_prefix: whether parameters of children are renamed to `<attribute>.<name>`.
        flags: attributes to set.
    """

    def __init__(self, auto_prefix: bool = True, flags: dict[str, Any] | None = None) -> None:
        self._init_members()
        self._auto_prefix = auto_prefix
        self._cell_name = ""
        self.training = False
        self.requires_grad = False
        self._function: Function | None = None
        self._around = PLAIN
        self._init_settings()
        if flags:
            self.add_flags(**flags)

    bprop: Callable[..., Any] | None = None
    """In a subclass: the gradients of the inputs, from `(*inputs, output, gradient of output)`, in place of those of
    `construct`. Parameters used inside get none, as in MindSpore."""

    def construct(self, *inputs: Any, **kwargs: Any) -> Any:
        """The computation; a subclass defines it."""
        raise AttributeError(f"{self.cls_name} does not define construct")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if running.state.stack or context.get_context("mode") == context.PYNATIVE_MODE:
            return self._inline(args, kwargs)
        # Other ways to an attribute look for `__getattr__` first.
        return (self.__dict__["_function"] or self._as_root()).run(args, kwargs)

    def _as_root(self) -> Function:
        """The programs of this cell's own calls."""
        function = self.__dict__["_function"]
        if function is None:
            function = self.__dict__["_function"] = self._as_function()
        return function

    def _as_function(self) -> Function:
        """A call of this cell as the root of a program."""
        return Function(self._run, self._root_name, self.cls_name, self.construct)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """`construct`, with the hooks and casts around it."""
        __tracebackhide__ = True
        try:
            if self._around is PLAIN and self.bprop is None:
                return self.construct(*args, **kwargs)
            return run(self, args, kwargs)
        except AttributeError as error:
            wrong = _not_a_tensor(self, args, kwargs, error)
            if wrong is None:
                raise
        raise wrong

    def _surround(self, **changes: Any) -> None:
        """Changes what is around `construct`; programs made before notice."""
        around = self._around._replace(**changes)
        self._around = PLAIN if around == PLAIN else around

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        name = self._cell_name if cell_path() else self._root_name()
        with inside(name or self.cls_name, self.cls_name):
            return self._run(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """What the compiler makes of a call with such arguments, stage by stage: `.nn` to `.asm` and `.memory`."""
        from cellc.lowered import Lowered

        return Lowered(self._as_function().trace(args, kwargs).graph, self._root_name())

    def _root_name(self) -> str:
        """The user's variable that holds this cell, or the class name."""
        frame = user_frame()
        if frame is not None:
            for name, value in frame.f_locals.items():
                if value is self and not name.startswith("_"):
                    return name
        return self.cls_name

    @property
    def cls_name(self) -> str:
        """Name of the class."""
        return type(self).__name__

    # Running

    def compile(self, *inputs: Any) -> None:
        """Compiles the program for such inputs without running it; the next call with such inputs finds it made."""
        self._as_root().prepare(inputs)

    def compile_and_run(self, *inputs: Any) -> Any:
        """The cell's result for the inputs, compiled in every mode."""
        return self._as_root().run(inputs, {})

    def run_construct(self, cast_inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`construct` with its hooks, in the running trace."""
        return self._run(*cast_inputs, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """For copying and pickling: all but the compiled programs."""
        return {**self.__dict__, "_function": None}

    # Printing

    def extend_repr(self) -> str:
        """What stands between the brackets of `repr`; a subclass overrides it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extend_repr()
        if not self._cells:
            return f"{self.cls_name}<{extra}>"
        lines = [extra] if extra else []
        lines += [f"({name}): {cell!r}" for name, cell in self._cells.items()]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{self.cls_name}<\n  {body}\n  >"
