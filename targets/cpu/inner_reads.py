"""Kernels that read the inner part of a padded tensor in place of the tensor that was padded."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, StringAttr, TensorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.tensor import ExtractSliceOp, InsertSliceOp
from xdsl.ir import BlockArgument

from cellc.passes.in_place_pairs import forget_arguments
from cellc.passes.linalg_analysis import bare_dims, input_maps, is_contraction, reduction_loops
from cellc.passes.rewriting import set_location
from cellc.targets.cpu.kernel_variants import kind_of
from cellc.targets.cpu.widen_factors import HALF


def reading_inner(kernel: func.FuncOp, numbers: Sequence[int], pad: func.FuncOp, name: str) -> func.FuncOp | None:
    """The kernel, called `name`, that takes the result of `pad` as its arguments `numbers`, and reads what was padded.

    None where that would cost it long loops, or where `widen-factors` may give it the argument in another form.
    """
    if kind_of(kernel) not in ("elementwise", "contraction", "reduction"):
        return None
    if not all(_may_step(kernel, kernel.body.block.args[number]) for number in numbers):
        return None
    variant, insert = kernel.clone(), next(op for op in pad.body.block.ops if isinstance(op, InsertSliceOp))
    for number in numbers:
        _read_inner(variant, number, insert)
    block = variant.body.block
    variant.properties["sym_name"] = StringAttr(name)
    types = FunctionType.from_lists([a.type for a in block.args], list(kernel.function_type.outputs))
    variant.properties["function_type"] = types
    forget_arguments(variant, numbers)
    return variant


def _may_step(kernel: func.FuncOp, argument: BlockArgument) -> bool:
    """Whether generics alone read an argument, in loops that are no shorter where its rows lie apart.

    A sum along rows would lose its one long loop. So would a product that reads all rows in their order; one that reads
    windows, or every second row, has none.
    """
    readers = [use.operation for use in argument.uses]
    if any(not isinstance(op, GenericOp) or (reduction_loops(op) and not is_contraction(op)) for op in readers):
        return False
    if kind_of(kernel) != "contraction":
        return True
    product = next(op for op in kernel.body.block.ops if isinstance(op, GenericOp))
    assert isinstance(argument.type, TensorType)
    half = argument.type.element_type in HALF and product in readers
    return not half and any(bare_dims(m) is None for m in input_maps(product))


def _read_inner(kernel: func.FuncOp, number: int, insert: InsertSliceOp) -> None:
    """Lets a kernel read what `insert` has inserted in its result, in place of argument `number`."""
    block = kernel.body.block
    old, first = block.args[number], block.first_op
    assert first is not None
    whole = block.insert_arg(insert.result.type, number)
    low, sizes = insert.static_offsets.get_values(), insert.static_sizes.get_values()
    inner = ExtractSliceOp.from_static_parameters(whole, low, sizes)
    set_location(inner, kernel.location)
    block.insert_op_before(inner, first)
    old.replace_all_uses_with(inner.result)
    block.erase_arg(old)
