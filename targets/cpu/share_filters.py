"""`share-filters`: convolutions that read some taps each of the same filters read one copy, channels last.

    %a = call @move(%w)             : tensor<512x512x3x3xf32> -> tensor<512x512x2x2xf32>      (taps 0 and 2)
    %y = call @conv(%x, %a)
    %b = call @move_1(%w)           : tensor<512x512x3x3xf32> -> tensor<512x512x1x2xf32>
    %z = call @conv_1(%x, %b)

become one call that makes a tensor<512x3x3x512xf32> and convolutions that begin with an extract_slice of it, which is a
view. Such are the phases of a data gradient with a stride: each copy would read all lines of the filters, and packing,
which puts channels side by side, would find them some places apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import erase
from cellc.passes.hoist_constants import constant_values
from cellc.passes.linalg_analysis import Reshape, shape_of
from cellc.passes.move_reshapes import reshape
from cellc.targets.cpu.filter_taps import Taps, reading_taps, taps_of
from cellc.targets.cpu.kernel_variants import (
    ProgramKernels,
    Variants,
    call_before,
    kind_of,
    maker_of,
    move_kernel,
    replace_call,
)


@dataclass(frozen=True)
class ShareFiltersPass(ModulePass):
    """Replaces copies of some taps of filters, of which convolutions read several, by one copy of all taps."""

    name = "share-filters"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Sharing(kernels, Variants(kernels), constant_values(kernels.main)).visit)


class _Part(NamedTuple):
    """A copy of some taps, reshaped, as argument `argument` of a convolution."""

    taps: Taps
    copy: func.CallOp
    reshapes: tuple[Reshape, ...]
    argument: int


@dataclass
class _Sharing:
    """The kernels, how often parts of filters are copied, and the copies of all their taps.

    `known`: the values that do not change from run to run.
    """

    kernels: ProgramKernels
    variants: Variants
    known: Container[SSAValue]
    parts: Counter[SSAValue] = field(default_factory=Counter)
    copies: dict[SSAValue, SSAValue] = field(default_factory=dict)
    names: dict[TensorType, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for call in self.kernels.main.body.block.ops:
            if isinstance(call, func.CallOp) and taps_of(self.kernels.called(call)) is not None:
                self.parts[call.arguments[0]] += 1

    def visit(self, call: func.CallOp) -> None:
        """Lets a convolution read some taps of a shared copy, if it reads a copy of its own."""
        kernel = self.kernels.called(call)
        part = self._part(call, kernel) if kind_of(kernel) == "contraction" else None
        if part is None or part.copy.arguments[0] in self.known:
            return  # what does not change from run to run is copied once for all of them, and packed
        name, whole = kernel.sym_name.data, shape_of(part.copy.arguments[0])
        variant = self.variants.of(
            name, (*part.taps, whole, part.argument),
            lambda kernel, number: reading_taps(kernel, part.argument, part.taps, whole, f"{name}_taps_{number}"),
        )  # fmt: skip
        if variant is None:
            return
        operands = list(call.arguments)
        operands[part.argument] = self._shared(part, shape_of(call.arguments[part.argument]), call)
        replace_call(call, call_before(call, variant, operands, self.kernels[variant]).results)
        for op in (*part.reshapes, part.copy):
            erase(op)

    def _part(self, call: func.CallOp, kernel: func.FuncOp) -> _Part | None:
        """The copy of some taps that a convolution alone reads, of filters of which there are other such copies."""
        for argument, value in enumerate(call.arguments):
            made = maker_of(value)
            taps = None if made is None else taps_of(self.kernels.called(made[0]))
            if made is not None and taps is not None and self.parts[made[0].arguments[0]] > 1:
                return _Part(taps, *made, argument)
        return None

    def _shared(self, part: _Part, shape: Sequence[int], call: func.CallOp) -> SSAValue:
        """All taps of the filters with channels last, made once, with the other dimensions of `shape`."""
        source = part.copy.arguments[0]
        assert isinstance(source.type, TensorType)
        if source not in self.copies:
            name = self._copy_kernel(source.type, self.kernels.called(part.copy))
            self.copies[source] = call_before(part.copy, name, [source], self.kernels[name]).results[0]
        copy, window = self.copies[source], len(part.taps.sizes)
        front = shape[: -window - 1]
        if len(front) == 1:
            return copy
        groups = [list(range(len(front))), *([len(front) + i] for i in range(window + 1))]
        return reshape(copy, [*front, *shape_of(copy)[1:]], groups, call, call)

    def _copy_kernel(self, source: TensorType, like: func.FuncOp) -> str:
        """The name of the kernel that moves the channels of filters behind their window."""
        if source not in self.names:
            filters, channels, *window = source.get_shape()
            rank = len(window) + 2
            dims = AffineMap.identity(rank).results
            target = TensorType(source.element_type, (filters, *window, channels))
            self.names[source] = name = self.kernels.fresh("taps")
            moved = AffineMap(rank, 0, (dims[0], dims[-1], *dims[1:-1]))
            self.kernels.add(move_kernel(name, source, target, moved), like)
        return self.names[source]
