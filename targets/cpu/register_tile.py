"""Register tiles: which sums of a product are kept in registers at a time, and what a tile loads."""

from dataclasses import dataclass

from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.product import Product

# An inner loop over the row of a window is written out where it is this short.
_SHORT = 4


@dataclass(frozen=True)
class Tiling:
    """`lane_dim` runs along vectors of factor `vector_factor`; `tile` indices of `tile_dim` times `second` indices
    of `second_dim` times `vectors` vectors are summed in registers. `second` divides its loop's extent.
    With `dot_dim`, lanes run along that reduction loop instead."""

    lanes: int
    lane_dim: int
    tile_dim: int | None
    tile: int
    vectors: int
    vector_factor: int
    registers: int
    dot_dim: int | None = None
    second_dim: int | None = None
    second: int = 1

    @property
    def sums(self) -> int:
        """Vectors of sums."""
        return self.tile * self.second * self.vectors

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.lanes * self.vectors


def rows_of(tiling: Tiling) -> tuple[tuple[int | None, int], ...]:
    """The loops of a tile's rows, and how many of each."""
    return (tiling.tile_dim, tiling.tile), (tiling.second_dim, tiling.second)


def loads_of(product: Product, tiling: Tiling) -> tuple[int, int]:
    """Loads of the broadcast factor and of the other one in a reduction step."""
    counts = []
    for number, each in ((1 - tiling.vector_factor, 1), (tiling.vector_factor, tiling.vectors)):
        strides = product.factors[number].access.strides
        for dim, size in rows_of(tiling):
            each *= size if dim is not None and strides[dim] != 0 else 1
        counts.append(each)
    return counts[0], counts[1]


def most_sums(nest: Nest, registers: int) -> int:
    """Registers for sums and vectors. A short inner loop is written out, and LLVM loads what it needs ahead."""
    return registers - (10 if written_out(nest, registers) else 2)


def written_out(nest: Nest, registers: int) -> bool:
    """Whether the inner loop is that over a row of a window, and short."""
    return registers >= 32 and bool(nest.reduced) and nest.extents[nest.reduced[-1]] <= _SHORT
