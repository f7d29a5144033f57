"""Parameters of a program that become constants of it, and parameters that no command uses any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellc.runtime.program import ALIGNMENT, Buffer, Command, Copy, Launch, Program


def with_constants(program: Program, values: Mapping[int, bytes]) -> Program:
    """The program with the bindings numbered in `values` as constants of these bytes."""
    numbers = [i for i, buffer in enumerate(program.buffers) if buffer.is_binding]
    constants, buffers = bytearray(program.constants), list(program.buffers)
    for binding, data in values.items():
        old = buffers[numbers[binding]]
        if len(data) != old.nbytes:
            raise ValueError(f"{len(data)} bytes for {old.name}, which has {old.nbytes}")
        constants += bytes(-len(constants) % ALIGNMENT)
        buffers[numbers[binding]] = Buffer("constant", "", old.dtype, old.shape, len(constants))
        constants += data
    return replace(program, buffers=buffers, constants=bytes(constants))


def without_unused_parameters(programs: Sequence[Program]) -> list[Program]:
    """The programs, which bind the same, without the parameters that no command of any of them uses."""
    used = {program.buffers[i].name for program in programs for command in program.commands for i in _operands(command)}
    return [_keeping(program, used) for program in programs]


def _keeping(program: Program, used: set[str]) -> Program:
    kept = [i for i, buffer in enumerate(program.buffers) if buffer.kind != "parameter" or buffer.name in used]
    number = {old: new for new, old in enumerate(kept)}
    commands = [_renumbered(command, number) for command in program.commands]
    return replace(program, buffers=[program.buffers[i] for i in kept], commands=commands)


def _operands(command: Command) -> tuple[int, ...]:
    if isinstance(command, Launch):
        return command.buffers
    return (command.source, command.target) if isinstance(command, Copy) else (command.target,)


def _renumbered(command: Command, number: Mapping[int, int]) -> Command:
    if isinstance(command, Launch):
        return replace(command, buffers=tuple(number[i] for i in command.buffers))
    if isinstance(command, Copy):
        return replace(command, source=number[command.source], target=number[command.target])
    return replace(command, target=number[command.target])
