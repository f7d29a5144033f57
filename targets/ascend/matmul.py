"""A matrix product on the cube unit, tile by tile.

A tile of C is accumulated in L0C over slices of k; A and B reach L1 as fractals. The tile follows
the memories: 128 x 128 f32 accumulators are half of L0C, and with slices of 256 both f16 operands take
a quarter of L1, which leaves the vendor's compiler room to double-buffer them.
"""

from __future__ import annotations

from typing import NamedTuple

from xdsl.dialects import arith
from xdsl.dialects.builtin import f16, f32
from xdsl.ir import Attribute, SSAValue

from cellc.dialects.ascend.compute import MmadL1Op
from cellc.dialects.ascend.kernel import KernelOp
from cellc.dialects.ascend.memory import AllocOp, FixpipeOp, Nd2NzOp, buffer_type, fractals
from cellc.targets.ascend.tiles import Span, TileBuilder, spans, tile_count

TILE = (128, 128)
SLICE = 256
CUBE_CORES = 20


class Product(NamedTuple):
    """C[m, n] = A B; `transpose_a`: A is stored k x m, `transpose_b`: B is stored n x k."""

    m: int
    k: int
    n: int
    transpose_a: bool
    transpose_b: bool

    @property
    def a_shape(self) -> tuple[int, int]:
        return (self.k, self.m) if self.transpose_a else (self.m, self.k)

    @property
    def b_shape(self) -> tuple[int, int]:
        return (self.n, self.k) if self.transpose_b else (self.k, self.n)


def matmul_kernel(name: str, product: Product) -> KernelOp:
    """A kernel (f16 A, f16 B, f32 C) in global memory."""
    arguments = [
        buffer_type(product.a_shape, f16, "gm"),
        buffer_type(product.b_shape, f16, "gm"),
        buffer_type((product.m, product.n), f32, "gm"),
    ]
    blocks = min(CUBE_CORES, tile_count(product.m, product.n, TILE))
    kernel = KernelOp(name, "aic", blocks, arguments)
    _Matmul(kernel, product).build()
    return kernel


class _Matmul(TileBuilder):
    def __init__(self, kernel: KernelOp, product: Product):
        super().__init__(kernel)
        self.product = product
        self.a, self.b, self.c = kernel.body.block.args

    def build(self) -> None:
        self.tiles(self.product.m, self.product.n, TILE, self.one_tile)

    def one_tile(self, row: SSAValue, column: SSAValue, tile: tuple[int, int]) -> None:
        accumulator = self.alloc(fractals(*tile), f32, "l0c")
        for span in spans(self.product.k, SLICE):

            def one_slice(step: SSAValue, span: Span = span) -> None:
                depth = self.affine(step, span.size, span.start)
                self.multiply(accumulator, (row, column, depth), (*tile, span.size))

            self.loop(self.index(0), span.count, 1, one_slice)
        self.insert(FixpipeOp(accumulator, self.window(self.c, (row, column), tile)))

    def multiply(
        self, accumulator: SSAValue, at: tuple[SSAValue, SSAValue, SSAValue], extents: tuple[int, int, int]
    ) -> None:
        (row, column, depth), (m, n, k) = at, extents
        a_at, a_size = ((depth, row), (k, m)) if self.product.transpose_a else ((row, depth), (m, k))
        b_at, b_size = ((column, depth), (n, k)) if self.product.transpose_b else ((depth, column), (k, n))
        a = self.to_l1(self.a, a_at, a_size)
        b = self.to_l1(self.b, b_at, b_size)
        first = self.insert(arith.CmpiOp(depth, self.index(0), "eq")).result
        self.insert(MmadL1Op(a, b, accumulator, first, (m, k, n), self.product.transpose_a, self.product.transpose_b))

    def to_l1(self, matrix: SSAValue, at: tuple[SSAValue, SSAValue], size: tuple[int, int]) -> SSAValue:
        tiled = self.alloc(fractals(*size), f16, "l1")
        self.insert(Nd2NzOp(self.window(matrix, at, size), tiled))
        return tiled

    def alloc(self, shape: tuple[int, ...], element: Attribute, space: str) -> SSAValue:
        return self.insert(AllocOp(buffer_type(shape, element, space))).buffer
