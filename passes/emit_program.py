"""Host program (IR) and kernel code -> the runtime's `Program`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    MemRefType,
)
from xdsl.ir import Attribute, SSAValue

from cellc.dialects.host import BufferOp, LaunchOp, ProgramOp
from cellc.passes.user_lines import user_line
from cellc.runtime.program import Buffer, Command, Copy, Kernel, Launch, Program, pack_constants

_FLOATS = {Float16Type: "f16", BFloat16Type: "bf16", Float32Type: "f32", Float64Type: "f64"}


class KernelInfo(Protocol):
    """What a program needs to know of a compiled kernel (targets' `KernelCode` has it)."""

    @property
    def name(self) -> str: ...
    @property
    def blocks(self) -> int: ...
    @property
    def scratch_bytes(self) -> int: ...


def to_program(program: ProgramOp, kernels: Sequence[KernelInfo]) -> Program:
    """The runtime's program, with the kernels that it launches. Raises KeyError when code for one is missing."""
    ops = list(program.buffers)
    constants, offsets = pack_constants([_bytes(op.value) for op in ops if op.value is not None])
    offset_of = dict(zip((op for op in ops if op.value is not None), offsets, strict=True))
    buffers = tuple(_buffer(op, offset_of.get(op, 0)) for op in ops)
    number: dict[SSAValue, int] = {op.result: i for i, op in enumerate(ops)}
    launched = {op.kernel.root_reference.data for op in program.commands if isinstance(op, LaunchOp)}
    kernels = [kernel for kernel in kernels if kernel.name in launched]
    kernel_number = {kernel.name: i for i, kernel in enumerate(kernels)}
    commands = tuple(_command(command, number, kernel_number) for command in program.commands)
    return Program(
        buffers,
        tuple(Kernel(kernel.name, kernel.blocks, kernel.scratch_bytes) for kernel in kernels),
        commands,
        program.arena.value.data,
        constants,
    )


def dtype_name(element: Attribute) -> str:
    """The dtype of an element type; i1 is bool. Raises ValueError for others than ours."""
    if isinstance(element, IntegerType):
        unsigned = element.signedness.data.name == "UNSIGNED"
        return "bool" if element.width.data == 1 else f"{'u' if unsigned else 'i'}{element.width.data}"
    if type(element) not in _FLOATS:
        raise ValueError(f"{element} is not an element type of a buffer")
    return _FLOATS[type(element)]


def _buffer(op: BufferOp, constant_offset: int) -> Buffer:
    assert isinstance(op.result.type, MemRefType)
    offset = op.offset.value.data if op.offset is not None else constant_offset
    name = op.buffer_name.data if op.buffer_name is not None else ""
    return Buffer(op.kind.data, name, dtype_name(op.result.type.element_type), op.result.type.get_shape(), offset)


def _bytes(value: DenseIntOrFPElementsAttr) -> bytes:
    """Row-major data, one byte a bool."""
    if value.type.element_type == IntegerType(1):
        return bytes(int(bool(v)) for v in value.get_values())
    return value.data.data


def _command(op: object, number: dict[SSAValue, int], kernels: dict[str, int]) -> Command:
    if isinstance(op, LaunchOp):
        operands = tuple(number[v] for v in op.buffers)
        return Launch(kernels[op.kernel.root_reference.data], operands, label=user_line(op.location))
    return Copy(number[op.source], number[op.target], label=user_line(op.location))  # pyright: ignore
