"""The definitions' attribute kinds as IR attributes: conversion both ways and the assembly of each.

Everything is exact: a float prints so that it parses back to the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, StringAttr, f64, i1, i64
from xdsl.ir import Attribute
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.nn.array_attribute import NNArrayAttr

_PLAIN_FLOAT = re.compile(r"-?\d+\.\d+(e[+-]\d+)?")


def _print_float(printer: Printer, value: float) -> None:
    if _PLAIN_FLOAT.fullmatch(text := repr(value)):
        printer.print_string(text)
    else:
        printer.print_attribute(FloatAttr(value, f64))


def _parse_float(parser: Parser) -> float:
    attribute = parser.parse_attribute()
    if isinstance(attribute, IntegerAttr | FloatAttr):
        return float(attribute.value.data)
    parser.raise_error("expected a number")


def _parse_array(parser: Parser) -> np.ndarray:
    attribute = parser.parse_attribute()
    if isinstance(attribute, NNArrayAttr):
        return attribute.array
    parser.raise_error("expected #nn.array<...>")


class Kind(NamedTuple):
    """How one kind of attribute is held in the IR, read from it, printed and parsed."""

    attribute: type[Attribute]
    to_ir: Callable[[Any], Attribute]
    from_ir: Callable[[Any], Any]
    print: Callable[[Printer, Any], None]
    parse: Callable[[Parser], Any]
    type: Attribute | None = None


KINDS: dict[str, Kind] = {
    "int": Kind(
        IntegerAttr,
        lambda value: IntegerAttr(int(value), i64),
        lambda attribute: attribute.value.data,
        lambda printer, value: printer.print_string(str(value)),
        lambda parser: parser.parse_integer(),
        i64,
    ),
    "float": Kind(
        FloatAttr,
        lambda value: FloatAttr(float(value), f64),
        lambda attribute: attribute.value.data,
        _print_float,
        _parse_float,
        f64,
    ),
    "bool": Kind(
        IntegerAttr,
        lambda value: IntegerAttr(int(bool(value)), i1),
        lambda attribute: bool(attribute.value.data),
        lambda printer, value: printer.print_string(str(value).lower()),
        lambda parser: parser.parse_boolean(),
        i1,
    ),
    "str": Kind(
        StringAttr,
        StringAttr,
        lambda attribute: attribute.data,
        lambda printer, value: printer.print_string_literal(value),
        lambda parser: parser.parse_str_literal(),
    ),
    "dtype": Kind(
        StringAttr,
        StringAttr,
        lambda attribute: attribute.data,
        lambda printer, value: printer.print_identifier_or_string_literal(value),
        lambda parser: parser.parse_identifier(),
    ),
    "ints": Kind(
        DenseArrayBase,
        lambda values: DenseArrayBase.from_list(i64, [int(value) for value in values]),
        lambda attribute: tuple(attribute.get_values()),
        lambda printer, values: printer.print_string(str(list(values))),
        lambda parser: tuple(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)),
        i64,
    ),
    "array": Kind(
        NNArrayAttr,
        NNArrayAttr.of,
        lambda attribute: attribute.array,
        lambda printer, value: printer.print_attribute(NNArrayAttr.of(value)),
        _parse_array,
    ),
}


def to_ir(kind: str, value: Any) -> Attribute:
    """The IR attribute that holds a definition's attribute value."""
    return KINDS[kind].to_ir(value)


def from_ir(name: str, kind: str, attribute: Attribute) -> Any:
    """The plain value of an IR attribute; VerifyException when it is not of the kind."""
    expected = KINDS[kind]
    held = getattr(attribute, "elt_type", None) or getattr(attribute, "type", None)
    if not isinstance(attribute, expected.attribute) or (expected.type is not None and held != expected.type):
        raise VerifyException(f"attribute '{name}' must be of kind {kind}, got {attribute}")
    return expected.from_ir(attribute)
