"""Writing scalar code for one thread: indices from affine maps, loads and stores, bodies of generics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith, gpu, memref, scf, tensor
from xdsl.dialects.builtin import (
    AnyFloat,
    FixedBitwidthType,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    i1,
    i8,
)
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr
from xdsl.rewriter import InsertPoint

from cellc.targets.target import UnsupportedKernelError


def memory_type(type: Attribute) -> MemRefType:
    """The buffer of a tensor: row-major, with a bool in a byte."""
    assert isinstance(type, TensorType)
    element = i8 if type.element_type == i1 else type.element_type
    if not isinstance(element, FixedBitwidthType):
        raise UnsupportedKernelError(f"gpu: elements of type {element} are not supported")
    return MemRefType(element, type.get_shape())


X = gpu.DimensionAttr(gpu.DimensionEnum.X)
THREADS = 256
"""Threads a block where each thread computes one element."""


def block_count(elements: int) -> int:
    """Blocks of `THREADS` threads for one thread an element."""
    return max(1, -(-elements // THREADS))


def zero(builder: Builder, type: Attribute) -> SSAValue:
    """The constant 0 of a scalar type."""
    if isinstance(type, AnyFloat):
        return builder.insert(arith.ConstantOp(FloatAttr(0.0, type))).result
    assert isinstance(type, IntegerType)
    return builder.insert(arith.ConstantOp(IntegerAttr(0, type))).result


def initial_value(builder: Builder, output: SSAValue) -> SSAValue:
    """The scalar that a reduction starts from: what fills its `outs`."""
    fill = output.owner
    if not isinstance(fill, FillOp) or not isinstance(fill.inputs[0].owner, arith.ConstantOp):
        raise UnsupportedKernelError("gpu: a reduction must start from a constant")
    return builder.insert(fill.inputs[0].owner.clone()).results[0]


def global_thread(builder: ThreadBuilder) -> SSAValue:
    """The number of the thread among all of the grid."""
    thread = builder.insert(gpu.ThreadIdOp(X)).result
    block = builder.insert(gpu.BlockIdOp(X)).result
    return builder.add(builder.mul(block, builder.index(THREADS)), thread)


class ThreadBuilder(Builder):
    """Builds the code of one thread. `memory` holds the buffer of each tensor of the kernel."""

    def __init__(self, block: Block):
        super().__init__(InsertPoint.at_end(block))
        self.memory: dict[SSAValue, SSAValue] = {}

    def index(self, value: int) -> SSAValue:
        return self.insert(arith.ConstantOp.from_int_and_width(value, IndexType())).result

    def add(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        return self.insert(arith.AddiOp(lhs, rhs)).result

    def mul(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        return self.insert(arith.MuliOp(lhs, rhs)).result

    def less(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        return self.insert(arith.CmpiOp(lhs, rhs, "ult")).result

    def both(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        return self.insert(arith.AndIOp(lhs, rhs)).result

    def delinearize(self, flat: SSAValue, extents: Sequence[int]) -> list[SSAValue]:
        """The row-major indices of element `flat` of a space."""
        indices: list[SSAValue] = []
        for extent in reversed(extents[1:]):
            indices.append(self.insert(arith.RemUIOp(flat, self.index(extent))).result)
            flat = self.insert(arith.DivUIOp(flat, self.index(extent))).result
        return [flat, *reversed(indices)][: len(extents)]

    def evaluate(self, expression: AffineExpr, dims: Sequence[SSAValue]) -> SSAValue:
        """An affine expression of the loop indices."""
        match expression:
            case AffineDimExpr(position=position):
                return dims[position]
            case AffineConstantExpr(value=value):
                return self.index(value)
            case AffineBinaryOpExpr(kind=kind, lhs=lhs, rhs=rhs):
                sides = self.evaluate(lhs, dims), self.evaluate(rhs, dims)
                if kind is AffineBinaryOpKind.Add:
                    return self.add(*sides)
                if kind is AffineBinaryOpKind.Mul:
                    return self.mul(*sides)
        raise UnsupportedKernelError(f"gpu: the index expression {expression} is not affine in the kernel form's sense")

    def load(self, source: SSAValue, indices: Sequence[SSAValue], element: Attribute) -> SSAValue:
        value = self.insert(memref.LoadOp.get(source, indices)).res
        if element == i1:
            zero = self.insert(arith.ConstantOp.from_int_and_width(0, 8)).result
            return self.insert(arith.CmpiOp(value, zero, "ne")).result
        return value

    def store(self, value: SSAValue, target: SSAValue, indices: Sequence[SSAValue]) -> None:
        if value.type == i1:
            value = self.insert(arith.ExtUIOp(value, i8)).result
        self.insert(memref.StoreOp.get(value, target, indices))

    def loop(
        self, bound: int, carried: Sequence[SSAValue], body: Callable[[SSAValue, list[SSAValue]], list[SSAValue]]
    ) -> list[SSAValue]:
        """`scf.for` from 0 to `bound`; body(index, carried values) returns their next values."""
        block = Block(arg_types=[IndexType(), *[value.type for value in carried]])
        op = scf.ForOp(self.index(0), self.index(bound), self.index(1), carried, Region(block))
        self.insert(op)
        self.inside(block, lambda: self.insert(scf.YieldOp(*body(block.args[0], list(block.args[1:])))))
        return list(op.results)

    def when(self, condition: SSAValue, body: Callable[[], object]) -> None:
        """`scf.if` without results."""
        block = Block()
        self.insert(scf.IfOp(condition, [], Region(block)))
        self.inside(block, lambda: (body(), self.insert(scf.YieldOp())))

    def choose(self, condition: SSAValue, value: Callable[[], SSAValue], otherwise: SSAValue) -> SSAValue:
        """`scf.if` with one result; the value is computed only where the condition holds."""
        yes, no = Block(), Block()
        op = scf.IfOp(condition, [otherwise.type], Region(yes), Region(no))
        self.insert(op)
        self.inside(yes, lambda: self.insert(scf.YieldOp(value())))
        self.inside(no, lambda: self.insert(scf.YieldOp(otherwise)))
        return op.output[0]

    def inside(self, block: Block, body: Callable[[], object]) -> None:
        outside, self.insertion_point = self.insertion_point, InsertPoint.at_end(block)
        body()
        self.insertion_point = outside

    def read(self, op: GenericOp, operand: int, dims: Sequence[SSAValue]) -> SSAValue:
        """The element of an input that the iteration `dims` of a generic reads."""
        value = op.inputs[operand]
        if not isinstance(value.type, TensorType):
            return self.memory[value]
        if isinstance(value.owner, tensor.EmptyOp):
            # Only its shape matters (the window of a pooling): its elements are never used.
            return zero(self, value.type.element_type)
        map_ = op.indexing_maps.data[operand].data
        indices = [self.evaluate(result, dims) for result in map_.results]
        return self.load(self.memory[value], indices, value.type.element_type)

    def body(self, op: GenericOp, arguments: Sequence[SSAValue], dims: Sequence[SSAValue]) -> list[SSAValue]:
        """The scalar code of a generic's body on these block arguments; what it yields."""
        block = op.body.block
        values: dict[SSAValue, SSAValue] = dict(zip(block.args, arguments, strict=True))
        for inner in block.ops:
            if isinstance(inner, YieldOp):
                return [values.get(value, value) for value in inner.operands]
            self._body_op(inner, values, dims)
        raise AssertionError("a generic's body ends with a yield")

    def _body_op(self, inner: Operation, values: dict[SSAValue, SSAValue], dims: Sequence[SSAValue]) -> None:
        if isinstance(inner, IndexOp):
            values[inner.result] = dims[inner.dim.value.data]
        elif isinstance(inner, tensor.ExtractOp):
            indices = [values[index] for index in inner.indices]
            values[inner.result] = self.load(self.memory[inner.tensor], indices, inner.result.type)
        else:
            copy = self.insert(inner.clone(dict(values)))
            values.update(zip(inner.results, copy.results, strict=True))

    def consume(
        self, epilogue: GenericOp, source: SSAValue, value: SSAValue, dims: Sequence[SSAValue]
    ) -> list[SSAValue]:
        """The results of an elementwise epilogue at `dims`, where its operand `source` is `value`."""
        count = len(epilogue.inputs)
        given = [
            value if operand is source else self.read(epilogue, number, dims)
            for number, operand in enumerate(epilogue.inputs)
        ]
        unused = [zero(self, argument.type) for argument in epilogue.body.block.args[count:]]
        return self.body(epilogue, [*given, *unused], dims)
