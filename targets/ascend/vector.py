"""An elementwise `linalg.generic` on the vector unit: one whole-buffer instruction for each op of its body."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from xdsl.dialects import arith, linalg
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import AnyFloat, FloatAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.dialects.ascend.compute import SCALAR_KINDS, VBinaryOp, VBrcOp, VCastOp, VUnaryOp
from cellc.dialects.ascend.kernel import KernelOp
from cellc.dialects.ascend.memory import CAPACITY, AllocOp, LoadOp, StoreOp, buffer_type, element_of
from cellc.passes.linalg_analysis import bare_dims, input_maps, is_all_parallel, is_identity, loop_extents, output_maps
from cellc.targets.ascend.tiles import TileBuilder, tile_count
from cellc.targets.target import UnsupportedKernelError

VECTOR_CORES = 40
# Half of the unified buffer: the vendor's compiler double-buffers the copies.
_BUDGET = CAPACITY["ub"] // 2
_WIDEST = 2048

_UNARY: dict[type[Operation], str] = {
    math_dialect.ExpOp: "exp",
    math_dialect.LogOp: "ln",
    math_dialect.AbsFOp: "abs",
    math_dialect.SqrtOp: "sqrt",
    math_dialect.RsqrtOp: "rsqrt",
    math_dialect.TanhOp: "tanh",
}
_BINARY: dict[type[Operation], str] = {
    arith.AddfOp: "add",
    arith.SubfOp: "sub",
    arith.MulfOp: "mul",
    arith.DivfOp: "div",
    arith.MaximumfOp: "max",
    arith.MinimumfOp: "min",
}


class Plane(NamedTuple):
    """The iteration space seen as rows x columns: operands have either all of it, or one row that repeats."""

    rows: int
    columns: int
    repeated: tuple[bool, ...]


def plane_of(op: GenericOp) -> Plane:
    """Raises UnsupportedKernelError when an operand is neither the whole space nor its trailing dims."""
    extents = loop_extents(op)
    rank = len(extents)
    if not is_all_parallel(op) or not all(is_identity(map_) for map_ in output_maps(op)):
        raise UnsupportedKernelError("ascend: only elementwise generics with identity outputs run on the vector unit")
    suffixes = {_suffix(map_, rank) for map_ in input_maps(op)} - {0}
    if len(suffixes) > 1:
        raise UnsupportedKernelError("ascend: operands that repeat along different dims are not supported yet")
    if not suffixes:
        return Plane(1, prod(extents), (False,) * len(op.inputs))
    first = suffixes.pop()
    repeated = tuple(_suffix(map_, rank) != 0 for map_ in input_maps(op))
    return Plane(prod(extents[:first]), prod(extents[first:]), repeated)


def _suffix(map_: AffineMap, rank: int) -> int:
    """0 for the identity, otherwise the first loop that the operand has."""
    dims = bare_dims(map_)
    if not dims or dims != list(range(dims[0], rank)):
        raise UnsupportedKernelError(f"ascend: an operand is read with the map {map_}, which is not supported yet")
    return dims[0]


def vector_kernel(name: str, op: GenericOp) -> KernelOp:
    """A kernel whose arguments are the generic's inputs, then its results, in global memory."""
    plane = plane_of(op)
    types = [
        _in_gm(value, (1 if repeated else plane.rows, plane.columns))
        for value, repeated in zip(op.inputs, plane.repeated, strict=True)
    ]
    types += [_in_gm(value, (plane.rows, plane.columns)) for value in op.results]
    tile = _tile(op, plane)
    kernel = KernelOp(name, "aiv", min(VECTOR_CORES, tile_count(plane.rows, plane.columns, tile)), types)
    builder = _Elementwise(kernel, op, plane)
    builder.tiles(plane.rows, plane.columns, tile, builder.one_tile)
    return kernel


def cast_kernel(name: str, size: int, source: AnyFloat, target: AnyFloat) -> KernelOp:
    """A kernel that converts `size` elements."""
    arguments = [buffer_type((1, size), element, "gm") for element in (source, target)]
    tile = (1, 8192)
    kernel = KernelOp(name, "aiv", min(VECTOR_CORES, tile_count(1, size, tile)), arguments)
    builder = TileBuilder(kernel)

    def one_tile(row: SSAValue, column: SSAValue, shape: tuple[int, int]) -> None:
        buffers = [builder.insert(AllocOp(buffer_type(shape, element, "ub"))).buffer for element in (source, target)]
        given, wanted = (builder.window(value, (row, column), shape) for value in kernel.body.block.args)
        builder.insert(LoadOp(given, buffers[0]))
        builder.insert(VCastOp(*buffers))
        builder.insert(StoreOp(buffers[1], wanted))

    builder.tiles(1, size, tile, one_tile)
    return kernel


def _in_gm(value: SSAValue, shape: tuple[int, int]) -> Attribute:
    element = value.type.element_type  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(element, AnyFloat) or element.size > 4:
        raise UnsupportedKernelError(f"ascend: elements of type {element} are not supported on the vector unit yet")
    return buffer_type(shape, element, "gm")


def _tile(op: GenericOp, plane: Plane) -> tuple[int, int]:
    buffers = 2 * len(op.inputs) + len(list(op.body.block.ops))
    elements = _BUDGET // (4 * buffers)
    columns = min(plane.columns, _WIDEST, elements)
    return min(plane.rows, max(1, elements // max(1, columns))), columns


class _Elementwise(TileBuilder):
    """Builds one tile: load every operand, then an instruction for each op of the body, then store."""

    def __init__(self, kernel: KernelOp, op: GenericOp, plane: Plane):
        super().__init__(kernel)
        self.op = op
        self.plane = plane

    def one_tile(self, row: SSAValue, column: SSAValue, tile: tuple[int, int]) -> None:
        arguments = self.kernel.body.block.args
        self.tile = tile
        self.buffers: dict[SSAValue, SSAValue] = {}
        self.scalars: dict[SSAValue, FloatAttr] = {}
        for inner, outer, repeated in zip(self.op.body.block.args, arguments, self.plane.repeated, strict=False):
            if inner.uses.get_length():
                at = (self.index(0), column) if repeated else (row, column)
                self.buffers[inner] = self.load(outer, at, repeated)
        for op in self.op.body.block.ops:
            self.instruction(op)
        results = arguments[len(self.op.inputs) :]
        yielded = self.op.body.block.last_op
        assert isinstance(yielded, linalg.ops.YieldOp)
        for value, target in zip(yielded.operands, results, strict=True):
            self.insert(StoreOp(self.buffer(value), self.window(target, (row, column), tile)))

    def load(self, source: SSAValue, at: tuple[SSAValue, SSAValue], repeated: bool) -> SSAValue:
        shape = (1, self.tile[1]) if repeated else self.tile
        loaded = self.alloc(shape, element_of(source))
        self.insert(LoadOp(self.window(source, at, shape), loaded))
        if not repeated or self.tile[0] == 1:
            return loaded
        full = self.alloc(self.tile, element_of(source))
        self.insert(VBrcOp(loaded, full))
        return full

    def alloc(self, shape: tuple[int, int], element: Attribute) -> SSAValue:
        return self.insert(AllocOp(buffer_type(shape, element, "ub"))).buffer

    def buffer(self, value: SSAValue) -> SSAValue:
        """The buffer of a value of the body; a scalar constant is spread over one."""
        if value not in self.buffers:
            target = self.alloc(self.tile, value.type)
            self.insert(VBrcOp(self.scalar(value), target))
            self.buffers[value] = target
        return self.buffers[value]

    def scalar(self, value: SSAValue) -> SSAValue:
        return self.insert(arith.ConstantOp(self.scalars[value])).result

    def instruction(self, op: Operation) -> None:
        if isinstance(op, linalg.ops.YieldOp):
            return
        result = op.results[0]
        if isinstance(op, arith.ConstantOp) and isinstance(op.value, FloatAttr):
            self.scalars[result] = op.value
            return
        target = self.alloc(self.tile, result.type)
        if isinstance(op, arith.ExtFOp | arith.TruncFOp):
            self.insert(VCastOp(self.buffer(op.input), target))
        elif type(op) in _UNARY:
            self.insert(VUnaryOp(_UNARY[type(op)], self.buffer(op.operands[0]), target))
        elif type(op) in _BINARY:
            self.binary(_BINARY[type(op)], op.operands[0], op.operands[1], target)
        elif isinstance(op, arith.NegfOp) and isinstance(result.type, AnyFloat):
            minus = self.insert(arith.ConstantOp(FloatAttr(-1.0, result.type))).result
            self.insert(VBinaryOp("mul", self.buffer(op.operand), minus, target))
        else:
            raise UnsupportedKernelError(f"ascend: {op.name} has no instruction on the vector unit yet")
        self.buffers[result] = target

    def binary(self, kind: str, lhs: SSAValue, rhs: SSAValue, target: SSAValue) -> None:
        if kind in SCALAR_KINDS and lhs in self.scalars and rhs not in self.scalars:
            lhs, rhs = rhs, lhs
        if kind in SCALAR_KINDS and rhs in self.scalars:
            self.insert(VBinaryOp(kind, self.buffer(lhs), self.scalar(rhs), target))
        else:
            self.insert(VBinaryOp(kind, self.buffer(lhs), self.buffer(rhs), target))
