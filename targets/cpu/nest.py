"""Loop nests: a linalg.generic as extents, iterator kinds, linear accesses and a body."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IntegerAttr, TensorType, bf16, f16, f32, f64, i8, i16, i32, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cellc.targets.cpu.access import Access, View
from cellc.targets.target import UnsupportedKernelError

_ELEMENTS = {str(t): t for t in (bf16, f16, f32, f64, i8, i16, i32, i64)}
ViewOf = Callable[[SSAValue], View]


@dataclass(frozen=True)
class Nest:
    """`inputs[i]` is None where the body does not use argument i.

    `captured` and `scalars` say where tensors and scalars from outside the body are; `starts` where
    loops start, for bodies that ask for loop indices.
    """

    extents: tuple[int, ...]
    reductions: tuple[bool, ...]
    inputs: tuple[Access | None, ...]
    outputs: tuple[Access, ...]
    body: Block
    captured: Mapping[SSAValue, View] = field(default_factory=dict)
    scalars: Mapping[SSAValue, str] = field(default_factory=dict)
    starts: Mapping[int, str] = field(default_factory=dict)

    @property
    def accesses(self) -> list[Access]:
        """Every access, inputs first."""
        return [*(a for a in self.inputs if a is not None), *self.outputs]

    @property
    def parallel(self) -> list[int]:
        """The parallel loops."""
        return [d for d, reduction in enumerate(self.reductions) if not reduction]

    @property
    def reduced(self) -> list[int]:
        """The reduction loops."""
        return [d for d, reduction in enumerate(self.reductions) if reduction]

    @property
    def terms(self) -> int:
        """How many terms a sum over the reduction loops has."""
        return prod(self.extents[d] for d in self.reduced)

    @property
    def uses_index(self) -> bool:
        """Whether the body asks for loop indices, which fixes the numbering of the loops."""
        return any(isinstance(op, linalg.IndexOp) for op in self.body.ops)

    @property
    def element_type(self) -> str:
        """The element type of the first output."""
        return self.outputs[0].buffer.element

    def shared_iterations(self, dim: int) -> int:
        """How many iterations of a loop, from any multiple of them on, the body begins alike: it shifts them away.

        Random numbers are such: a counter's words serve elements that lie apart. 1 for most bodies, and where other
        loops keep the number that is shifted from being such a multiple.
        """
        count = 1 << max((_shift_of_index(op) for op in self.body.ops), default=0)
        extent, last = self.extents[dim], dim == len(self.extents) - 1
        aligned = extent % count == 0 or (len(self.extents) == 1 and extent > count)
        return count if last and aligned and dim not in self.starts else 1

    def with_loops(
        self, extents: Sequence[int], reductions: Sequence[bool], remap: Callable[[Access], Access]
    ) -> "Nest":
        """The nest with other loops; `remap` changes each access alike."""
        inputs = tuple(remap(a) if a is not None else None for a in self.inputs)
        outputs = tuple(remap(a) for a in self.outputs)
        return replace(self, extents=tuple(extents), reductions=tuple(reductions), inputs=inputs, outputs=outputs)


def _shift_of_index(op: Operation) -> int:
    """The bits by which an op shifts a number that comes from loop indices to the right; else 0."""
    amount = op.rhs.owner if isinstance(op, arith.ShRUIOp) else None
    if not isinstance(op, arith.ShRUIOp) or not isinstance(amount, arith.ConstantOp):
        return 0
    assert isinstance(amount.value, IntegerAttr)
    return amount.value.value.data if _comes_from_loops(op.lhs) else 0


def _comes_from_loops(value: SSAValue) -> bool:
    owner = value.owner
    if isinstance(owner, arith.IndexCastOp):
        return _comes_from_loops(owner.input)
    if isinstance(owner, arith.AddiOp | arith.MuliOp):
        return _comes_from_loops(owner.lhs) or _comes_from_loops(owner.rhs)
    return isinstance(owner, linalg.IndexOp)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value."""
    if not isinstance(value.type, TensorType):
        raise UnsupportedKernelError(f"not a tensor: {value}")
    return value.type.get_shape()


def loop_extents(op: linalg.GenericOp) -> tuple[int, ...]:
    """The extent of each loop, from the operand dimensions indexed by that loop alone."""
    maps = [m.data for m in op.indexing_maps]
    extents: list[int | None] = [None] * maps[0].num_dims
    for indexing, value in zip(maps, op.operands, strict=True):
        for result, size in zip(indexing.results, shape_of(value) if indexing.results else (), strict=True):
            if isinstance(result, AffineDimExpr):
                extents[result.position] = size
    if None in extents:
        raise UnsupportedKernelError("a loop whose extent no operand gives")
    return tuple(e for e in extents if e is not None)


def nest_of(op: linalg.GenericOp, view_of: ViewOf, scalars: Mapping[SSAValue, str] = {}) -> Nest:
    """The nest of a generic whose operands lie where `view_of` says."""
    block = op.body.block
    maps = [m.data for m in op.indexing_maps]
    count = len(op.inputs)
    inputs = tuple(
        _access(view_of, value, indexing) if argument.first_use is not None else None
        for value, indexing, argument in zip(op.inputs, maps[:count], block.args[:count], strict=True)
    )
    results = op.results if op.results else op.outputs
    outputs = tuple(view_of(v).access(m) for v, m in zip(results, maps[count:], strict=True))
    reductions = tuple(t.data.value == "reduction" for t in op.iterator_types)
    captured = {o.tensor: view_of(o.tensor) for o in block.ops if isinstance(o, tensor.ExtractOp)}
    return Nest(loop_extents(op), reductions, inputs, outputs, block, captured, scalars)


def _access(view_of: ViewOf, value: SSAValue, indexing: AffineMap) -> Access:
    if isinstance(value.type, TensorType):
        return view_of(value).access(indexing)
    raise UnsupportedKernelError("a scalar operand of linalg.generic")


def collapse(nest: Nest) -> Nest:
    """Drops loops of extent 1 and merges neighbours that every access walks as one loop."""
    if nest.uses_index:
        return nest
    kept = [d for d, extent in enumerate(nest.extents) if extent != 1]
    nest = _only(nest, kept)
    dim = len(nest.extents) - 2
    while dim >= 0:
        if _mergeable(nest, dim):
            nest = _merge(nest, dim)
        dim -= 1
    return nest


def _mergeable(nest: Nest, dim: int) -> bool:
    if nest.reductions[dim] != nest.reductions[dim + 1]:
        return False
    return all(a.strides[dim] == a.strides[dim + 1] * nest.extents[dim + 1] for a in nest.accesses)


def _merge(nest: Nest, dim: int) -> Nest:
    kept = [d for d in range(len(nest.extents)) if d != dim]
    extents = list(nest.extents)
    extents[dim + 1] *= extents[dim]
    return _only(replace(nest, extents=tuple(extents)), kept)


def _only(nest: Nest, kept: Sequence[int]) -> Nest:
    """The loops `kept`, the others at index 0."""
    extents = [nest.extents[d] for d in kept]
    return nest.with_loops(extents, [nest.reductions[d] for d in kept], lambda a: a.select(kept))


def volume(nest: Nest) -> int:
    """The number of iterations."""
    return prod(nest.extents)


def copy_nest(extents: Sequence[int], source: Access, target: Access) -> Nest:
    """Copies an element per iteration, in the form it has in memory."""
    moved = [replace(a, buffer=replace(a.buffer, element=a.buffer.storage)) for a in (source, target)]
    element = _ELEMENTS[moved[0].buffer.element]
    block = Block(arg_types=(element, element))
    block.add_op(linalg.YieldOp(block.args[0]))
    return Nest(tuple(extents), (False,) * len(extents), (moved[0],), (moved[1],), block)


def restrict(nest: Nest, dim: int, lower: str, count: int) -> Nest:
    """`count` iterations of loop `dim` from `lower` on."""
    extents = [count if d == dim else extent for d, extent in enumerate(nest.extents)]
    restricted = nest.with_loops(extents, nest.reductions, lambda a: a.at(dim, lower))
    return replace(restricted, starts={**nest.starts, dim: lower})
