"""`plan-buffers`: the host function becomes a host program, a list of commands over planned memory.

Values live where they are wanted: outputs and updated parameters are written
directly when no reader of the old value remains, everything else shares one
arena. `verify_plan` replays the result and is this pass's postcondition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerType, LocationAttr, MemRefType, ModuleOp, Signedness, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.host import BufferOp, CopyOp, LaunchOp, ProgramOp, byte_size
from cellc.passes.arena import Slot
from cellc.passes.assign_memory import Assignment, assign_memory
from cellc.passes.host_values import HostFunction, Storage
from cellc.passes.linalg_analysis import host_functions
from cellc.passes.rewriting import fused_location
from cellc.passes.user_lines import user_line
from cellc.passes.verify_plan import verify_plan


@dataclass(frozen=True)
class PlanBuffersPass(ModulePass):
    """Replaces the host functions `@main` and `@prepare` by `host.program`s of these names."""

    name = "plan-buffers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in host_functions(op):
            self._plan(function)

    def _plan(self, function: func.FuncOp) -> None:
        host = HostFunction.of(function)
        program = build_program(host, assign_memory(host))
        assert function.parent is not None
        function.parent.insert_op_before(program, function)
        verify_plan(host, program)
        function.detach()
        function.erase()


def build_program(host: HostFunction, assignment: Assignment) -> ProgramOp:
    """The host program for an assignment; it is not inserted, nor checked."""
    return _Builder(host, assignment).build()


class _Builder:
    """Makes the program's ops from an assignment."""

    def __init__(self, host: HostFunction, assignment: Assignment) -> None:
        self.host = host
        self.plan = assignment
        self.buffers: list[BufferOp] = []
        self.commands: list[Operation] = []
        self.arguments = [self._argument(i) for i in range(len(host.function.body.block.args))]
        updated = host.updated_arguments()
        results = [i for i in range(len(host.returned)) if i not in updated]
        self.outputs = [self._output(number, i) for number, i in enumerate(results)]
        self.constants: dict[Storage, SSAValue] = {}
        self.slots: dict[Storage, SSAValue] = {}

    def build(self) -> ProgramOp:
        for storage in self.host.distinct():
            self._buffer(storage)
        for call in self.host.calls:
            operands = [self._buffer(self.host.storages[v]) for v in (*call.arguments, *call.results)]
            launch = LaunchOp(call.callee.root_reference.data, operands)
            launch.location = call.location
            self.commands.append(launch)
        self._copies()
        name = self.host.function.sym_name.data
        ops = [*self.buffers, *self.commands]
        program = ProgramOp(name, self.arena_bytes, ops, self.plan.lower_bound)
        program.location = fused_location([self.host.function.location])
        return program

    @property
    def arena_bytes(self) -> int:
        ends = [b.end for b in self.buffers if b.offset is not None]
        return max([self.plan.arena_bytes, *(-(-end // 64) * 64 for end in ends)])

    def _add(self, buffer: BufferOp, location: LocationAttr) -> SSAValue:
        buffer.location = location
        self.buffers.append(buffer)
        return buffer.result

    def _argument(self, index: int) -> SSAValue:
        argument = self.host.function.body.block.args[index]
        name = self.host.argument_attribute(index, "name") or argument.name_hint or f"argument{index}"
        kind = "input" if self.host.argument_attribute(index, "kind") in (None, "input") else "parameter"
        number = sum(b.kind.data == "input" for b in self.buffers) if kind == "input" else None
        type_ = _memref(argument, self.host.argument_attribute(index, "dtype"))
        buffer = BufferOp(kind, type_, index=number, name=str(name))
        return self._add(buffer, fused_location([argument.location, self.host.function.location]))

    def _output(self, number: int, result: int) -> SSAValue:
        end = self.host.function.body.block.last_op
        assert isinstance(end, func.ReturnOp)
        value = end.arguments[result]
        location = value.owner.location if isinstance(value.owner, Operation) else end.location
        type_ = _memref(value, self.host.result_attribute(result, "dtype"))
        return self._add(BufferOp("output", type_, index=number), fused_location([location, end.location]))

    def _buffer(self, storage: Storage) -> SSAValue:
        """The buffer the storage lives in."""
        if storage.constant is not None:
            if storage not in self.constants:
                buffer = BufferOp("constant", storage.type, value=storage.constant)
                self.constants[storage] = self._add(buffer, _origin(storage))
            return self.constants[storage]
        place = self.plan.places[storage]
        if place.argument is not None:
            return self.arguments[place.argument]
        if place.output is not None:
            return self.outputs[place.output]
        if storage not in self.slots:
            assert place.slot is not None
            buffer = BufferOp("arena", storage.type, offset=place.slot.offset)
            self.slots[storage] = self._add(buffer, _origin(storage))
        return self.slots[storage]

    def _copies(self) -> None:
        """Outputs first, then parameters: an output may be the old value of one.

        A new value that is itself a parameter overwritten here goes through the arena.
        """
        for storage, number in self.plan.output_copies:
            self._copy(self._buffer(storage), self.outputs[number], storage)
        targets = {argument for _, argument in self.plan.update_copies}
        moved: dict[Storage, SSAValue] = {}
        offset = self.plan.arena_bytes
        for storage, _ in self.plan.update_copies:
            if storage.argument in targets and storage not in moved:
                slot = Slot(byte_size(storage.type), 0, 0, offset)
                buffer = BufferOp("arena", storage.type, offset=slot.offset)
                moved[storage] = self._add(buffer, _origin(storage))
                self._copy(self._buffer(storage), moved[storage], storage)
                offset += slot.aligned
        for storage, argument in self.plan.update_copies:
            self._copy(moved.get(storage, self._buffer(storage)), self.arguments[argument], storage)

    def _copy(self, source: SSAValue, target: SSAValue, storage: Storage) -> None:
        copy = CopyOp(source, target)
        end = self.host.function.body.block.last_op
        assert end is not None
        copy.location = fused_location([_origin(storage), end.location])
        self.commands.append(copy)


def _memref(value: SSAValue, dtype: object) -> MemRefType:
    """The buffer type for the caller: `cellc.dtype` tells u8 where the IR has i8."""
    assert isinstance(value.type, TensorType)
    element = IntegerType(8, Signedness.UNSIGNED) if dtype == "u8" else value.type.element_type
    return MemRefType(element, value.type.get_shape())


def _origin(storage: Storage) -> LocationAttr:
    """Where the value was made; the function's location for an argument without one."""
    owner = storage.value.owner
    if isinstance(owner, Operation):
        return owner.location
    function = owner.parent_op()
    assert function is not None
    return fused_location([storage.value.location, function.location])  # pyright: ignore[reportAttributeAccessIssue]


def memory_table(program: ProgramOp) -> str:
    """The plan as text: a line a buffer with its place, bytes, first and last command, and where it comes from."""
    commands = list(program.commands)
    rows: list[Sequence[str]] = [("buffer", "offset", "bytes", "first", "last", "made at")]
    for number, buffer in enumerate(program.buffers):
        uses = [i for i, command in enumerate(commands) if buffer.result in command.operands]
        label = buffer.buffer_name.data if buffer.buffer_name is not None else f"{buffer.kind.data} {number}"
        offset = str(buffer.offset.value.data) if buffer.offset is not None else "-"
        first, last = (str(uses[0]), str(uses[-1])) if uses else ("-", "-")
        rows.append((label, offset, str(buffer.nbytes), first, last, user_line(buffer.location)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[5]]) for row in rows]
    bound = program.lower_bound.value.data if program.lower_bound is not None else 0
    return "\n".join([*lines, f"arena: {program.arena.value.data} bytes; alive at once: {bound} bytes"]) + "\n"
