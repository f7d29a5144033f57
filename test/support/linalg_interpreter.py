"""What IR in the linalg form means, in NumPy, for tests of the passes between linalg and the host program.

Parallel loops are vectorised; reduction loops run one index at a time, so the order of sums is the program's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr, ModuleOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue

from cellc.dialects.host import BufferOp, LaunchOp, ProgramOp

DTYPES = {"f32": np.float32, "f64": np.float64, "i1": np.bool_, "i32": np.int32, "i64": np.int64, "index": np.int64}
_BINARY: dict[str, Callable] = {
    "addf": np.add, "addi": np.add, "subf": np.subtract, "subi": np.subtract, "mulf": np.multiply,
    "muli": np.multiply, "divf": np.divide, "maximumf": np.maximum, "minimumf": np.minimum,
}  # fmt: skip
_MATH: dict[str, Callable] = {"exp": np.exp, "tanh": np.tanh, "absf": np.abs, "sqrt": np.sqrt}
_COMPARE = {1: np.equal, 2: np.greater, 3: np.greater_equal, 4: np.less, 5: np.less_equal}

Values = dict[SSAValue, np.ndarray]


def run(module: ModuleOp, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of `@main`, with calls of kernels followed."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    return run_function(functions["main"], arguments, functions)


def run_function(
    function: func.FuncOp, arguments: Sequence[np.ndarray], functions: dict[str, func.FuncOp]
) -> list[np.ndarray]:
    block = function.body.block
    values: Values = dict(zip(block.args, arguments, strict=True))
    for op in block.ops:
        if isinstance(op, func.ReturnOp):
            return [values[v] for v in op.arguments]
        if isinstance(op, func.CallOp):
            callee = functions[op.callee.root_reference.data]
            results = run_function(callee, [values[v] for v in op.arguments], functions)
        else:
            results = _tensor_op(op, values)
        for result, array in zip(op.results, results, strict=True):
            assert array.shape == tuple(getattr(result.type, "get_shape", tuple)()), op
            values[result] = array
    raise AssertionError("no return")


def run_program(module: ModuleOp, arguments: dict[str, np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Runs `host.program` on real memory, one arena of bytes: outputs, and parameters afterwards."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    (program,) = [op for op in module.ops if isinstance(op, ProgramOp)]
    arena = np.full(program.arena.value.data, 0xA5, np.uint8)
    memory = {b.result: _memory(b, arena, arguments) for b in program.buffers}
    for command in program.commands:
        if not isinstance(command, LaunchOp):
            memory[command.target][...] = memory[command.source].reshape(memory[command.target].shape)
            continue
        kernel = functions[command.kernel.root_reference.data]
        count = len(kernel.function_type.inputs)
        types = [*kernel.function_type.inputs, *kernel.function_type.outputs]
        views = [memory[b].reshape(t.get_shape()) for b, t in zip(command.buffers, types, strict=True)]
        results = run_function(kernel, [view.copy() for view in views[:count]], functions)
        for view, array in zip(views[count:], results, strict=True):
            view[...] = array
    outputs = sorted((b for b in program.buffers if b.kind.data == "output"), key=lambda b: b.index.value.data)
    parameters = {b.buffer_name.data: memory[b.result] for b in program.buffers if b.kind.data == "parameter"}
    return [memory[b.result] for b in outputs], parameters


def _memory(buffer: BufferOp, arena: np.ndarray, arguments: dict[str, np.ndarray]) -> np.ndarray:
    type_ = buffer.result.type
    shape, dtype = type_.get_shape(), DTYPES[str(type_.element_type)]
    if buffer.buffer_name is not None:
        return arguments[buffer.buffer_name.data].copy()
    if buffer.value is not None:
        return _dense(buffer.value)
    if buffer.offset is not None:
        start = buffer.offset.value.data
        return arena[start : start + buffer.nbytes].view(dtype).reshape(shape)
    return np.zeros(shape, dtype)


def _dense(value: DenseIntOrFPElementsAttr) -> np.ndarray:
    return np.array(value.get_values(), DTYPES[str(value.type.element_type)]).reshape(value.type.get_shape())


def _tensor_op(op: Operation, values: Values) -> list[np.ndarray]:
    match op:
        case arith.ConstantOp(value=DenseIntOrFPElementsAttr() as dense):
            return [_dense(dense)]
        case arith.ConstantOp():
            return [_scalar(op)]
        case tensor.EmptyOp():
            type_ = op.tensor.type
            return [np.full(type_.get_shape(), 77, DTYPES[str(type_.element_type)])]
        case FillOp():
            return [np.full(values[op.outputs[0]].shape, values[op.inputs[0]], values[op.outputs[0]].dtype)]
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
            return [values[op.src].reshape(op.result.type.get_shape())]
        case tensor.InsertSliceOp():
            return [_insert_slice(op, values)]
        case GenericOp():
            return _generic(op, values)
        case _:
            raise NotImplementedError(op.name)


def _insert_slice(op: tensor.InsertSliceOp, values: Values) -> np.ndarray:
    result = values[op.dest].copy()
    arrays = (op.static_offsets, op.static_sizes, op.static_strides)
    places = zip(*(array.get_values() for array in arrays), strict=True)
    where = tuple(slice(start, start + (size - 1) * step + 1, step) for start, size, step in places)
    result[where] = values[op.source].reshape(result[where].shape)
    return result


def _scalar(op: arith.ConstantOp) -> np.ndarray:
    assert isinstance(op.value, FloatAttr | IntegerAttr)
    return np.array(op.value.value.data, DTYPES[str(op.result.type)])


def _generic(op: GenericOp, values: Values) -> list[np.ndarray]:
    maps = [attribute.data for attribute in op.indexing_maps]
    extents = op.get_static_loop_ranges()
    reduced = [i for i, kind in enumerate(op.iterator_types) if kind.data == "reduction"]
    parallel = [i for i in range(len(extents)) if i not in reduced]
    outs = [values[v].copy() for v in op.outputs]
    grid = np.indices([extents[i] for i in parallel])
    for point in itertools.product(*(range(extents[i]) for i in reduced)):
        loops: list = [None] * len(extents)
        for i, array in zip(parallel, grid, strict=True):
            loops[i] = array
        for i, number in zip(reduced, point, strict=True):
            loops[i] = np.full(grid.shape[1:], number)
        where = [tuple(np.asarray(r.eval(loops, [])) for r in m.results) for m in maps]
        where = [tuple(np.broadcast_to(index, grid.shape[1:]) for index in w) for w in where]
        sources = [*(values[v] for v in op.inputs), *outs]
        read = [np.broadcast_to(s[w], grid.shape[1:]) for s, w in zip(sources, where, strict=True)]
        yielded = _body(op.body.block, read, loops, values)
        for out, w, array in zip(outs, where[len(op.inputs) :], yielded, strict=True):
            out[w] = array
    return outs


def _body(
    block: Block, arguments: Sequence[np.ndarray], loops: Sequence[np.ndarray], outer: Values
) -> list[np.ndarray]:
    values: Values = dict(outer) | dict(zip(block.args, arguments, strict=True))
    for op in block.ops:
        operands = [values[v] for v in op.operands]
        if isinstance(op, YieldOp):
            return operands
        values[op.results[0]] = _scalar_op(op, operands, loops)
    raise AssertionError("no yield")


def _scalar_op(op: Operation, operands: list[np.ndarray], loops: Sequence[np.ndarray]) -> np.ndarray:
    dialect, _, name = op.name.partition(".")
    if isinstance(op, IndexOp):
        return loops[op.dim.value.data]
    if isinstance(op, arith.ConstantOp):
        return _scalar(op)
    if isinstance(op, tensor.ExtractOp):
        return operands[0][tuple(operands[1:])]
    if isinstance(op, arith.CmpfOp):
        return _COMPARE[op.predicate.value.data](*operands)
    if name == "select":
        return np.where(*operands)
    if name in ("index_cast", "sitofp"):
        return operands[0].astype(DTYPES[str(op.results[0].type)])
    return _MATH[name](*operands) if dialect == "math" else _BINARY[name](*operands)
