"""What a mapped kernel means, thread by thread: the check that needs no GPU. Used by tests alone.

Every thread runs as a coroutine up to the next barrier, in a shuffled order, so a missing barrier shows as a wrong
result; shared memory starts as NaN, so reading what nobody staged shows too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, gpu, memref, scf
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, MemRefType, f16, f32
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.targets.gpu.emit_ptx import grid_of


def run_kernel(op: gpu.FuncOp, arguments: Sequence[np.ndarray], seed: int = 0) -> None:
    """Runs all blocks on arrays, which it reads and writes in place."""
    blocks, threads = grid_of(op)
    order = random.Random(seed)
    for block in range(blocks):
        shared = {
            tile.sym_name.data: _uninitialised(tile.type)
            for tile in op.parent_block().ops  # pyright: ignore[reportOptionalMemberAccess]
            if isinstance(tile, memref.GlobalOp)
        }
        running = [
            _Thread(block, thread, shared).start(op.body.block, arguments) for thread in range(threads)
        ]  # fmt: skip
        while running:
            order.shuffle(running)
            waiting = [thread for thread in running if next(thread, None) is not None]
            if waiting and len(waiting) != len(running):
                raise AssertionError("some threads wait at a barrier that others do not reach")
            running = waiting


def _uninitialised(type: Attribute) -> np.ndarray:
    assert isinstance(type, MemRefType)
    return np.full(type.get_shape(), np.nan, np.float32)


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "addi": lambda a, b: a + b,
    "subi": lambda a, b: (a - b) % 2**64,
    "muli": lambda a, b: a * b,
    "divui": lambda a, b: a // b,
    "remui": lambda a, b: a % b,
    "andi": lambda a, b: a & b,
    "ori": lambda a, b: a | b,
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
    "negf": np.negative,
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "select": lambda c, a, b: a if c else b,
    "index_cast": lambda a: a,
    "extui": lambda a: int(a),
    "extsi": lambda a: int(a),
    "trunci": lambda a: int(a) & 1,
}
_FUNCTIONS: dict[type[Operation], Callable[..., Any]] = {
    math_dialect.ExpOp: np.exp,
    math_dialect.LogOp: np.log,
    math_dialect.TanhOp: np.tanh,
    math_dialect.SqrtOp: np.sqrt,
    math_dialect.AbsFOp: np.abs,
    math_dialect.ErfOp: lambda x: math.erf(float(x)),
}
_INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
_FLOAT_PREDICATES = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une")


def _compare(predicate: str, a: Any, b: Any) -> bool:
    relation = predicate if predicate in ("eq", "ne") else predicate[1:]
    unordered = predicate.startswith("u") and (a != a or b != b)
    return bool(
        unordered or {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[relation]
    )


class _Thread:
    """One thread: the values of the SSA names it has computed."""

    def __init__(self, block: int, thread: int, shared: dict[str, np.ndarray]):
        self.block = block
        self.thread = thread
        self.shared = shared
        self.values: dict[SSAValue, Any] = {}

    def start(self, body: Block, arguments: Sequence[np.ndarray]) -> Iterator[bool]:
        """A coroutine that yields at every barrier."""
        self.values.update(zip(body.args, arguments, strict=True))
        yield from self.run(body)

    def run(self, block: Block) -> Iterator[bool]:
        for op in block.ops:
            if isinstance(op, gpu.BarrierOp):
                yield True
            elif isinstance(op, scf.ForOp):
                yield from self.loop(op)
            elif isinstance(op, scf.IfOp):
                region = op.true_region if self.values[op.cond] else op.false_region
                if region.blocks:
                    yield from self.run(region.block)
                    self.assign(op.results, region.block)
            elif not isinstance(op, scf.YieldOp | gpu.ReturnOp):
                self.step(op)

    def loop(self, op: scf.ForOp) -> Iterator[bool]:
        carried = [self.values[value] for value in op.iter_args]
        for index in range(self.values[op.lb], self.values[op.ub], self.values[op.step]):
            self.values.update(zip(op.body.block.args, [index, *carried], strict=True))
            yield from self.run(op.body.block)
            last = op.body.block.last_op
            assert last is not None
            carried = [self.values[value] for value in last.operands]
        self.values.update(zip(op.results, carried, strict=True))

    def assign(self, results: Sequence[SSAValue], block: Block) -> None:
        if results:
            last = block.last_op
            assert last is not None
            self.values.update((r, self.values[v]) for r, v in zip(results, last.operands, strict=True))

    def step(self, op: Operation) -> None:
        inputs = [self.values[value] for value in op.operands]
        match op:
            case memref.StoreOp():
                value, target, *indices = inputs
                target[self.checked(target, indices)] = value
            case memref.LoadOp():
                source, *indices = inputs
                self.values[op.res] = source[self.checked(source, indices)]
            case memref.GetGlobalOp():
                self.values[op.memref] = self.shared[op.name_.string_value()]
            case gpu.ThreadIdOp():
                self.values[op.result] = self.thread
            case gpu.BlockIdOp():
                self.values[op.result] = self.block
            case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as value):
                self.values[op.result] = _typed(value.value.data, op.result.type)
            case arith.CmpiOp():
                self.values[op.result] = _compare(_INTEGER_PREDICATES[op.predicate.value.data], *inputs)
            case arith.CmpfOp():
                self.values[op.result] = _compare(_FLOAT_PREDICATES[op.predicate.value.data], *inputs)
            case _:
                self.values[op.results[0]] = self.compute(op, inputs)

    def compute(self, op: Operation, inputs: list[Any]) -> Any:
        if type(op) in _FUNCTIONS:
            return _typed(_FUNCTIONS[type(op)](*inputs), op.results[0].type)
        if isinstance(op, arith.ExtFOp | arith.TruncFOp):
            return _typed(inputs[0], op.results[0].type)
        dialect, _, name = op.name.partition(".")
        if dialect != "arith" or name not in _ARITHMETIC:
            raise NotImplementedError(f"the interpreter does not know {op.name}")
        return _ARITHMETIC[name](*inputs)

    def checked(self, array: np.ndarray, indices: Sequence[int]) -> tuple[int, ...]:
        """The indices, in bounds: NumPy would take a negative one from the end."""
        if any(not 0 <= index < extent for index, extent in zip(indices, array.shape, strict=True)):
            raise AssertionError(f"thread {self.thread} of block {self.block} reads {indices} of {array.shape}")
        return tuple(indices)


def _typed(value: Any, type: Attribute) -> Any:
    if isinstance(type, AnyFloat):
        return {f16: np.float16, f32: np.float32}.get(type, np.float64)(value)
    return int(value)
