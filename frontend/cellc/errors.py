"""Errors a user meets: the line, a caret, the shapes that met, the path of the Cell, and a hint.

Every class is also the Python type that MindSpore raises in that place, so `except ValueError` works.
"""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cellc import running
from cellc.dialects.nn.definition import InferenceError, NNTypeError, definition_of, definitions
from cellc.graph import Location, Value
from cellc.hints import hint_for
from cellc.source_location import user_location

if TYPE_CHECKING:
    from cellc.tensor_base import TensorBase


class CellcError(Exception):
    """Base of the errors below.

    Attributes:
        location: the user's line.
    """

    location: Location | None = None


class ShapeError(CellcError, ValueError):
    """Shapes or values do not fit together."""


class DTypeError(CellcError, TypeError):
    """Element types or argument types do not fit."""


class OutOfRangeError(CellcError, IndexError):
    """An index is out of range or of a kind that is not supported."""


class TracedValueError(CellcError, TypeError):
    """Python asked for a value that does not exist while a Cell is being compiled."""


class FailedOperationError(CellcError, RuntimeError):
    """Something a program needs failed or is missing."""


class CompileError(CellcError, RuntimeError):
    """The compiler failed on a graph that tracing accepted: a fault of cellc, with a reproducer."""


_CLASS_OF = {
    ValueError: ShapeError,
    TypeError: DTypeError,
    IndexError: OutOfRangeError,
    RuntimeError: FailedOperationError,
}


def source_lines(location: Location) -> list[str]:
    """The user's line with carets below the columns, as the middle of an error message."""
    lines = [f"  --> {location.file}:{location.line}"]
    text = linecache.getline(location.file, location.line).rstrip("\n")
    if not text.strip():
        return lines
    gutter = f"{location.line:>5} | "
    indent = len(text) - len(text.lstrip())
    start = max(location.column, indent)
    end = min(max(location.end_column, start + 1), len(text))
    # co_positions counts UTF-8 bytes; carets count characters.
    encoded = text.encode()
    start, end = len(encoded[:start].decode(errors="ignore")), len(encoded[:end].decode(errors="ignore"))
    lines.append(gutter + text)
    lines.append(" " * (len(gutter) - 2) + "| " + " " * start + "^" * max(end - start, 1))
    return lines


def describe(value: Any) -> str:
    """A type as users read it: `Float32[32, 10]`."""
    from cellc.dtype import dtype_of

    type = value.type if isinstance(value, Value) else getattr(value, "_type", None)
    if type is None:
        return f"{value!r} ({value.__class__.__name__})"
    return f"{dtype_of(type.dtype).name}[{', '.join(map(str, type.shape))}]"


def _message(summary: str, location: Location, details: Sequence[str], hint: str) -> str:
    lines = [summary, *source_lines(location)]
    if location.cell:
        lines.append(f"  in {location.cell} ({running.cell_kind()})")
    lines += [f"  {detail}" for detail in details]
    if hint:
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def error_at_user(kind: type[CellcError], summary: str, details: Sequence[str] = (), hint: str = "") -> CellcError:
    """An error of `kind` that shows the user's present line and the running Cell."""
    location = user_location(running.cell_path())
    error = kind(_message(summary, location, details, hint))
    error.location = location
    return error


def bad_argument(kind: type[Exception], summary: str, hint: str = "", details: Sequence[str] = ()) -> CellcError:
    """An error of Python type `kind` (ValueError, TypeError, IndexError or RuntimeError) at the user's line."""
    return error_at_user(_CLASS_OF[kind], summary, details, hint)


def inference_failed(op: str, values: Sequence[Value], attributes: dict[str, Any], error: InferenceError) -> CellcError:
    """What `apply` raises when an op's operands do not fit together."""
    names = definition_of(op).operands
    details = []
    for index, value in enumerate(values):
        name = names[min(index, len(names) - 1)].lstrip("*")
        details.append(f"{name}: {describe(value)}")
    summary = str(error)
    summary = summary if summary.startswith(op) else f"{op}: {summary}"
    kind = DTypeError if isinstance(error, NNTypeError) else ShapeError
    return error_at_user(kind, summary, details, hint_for(op, [value.type for value in values], attributes))


def not_tensors(op: str, operands: Sequence[Any]) -> CellcError:
    """What `apply` raises when an operand is not a Tensor."""
    from cellc.tensor_base import TensorBase

    wrong = [operand for operand in operands if not isinstance(operand, TensorBase)]
    if not wrong:
        raise AssertionError(f"operands of {op} are tensors, yet one has no value")
    given = ", ".join(f"{operand!r} ({type(operand).__name__})" for operand in wrong)
    return error_at_user(DTypeError, f"{op} takes tensors, got {given}", hint="wrap it: cellc.Tensor(...)")


def shapes_do_not_broadcast(op: str, lhs: TensorBase, rhs: TensorBase) -> CellcError:
    """What a binary operation raises when its operands have no common shape."""
    left, right = lhs.shape[::-1], rhs.shape[::-1]
    axis = next(i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b and a != 1 and b != 1)
    return error_at_user(
        ShapeError,
        f"{op}: shapes {lhs.shape} and {rhs.shape} do not broadcast",
        [f"lhs: {describe(lhs)}", f"rhs: {describe(rhs)}"],
        f"axis {-1 - axis} is {left[axis]} on one side and {right[axis]} on the other; equal extents or 1 would fit",
    )


def matmul_dtypes_differ(lhs: TensorBase, rhs: TensorBase) -> CellcError:
    """What `matmul` raises for operands of two dtypes: weights and data are not converted behind the user's back."""
    return error_at_user(
        DTypeError,
        f"matmul: the operands must have one dtype, but got {lhs.dtype} and {rhs.dtype}",
        [f"lhs: {describe(lhs)}", f"rhs: {describe(rhs)}"],
        "convert one of them with .astype",
    )


def matmul_does_not_fit(
    lhs: TensorBase, rhs: TensorBase, transpose_lhs: bool = False, transpose_rhs: bool = False
) -> CellcError:
    """What `matmul` raises when the inner extents differ or the batch axes do not broadcast."""
    details = [
        f"{name}: {describe(tensor)}{', transposed' if transposed else ''}"
        for name, tensor, transposed in (("lhs", lhs, transpose_lhs), ("rhs", rhs, transpose_rhs))
    ]
    hint = ""
    plain = not transpose_lhs and not transpose_rhs
    if plain and rhs.ndim > 1 and lhs.ndim and lhs.shape[-1] == rhs.shape[-1]:
        hint = "the right operand looks transposed: swap its last two axes (`.T` for a matrix)"
    return error_at_user(
        ShapeError,
        f"matmul: shapes {lhs.shape} and {rhs.shape} do not fit: the left operand must have as many columns as "
        "the right has rows, and leading axes must broadcast",
        details,
        hint,
    )


_VALUE_HINTS = {
    "bool()": "`if`, `while`, `and`, `or` and `not` on tensors are not compiled yet; use cellc.ops.select(condition, "
    "x, y), `&`, `|` and `~`, or decide on a Python value",
    "int()": "shapes and Python numbers are known while tracing; a tensor's elements are not",
    "float()": "keep it a tensor: arithmetic on tensors of one element compiles",
    "an index": "range(), shapes and list indices need Python ints; a tensor indexes a tensor, x[i]",
}


def value_needed(tensor: TensorBase, operation: str) -> CellcError:
    """What asking for the elements of a traced tensor raises."""
    if not running.tracing() and tensor._trace is not None:
        return error_at_user(
            TracedValueError,
            f"this tensor existed only while {tensor._trace.name} was being compiled and has no elements",
            [f"tensor: {describe(tensor)}"],
            "return it from construct instead of keeping it in an attribute or a global",
        )
    return error_at_user(
        TracedValueError,
        f"{operation} needs a tensor's elements, which do not exist while {running.state.stack[-1].name} is compiled",
        [f"tensor: {describe(tensor)}"],
        _VALUE_HINTS.get(operation) or _ops_hint(operation) or "call it on the result, outside construct",
    )


def _ops_hint(operation: str) -> str:
    """For a function of NumPy the one of cellc.ops that can be traced."""
    name = {"np.absolute": "abs", "np.negative": "neg", "np.rint": "round"}.get(
        operation, operation.removeprefix("np.")
    )
    known = operation.startswith("np.") and name in definitions()
    return f"NumPy cannot be traced; cellc.ops.{name} can" if known else ""
