"""`fuse-copies`: what is made only to be copied is made where the copy would put it.

    %a = call @move(%x)        : tensor<1024x1024xf32> -> tensor<3x1024xf32>      (a slice, a mirrored border, relu)
    %r = call @concat(%a, %b)

If nothing else reads %a, one kernel of kind `copy` writes its rows into %r: a tensor less in memory, written once and
read once less. A concatenation or pad that is a piece of another one becomes pieces of that, so a tensor rolled along
several axes, or mirrored at all its borders, is one kernel. Other targets do not run the pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.hoist_constants import is_constant
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.linalg_analysis import (
    Reshape,
    input_maps,
    is_data_movement,
    loop_extents,
    shape_of,
)
from cellc.passes.rewriting import location_of
from cellc.targets.cpu.kernel_variants import ProgramKernels, inline, kind_of, maker_of, replace_call

# Rows of the result, which blocks share, and elements side by side in it, from which a kernel that computes is joined.
_ROWS = 16
_RUN = 32


@dataclass(frozen=True)
class FuseCopiesPass(ModulePass):
    """Joins calls of elementwise kernels and copies with the call of the copy that alone reads their result."""

    name = "fuse-copies"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Fusion(kernels).visit)


@dataclass(frozen=True)
class _Maker:
    """The call whose result, after `reshapes`, is argument `argument` of a copy."""

    argument: int
    call: func.CallOp
    reshapes: tuple[Reshape, ...]


@dataclass
class _Fusion:
    """The kernels, and the names of those made by joining, by what they are made of."""

    kernels: ProgramKernels
    joined: dict[tuple[object, ...], str] = field(default_factory=dict)

    def visit(self, call: func.CallOp) -> None:
        """Joins a copy with all that makes its arguments for it alone."""
        kernel = self.kernels.called(call)
        if kind_of(kernel) != "copy":
            return
        makers = [m for i in range(len(call.arguments)) if (m := self._maker(call, kernel, i)) is not None]
        if not makers:
            return
        operands = _operands(call, makers)
        name = self._name(call, makers, operands)
        new = func.CallOp(name, operands, [result.type for result in call.results])
        new.location = location_of(*(maker.call for maker in makers), call)
        insert_before(new, call)
        replace_call(call, new.results)
        for maker in makers:
            for op in (*maker.reshapes, maker.call):
                erase(op)

    def _maker(self, call: func.CallOp, kernel: func.FuncOp, argument: int) -> _Maker | None:
        """What makes an argument, if only the copy reads it, once, to insert it, and the kernel can be joined."""
        uses = list(kernel.body.block.args[argument].uses)
        if len(uses) != 1 or not isinstance(insert := uses[0].operation, InsertSliceOp) or uses[0].index:
            return None
        made = maker_of(call.arguments[argument])
        if made is None or len(made[0].results) != 1:
            return None
        owner, reshapes = made
        if all(is_constant(self.kernels.main, operand) for operand in owner.arguments):
            return None  # it is made once for all runs
        fits = _copies_whole(insert, reshapes) if kind_of(self.kernels.called(owner)) == "copy" else _can_write(
            self.kernels.called(owner), insert, owner.results[0]
        )  # fmt: skip
        return _Maker(argument, owner, reshapes) if fits else None

    def _name(self, call: func.CallOp, makers: Sequence[_Maker], operands: Sequence[SSAValue]) -> str:
        """The joined kernel, made where there is none yet."""
        calls = [*(maker.call for maker in makers), call]
        numbers = {value: i for i, value in enumerate(operands)}
        names = tuple((c.callee.root_reference.data, *(numbers.get(v, -1) for v in c.arguments)) for c in calls)
        types = tuple(op.results[0].type for maker in makers for op in maker.reshapes)
        key = (names, types, tuple(maker.argument for maker in makers))
        if key not in self.joined:
            self.joined[key] = name = f"joined_{len(self.joined)}_{call.callee.root_reference.data.split('_')[-1]}"
            kernel = self._join(call, makers, operands, name)
            verify_kernel_form(kernel)
            self.kernels.add(kernel, self.kernels.called(call))
        return self.joined[key]

    def _join(
        self, call: func.CallOp, makers: Sequence[_Maker], operands: Sequence[SSAValue], name: str
    ) -> func.FuncOp:
        block = Block(arg_types=[value.type for value in operands])
        known: dict[SSAValue, SSAValue] = dict(zip(operands, block.args, strict=True))
        for maker in makers:
            known[maker.call.results[0]] = inline(self.kernels.called(maker.call), maker.call, known, block)[0]
            for reshape in reversed(maker.reshapes):
                block.add_op(clone := reshape.clone(known))
                known[reshape.results[0]] = clone.results[0]
        results = inline(self.kernels.called(call), call, known, block)
        block.add_op(end := func.ReturnOp(*results))
        types = FunctionType.from_lists([v.type for v in operands], [v.type for v in results])
        kernel = func.FuncOp(name, types, Region(block), visibility="private")
        kernel.attributes["cellc.kind"] = StringAttr("copy")
        kernel.location = end.location = location_of(*(maker.call for maker in makers), call)
        return kernel


def _operands(call: func.CallOp, makers: Sequence[_Maker]) -> list[SSAValue]:
    """What the calls read and none of them makes, each once."""
    made = {call.arguments[maker.argument] for maker in makers}
    read = (value for one in (*(maker.call for maker in makers), call) for value in one.arguments)
    return [value for value in dict.fromkeys(read) if value not in made]


def _copies_whole(insert: InsertSliceOp, reshapes: Sequence[Operation]) -> bool:
    """Whether a copy is inserted as it is."""
    return not reshapes and tuple(insert.static_sizes.get_values()) == shape_of(insert.source)


def _can_write(kernel: func.FuncOp, insert: InsertSliceOp, value: SSAValue) -> bool:
    """Whether an elementwise kernel that makes `value` may write rows of the copy's result as well as its own."""
    if kind_of(kernel) != "elementwise":
        return False
    (op,) = (op for op in kernel.body.block.ops if isinstance(op, GenericOp))
    sizes = [size for size in insert.static_sizes.get_values() if size != 1]
    if [extent for extent in shape_of(value) if extent != 1] != sizes:
        return False
    whole = shape_of(insert.result)
    if whole[-1] != 1 == insert.static_sizes.get_values()[-1] and is_data_movement(op):
        return True  # an element for each row, wherever it is read
    long = prod(whole[:-1]) >= _ROWS and _run(insert.static_sizes.get_values(), whole) >= _RUN
    return (long or is_data_movement(op)) and all(_reads_rows(op, map_) for map_ in input_maps(op))


def _run(sizes: Sequence[int], whole: Sequence[int]) -> int:
    """Elements of a slice that lie side by side in the whole tensor."""
    run = 1
    for size, extent in reversed(list(zip(sizes, whole, strict=True))):
        run *= size
        if size != extent:
            break
    return run


def _reads_rows(op: GenericOp, map_: AffineMap) -> bool:
    """Whether the innermost loop runs along the innermost dimension of what is read, if along any."""
    last = max((loop for loop, extent in enumerate(loop_extents(op)) if extent != 1), default=0)
    return all(last not in AffineMap(map_.num_dims, 0, (r,)).used_dims() for r in map_.results[:-1])
