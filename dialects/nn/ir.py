"""The `nn` dialect in xDSL, derived from the definitions.

One class per definition: operands, results and properties from its names, a verifier
that infers the types again and compares, and one assembly for all:

    %r = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true}
        : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, NameLoc, StringAttr
from xdsl.dialects.builtin import TensorType as IRTensorType
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.nn import InferenceError, OpDefinition, TensorType, definition_of, definitions, infer_types
from cellc.dialects.nn.array_attribute import NNArrayAttr
from cellc.dialects.nn.attributes import KINDS, from_ir, to_ir
from cellc.dialects.nn.element_types import dtype_of, element_type


@lru_cache(maxsize=65536)
def tensor_type(ssa_type: Attribute) -> TensorType:
    """The definitions' type of an IR type; VerifyException unless it is a tensor of static shape and known dtype."""
    if not isinstance(ssa_type, IRTensorType) or not ssa_type.has_static_shape():
        raise VerifyException(f"nn ops take and give tensors of static shape, got {ssa_type}")
    return TensorType(tuple(ssa_type.get_shape()), dtype_of(ssa_type.element_type))


@lru_cache(maxsize=65536)
def ir_type(type_: TensorType) -> IRTensorType[Any]:
    """The IR type of a definition's type, e.g. `tensor<32x10xf32>`."""
    return IRTensorType(element_type(type_.dtype), type_.shape)


def location_attribute(file: str, line: int, column: int, cell: str = "") -> LocationAttr:
    """`loc("net.conv1"("model.py":12:8))`; without a cell the position alone."""
    position = FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))
    return NameLoc(StringAttr(cell), position) if cell else position


class NNOperation(IRDLOperation):
    """Base of the derived classes."""

    traits = traits_def(Pure())

    @property
    def mnemonic(self) -> str:
        """The name without the dialect."""
        return self.name.removeprefix("nn.")

    @property
    def definition(self) -> type[OpDefinition]:
        return definition_of(self.mnemonic)

    @property
    def attribute_values(self) -> dict[str, Any]:
        """The attributes as plain Python values, by name."""
        kinds = self.definition.attributes
        return {name: from_ir(name, kind, self.properties[name]) for name, kind in kinds.items()}

    def verify_(self) -> None:
        types = tuple(tensor_type(operand.type) for operand in self.operands)
        try:
            inferred = infer_types(self.mnemonic, types, self.attribute_values)
        except InferenceError as error:
            raise VerifyException(str(error)) from error
        results = tuple(tensor_type(result.type) for result in self.results)
        if results != inferred:
            raise VerifyException(f"{self.mnemonic}: results are {_listed(results)}, must be {_listed(inferred)}")

    def print(self, printer: Printer) -> None:
        if self.operands:
            printer.print_string(" ")
            printer.print_list(self.operands, printer.print_ssa_value)
        if self.properties or self.attributes:
            printer.print_string(" {")
            printer.print_list(self.properties | self.attributes, lambda name: self._print_entry(printer, name))
            printer.print_string("}")
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    def _print_entry(self, printer: Printer, name: str) -> None:
        printer.print_identifier_or_string_literal(name)
        printer.print_string(" = ")
        kind = self.definition.attributes.get(name)
        if kind is None:
            printer.print_attribute(self.attributes[name])
        else:
            KINDS[kind].print(printer, from_ir(name, kind, self.properties[name]))

    @classmethod
    def parse(cls, parser: Parser) -> NNOperation:
        kinds = definition_of(cls.name.removeprefix("nn.")).attributes
        operands = parser.parse_optional_undelimited_comma_separated_list(
            parser.parse_optional_unresolved_operand, parser.parse_unresolved_operand
        )
        entries = parser.parse_optional_comma_separated_list(
            parser.Delimiter.BRACES, lambda: _parse_entry(parser, kinds)
        )
        parser.parse_punctuation(":")
        position = parser.pos
        signature = parser.parse_function_type()
        return cls.create(
            operands=parser.resolve_operands(operands or (), signature.inputs.data, position),
            result_types=signature.outputs.data,
            properties={name: value for name, value in entries or () if name in kinds},
            attributes={name: value for name, value in entries or () if name not in kinds},
        )


def _parse_entry(parser: Parser, kinds: Mapping[str, str]) -> tuple[str, Attribute]:
    name = parser.parse_identifier_or_str_literal()
    parser.parse_punctuation("=")
    if name not in kinds:
        return name, parser.parse_attribute()
    return name, to_ir(kinds[name], KINDS[kinds[name]].parse(parser))


def _listed(types: Sequence[TensorType]) -> str:
    return ", ".join(map(str, types)) or "none"


def _derive(definition: type[OpDefinition]) -> type[NNOperation]:
    """The operation class of a definition; a name with a star is variadic."""
    fields: dict[str, Any] = {"name": f"nn.{definition.name}", "__doc__": definition.__doc__}
    for name in definition.operands:
        fields[name.lstrip("*")] = var_operand_def() if name.startswith("*") else operand_def()
    for name in definition.results:
        fields[name.lstrip("*")] = var_result_def() if name.startswith("*") else result_def()
    for name, kind in definition.attributes.items():
        fields[name] = prop_def(KINDS[kind].attribute)
    fields["__module__"] = __name__
    fields["__annotations__"] = {}
    name = f"{definition.__name__}Op"
    return cast(type[NNOperation], irdl_op_definition(type(name, (NNOperation,), fields)))


OPERATIONS: dict[str, type[NNOperation]] = {name: _derive(each) for name, each in definitions().items()}
"""The operation classes by mnemonic."""

NN = Dialect("nn", list(OPERATIONS.values()), [NNArrayAttr])


def create(
    name: str,
    operands: Sequence[SSAValue],
    attributes: Mapping[str, Any],
    location: LocationAttr | None = None,
) -> NNOperation:
    """A detached `nn.<name>` with inferred result types; InferenceError where the operands do not fit."""
    definition = definition_of(name)
    inferred = infer_types(name, tuple(tensor_type(operand.type) for operand in operands), dict(attributes))
    return OPERATIONS[name].create(
        operands=operands,
        result_types=[ir_type(type_) for type_ in inferred],
        properties={key: to_ir(kind, attributes[key]) for key, kind in definition.attributes.items()},
        location=location,
    )
