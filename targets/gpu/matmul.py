"""A product of two matrices: a 64 x 64 tile of the result a block, 4 x 4 elements a thread.

Slices of 16 columns of A and 16 rows of B are staged in shared memory, so that each element is read from
global memory once a block; a thread keeps its 16 sums in registers. Elements past the edge of a matrix are
staged as zero and never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from xdsl.dialects import arith, gpu, memref
from xdsl.dialects.builtin import IntegerAttr, MemRefType, StringAttr, UnitAttr, f32, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.utils.fast_math import FastMathFlag
from xdsl.ir import SSAValue

from cellc.passes.linalg_analysis import bare_dims, input_maps, is_contraction, loop_extents, output_maps
from cellc.targets.gpu.scalar_code import ThreadBuilder, X, initial_value, zero

TILE = 64
SLICE = 16
EACH = 4
SIDE = TILE // EACH
THREADS = SIDE * SIDE
# NVPTX's number for shared memory.
SHARED = IntegerAttr(3, i64)
CONTRACT = arith.FastMathFlagsAttr([FastMathFlag.ALLOW_CONTRACT])


class MatrixProduct(NamedTuple):
    """Loops of a contraction of two matrices, and their extents (m, n, k)."""

    m: int
    n: int
    k: int
    extents: tuple[int, int, int]


def matrix_product(op: GenericOp) -> MatrixProduct | None:
    """The product that a generic is, when it is one of two f32 matrices written in row-major order."""
    if not is_contraction(op) or any(value.type.element_type != f32 for value in op.operands):  # pyright: ignore
        return None
    lhs, rhs = (bare_dims(map_) for map_ in input_maps(op))
    out = bare_dims(output_maps(op)[0])
    if lhs is None or rhs is None or out is None or not len(lhs) == len(rhs) == len(out) == 2:
        return None
    m, n = out
    if m not in lhs or n not in rhs:
        return None
    (k,) = set(lhs) - {m}
    extents = loop_extents(op)
    return MatrixProduct(m, n, k, (extents[m], extents[n], extents[k]))


def shared_tiles(name: str) -> list[memref.GlobalOp]:
    """The two tiles of shared memory of kernel `name`."""
    return [
        memref.GlobalOp.get(
            StringAttr(f"{name}_{side}"), MemRefType(f32, shape, memory_space=SHARED), UnitAttr(), StringAttr("private")
        )
        for side, shape in (("lhs", (TILE, SLICE)), ("rhs", (SLICE, TILE)))
    ]


def map_matmul(
    builder: ThreadBuilder,
    name: str,
    op: GenericOp,
    loops: MatrixProduct,
    epilogue: GenericOp | None,
    outputs: Sequence[SSAValue],
) -> tuple[int, int]:
    """Writes the thread's code; returns threads a block and blocks."""
    _Matmul(builder, name, op, loops).write(epilogue, outputs)
    m, n, _ = loops.extents
    return THREADS, -(-m // TILE) * -(-n // TILE)


class _Matmul:
    def __init__(self, builder: ThreadBuilder, name: str, op: GenericOp, loops: MatrixProduct):
        self.b = builder
        self.op = op
        self.loops = loops
        thread = builder.insert(gpu.ThreadIdOp(X)).result
        block = builder.insert(gpu.BlockIdOp(X)).result
        self.thread = thread
        self.row, self.column = builder.delinearize(thread, (SIDE, SIDE))
        tile_row, tile_column = builder.delinearize(block, (0, -(-loops.extents[1] // TILE)))
        self.first_row = builder.mul(tile_row, builder.index(TILE))
        self.first_column = builder.mul(tile_column, builder.index(TILE))
        self.tiles = [
            builder.insert(memref.GetGlobalOp(f"{name}_{side}", MemRefType(f32, shape, memory_space=SHARED))).memref
            for side, shape in (("lhs", (TILE, SLICE)), ("rhs", (SLICE, TILE)))
        ]

    def write(self, epilogue: GenericOp | None, outputs: Sequence[SSAValue]) -> None:
        start = initial_value(self.b, self.op.outputs[0])
        slices = -(-self.loops.extents[2] // SLICE)
        sums = self.b.loop(slices, [start] * (EACH * EACH), self.one_slice)
        for (i, j), value in zip(product(range(EACH), range(EACH)), sums, strict=True):
            self.store(i, j, value, epilogue, outputs)

    def one_slice(self, number: SSAValue, sums: list[SSAValue]) -> list[SSAValue]:
        depth = self.b.mul(number, self.b.index(SLICE))
        self.stage(0, (TILE, SLICE), (self.first_row, depth), (self.loops.m, self.loops.k))
        self.stage(1, (SLICE, TILE), (depth, self.first_column), (self.loops.k, self.loops.n))
        self.b.insert(gpu.BarrierOp())
        sums = self.b.loop(SLICE, sums, self.multiply)
        # Nobody stages the next slice while another thread still reads this one.
        self.b.insert(gpu.BarrierOp())
        return sums

    def stage(
        self, operand: int, shape: tuple[int, int], origin: tuple[SSAValue, SSAValue], loops: tuple[int, int]
    ) -> None:
        """Copies a tile of an operand to shared memory, zero where it leaves the matrix."""
        stored = bare_dims(input_maps(self.op)[operand])
        assert stored is not None
        transposed = stored != list(loops)
        for part in range(TILE * SLICE // THREADS):
            flat = self.b.add(self.thread, self.b.index(part * THREADS))
            # Neighbouring threads read neighbouring elements of global memory.
            at = self.b.delinearize(flat, shape[::-1] if transposed else shape)
            inside = at[::-1] if transposed else at
            indices = [self.b.add(first, index) for first, index in zip(origin, inside, strict=True)]
            dims = dict(zip(loops, indices, strict=True))
            value = self.inside_matrix(dims, lambda operand=operand, dims=dims: self.element(operand, dims))
            self.b.store(value, self.tiles[operand], inside)

    def inside_matrix(self, dims: dict[int, SSAValue], value: Callable[[], SSAValue]) -> SSAValue:
        extents = dict(zip((self.loops.m, self.loops.n, self.loops.k), self.loops.extents, strict=True))
        checks = [self.b.less(index, self.b.index(extents[loop])) for loop, index in dims.items()]
        return self.b.choose(self.b.both(*checks), value, zero(self.b, f32))

    def element(self, operand: int, dims: dict[int, SSAValue]) -> SSAValue:
        every = [dims.get(loop, self.thread) for loop in range(3)]
        return self.b.read(self.op, operand, every)

    def multiply(self, depth: SSAValue, sums: list[SSAValue]) -> list[SSAValue]:
        rows = [self.b.load(self.tiles[0], [self.strided(self.row, i), depth], f32) for i in range(EACH)]
        columns = [self.b.load(self.tiles[1], [depth, self.strided(self.column, j)], f32) for j in range(EACH)]
        return [
            self.b.insert(arith.AddfOp(self.b.insert(arith.MulfOp(a, b, CONTRACT)).result, total, CONTRACT)).result
            for (a, b), total in zip(product(rows, columns), sums, strict=True)
        ]

    def strided(self, index: SSAValue, number: int) -> SSAValue:
        """Rows and columns of a thread are SIDE apart, so that a warp's stores and loads are adjacent."""
        return self.b.add(index, self.b.index(number * SIDE))

    def store(self, i: int, j: int, value: SSAValue, epilogue: GenericOp | None, outputs: Sequence[SSAValue]) -> None:
        m, n, _ = self.loops.extents
        at = [
            self.b.add(self.first_row, self.strided(self.row, i)),
            self.b.add(self.first_column, self.strided(self.column, j)),
        ]
        checks = [self.b.less(index, self.b.index(extent)) for index, extent in zip(at, (m, n), strict=True)]

        def write() -> None:
            values = [value]
            if epilogue is not None:
                values = self.b.consume(epilogue, self.op.results[0], value, at)
            for result, target in zip(values, outputs, strict=True):
                self.b.store(result, target, at)

        self.b.when(self.b.both(*checks), write)
