"""Products of kernels' texts, and the register tiles that are chosen for them."""

from xdsl.dialects.linalg.ops import GenericOp

from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.tiling import choose_tiling
from support.cpu_kernels import parse_kernel


def tiled(text: str, level: str) -> tuple[Product, Tiling]:
    """The product that a contraction kernel computes, and its tile at a level."""
    kernel = KernelWriter(parse_kernel(text), LEVELS[level])
    product = product_of(kernel, [op for op in kernel.ops if isinstance(op, GenericOp)])
    assert product is not None
    tiling = choose_tiling(product, LEVELS[level])
    assert tiling is not None
    return product, tiling
