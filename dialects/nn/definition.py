"""How an `nn` op is defined, once, without xDSL.

The tracer records thousands of ops before it knows whether anything must be
compiled, so an op's type inference must not import xDSL; and the dialect's
verifier must not have a second opinion. Hence one plain-Python definition per
op, used by both: `cellc.trace` calls `infer_types`, and `cellc.dialects.nn.ir`
derives the xDSL operation (operands, properties, verifier) from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar

FLOATS = ("f16", "bf16", "f32", "f64")
SIGNED = ("i8", "i16", "i32", "i64")
UNSIGNED = ("u8",)
INTEGERS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTEGERS
DTYPES = (*NUMBERS, "bool")

ITEMSIZE = {
    "f16": 2, "bf16": 2, "f32": 4, "f64": 8,
    "i8": 1, "i16": 2, "i32": 4, "i64": 8, "u8": 1, "bool": 1,
}  # fmt: skip


class TensorType(NamedTuple):
    """A static shape and an element type, e.g. `f32[32, 10]`."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def nbytes(self) -> int:
        return self.size * ITEMSIZE[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


class InferenceError(ValueError):
    """An op was given operands or attributes that do not fit together.

    The message names the op's operand or attribute and the shapes or dtypes
    that met; whoever knows the user's line (the tracer) adds it.
    """


class NNTypeError(InferenceError, TypeError):
    """Like `InferenceError`, where a dtype is at fault (MindSpore raises TypeError)."""


class OpDefinition:
    """Base of all `nn` op definitions; subclasses are never instantiated.

    Class variables:
        name: the mnemonic; the IR prints `nn.<name>`.
        operands: operand names in order. A name that starts with `*` is
            variadic and must be the last (`("*values",)`).
        attributes: attribute name -> kind, one of `"int"`, `"float"`, `"bool"`,
            `"str"`, `"ints"` (tuple of ints), `"dtype"`, `"array"` (numpy array).
            All are required; the front end supplies defaults.
        results: result names in order.
    """

    name: ClassVar[str]
    operands: ClassVar[tuple[str, ...]]
    attributes: ClassVar[dict[str, str]] = {}
    results: ClassVar[tuple[str, ...]] = ("result",)

    @staticmethod
    def infer(*types: TensorType, **attributes: Any) -> tuple[TensorType, ...] | TensorType:
        """Result types; raises `InferenceError` when the operands do not fit."""
        raise NotImplementedError

    @staticmethod
    def evaluate(*arrays: Any, **attributes: Any) -> Any:
        """What the op means, in NumPy. Tests use it as truth; nothing else may call it."""
        raise NotImplementedError


_DEFINITIONS: dict[str, type[OpDefinition]] = {}


_D = TypeVar("_D", bound=type[OpDefinition])


def nn_op(definition: _D) -> _D:
    """Class decorator: adds the definition to the dialect."""
    if definition.name in _DEFINITIONS:
        raise ValueError(f"nn.{definition.name} is defined twice")
    _DEFINITIONS[definition.name] = definition
    return definition


def definitions() -> dict[str, type[OpDefinition]]:
    """All definitions by mnemonic (the families are imported by `cellc.dialects.nn`)."""
    return dict(_DEFINITIONS)


def definition_of(name: str) -> type[OpDefinition]:
    return _DEFINITIONS[name]


def infer_types(name: str, types: tuple[TensorType, ...], attributes: dict[str, Any]) -> tuple[TensorType, ...]:
    """Checks arity and attribute names, then runs the op's own inference."""
    definition = _DEFINITIONS[name]
    expected = len(definition.operands)
    variadic = expected > 0 and definition.operands[-1].startswith("*")
    if len(types) < expected - variadic or (len(types) > expected and not variadic):
        raise InferenceError(f"{name} takes {expected} operand(s), got {len(types)}")
    if attributes.keys() != definition.attributes.keys():
        wrong = sorted(attributes.keys() ^ definition.attributes.keys())
        raise InferenceError(f"{name}: missing or unknown attribute(s) {', '.join(wrong)}")
    inferred = definition.infer(*types, **attributes)
    return (inferred,) if isinstance(inferred, TensorType) else tuple(inferred)


def require(condition: bool, message: Callable[[], str] | str) -> None:
    """Raises `InferenceError` with the message unless the condition holds."""
    if not condition:
        raise InferenceError(message if isinstance(message, str) else message())
