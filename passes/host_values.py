"""Which tensors of the host function are one piece of memory, and when they are used.

A reshape or an `after` is another view of its source, so both are one *storage*. Commands
are numbered in program order; the end of the program has the number after the
last command.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    TensorType,
)
from xdsl.ir import Operation, SSAValue

from cellc.dialects.linalg_ext import AfterOp
from cellc.passes.in_place_pairs import in_place_pairs
from cellc.passes.linalg_analysis import Reshape


@dataclass(eq=False)
class Storage:
    """A tensor and its views. `made_by` is a command's number, -1 for arguments and constants."""

    value: SSAValue
    made_by: int = -1
    argument: int | None = None
    constant: DenseIntOrFPElementsAttr | None = None
    read_by: list[int] = field(default_factory=list)

    @property
    def type(self) -> MemRefType:
        assert isinstance(self.value.type, TensorType)
        return MemRefType(self.value.type.element_type, self.value.type.get_shape())

    @property
    def last_use(self) -> int:
        return max([self.made_by, *self.read_by])


@dataclass
class HostFunction:
    """The host function, analysed."""

    function: func.FuncOp
    kernels: dict[str, func.FuncOp]
    storages: dict[SSAValue, Storage] = field(default_factory=dict)
    calls: list[func.CallOp] = field(default_factory=list)
    returned: list[Storage] = field(default_factory=list)

    @staticmethod
    def of(function: func.FuncOp) -> HostFunction:
        """Raises ValueError for an op that form-dispatches does not leave."""
        module = function.parent_op()
        assert module is not None
        kernels = {f.sym_name.data: f for f in module.regions[0].block.ops if isinstance(f, func.FuncOp)}
        host = HostFunction(function, kernels)
        for index, argument in enumerate(function.body.block.args):
            host.storages[argument] = Storage(argument, argument=index)
        for op in function.body.block.ops:
            host._visit(op)
        return host

    @property
    def end(self) -> int:
        return len(self.calls)

    def distinct(self) -> list[Storage]:
        """All storages, in the order in which they come to be."""
        return list(dict.fromkeys(self.storages.values()))

    def _visit(self, op: Operation) -> None:
        if isinstance(op, Reshape | AfterOp):
            self.storages[op.result] = self.storages[op.src]
        elif isinstance(op, arith.ConstantOp) and isinstance(op.value, DenseIntOrFPElementsAttr):
            self.storages[op.result] = Storage(op.result, constant=op.value)
        elif isinstance(op, func.CallOp):
            for value in op.arguments:
                self.storages[value].read_by.append(self.end)
            for result in op.results:
                self.storages[result] = Storage(result, made_by=self.end)
            self.calls.append(op)
        elif isinstance(op, func.ReturnOp):
            self.returned = [self.storages[value] for value in op.arguments]
            for storage in self.returned:
                storage.read_by.append(self.end)
        else:
            raise ValueError(f"{op.name} in the host function; run form-dispatches before plan-buffers")

    def in_place(self, command: int) -> list[tuple[int, int]]:
        """(result, argument) pairs of the command's kernel that may share memory."""
        kernel = self.kernels[self.calls[command].callee.root_reference.data]
        return in_place_pairs(kernel)

    def argument_attribute(self, index: int, name: str) -> object:
        """The plain value of `cellc.<name>` of an argument, None if absent."""
        return _plain(self.function.arg_attrs, index, name)

    def result_attribute(self, index: int, name: str) -> object:
        """The plain value of `cellc.<name>` of a result, None if absent."""
        return _plain(self.function.res_attrs, index, name)

    def updated_arguments(self) -> dict[int, int]:
        """Result number -> the argument whose new value it is (`cellc.updated_by`)."""
        updated: dict[int, int] = {}
        for index in range(len(self.function.body.block.args)):
            result = self.argument_attribute(index, "updated_by")
            if isinstance(result, int):
                updated[result] = index
        return updated


def _plain(attributes: ArrayAttr[DictionaryAttr] | None, index: int, name: str) -> object:
    value = attributes.data[index].data.get(f"cellc.{name}") if attributes is not None else None
    if isinstance(value, StringAttr):
        return value.data
    return value.value.data if isinstance(value, IntegerAttr) else None
