"""`fuse-pads`: a kernel whose result is padded writes it where the padded tensor has it.

    %y = call @conv_relu(%x, %w)    : -> tensor<1x64x56x56xf32>
    %p = call @pad(%y)              : -> tensor<1x64x58x58xf32>

become one call. Its kernel ends with the pad's `linalg.fill` and `tensor.insert_slice`; the CPU stores the results at
once in the inner part and fills the border. Where others read %y too they read the inner part of %p instead
(`inner_reads.py`), or the kernel returns both, and %y is not read again to be padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import erase, insert_before, yielding_again
from cellc.passes.in_place_pairs import in_place_pairs, set_in_place_pairs
from cellc.passes.kernel_form import pads_behind
from cellc.passes.linalg_analysis import is_all_parallel, result_index, shape_of
from cellc.targets.cpu.inner_reads import reading_inner
from cellc.targets.cpu.kernel_variants import ProgramKernels, Variants, call_before, is_read_once, kind_of, replace_call

# Elements that a row must have: an elementwise kernel walks a result that is not padded as one long row. Of a chain
# only the op that makes the result walks rows, which costs less than to write the result and read it again. A chain
# loses where the unpadded result is written too: it waits for lines of two images, in places far apart.
_ROW = {"contraction": 1, "elementwise": 32, "reduction": 1}
# Elements of a padded tensor for each one inside, at most, where others read the inner part. An image of 8x8 with a
# border of one has 1.6, one of 4x4 has 2.25: there more lines are written and read, which takes as long as the copy.
_MOST_GROWTH = 2


@dataclass(frozen=True)
class FusePadsPass(ModulePass):
    """Joins pads into the kernels of contractions, elementwise ops and chains that they read."""

    name = "fuse-pads"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Fusion(kernels, Variants(kernels)).visit)


@dataclass
class _Fusion:
    """The kernels, and their variants with (result, pad, whether the result stays)."""

    kernels: ProgramKernels
    variants: Variants

    def visit(self, pad: func.CallOp) -> None:
        """Joins a call with the one whose result it pads, if it is a pad."""
        kernel = self.kernels.called(pad)
        if not is_pad(kernel) or not isinstance(pad.arguments[0].owner, func.CallOp):
            return
        value = pad.arguments[0]
        assert isinstance(value, OpResult)
        producer, stays = value.owner, not is_read_once(value)
        assert isinstance(producer, func.CallOp)
        if kind_of(self.kernels.called(producer)) == "reduction" and self._may_be_read_padded(pad):
            return
        readers = self._reading_inner(pad, value) if stays else {}
        stays = stays and not readers
        name = self._variant(producer.callee.root_reference.data, value.index, kernel, stays=stays)
        if name is None:
            return
        call = call_before(producer, name, producer.arguments, self.kernels[name])
        for reader, variant in readers.items():
            operands = [call.results[value.index] if v is value else v for v in reader.arguments]
            replace_call(reader, call_before(reader, variant, operands, self.kernels[variant]).results)
        following = list(call.results)
        pad.results[0].replace_all_uses_with(following.pop() if stays else following[value.index])
        erase(pad)
        replace_call(producer, following)

    def _reading_inner(self, pad: func.CallOp, value: OpResult) -> dict[func.CallOp, str]:
        """The other calls that read what is padded, and the kernels that read the padded tensor; {} to keep both."""
        found: dict[func.CallOp, str] = {}
        kernel = self.kernels.called(pad)
        if prod(shape_of(pad.results[0])) > _MOST_GROWTH * prod(shape_of(value)) or self._lies_on_argument(value):
            return found
        for use in value.uses:
            call = use.operation
            if call is pad or call in found:
                continue
            numbers = tuple(i for i, v in enumerate(call.operands) if v is value)
            name = self._inner_variant(call, numbers, kernel) if isinstance(call, func.CallOp) else None
            if name is None:
                return {}
            assert isinstance(call, func.CallOp)
            found[call] = name
        return found

    def _inner_variant(self, call: func.CallOp, numbers: tuple[int, ...], pad: func.FuncOp) -> str | None:
        name = call.callee.root_reference.data
        return self.variants.of(
            name, (numbers, pad.sym_name.data),
            lambda kernel, number: reading_inner(kernel, numbers, pad, f"{name}_inner_{number}"),
        )  # fmt: skip

    def _lies_on_argument(self, value: OpResult) -> bool:
        """Whether a result lies where an argument of its call did, in lines that are in the cache.

        A contraction stores both images at once, if it has to.
        """
        call = value.owner
        assert isinstance(call, func.CallOp)
        kernel = self.kernels.called(call)
        numbers = [argument for result, argument in in_place_pairs(kernel) if result == value.index]
        return kind_of(kernel) != "contraction" and any(_ends_at(call.arguments[number], call) for number in numbers)

    def _may_be_read_padded(self, pad: func.CallOp) -> bool:
        """Whether the only reader may pad what it reads itself, in scratch memory (`fuse-padded-reads`)."""
        if not is_read_once(pad.results[0]):
            return False
        (use,) = pad.results[0].uses
        reader = use.operation
        return isinstance(reader, func.CallOp) and kind_of(self.kernels.called(reader)) in ("elementwise", "reduction")

    def _variant(self, name: str, result: int, pad: func.FuncOp, *, stays: bool) -> str | None:
        return self.variants.of(
            name, (result, pad.sym_name.data, stays),
            lambda kernel, number: padded(kernel, result, pad, f"{name}_padded_{number}", stays=stays),
        )  # fmt: skip


def _ends_at(value: SSAValue, call: func.CallOp) -> bool:
    """Whether a call is the last to read what another one makes."""
    readers = (use.operation for use in value.uses)
    return isinstance(value, OpResult) and all(op is call or op.is_before_in_block(call) for op in readers)


def is_pad(kernel: func.FuncOp) -> bool:
    """Whether a kernel fills a tensor with a constant and inserts its argument, as a whole and without steps."""
    inserts = [op for op in kernel.body.block.ops if isinstance(op, InsertSliceOp)]
    if kind_of(kernel) != "copy" or len(inserts) != 1 or len(kernel.body.block.args) != 1:
        return False
    insert = inserts[0]
    same_rank = len(insert.source.type.get_shape()) == len(insert.dest.type.get_shape())  # pyright: ignore
    static = not insert.offsets and all(step == 1 for step in insert.static_strides.get_values())
    return same_rank and static and isinstance(insert.dest.owner, FillOp) and insert.source is kernel.body.block.args[0]


def padded(kernel: func.FuncOp, result: int, pad: func.FuncOp, name: str, *, stays: bool) -> func.FuncOp | None:
    """The kernel with result number `result` padded as by the kernel `pad`, or None where its form forbids it.

    If it `stays` the padded tensor is a further result, else it replaces the other one.
    """
    variant = kernel.clone()
    end = variant.body.block.last_op
    assert end is not None
    value = end.operands[result]
    if not isinstance(value.owner, GenericOp) or shape_of(value)[-1] < _ROW.get(kind_of(kernel), inf):
        return None
    if kind_of(kernel) == "reduction" and stays:
        return None
    if not is_read_once(value) or stays:
        if not is_all_parallel(value.owner):
            return None
        value = yielding_again(value.owner, result_index(value)).results[-1]
    mapping: dict[SSAValue, SSAValue] = {pad.body.block.args[0]: value}
    *body, padding_end = pad.body.block.ops
    for op in body:
        insert_before(op.clone(mapping), end)
    new = mapping[padding_end.operands[0]]
    results = [*end.operands, new] if stays else [new if i == result else v for i, v in enumerate(end.operands)]
    _return(variant, end, results)
    if kind_of(kernel) == "reduction" and not _is_inside(kernel, new):
        return None
    variant.properties["sym_name"] = StringAttr(name)
    if not stays:
        set_in_place_pairs(variant, [pair for pair in in_place_pairs(variant) if pair[0] != result])
    return variant


def _is_inside(chain: func.FuncOp, whole: SSAValue) -> bool:
    """Whether a chain pads within what it does for one index of its shared loops."""
    outer, pad = chain.attributes["cellc.outer"], whole.owner
    assert isinstance(outer, IntegerAttr)
    assert isinstance(pad, InsertSliceOp)
    return outer.value.data > 0 and pads_behind(pad, outer.value.data)


def _return(kernel: func.FuncOp, end: Operation, results: Sequence[SSAValue]) -> None:
    end.operands = results
    types = FunctionType.from_lists([a.type for a in kernel.body.block.args], [v.type for v in results])
    kernel.properties["function_type"] = types
