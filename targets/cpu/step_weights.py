"""The matrices that every step of a recurrence multiplies by, packed once per block."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, prod

from xdsl.dialects import scf
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation

from cellc.targets.cpu.kernel import KernelWriter, element_of, scalar_constant
from cellc.targets.cpu.nest import shape_of
from cellc.targets.cpu.packing import ResidentPanels
from cellc.targets.cpu.product import product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.tiling import choose_resident_tiling
from cellc.targets.cpu.vectors import ITEM_BYTES

# Rows that reuse what a block reads: of small weights, and of those that fill a level 2 cache. Twice as many would
# leave batches of 32 to one thread and multiply no faster.
_FEWEST_ROWS, _MOST_ROWS = 8, 16
_SMALL_BYTES = 1 << 17

Packed = tuple[Tiling, ResidentPanels]


def block_rows(batch: int, loop: scf.ForOp) -> int:
    """Rows of the batch in a block, nearly equal in all: more where weights are long, as each block reads them all."""
    most = _FEWEST_ROWS
    while most < _MOST_ROWS and _SMALL_BYTES * most // _FEWEST_ROWS < weight_bytes(loop):
        most *= 2
    return ceil(batch / ceil(batch / most))


def weight_bytes(loop: scf.ForOp) -> int:
    """The bytes of the matrices that every step reads."""
    weights = [op.inputs[factor] for op, factor in _products(loop).items()]
    return sum(prod(shape_of(value)) * ITEM_BYTES[element_of(value)] for value in weights)


def pack_weights(kernel: KernelWriter, loop: scf.ForOp, rows: int) -> Mapping[Operation, Packed]:
    """Writes the panels of each product's weights, for `rows` rows at a time; none for a loop of one step."""
    lower, upper = scalar_constant(loop.lb), scalar_constant(loop.ub)
    assert lower is not None
    assert upper is not None
    if upper - lower == 1:
        return {}
    saved = dict(kernel.views)
    made = [value for op in loop.body.block.ops for value in op.results if isinstance(value.type, TensorType)]
    kernel.views |= {value: kernel.nowhere(value) for value in made}
    found = {op: _packed(kernel, op, factor, rows) for op, factor in _products(loop).items()}
    kernel.views = saved
    return {op: packed for op, packed in found.items() if packed is not None}


def _packed(kernel: KernelWriter, op: linalg.GenericOp, factor: int, rows: int) -> Packed | None:
    product = product_of(kernel, [op])
    if product is None:
        return None
    if rows > 1:
        product = replace(product, nest=replace(product.nest, extents=(rows, *product.nest.extents[1:])))
    tiling = choose_resident_tiling(product, factor, kernel.level)
    if tiling is None:
        return None
    panels = ResidentPanels(kernel, product, tiling)
    panels.write(kernel.writer)
    return tiling, panels


def _products(loop: scf.ForOp) -> dict[linalg.GenericOp, int]:
    """The sums of products in a step, and which of their two operands comes from outside the loop."""
    found = {}
    for op in loop.body.block.ops:
        if not isinstance(op, linalg.GenericOp) or len(op.inputs) != 2:
            continue
        outside = [not loop.is_ancestor(value.owner) for value in op.inputs]
        if sum(outside) == 1 and any(kind.data.value == "reduction" for kind in op.iterator_types):
            found[op] = outside.index(True)
    return found
