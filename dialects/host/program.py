"""The program and its buffers.

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

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IntegerAttr, MemRefType, StringAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, prop_def, region_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.host.types import byte_size, same_type

KINDS = ("input", "output", "parameter", "constant", "arena")
ALIGNMENT = 64


class Command(IRDLOperation):
    """Base of what a program does with its buffers, one after another."""


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
    def commands(self) -> Iterable[Command]:
        """The commands, in order."""
        return (op for op in self.body.block.ops if isinstance(op, Command))

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
            if not isinstance(op, BufferOp | Command):  # 1
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
        if self.value is not None and not same_type(self.value.type, self.result.type):  # 3
            raise VerifyException(f"a value of type {self.value.type} in a buffer of type {self.result.type}")
        if kind in ("input", "output") and self.index is None:  # 4
            raise VerifyException(f"a buffer of kind {kind} has no index")
        if kind in ("input", "parameter") and self.buffer_name is None:  # 4
            raise VerifyException(f"a buffer of kind {kind} has no name")
        if not self.result.type.has_static_shape() or self.result.type.layout.name != "none":  # 5
            raise VerifyException(f"{self.result.type} is not a static, contiguous memref")


def _print_dictionary(printer: Printer, attributes: Mapping[str, Attribute]) -> None:
    printer.print_string(" ")
    printer.print_attr_dict(attributes)
