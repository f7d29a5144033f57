"""`fuse-padded-reads`: a kernel that alone reads a padded tensor pads it itself, a plane at a time.

    %p = call @pad(%x)              : -> tensor<1x64x58x58xf32>
    %y = call @max_pool(%p)         : -> tensor<1x64x56x56xf32>

become one call, so that the padded tensor is no tensor of the program: windows are read from scratch memory that holds
the padded plane of one image and channel. The dimensions in front that are not padded become the shared loops of a
chain (kind `reduction`), which begins with the pad's `linalg.fill` and `tensor.insert_slice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, StringAttr, TensorType, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import BlockArgument, SSAValue
from xdsl.passes import ModulePass

from cellc.passes.in_place_pairs import forget_arguments
from cellc.passes.kernel_form import pads_behind
from cellc.passes.linalg_analysis import (
    bare_dim,
    captured_values,
    input_maps,
    inputs_of,
    loop_extents,
    parallel_count,
    shape_of,
)
from cellc.targets.cpu.fuse_pads import is_pad
from cellc.targets.cpu.kernel_variants import ProgramKernels, Variants, call_before, is_read_once, kind_of, replace_call
from cellc.targets.cpu.vectors import ITEM_BYTES

# Bytes of padded planes that may lie in scratch memory: they are to stay in the level 2 cache.
_MOST_BYTES = 1 << 18
# Planes, of which each is done by one thread, that leave enough to share.
_LEAST_PLANES = 16

Pads = Mapping[int, func.FuncOp]
"""Number of an argument -> the kernel that pads it."""


@dataclass(frozen=True)
class FusePaddedReadsPass(ModulePass):
    """Joins pads into the elementwise kernels and chains that alone read them."""

    name = "fuse-padded-reads"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Fusion(kernels, Variants(kernels)).visit)


@dataclass
class _Fusion:
    """The kernels, and their variants with some arguments padded by some kernels."""

    kernels: ProgramKernels
    variants: Variants

    def visit(self, call: func.CallOp) -> None:
        """Joins a call with those that pad its operands for it alone."""
        if kind_of(self.kernels.called(call)) not in ("elementwise", "reduction"):
            return
        pads = {i: pad for i, value in enumerate(call.arguments) if (pad := self._pad(value)) is not None}
        name = self._variant(call.callee.root_reference.data, pads) if pads else None
        if name is None:
            return
        made = [value.owner for i, value in enumerate(call.arguments) if i in pads]
        operands = [
            value.owner.arguments[0] if i in pads and isinstance(value.owner, func.CallOp) else value
            for i, value in enumerate(call.arguments)
        ]
        replace_call(call, call_before(call, name, operands, self.kernels[name]).results)
        for pad in made:
            assert isinstance(pad, func.CallOp)
            replace_call(pad, pad.results)

    def _pad(self, value: SSAValue) -> func.FuncOp | None:
        """The kernel that makes a value for one reader, if it is a pad."""
        if not isinstance(value.owner, func.CallOp) or not is_read_once(value):
            return None
        kernel = self.kernels.called(value.owner)
        return kernel if is_pad(kernel) else None

    def _variant(self, name: str, pads: Pads) -> str | None:
        form = tuple((i, pad.sym_name.data) for i, pad in pads.items())
        return self.variants.of(
            name, form, lambda kernel, number: padding(kernel, pads, f"{name}_padding_{number}")
        )  # fmt: skip


def padding(kernel: func.FuncOp, pads: Pads, name: str) -> func.FuncOp | None:
    """The kernel with some arguments padded inside, or None where planes are too large, too few, or read otherwise."""
    outer = _shared_loops(kernel, pads)
    if outer == 0:
        return None
    variant = kernel.clone()
    block = variant.body.block
    for number, pad in pads.items():
        argument = block.args[number]
        taken = block.insert_arg(pad.body.block.args[0].type, number)
        mapping: dict[SSAValue, SSAValue] = {pad.body.block.args[0]: taken}
        *body, end = pad.body.block.ops
        assert block.first_op is not None
        first = block.first_op
        for op in body:
            block.insert_op_before(op.clone(mapping), first)
        argument.replace_all_uses_with(mapping[end.operands[0]])
        block.erase_arg(argument)
    variant.properties["sym_name"] = StringAttr(name)
    types = FunctionType.from_lists([a.type for a in block.args], list(kernel.function_type.outputs))
    variant.properties["function_type"] = types
    variant.attributes["cellc.kind"] = StringAttr("reduction")
    variant.attributes["cellc.outer"] = IntegerAttr(outer, i64)
    forget_arguments(variant, pads)
    return variant


def _shared_loops(kernel: func.FuncOp, pads: Pads) -> int:
    """The leading loops that select a plane of each padded argument; 0 where the kernel is not to pad them."""
    generics = [op for op in kernel.body.block.ops if isinstance(op, GenericOp)]
    attribute = kernel.attributes.get("cellc.outer")
    outer = attribute.value.data if isinstance(attribute, IntegerAttr) else parallel_count(generics[0])
    outer = min(outer, *(_leading(pad) for pad in pads.values()))
    arguments = [kernel.body.block.args[number] for number in pads]
    inserts = [op for op in kernel.body.block.ops if isinstance(op, InsertSliceOp)]
    padded_results = [op for op in inserts if isinstance(op.source.owner, GenericOp)]
    while outer and not (
        all(_reads_planes(op, arguments, outer) for op in generics)
        and all(pads_behind(op, outer) for op in padded_results)
    ):
        outer -= 1
    sizes = [prod(shape_of(argument)[outer:]) * _item_bytes(argument) for argument in arguments]
    few = prod(loop_extents(generics[0])[:outer]) < _LEAST_PLANES
    return 0 if few or sum(sizes) > _MOST_BYTES else outer


def _leading(pad: func.FuncOp) -> int:
    """The dimensions in front of a pad's first padded one."""
    insert = next(op for op in pad.body.block.ops if isinstance(op, InsertSliceOp))
    pairs = zip(shape_of(insert.source), shape_of(insert.result), strict=True)
    return next(dim for dim, (before, after) in enumerate(pairs) if before != after)


def _item_bytes(value: SSAValue) -> int:
    assert isinstance(value.type, TensorType)
    return ITEM_BYTES[str(value.type.element_type)]


def _reads_planes(op: GenericOp, arguments: list[BlockArgument], outer: int) -> bool:
    """Whether the op reads the arguments, if at all, at the shared loops first."""
    if set(arguments) & set(captured_values(op)):
        return False
    reads = [m for value, m in zip(inputs_of(op), input_maps(op), strict=True) if value in arguments]
    return all([bare_dim(result) for result in m.results[:outer]] == list(range(outer)) for m in reads)
