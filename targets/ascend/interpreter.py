"""What `ascend` kernels mean, in NumPy: the check that needs no NPU. Used by tests alone.

Buffers start as NaN, so that reading what no instruction wrote shows; the elements past a matrix's edge in its
fractals stay NaN for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, MemRefType, ModuleOp, f16
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.dialects.ascend import compute, kernel, memory
from cellc.dialects.ascend.memory import FRACTAL, fractals


def run_host(module: ModuleOp, name: str, arguments: Sequence[np.ndarray]) -> None:
    """Runs a host function on arrays, which it reads and writes in place."""
    kernels = {op.sym_name.data: op for op in module.ops if isinstance(op, kernel.KernelOp)}
    host = next(op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == name)
    buffers: dict[SSAValue, np.ndarray] = dict(zip(host.body.block.args, arguments, strict=True))
    for op in host.body.block.ops:
        if isinstance(op, memory.AllocOp):
            buffers[op.buffer] = _fresh(op.buffer.type)
        elif isinstance(op, kernel.LaunchOp):
            run_kernel(kernels[op.kernel.string_value()], [buffers[value] for value in op.arguments])


def run_kernel(op: kernel.KernelOp, arguments: Sequence[np.ndarray]) -> None:
    """Runs every block of a kernel on arrays, which it reads and writes in place."""
    for block in range(op.blocks.value.data):
        core = _Core(block)
        for value, array in zip(op.body.block.args, arguments, strict=True):
            view = array.view()
            view.shape = memory.shape_of(value)  # raises rather than copy
            core.values[value] = view
        core.run(op.body.block)


def to_fractals(matrix: np.ndarray) -> np.ndarray:
    """rows x columns -> [columns/16, rows/16, 16, 16], NaN past the edge."""
    rows, columns = matrix.shape
    n1, m1, _, _ = fractals(rows, columns)
    padded = np.full((m1 * FRACTAL, n1 * FRACTAL), np.nan, matrix.dtype)
    padded[:rows, :columns] = matrix
    return padded.reshape(m1, FRACTAL, n1, FRACTAL).transpose(2, 0, 1, 3)


def from_fractals(tiled: np.ndarray, rows: int, columns: int) -> np.ndarray:
    n1, m1, _, _ = tiled.shape
    return tiled.transpose(1, 2, 0, 3).reshape(m1 * FRACTAL, n1 * FRACTAL)[:rows, :columns]


def _fresh(type: Attribute) -> np.ndarray:
    assert isinstance(type, MemRefType)
    return np.full(type.get_shape(), np.nan, np.float16 if type.element_type == f16 else np.float32)


class _Core:
    """One core: the values of the SSA names of the kernel it runs."""

    def __init__(self, block: int):
        self.block = block
        self.values: dict[SSAValue, np.ndarray | int | float] = {}

    def run(self, block: Block) -> None:
        for op in block.ops:
            self.step(op)

    def step(self, op: Operation) -> None:
        inputs = [self.values[value] for value in op.operands]
        match op:
            case kernel.BlockIdxOp():
                self.values[op.index] = self.block
            case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as value):
                self.values[op.result] = value.value.data
            case arith.AddiOp() | arith.MuliOp() | arith.DivUIOp() | arith.RemUIOp() | arith.CmpiOp():
                self.values[op.results[0]] = _index(op, *inputs)
            case scf.ForOp():
                lower, upper, step = (int(bound) for bound in inputs)
                for number in range(lower, upper, step):
                    self.values[op.body.block.args[0]] = number
                    self.run(op.body.block)
            case scf.YieldOp():
                pass
            case memref.SubviewOp():
                source, *offsets = inputs
                window = [slice(o, o + n) for o, n in zip(offsets, op.static_sizes.get_values(), strict=True)]
                view = source[tuple(window)]  # pyright: ignore[reportIndexIssue]
                assert view.shape == op.static_sizes.get_values(), "a window leaves its buffer"
                self.values[op.result] = view
            case memory.AllocOp():
                self.values[op.buffer] = _fresh(op.buffer.type)
            case _:
                inputs[-1 if not isinstance(op, compute.MmadL1Op) else 2][...] = _result(op, *inputs)  # pyright: ignore


def _index(op: Operation, lhs, rhs) -> int:
    return {"addi": lhs + rhs, "muli": lhs * rhs, "divui": lhs // (rhs or 1), "remui": lhs % (rhs or 1),
            "cmpi": lhs == rhs}[op.name.split(".")[1]]  # fmt: skip


def _result(op: Operation, *inputs) -> np.ndarray:
    """What the instruction writes into its target."""
    match op:
        case memory.LoadOp() | memory.StoreOp() | compute.VCastOp() | compute.VBrcOp():
            return inputs[0]
        case memory.Nd2NzOp():
            return to_fractals(inputs[0])
        case memory.FixpipeOp():
            return from_fractals(inputs[0], *inputs[1].shape)
        case compute.VUnaryOp():
            return compute.UNARY[op.kind.data](inputs[0])
        case compute.VBinaryOp():
            return compute.BINARY[op.kind.data](inputs[0], inputs[1])
        case compute.MmadL1Op():
            return to_fractals(_product(op, *inputs))
    raise NotImplementedError(f"the interpreter does not know {op.name}")


def _product(op: compute.MmadL1Op, lhs, rhs, accumulator, clear) -> np.ndarray:
    m, k, n = op.extents
    a = from_fractals(lhs, k, m).T if op.transpose_a else from_fractals(lhs, m, k)
    b = from_fractals(rhs, n, k).T if op.transpose_b else from_fractals(rhs, k, n)
    product = a.astype(np.float32) @ b.astype(np.float32)
    return product if clear else product + from_fractals(accumulator, m, n)
