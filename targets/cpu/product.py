"""Products: what a contraction kernel computes, read from its generics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineMap

from cellc.passes.kernel_form import split_prologues
from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.factor import Factor, Prologue
from cellc.targets.cpu.kernel import KernelWriter, element_of, filled_constant
from cellc.targets.cpu.nest import Nest, collapse

_MULTIPLY_ADD = {("arith.mulf", "arith.addf"), ("arith.muli", "arith.addi")}
_EXTENSIONS = ("arith.extf", "arith.extsi", "arith.extui")
Narrow = Callable[[Nest], Nest]


@dataclass(frozen=True)
class Product:
    """output(parallel loops) = epilogue(initial + sum over the reduction loops of left * right).

    `nest` has every access over one set of loops: inputs are left, right, then those of the epilogue
    (None where the epilogue reads the sum, or does not use the argument). `sums` are the epilogue's
    arguments that take the sum. Without an epilogue the sum is stored as it is.
    """

    nest: Nest
    extensions: tuple[str | None, str | None]
    element: str
    initial: float | int
    epilogue: Block | None
    sums: frozenset[int]
    panels: tuple[int | None, int | None] = (None, None)
    prologues: tuple[Prologue | None, Prologue | None] = (None, None)

    @cached_property
    def factors(self) -> tuple[Factor, Factor]:
        """Left and right."""
        left, right = self.nest.inputs[:2]
        assert left is not None
        assert right is not None
        made = zip((left, right), self.extensions, self.panels, self.prologues, strict=True)
        first, second = (Factor(a, extension, panel, prologue=prologue) for a, extension, panel, prologue in made)
        return first, second

    @property
    def around(self) -> list[Access]:
        """What the epilogue reads and writes, the sums aside."""
        return [*(a for a in self.nest.inputs[2:] if a is not None), *self.nest.outputs]

    @property
    def uses_index(self) -> bool:
        """Whether the epilogue asks for loop indices."""
        return self.epilogue is not None and any(isinstance(op, linalg.IndexOp) for op in self.epilogue.ops)

    def shared(self, factor: int, lane_dim: int | None = None) -> list[int]:
        """The parallel loops, `lane_dim` aside, along which a factor stays the same."""
        access = self.factors[factor].access
        return [d for d in self.nest.parallel if d != lane_dim and access.strides[d] == 0]

    def in_panels(self, factor: int, columns: int, width: int) -> "Product":
        """The product with a factor stored in panels of `width` iterations of loop `columns`."""
        access, nest = self.factors[factor].access, self.nest
        loops = [d for d in nest.reduced if access.strides[d]]
        strides = dict(zip([*loops, columns], row_major([*(nest.extents[d] for d in loops), width]), strict=True))
        stored = replace(access, strides=tuple(strides.get(d, 0) for d in range(len(nest.extents))))
        inputs = tuple(stored if i == factor else a for i, a in enumerate(nest.inputs))
        panels = (width, self.panels[1]) if factor == 0 else (self.panels[0], width)
        prologues = (None, self.prologues[1]) if factor == 0 else (self.prologues[0], None)
        return replace(self, nest=replace(nest, inputs=inputs), panels=panels, prologues=prologues)


def product_of(
    kernel: KernelWriter, generics: Sequence[linalg.GenericOp], narrow: Narrow = lambda nest: nest
) -> Product | None:
    """The product that a contraction (and its epilogue) computes, or None where it has another form.

    `narrow` takes the nest of each generic to the part of its parallel loops that is wanted.
    """
    prologues, generics = split_prologues(generics)
    kernel.views.update((op.results[0], kernel.nowhere(op.results[0])) for op in prologues)
    product = _product_of(kernel, generics, narrow)
    if product is None:
        return None
    left, right = (panel_width(m.data) for m in list(generics[0].indexing_maps)[:2])
    product = replace(product, panels=(left, right))
    if not prologues:
        return replace(product, nest=collapse(product.nest))
    return _with_prologues(product, [_prologue_of(kernel, generics[0], i) for i in range(2)])


def panel_width(indexing: AffineMap) -> int | None:
    """The width of the panels that a map reads a factor in (`pack-constants` writes such maps), or None."""
    last = indexing.results[-1] if indexing.results else None
    if not isinstance(last, AffineBinaryOpExpr) or last.kind != AffineBinaryOpKind.Mod:
        return None
    assert isinstance(last.rhs, AffineConstantExpr)
    return last.rhs.value


def _product_of(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], narrow: Narrow) -> Product | None:
    if len(generics) not in (1, 2) or len(generics[0].inputs) != 2 or len(generics[0].outputs) != 1:
        return None
    main, element = generics[0], element_of(generics[0].outputs[0])
    initial, extensions = filled_constant(main.outputs[0]), _extensions(main.body.block)
    if initial is None or extensions is None or not _leads(main, len(main.inputs)):
        return None
    if len(generics) == 1:
        return Product(narrow(kernel.nest_of(main)), extensions, element, initial, None, frozenset())
    return _with_epilogue(kernel, main, generics[1], extensions, initial, narrow)


def _with_epilogue(
    kernel: KernelWriter,
    main: linalg.GenericOp,
    epilogue: linalg.GenericOp,
    extensions: tuple[str | None, str | None],
    initial: float | int,
    narrow: Narrow,
) -> Product | None:
    result, rank = main.results[0], len(main.iterator_types)
    sums = frozenset(i for i, value in enumerate(epilogue.inputs) if value is result)
    if not all(_leads(epilogue, i) for i in sums) or result in kernel.results:
        return None
    kernel.views.setdefault(result, kernel.nowhere(result))
    inner, outer = narrow(kernel.nest_of(main)), narrow(kernel.nest_of(epilogue))
    if any(outer.reductions) or len(outer.extents) != len(inner.parallel):
        return None

    def spread(access: Access) -> Access:
        return replace(access, strides=access.strides + (0,) * (rank - len(access.strides)))

    reads = tuple(None if a is None or i in sums else spread(a) for i, a in enumerate(outer.inputs))
    writes = tuple(spread(a) for a in outer.outputs)
    loops = replace(outer, extents=inner.extents, reductions=inner.reductions)
    nest = replace(loops, inputs=(*inner.inputs, *reads), outputs=writes)
    element = element_of(result)
    return Product(nest, extensions, element, initial, outer.body, sums)


def _prologue_of(kernel: KernelWriter, main: linalg.GenericOp, factor: int) -> Prologue | None:
    """The ops that make a factor, if the kernel does, with what they read in the contraction's loops."""
    op, read = main.inputs[factor].owner, main.indexing_maps.data[factor].data
    if not isinstance(op, linalg.GenericOp):
        return None
    operands = zip(op.inputs, op.indexing_maps, op.body.block.args, strict=False)
    inputs = (kernel.view_of(v).access(m.data.compose(read)) if a.first_use else None for v, m, a in operands)
    return Prologue(op.body.block, tuple(inputs))


def _with_prologues(product: Product, prologues: Sequence[Prologue | None]) -> Product:
    """The product with factors that it makes itself, over loops that whatever they read walks as one, too."""
    own, read = list(product.nest.inputs), [() if p is None else p.inputs for p in prologues]
    for number, prologue in enumerate(prologues):
        if prologue is not None:
            own[number] = max((a for a in prologue.inputs if a is not None), key=lambda a: sum(map(bool, a.strides)))
    nest = collapse(replace(product.nest, inputs=(*own, *read[0], *read[1])))
    rest = iter(nest.inputs[len(own) :])
    made = [p and replace(p, inputs=tuple(next(rest) for _ in p.inputs)) for p in prologues]
    return replace(product, nest=replace(nest, inputs=nest.inputs[: len(own)]), prologues=(made[0], made[1]))


def _leads(op: linalg.GenericOp, operand: int) -> bool:
    """Whether an operand is indexed by the first loops in order."""
    indexing = op.indexing_maps.data[operand].data
    zero, count = [0] * indexing.num_dims, len(indexing.results)
    units = [[int(d == dim) for d in range(indexing.num_dims)] for dim in range(count)]
    return indexing.eval(zero, []) == (0,) * count and all(list(indexing.eval(u, [])) == u[:count] for u in units)


def _extensions(body: Block) -> tuple[str | None, str | None] | None:
    """How each factor is widened in a multiply-add body; None for another body."""
    yielded, (left, right, total) = body.last_op, body.args
    if not isinstance(yielded, linalg.YieldOp):
        return None
    add = yielded.operands[0].owner
    if not isinstance(add, Operation) or total not in add.operands:
        return None
    (product,) = [v for v in add.operands if v is not total] or [total]
    multiply = product.owner
    if not isinstance(multiply, Operation) or (multiply.name, add.name) not in _MULTIPLY_ADD:
        return None
    sources = [_source(v) for v in multiply.operands]
    order = dict(sources)
    return (order[left], order[right]) if set(order) == {left, right} else None


def _source(value: SSAValue) -> tuple[SSAValue, str | None]:
    if isinstance(value.owner, Operation) and value.owner.name in _EXTENSIONS:
        return value.owner.operands[0], value.owner.name
    return value, None
