"""Operations of the `host` dialect.

```mlir
host.program @main attributes {arena = 128} {
  %x = host.buffer {kind = "input", index = 0, name = "x"} : memref<4x8xf32>
  %t = host.buffer {kind = "arena", offset = 0} : memref<4x8xf32>
  %o = host.buffer {kind = "output", index = 0} : memref<4x8xf32>
  host.launch @kernel_0(%x, %t)
  host.copy %t to %o
}
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FixedBitwidthType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

KINDS = ("input", "output", "parameter", "constant", "arena")
ALIGNMENT = 64


def byte_size(type_: Attribute) -> int:
    """Bytes of the elements of a static memref or tensor type; an i1 takes one."""
    assert isinstance(type_, MemRefType | TensorType)
    element = type_.element_type
    assert isinstance(element, FixedBitwidthType)
    size = 1 if element == i1 else element.size
    return prod(type_.get_shape()) * size


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A compiled function: buffers, then the commands that work on them, in order.

    `arena` is the size of the arena in bytes; `lower_bound` the largest number of bytes alive at once.

    Constraints:
      1. only `host` ops stand in the body;
      2. every buffer of kind arena ends within `arena` bytes;
      3. no two buffers of kind input, or two of kind output, have the same index.
    """

    name = "host.program"

    sym_name = prop_def(StringAttr)
    arena = prop_def(IntegerAttr)
    lower_bound = opt_prop_def(IntegerAttr)
    body = region_def("single_block")

    traits = traits_def(SymbolOpInterface(), IsolatedFromAbove(), NoTerminator())

    def __init__(self, name: str, arena: int, ops: Sequence[Operation], lower_bound: int | None = None) -> None:
        bound = None if lower_bound is None else IntegerAttr(lower_bound, i64)
        super().__init__(
            properties={"sym_name": StringAttr(name), "arena": IntegerAttr(arena, i64), "lower_bound": bound},
            regions=[Region(Block(ops))],
        )

    @property
    def buffers(self) -> Iterable[BufferOp]:
        """The buffers, in order."""
        return (op for op in self.body.block.ops if isinstance(op, BufferOp))

    @property
    def commands(self) -> Iterable[LaunchOp | CopyOp]:
        """The commands, in order."""
        return (op for op in self.body.block.ops if isinstance(op, LaunchOp | CopyOp))

    @classmethod
    def parse(cls, parser: Parser) -> ProgramOp:
        name = parser.parse_symbol_name().data
        attributes = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region()
        properties: dict[str, Attribute] = {"sym_name": StringAttr(name)}
        properties |= dict(attributes.data) if attributes is not None else {}
        if not isinstance(properties.get("arena"), IntegerAttr):
            parser.raise_error("host.program needs the attribute 'arena'")
        return cls.create(properties=properties, regions=[body])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" attributes")
        rest = {k: v for k, v in self.properties.items() if k != "sym_name"}
        _print_dictionary(printer, rest | self.attributes)
        printer.print_string(" ")
        printer.print_region(self.body)

    def verify_(self) -> None:
        seen: set[tuple[str, int]] = set()
        for op in self.body.block.ops:
            if not isinstance(op, BufferOp | LaunchOp | CopyOp):  # 1
                raise VerifyException(f"{op.name} is not a host op")
            if not isinstance(op, BufferOp):
                continue
            if op.kind.data == "arena" and op.end > self.arena.value.data:  # 2
                raise VerifyException(f"an arena buffer ends at byte {op.end} of {self.arena.value.data}")
            if op.kind.data in ("input", "output") and op.index is not None:
                key = (op.kind.data, op.index.value.data)
                if key in seen:  # 3
                    raise VerifyException(f"two buffers are {key[0]} {key[1]}")
                seen.add(key)


@irdl_op_definition
class BufferOp(IRDLOperation):
    """Names a piece of memory: what the caller passes, constant data, or a slot of the arena.

    Constraints:
      1. `kind` is input, output, parameter, constant or arena;
      2. exactly the kind arena has an `offset`, a multiple of 64;
      3. exactly the kind constant has a `value`, with the shape and element type of the buffer;
      4. inputs and outputs have an `index`; inputs and parameters have a `name`;
      5. the type is a static, contiguous memref.
    """

    name = "host.buffer"

    kind = prop_def(StringAttr)
    index = opt_prop_def(IntegerAttr)
    buffer_name = opt_prop_def(StringAttr, prop_name="name")
    offset = opt_prop_def(IntegerAttr)
    value = opt_prop_def(DenseIntOrFPElementsAttr)
    result = result_def(MemRefType)

    traits = traits_def(HasParent(ProgramOp))

    def __init__(
        self,
        kind: str,
        type_: MemRefType,
        *,
        index: int | None = None,
        name: str | None = None,
        offset: int | None = None,
        value: DenseIntOrFPElementsAttr | None = None,
    ) -> None:
        properties: dict[str, Attribute | None] = {
            "kind": StringAttr(kind),
            "index": None if index is None else IntegerAttr(index, i64),
            "name": None if name is None else StringAttr(name),
            "offset": None if offset is None else IntegerAttr(offset, i64),
            "value": value,
        }
        super().__init__(properties=properties, result_types=[type_])

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return byte_size(self.result.type)

    @property
    def end(self) -> int:
        """The first byte of the arena behind the buffer."""
        assert self.offset is not None
        return self.offset.value.data + self.nbytes

    @classmethod
    def parse(cls, parser: Parser) -> BufferOp:
        properties = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        if not isinstance(properties.get("kind"), StringAttr):
            parser.raise_error("host.buffer needs the attribute 'kind'")
        return cls.create(properties=properties, result_types=[type_])

    def print(self, printer: Printer) -> None:
        _print_dictionary(printer, self.properties | self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        kind = self.kind.data
        if kind not in KINDS:  # 1
            raise VerifyException(f"unknown kind '{kind}'; kinds: {', '.join(KINDS)}")
        if (kind == "arena") != (self.offset is not None):  # 2
            raise VerifyException("exactly buffers of kind arena have an offset")
        if self.offset is not None and self.offset.value.data % ALIGNMENT:  # 2
            raise VerifyException(f"offset {self.offset.value.data} is not a multiple of {ALIGNMENT}")
        if (kind == "constant") != (self.value is not None):  # 3
            raise VerifyException("exactly buffers of kind constant have a value")
        if self.value is not None and not _same_type(self.value.type, self.result.type):  # 3
            raise VerifyException(f"a value of type {self.value.type} in a buffer of type {self.result.type}")
        if kind in ("input", "output") and self.index is None:  # 4
            raise VerifyException(f"a buffer of kind {kind} has no index")
        if kind in ("input", "parameter") and self.buffer_name is None:  # 4
            raise VerifyException(f"a buffer of kind {kind} has no name")
        if not self.result.type.has_static_shape() or self.result.type.layout.name != "none":  # 5
            raise VerifyException(f"{self.result.type} is not a static, contiguous memref")


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Runs all blocks of a kernel: `host.launch @kernel_0(%x, %y)`, inputs first, then outputs.

    A buffer may have another shape than the kernel's argument: reshapes cost nothing.

    Constraints:
      1. the kernel is a function of the module;
      2. there are as many buffers as the kernel has arguments and results;
      3. each buffer has the element type (signedness aside) and the size of what it is passed for;
      4. an output is a buffer that may be written: not of kind input or constant.
    """

    name = "host.launch"

    kernel = prop_def(SymbolRefAttr)
    buffers = var_operand_def(MemRefType)

    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, kernel: str, buffers: Sequence[SSAValue]) -> None:
        super().__init__(operands=[buffers], properties={"kernel": SymbolRefAttr(kernel)})

    @classmethod
    def parse(cls, parser: Parser) -> LaunchOp:
        kernel = parser.parse_symbol_name()
        buffers = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: _parse_buffer(parser))
        return cls(kernel.data, buffers)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.kernel)
        with printer.in_parens():
            printer.print_list(self.buffers, printer.print_ssa_value)

    def verify_(self) -> None:
        kernel = self.callee()
        if kernel is None:
            raise VerifyException(f"there is no kernel {self.kernel}")  # 1
        inputs = list(kernel.function_type.inputs)
        expected = inputs + list(kernel.function_type.outputs)
        if len(expected) != len(self.buffers):  # 2
            raise VerifyException(f"{len(self.buffers)} buffers for a kernel of {len(expected)} arguments and results")
        for position, (buffer, type_) in enumerate(zip(self.buffers, expected, strict=True)):
            if not _fits(buffer.type, type_):  # 3
                raise VerifyException(f"buffer {position} of type {buffer.type} is passed for {type_}")
            owner = buffer.owner
            if position >= len(inputs) and isinstance(owner, BufferOp) and owner.kind.data in ("input", "constant"):
                raise VerifyException(f"writes buffer {position} of kind {owner.kind.data}")  # 4

    def callee(self) -> func.FuncOp | None:
        """The kernel's function in the enclosing module."""
        parent: Operation | None = self.parent_op()
        while parent is not None and not isinstance(parent, ModuleOp):
            parent = parent.parent_op()
        if parent is None:
            return None
        return _functions(parent).get(self.kernel.root_reference.data)


@irdl_op_definition
class CopyOp(IRDLOperation):
    """Copies all bytes of a buffer: `host.copy %t to %w`.

    Constraints:
      1. both buffers have the same element type and size;
      2. the target may be written: it is not of kind input or constant.
    """

    name = "host.copy"

    source = operand_def(MemRefType)
    target = operand_def(MemRefType)

    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, source: SSAValue, target: SSAValue) -> None:
        super().__init__(operands=[source, target])

    @classmethod
    def parse(cls, parser: Parser) -> CopyOp:
        source = _parse_buffer(parser)
        parser.parse_keyword("to")
        return cls(source, _parse_buffer(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.source)
        printer.print_string(" to ")
        printer.print_ssa_value(self.target)

    def verify_(self) -> None:
        if not _fits(self.source.type, self.target.type):  # 1
            raise VerifyException(f"copies {self.source.type} to {self.target.type}")
        owner = self.target.owner
        if isinstance(owner, BufferOp) and owner.kind.data in ("input", "constant"):  # 2
            raise VerifyException(f"writes a buffer of kind {owner.kind.data}")


def _parse_buffer(parser: Parser) -> SSAValue:
    """A buffer without its type: its definition comes first."""
    operand = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(operand.operand_name, ())
    if operand.index >= len(values):
        parser.raise_error(f"%{operand.operand_name} is not defined", operand.span)
    return values[operand.index]


def _functions(module: ModuleOp) -> dict[str, func.FuncOp]:
    return {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}


def _same_type(one: Attribute, two: Attribute) -> bool:
    assert isinstance(one, TensorType | MemRefType)
    assert isinstance(two, TensorType | MemRefType)
    return one.element_type == two.element_type and one.get_shape() == two.get_shape()


def _fits(one: Attribute, two: Attribute) -> bool:
    assert isinstance(one, TensorType | MemRefType)
    assert isinstance(two, TensorType | MemRefType)
    return _signless(one.element_type) == _signless(two.element_type) and byte_size(one) == byte_size(two)


def _signless(element: Attribute) -> Attribute:
    """A buffer of u8 is ui8 to the caller and i8 to kernels."""
    return IntegerType(element.width.data) if isinstance(element, IntegerType) else element


def _print_dictionary(printer: Printer, attributes: Mapping[str, Attribute]) -> None:
    printer.print_string(" ")
    printer.print_attr_dict(attributes)
