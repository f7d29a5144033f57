"""Attention's gradients of few heads: blocks of their own for parts of the keys, so that several threads have some.

The loop over keys becomes two, p over `count` parts and n over the keys of one, and p a loop as those of heads are:

    dK[b.., p, n, d], dV[b.., p, n, e]          dQ[b.., m, d] = sum over p of partial[p, b.., m, d]

The sums of a part are in one order, and a further kernel adds up the parts in theirs, whatever the threads are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, StringAttr, TensorType, i64
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from cellc.passes.attention_gradient_form import AttentionGradientParts, GradientProduct
from cellc.passes.generic_fusion import index_value
from cellc.passes.generic_rewrites import Parts, erase, insert_before, new_generic, replace_generic
from cellc.passes.linalg_analysis import bare_dims, input_maps, is_identity, output_maps, shape_of
from cellc.passes.rewriting import location_of, set_location


@dataclass(frozen=True)
class Split:
    """Where a generic gets loop p: `at`; its loop over keys is `key`; p is dimension `place` of its results."""

    at: int
    key: int | None
    place: int


@dataclass
class KeySplitter:
    """Rewrites the generics of a kernel in order, for `count` parts of `size` keys."""

    count: int
    size: int
    places: dict[SSAValue, int] = field(default_factory=dict)

    def split(self, op: GenericOp, split: Split) -> GenericOp:
        """The op with loop p, in its place."""
        parts = Parts.of(op)
        loops, rank = self._loops(split, len(parts.iterators)), len(parts.iterators) + 1
        parts.input_maps = [
            self._input_map(v, m, split, loops) for v, m in zip(parts.inputs, parts.input_maps, strict=True)
        ]
        parts.output_maps = [AffineMap(rank, 0, tuple(self._placed(m, split))) for m in parts.output_maps]
        parts.outputs = [
            self._output(value, split, m, op) for value, m in zip(parts.outputs, output_maps(op), strict=True)
        ]
        parts.iterators.insert(split.at, IteratorType.PARALLEL)
        for inner in [inner for inner in parts.block.ops if isinstance(inner, IndexOp)]:
            inner.result.replace_all_uses_with(index_value(loops[inner.dim.value.data], parts.block, inner))
            erase(inner)
        made = replace_generic(op, parts)
        self.places |= dict.fromkeys(made.results, split.place)
        return made

    def _loops(self, split: Split, rank: int) -> list[AffineExpr]:
        """What each old loop is of the new ones."""
        loops: list[AffineExpr] = [AffineDimExpr(i + (i >= split.at)) for i in range(rank)]
        if split.key is not None:
            loops[split.key] = AffineDimExpr(split.at) * self.size + AffineDimExpr(split.key + 1)
        return loops

    def _input_map(self, value: SSAValue, map_: AffineMap, split: Split, loops: list[AffineExpr]) -> AffineMap:
        if value in self.places:
            inner = Split(split.at, split.key, self.places[value])
            return AffineMap(map_.num_dims + 1, 0, tuple(self._placed(map_, inner)))
        return map_.replace_dims_and_symbols(loops, (), map_.num_dims + 1, 0)

    def _placed(self, map_: AffineMap, split: Split) -> list[AffineExpr]:
        """The map of a tensor that has dimension p."""
        dims = bare_dims(map_)
        assert dims is not None
        results: list[AffineExpr] = [AffineDimExpr(d + (d >= split.at)) for d in dims]
        return [*results[: split.place], AffineDimExpr(split.at), *results[split.place :]]

    def _output(self, value: SSAValue, split: Split, map_: AffineMap, before: Operation) -> SSAValue:
        type_, made = value.type, value.owner
        assert isinstance(type_, TensorType)
        dims = bare_dims(map_) or []
        shape = [self.size if d == split.key else n for d, n in zip(dims, type_.get_shape(), strict=True)]
        empty = EmptyOp((), TensorType(type_.element_type, [*shape[: split.place], self.count, *shape[split.place :]]))
        ops: list[Operation] = [empty]
        if isinstance(made, FillOp):
            ops.append(FillOp([made.inputs[0]], [empty.tensor], [empty.tensor.type]))
        for op in ops:
            op.location = location_of(before)
            set_location(op, op.location)
            insert_before(op, before)
        return ops[-1].results[0]


def split_keys(kernel: func.FuncOp, parts: AttentionGradientParts, count: int) -> list[func.FuncOp | int]:
    """Gives a kernel loop p; for each result the kernel that adds up its parts, or which dimension p is."""
    outer, splitter = parts.outer, KeySplitter(count, shape_of(parts.scores)[-1] // count)
    by_key = Split(outer - 1, outer, outer - 1)
    for op in (*parts.first, *parts.dweights):
        splitter.split(op, by_key)
    splitter.split(parts.dots, Split(outer - 1, None, outer - 1))
    splitter.split(parts.elements, by_key)
    sums: list[func.FuncOp | int] = []
    end = kernel.body.block.last_op
    assert end is not None
    for product in parts.products:
        main, *epilogue = product.ops
        key = product.loops[-1]
        if product.of_keys:
            places = [(bare_dims(output_maps(op)[0]) or []).index(key) for op in product.ops]
            for op, place in zip(product.ops, places, strict=True):
                splitter.split(op, Split(key, key, place))
            sums.append(places[-1])
        else:
            sums.append(_sum_kernel(kernel, product, count))
            if epilogue:
                epilogue[0].results[0].replace_all_uses_with(main.results[0])
                erase(epilogue[0])
            splitter.split(main, Split(0, key, 0))
    for op in reversed(list(kernel.body.block.ops)):
        if isinstance(op, EmptyOp | FillOp) and not op.results[0].uses:
            erase(op)
    kernel.attributes["cellc.outer"] = IntegerAttr(outer + 1, i64)
    kernel.function_type = FunctionType.from_lists(list(kernel.function_type.inputs), [v.type for v in end.operands])
    return sums


def can_split(parts: AttentionGradientParts) -> bool:
    """Whether sums over keys have no epilogue but one that makes each result of one sum."""
    epilogues = [each.ops[1] for each in parts.products if not each.of_keys and len(each.ops) == 2]
    simple = all(
        len(op.inputs) == 1
        and is_identity(input_maps(op)[0])
        and not any(isinstance(o, IndexOp) for o in op.body.block.ops)
        for op in epilogues
    )
    return simple and parts.keep is None


def _sum_kernel(kernel: func.FuncOp, product: GradientProduct, count: int) -> func.FuncOp:
    """A kernel that adds up the parts of a product's sums, and does what the product's epilogue does."""
    main, last = product.ops[0], product.ops[-1]
    sums, result = main.results[0].type, last.results[0].type
    assert isinstance(sums, TensorType)
    assert isinstance(result, TensorType)
    element, rank = sums.element_type, len(shape_of(main.results[0]))
    order = (bare_dims(output_maps(last)[0]) if last is not main else None) or list(range(rank))
    dims = [AffineDimExpr(order.index(i)) for i in range(rank)]
    maps = [AffineMap(rank, 0, (AffineConstantExpr(p), *dims)) for p in range(count)]
    body = Block(arg_types=[*[element] * count, result.element_type])
    total: SSAValue = body.args[0]
    for part in body.args[1:count]:
        added = arith.AddfOp(total, part)
        body.add_op(added)
        total = added.result
    if last is main:
        body.add_op(YieldOp(total))
    else:
        mapping: dict[SSAValue, SSAValue] = {last.body.block.args[0]: total}
        body.add_ops([op.clone(mapping) for op in last.body.block.ops])
    block, empty = Block(arg_types=[TensorType(element, [count, *sums.get_shape()])]), EmptyOp((), result)
    loops = [IteratorType.PARALLEL] * rank
    generic = new_generic([block.args[0]] * count, [empty.tensor], body, [*maps, AffineMap.identity(rank)], loops)
    block.add_ops([empty, generic, func.ReturnOp(generic.results[0])])
    types = FunctionType.from_lists([block.args[0].type], [result])
    made = func.FuncOp(f"{kernel.sym_name.data}_sum", types, Region(block), visibility="private")
    made.attributes["cellc.kind"] = StringAttr("elementwise")
    set_location(made, location_of(main))
    return made
