"""`fuse-prologues`: a contraction makes a factor itself, of what an elementwise kernel made it of for it alone.

    %v = call @mul(%w, %mask)      : -> tensor<768x3072xf32>
    %y = call @matmul(%x, %v)      : -> tensor<64x3072xf32>

become one call. Its kernel begins with the elementwise generic; the CPU runs that where it copies the factor to scratch
(panels, rows) or, where few rows read it, where it loads it. Masked, scaled and dequantized weights are not written to
memory and read again. Activations are mostly epilogues of what comes before them: `fuse-elementwise` joins these.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from math import ceil, prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import BlockArgument, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.host import byte_size
from cellc.passes.generic_rewrites import insert_before
from cellc.passes.hoist_constants import constant_values
from cellc.passes.in_place_pairs import in_place_pairs, set_in_place_pairs
from cellc.passes.kernel_form import is_prologue
from cellc.passes.linalg_analysis import bare_dims, cost_of, input_maps
from cellc.targets.cpu.blocking import Blocking, choose_blocking
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.kernel_variants import (
    ProgramKernels,
    Variants,
    call_before,
    contraction_of,
    is_read_once,
    kind_of,
    replace_call,
)
from cellc.targets.cpu.level import CpuLevel, level_named
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.scratch_copies import rows_to_copy
from cellc.targets.cpu.tiling import choose_tiling

# Multiply-adds of an element behind which its ops may run once more, for each of them.
_USES_TO_REPEAT = 64
# Uses from which on copying rows for the sake of making them takes as long as a kernel that makes them beforehand.
_FEW_USES = 64


@dataclass(frozen=True)
class FuseProloguesPass(ModulePass):
    """Joins elementwise kernels into the contraction that alone reads their result, where elements are made seldom."""

    name = "fuse-prologues"

    level: str = "v4"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        known = constant_values(kernels.main)
        kernels.rewrite_calls(_Fusion(kernels, Variants(kernels), level_named(self.level), known).visit)


@dataclass
class _Fusion:
    """The kernels, and their variants in which some kernel makes an argument; `known`: what no run changes."""

    kernels: ProgramKernels
    variants: Variants
    level: CpuLevel
    known: Container[SSAValue]

    def visit(self, call: func.CallOp) -> None:
        """Joins a contraction with the calls that make its factors, one after the other."""
        while (joined := self._joined(call)) is not None:
            call = joined

    def _joined(self, call: func.CallOp) -> func.CallOp | None:
        kernel = self.kernels.called(call)
        if kind_of(kernel) != "contraction":
            return None
        for factor in (0, 1):
            argument = contraction_of(kernel).inputs[factor]
            if not isinstance(argument, BlockArgument) or not is_read_once(argument):
                continue
            value, number = call.arguments[argument.index], argument.index
            maker = value.owner if is_read_once(value) else None
            name = self._variant(call, factor, maker) if isinstance(maker, func.CallOp) else None
            if isinstance(maker, func.CallOp) and name is not None:
                operands = [*call.arguments[:number], *call.arguments[number + 1 :], *maker.arguments]
                joined = call_before(call, name, operands, self.kernels[name])
                replace_call(call, joined.results)
                replace_call(maker, maker.results)
                return joined
        return None

    def _variant(self, call: func.CallOp, factor: int, maker: func.CallOp) -> str | None:
        made = self.kernels.called(maker)
        if kind_of(made) != "elementwise" or len(maker.results) != 1:
            return None
        known, name = maker.results[0] in self.known, call.callee.root_reference.data

        def make(kernel: func.FuncOp, number: int) -> func.FuncOp | None:
            joined = with_prologue(kernel, factor, made, f"{name}_of_{number}")
            return joined if joined and _pays(joined, factor, made, self.level, known=known) else None

        return self.variants.of(name, (factor, made.sym_name.data, known), make)


def with_prologue(kernel: func.FuncOp, factor: int, made: func.FuncOp, name: str) -> func.FuncOp | None:
    """The contraction kernel with an argument, a factor alone, made inside as by `made`, whose arguments come last.

    None where that is not element by element, or windows read elements several times.
    """
    variant = kernel.clone()
    block, contraction = variant.body.block, contraction_of(variant)
    old, mapping = contraction.inputs[factor], dict[SSAValue, SSAValue]()
    assert isinstance(old, BlockArgument)
    for argument in made.body.block.args:
        mapping[argument] = block.insert_arg(argument.type, len(block.args))
    *body, end = made.body.block.ops
    for op in body:
        insert_before(op.clone(mapping), contraction)
    maker = mapping[end.operands[0]].owner
    old.replace_all_uses_with(mapping[end.operands[0]])
    if not isinstance(maker, GenericOp) or not is_prologue(maker, contraction):
        return None
    if bare_dims(input_maps(contraction)[factor]) is None:
        return None
    gone, pairs = old.index, in_place_pairs(variant)
    set_in_place_pairs(variant, [(r, a - (a > gone)) for r, a in pairs if a != gone])
    block.erase_arg(old)
    types = FunctionType.from_lists([a.type for a in block.args], list(kernel.function_type.outputs))
    variant.properties |= {"sym_name": StringAttr(name), "function_type": types}
    return variant


def _pays(kernel: func.FuncOp, factor: int, made: func.FuncOp, level: CpuLevel, *, known: bool) -> bool:
    """Whether a contraction kernel makes each element of a factor so seldom that it costs less than memory."""
    writer = KernelWriter(kernel, level)
    product = product_of(writer, [op for op in writer.ops if isinstance(op, GenericOp)])
    tiling = choose_tiling(product, level) if product is not None else None
    if product is None or tiling is None:
        return False
    uses = prod(product.nest.extents[d] for d in product.shared(factor))
    if factor != tiling.vector_factor and uses > _FEW_USES and not _copies_rows(product, tiling):
        return False
    times = _times_made(product, tiling, choose_blocking(product, tiling), factor)
    if times is None:
        return False
    if known:  # made once for all runs else, and read in panels
        smaller = sum(byte_size(t) for t in made.function_type.inputs) < byte_size(made.function_type.outputs.data[0])
        return times == 1 and uses <= tiling.tile and smaller
    (body,) = (op for op in made.body.block.ops if isinstance(op, GenericOp))
    return (times - 1) * cost_of(body) * _USES_TO_REPEAT <= uses


def _copies_rows(product: Product, tiling: Tiling) -> bool:
    """Whether rows are copied also where they need not be made."""
    return rows_to_copy(replace(product, prologues=(None, None)), tiling) is not None


def _times_made(product: Product, tiling: Tiling, blocking: Blocking, factor: int) -> int | None:
    """How often an element of a factor is made; None where it is at each multiplication."""
    nest, along = product.nest, dict(rows_of(tiling))
    extents = {d: nest.extents[d] for d in nest.parallel}
    if factor == tiling.vector_factor:
        each = blocking.chunks if blocking.packed else along
    elif blocking.rows is not None:
        each, extents = blocking.chunks, extents | {tiling.lane_dim: ceil(extents[tiling.lane_dim] / tiling.width)}
    else:
        return None
    return prod(ceil(extents[d] / each.get(d, 1)) for d in product.shared(factor))
