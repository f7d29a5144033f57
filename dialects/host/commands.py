"""The commands of a program."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import MemRefType, ModuleOp, SymbolRefAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.host.program import BufferOp, Command, ProgramOp
from cellc.dialects.host.types import fits


@irdl_op_definition
class LaunchOp(Command):
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
            if not fits(buffer.type, type_):  # 3
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
class CopyOp(Command):
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
        if not fits(self.source.type, self.target.type):  # 1
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
