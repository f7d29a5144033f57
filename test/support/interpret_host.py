"""Runs host programs on real memory with interpreted kernels, for tests of the plan of buffers."""

from __future__ import annotations

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from cellc.dialects.host import BufferOp, LaunchOp, ProgramOp
from support.interpret_linalg import dense_array, interpret, numpy_type


def run_program(module: ModuleOp, arguments: dict[str, np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Runs `host.program` on one arena of bytes: its outputs, and its parameters afterwards."""
    (program,) = [op for op in module.ops if isinstance(op, ProgramOp)]
    arena = np.full(program.arena.value.data, 0xA5, np.uint8)
    memory = {b.result: _memory(b, arena, arguments) for b in program.buffers}
    for command in program.commands:
        if isinstance(command, LaunchOp):
            _launch(module, command, [memory[b] for b in command.buffers])
        else:
            memory[command.target][...] = memory[command.source].reshape(memory[command.target].shape)
    outputs = sorted((b for b in program.buffers if b.kind.data == "output"), key=lambda b: b.index.value.data)
    parameters = {b.buffer_name.data: memory[b.result] for b in program.buffers if b.kind.data == "parameter"}
    return [memory[b.result] for b in outputs], parameters


def _launch(module: ModuleOp, command: LaunchOp, buffers: list[np.ndarray]) -> None:
    name = command.kernel.root_reference.data
    (kernel,) = (op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == name)
    count = len(kernel.function_type.inputs)
    types = [*kernel.function_type.inputs, *kernel.function_type.outputs]
    views = [buffer.reshape(t.get_shape()) for buffer, t in zip(buffers, types, strict=True)]
    results = interpret(module, *(view.copy() for view in views[:count]), function=name)
    for view, array in zip(views[count:], results, strict=True):
        view[...] = array


def _memory(buffer: BufferOp, arena: np.ndarray, arguments: dict[str, np.ndarray]) -> np.ndarray:
    type_ = buffer.result.type
    shape, dtype = type_.get_shape(), numpy_type(type_.element_type)
    if buffer.buffer_name is not None:
        return arguments[buffer.buffer_name.data].copy()
    if buffer.value is not None:
        return dense_array(buffer.value)
    if buffer.offset is not None:
        start = buffer.offset.value.data
        return arena[start : start + buffer.nbytes].view(dtype).reshape(shape)
    return np.zeros(shape, dtype)
