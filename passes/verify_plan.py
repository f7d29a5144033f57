"""Replays a host program against the host function it was made from.

Memory is a map from byte ranges to the value last written there. At each
launch every operand must still hold the value that the host function passes;
at the end outputs and updated parameters must hold the returned values.
"""

from __future__ import annotations

from collections import defaultdict

from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.host import BufferOp, CopyOp, LaunchOp, ProgramOp
from cellc.passes.host_values import HostFunction, Storage

Range = tuple[str, int, int]
"""Space, first byte, byte behind the last; the arena is one space, every other buffer its own."""


class PlanError(VerifyException):
    """A host program would read a value that has been overwritten."""


class _Memory:
    def __init__(self) -> None:
        self._held: defaultdict[str, dict[Range, Storage]] = defaultdict(dict)

    def write(self, where: Range, value: Storage) -> None:
        held = self._held[where[0]]
        for other in [r for r in held if _overlap(r, where)]:
            del held[other]
        held[where] = value

    def read(self, where: Range) -> Storage | None:
        return self._held[where[0]].get(where)


def _overlap(one: Range, two: Range) -> bool:
    return one[0] == two[0] and one[1] < two[2] and two[1] < one[2]


def verify_plan(host: HostFunction, program: ProgramOp) -> None:
    """Raises `PlanError` naming the command that would not compute what the host function says."""
    memory = _Memory()
    arguments = [b for b in program.buffers if b.kind.data in ("input", "parameter")]
    values = list(host.function.body.block.args)
    for buffer, value in zip(arguments, values, strict=True):
        memory.write(_range(buffer.result), host.storages[value])
    constants = iter([s for s in host.distinct() if s.constant is not None])
    for buffer in program.buffers:
        if buffer.kind.data == "constant":
            memory.write(_range(buffer.result), next(constants))
    launches = 0
    for command in program.commands:
        if isinstance(command, LaunchOp):
            _check_launch(host, launches, command, memory)
            launches += 1
        elif isinstance(command, CopyOp):
            _run_copy(command, memory)
    if launches != len(host.calls):
        raise PlanError(f"{launches} launches for {len(host.calls)} calls")
    _check_results(host, program, arguments, memory)


def _range(buffer: SSAValue) -> Range:
    op = buffer.owner
    assert isinstance(op, BufferOp)
    start = op.offset.value.data if op.offset is not None else 0
    space = "arena" if op.kind.data == "arena" else f"buffer {id(op)}"
    return space, start, start + op.nbytes


def _check_launch(host: HostFunction, number: int, launch: LaunchOp, memory: _Memory) -> None:
    call = host.calls[number]
    if launch.kernel != call.callee:
        raise PlanError(f"command {number} launches {launch.kernel}, not {call.callee}")
    ranges = [_range(buffer) for buffer in launch.buffers]
    inputs, outputs = ranges[: len(call.arguments)], ranges[len(call.arguments) :]
    for position, (source, value) in enumerate(zip(inputs, call.arguments, strict=True)):
        if source[1] < source[2] and memory.read(source) is not host.storages[value]:
            raise PlanError(_message(number, launch, f"operand {position} has been overwritten"))
    allowed = host.in_place(number)
    for result, target in enumerate(outputs):
        for argument, source in enumerate(inputs):
            if _overlap(target, source) and not (target == source and (result, argument) in allowed):
                raise PlanError(_message(number, launch, f"result {result} overwrites operand {argument}"))
        if any(_overlap(target, other) for other in outputs[:result]):
            raise PlanError(_message(number, launch, f"result {result} overlaps another result"))
    for target, value in zip(outputs, call.results, strict=True):
        memory.write(target, host.storages[value])


def _run_copy(copy: CopyOp, memory: _Memory) -> None:
    value = memory.read(_range(copy.source))
    if value is not None:
        memory.write(_range(copy.target), value)
    elif _bytes(copy.source):
        raise PlanError(f"a copy reads memory that holds no value, at {copy.location}")


def _check_results(host: HostFunction, program: ProgramOp, arguments: list[BufferOp], memory: _Memory) -> None:
    updated = host.updated_arguments()
    outputs = iter(sorted((b for b in program.buffers if b.kind.data == "output"), key=_index))
    for number, storage in enumerate(host.returned):
        buffer = arguments[updated[number]] if number in updated else next(outputs)
        if buffer.nbytes and memory.read(_range(buffer.result)) is not storage:
            raise PlanError(f"result {number} is not in its buffer when the program ends")
    kept = set(range(len(arguments))) - set(updated.values())
    for index in kept:
        value = host.storages[host.function.body.block.args[index]]
        if arguments[index].nbytes and memory.read(_range(arguments[index].result)) is not value:
            raise PlanError(f"argument {index} is not updated, yet overwritten")


def _index(buffer: BufferOp) -> int:
    assert buffer.index is not None
    return buffer.index.value.data


def _bytes(buffer: SSAValue) -> int:
    op = buffer.owner
    assert isinstance(op, BufferOp)
    return op.nbytes


def _message(number: int, command: Operation, problem: str) -> str:
    location: LocationAttr = command.location
    return f"command {number} ({command.name}, {location}): {problem}"
