"""How much a kernel computes and moves, read off its kernel form; profiles divide this by time."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import FixedBitwidthType, TensorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.dialects.linalg_ext import CumsumOp, ScatterAddOp
from cellc.passes.linalg_analysis import captured_values, iterations, size_of

_NOT_COUNTED = {
    "arith.constant", "arith.select", "arith.bitcast", "arith.extf", "arith.truncf", "arith.sitofp", "arith.uitofp",
    "arith.fptosi", "arith.fptoui",
}  # fmt: skip
_FLOPS_OF_FMA = 2


@dataclass(frozen=True)
class KernelCost:
    """`flops` floating-point operations and `bytes` of operands, each counted once however often it is read."""

    flops: int
    bytes: int


def kernel_cost(kernel: func.FuncOp) -> KernelCost:
    """The cost of one launch.

    A flop is one add, multiply, division, comparison, minimum or function value of floats (a fused multiply-add
    is two, casts and selects none). A table that elements are gathered from counts as the elements gathered.
    """
    block = kernel.body.block
    results = block.last_op.operands if block.last_op is not None else ()
    gathered = _gathered_bytes(kernel)
    read = sum(min(_bytes(value), gathered.get(value, _bytes(value))) for value in block.args)
    return KernelCost(_flops(block), read + sum(map(_bytes, results)))


def _flops(block: Block) -> int:
    return sum(map(_flops_of, block.ops))


def _flops_of(op: Operation) -> int:
    if isinstance(op, GenericOp):
        return iterations(op) * _flops(op.body.block)
    if isinstance(op, scf.ForOp):
        return trip_count(op) * _flops(op.body.block)
    if isinstance(op, ScatterAddOp):
        return size_of(op.updates)
    if isinstance(op, CumsumOp):
        return size_of(op.src)
    if op.name == "math.fma":
        return _FLOPS_OF_FMA
    counted = op.name.startswith(("arith.", "math.")) and op.name not in _NOT_COUNTED
    return int(counted and any(_is_float(operand.type) for operand in op.operands))


def trip_count(loop: scf.ForOp) -> int:
    """Iterations of a loop whose bounds are constants; ValueError for others."""
    bounds = []
    for value in (loop.lb, loop.ub, loop.step):
        if not isinstance(value.owner, arith.ConstantOp):
            raise ValueError(f"a loop's bound is not a constant: {value}")
        bounds.append(value.owner.value.value.data)  # pyright: ignore
    return len(range(*bounds))


def _is_float(type: Attribute) -> bool:
    return str(type) in ("f16", "bf16", "f32", "f64")


def _bytes(value: SSAValue) -> int:
    """Size in memory; a bool is one byte."""
    if not isinstance(value.type, TensorType):
        return 0
    element = value.type.element_type
    return size_of(value) * (element.size if isinstance(element, FixedBitwidthType) else 1)


def _gathered_bytes(kernel: func.FuncOp) -> dict[SSAValue, int]:
    """For each argument that is only gathered from: the bytes of the elements that loops take out of it."""
    found: dict[SSAValue, int] = {}
    for op in kernel.body.block.ops:
        if not isinstance(op, GenericOp):
            continue
        for table in captured_values(op):
            extracts = sum(isinstance(inner, tensor.ExtractOp) and inner.tensor is table for inner in op.walk())
            size = size_of(table)
            if extracts and size:
                found[table] = found.get(table, 0) + extracts * iterations(op) * (_bytes(table) // size)
    return {table: count for table, count in found.items() if not _read_whole(kernel, table)}


def _read_whole(kernel: func.FuncOp, value: SSAValue) -> bool:
    return any(not isinstance(use.operation, tensor.ExtractOp) for use in value.uses)
