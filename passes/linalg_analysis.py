"""Questions about `linalg.generic` on tensors that several passes ask.

Loops are numbered as in the op's maps. A map result that is a loop on its own
(`d2`) is called bare; the extents of the loops are read off bare results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import TypeGuard

from xdsl.dialects import arith, func, linalg, tensor
from xdsl.dialects.builtin import AffineMapAttr, DenseIntOrFPElementsAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

Reshape = tensor.CollapseShapeOp | tensor.ExpandShapeOp

_ITERATORS = {kind: IteratorTypeAttr(kind) for kind in IteratorType}
_FREE = {"linalg.index", "linalg.yield", "arith.constant", "arith.index_cast", "arith.bitcast"}
_CASTS = {"extf", "truncf", "extsi", "extui", "trunci", "sitofp", "uitofp", "fptosi", "fptoui"}
_SLOW_ARITH = {"divf", "divsi", "divui", "remf", "remsi", "remui"}
_QUICK_MATH = {"absf", "absi", "fma", "copysign", "floor", "ceil", "round", "roundeven", "isnan", "isfinite", "isinf"}


def maps_of(op: GenericOp) -> list[AffineMap]:
    """Indexing maps of inputs, then outputs."""
    return [attribute.data for attribute in op.indexing_maps]


def input_count(op: GenericOp) -> int:
    """The number of inputs of a generic on tensors, which has a result for each output.

    xDSL's `op.inputs` reads the op's segment sizes at each access, which added up to a tenth of all passes.
    """
    return len(op.operands) - len(op.results)


def inputs_of(op: GenericOp) -> Sequence[SSAValue]:
    operands = op.operands
    return operands[: len(operands) - len(op.results)]


def outputs_of(op: GenericOp) -> Sequence[SSAValue]:
    operands = op.operands
    return operands[len(operands) - len(op.results) :]


def input_maps(op: GenericOp) -> list[AffineMap]:
    return maps_of(op)[: input_count(op)]


def output_maps(op: GenericOp) -> list[AffineMap]:
    return maps_of(op)[input_count(op) :]


def iterators(op: GenericOp) -> list[IteratorType]:
    return [attribute.data for attribute in op.iterator_types]


def reduction_loops(op: GenericOp) -> list[int]:
    return [loop for loop, kind in enumerate(iterators(op)) if kind == IteratorType.REDUCTION]


def parallel_count(op: GenericOp) -> int:
    return len(op.iterator_types) - len(reduction_loops(op))


def is_all_parallel(op: Operation | Block | None) -> bool:
    return isinstance(op, GenericOp) and not reduction_loops(op)


def is_reduction(op: Operation | Block | None) -> bool:
    """A generic with a reduction loop that is not a contraction."""
    return isinstance(op, GenericOp) and bool(reduction_loops(op)) and not is_contraction(op)


def bare_dim(expression: object) -> int | None:
    """The loop, when a map result is one loop on its own."""
    return expression.position if isinstance(expression, AffineDimExpr) else None


def bare_dims(map_: AffineMap) -> list[int] | None:
    """The loops of a map made only of distinct bare results, else None."""
    dims = [bare_dim(result) for result in map_.results]
    return None if None in dims or len(set(dims)) < len(dims) else dims  # pyright: ignore[reportReturnType]


def is_identity(map_: AffineMap) -> bool:
    return bare_dims(map_) == list(range(map_.num_dims))


def covers_loops(maps: Iterable[AffineMap], loops: int) -> bool:
    """Whether each loop is bare in some map, so that its extent can be read off an operand."""
    return {bare_dim(result) for map_ in maps for result in map_.results} >= set(range(loops))


def reads_whole_axes(values: Sequence[SSAValue], maps: Sequence[AffineMap]) -> bool:
    """Whether every loop has one extent: a bare loop runs over the whole axis of each operand."""
    extents: dict[int, int] = {}
    for value, map_ in zip(values, maps, strict=True):
        for result, extent in zip(map_.results, shape_of(value), strict=True):
            loop = bare_dim(result)
            if loop is not None and extents.setdefault(loop, extent) != extent:
                return False
    return True


def loop_extents(op: GenericOp) -> list[int]:
    """The number of iterations of each loop."""
    extents = [1] * len(op.iterator_types)
    for operand, map_ in zip(op.operands, maps_of(op), strict=True):
        for result, extent in zip(map_.results, shape_of(operand), strict=True):
            if isinstance(result, AffineDimExpr):
                extents[result.position] = extent
    return extents


def iterations(op: GenericOp) -> int:
    return prod(loop_extents(op))


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The static shape of a tensor; () for a scalar."""
    return tuple(value.type.get_shape()) if isinstance(value.type, TensorType) else ()


def element_of(value: SSAValue) -> Attribute:
    """The type of a tensor's elements."""
    assert isinstance(value.type, TensorType)
    return value.type.element_type


def behind_reshapes(value: SSAValue) -> SSAValue:
    """The value whose elements these are, in another shape or not."""
    while isinstance(value.owner, Reshape):
        value = value.owner.src
    return value


def result_index(value: SSAValue) -> int:
    """The number of the result among its op's results."""
    assert isinstance(value, OpResult)
    return value.index


def size_of(value: SSAValue) -> int:
    return prod(shape_of(value))


def is_contraction(op: Operation | Block | None) -> TypeGuard[GenericOp]:
    """Whether the generic is a sum of products of two tensors that are indexed by different loops.

    A sum of products over equal indices (a dot product per row) is a reduction:
    no element is used twice, so there is nothing to block for.
    """
    if not isinstance(op, GenericOp) or input_count(op) != 2 or len(op.results) != 1 or not _is_multiply_add(op):
        return False
    lhs, rhs = (map_.used_dims() for map_ in input_maps(op))
    reduced = set(reduction_loops(op))
    return bool(reduced) and reduced <= (lhs & rhs) and lhs != rhs


def _is_multiply_add(op: GenericOp) -> bool:
    lhs, rhs, accumulator = op.body.block.args
    yielded = op.body.block.last_op
    assert yielded is not None
    add = yielded.operands[0].owner
    if not isinstance(add, arith.AddfOp | arith.AddiOp) or accumulator not in add.operands:
        return False
    product = _through_casts(add.lhs if add.rhs is accumulator else add.rhs)
    if not isinstance(product.owner, arith.MulfOp | arith.MuliOp):
        return False
    factors = [_through_casts(factor) for factor in product.owner.operands]
    return {id(factor) for factor in factors} == {id(lhs), id(rhs)}


def _through_casts(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, Operation) and _short_name(value.owner) in _CASTS:
        value = value.owner.operands[0]
    return value


def is_widening(op: GenericOp) -> bool:
    """An all-parallel generic that only extends each element of one input."""
    if not is_all_parallel(op) or len(op.results) != 1 or input_count(op) != 1:
        return False
    first, last = op.body.block.first_op, op.body.block.last_op
    if not isinstance(first, arith.ExtFOp) or first.operands[0] is not op.body.block.args[0]:
        return False
    return last is not None and first.next_op is last and last.operands[0] is first.results[0]


def is_data_movement(op: Operation | Block | None) -> bool:
    """An all-parallel generic that only rearranges one input (transpose, broadcast, slice)."""
    if not isinstance(op, GenericOp) or not is_all_parallel(op) or len(op.results) != 1:
        return False
    yielded = op.body.block.last_op
    return yielded is op.body.block.first_op and isinstance(yielded, linalg.ops.YieldOp) and isinstance(
        yielded.operands[0], BlockArgument
    )  # fmt: skip


def is_constant_expression(op: GenericOp) -> bool:
    """A generic that reads nothing, not even an index: what it computes is folded at compile time."""
    inner = {nested.name for nested in op.body.block.ops}
    return not input_count(op) and not inner & {"linalg.index", "tensor.extract"}


def cost_of(op: GenericOp) -> int:
    """Rough work of one iteration: 1 an arithmetic op, 4 a division or an element gathered, 16 a function."""
    return sum(_cost(inner) for inner in op.body.block.ops)


def _short_name(op: Operation) -> str:
    return op.name.partition(".")[2]


def _cost(op: Operation) -> int:
    if op.name in _FREE or _short_name(op) in _CASTS:
        return 0
    if op.name == "tensor.extract" or _short_name(op) in _SLOW_ARITH or op.name in ("math.sqrt", "math.rsqrt"):
        return 4
    return 16 if op.name.startswith("math.") and _short_name(op) not in _QUICK_MATH else 1


def captured_values(op: Operation) -> list[SSAValue]:
    """Values from outside that the op's regions use, in order of use (`tensor.extract` from a table)."""
    found: dict[SSAValue, None] = {}
    _collect_captured(op, set(), found)
    return list(found)


def _collect_captured(op: Operation, inside: set[int], found: dict[SSAValue, None]) -> None:
    """`inside` has the `id` of each block that is entered: a block's own hash is the same, and slow."""
    for region in op.regions:
        inside.update(map(id, region.blocks))
        for nested in (nested for block in region.blocks for nested in block.ops):
            for value in nested.operands:
                owner = value.owner
                if id(owner if type(owner) is Block else owner.parent) not in inside:
                    found[value] = None
            if nested.regions:
                _collect_captured(nested, inside, found)


def values_read(op: Operation) -> list[SSAValue]:
    """Operands, then captured values, without duplicates."""
    return list(dict.fromkeys((*op.operands, *(captured_values(op) if op.regions else ()))))


def splat_value(value: SSAValue) -> Operation | None:
    """The scalar constant that every element of the tensor equals, as an `arith.constant` without a parent."""
    owner = value.owner
    if isinstance(owner, FillOp) and isinstance(owner.inputs[0].owner, arith.ConstantOp):
        return owner.inputs[0].owner.clone()
    if not isinstance(owner, arith.ConstantOp) or not isinstance(owner.value, DenseIntOrFPElementsAttr):
        return None
    data, size = owner.value.data.data, len(owner.value)
    if not size or data[: len(data) // size] * size != data:
        return None
    return arith.ConstantOp(next(iter(owner.value.iter_attrs())))  # pyright: ignore[reportArgumentType]


def map_attributes(maps: Sequence[AffineMap]) -> list[AffineMapAttr]:
    return [AffineMapAttr(map_) for map_ in maps]


def iterator_attributes(kinds: Sequence[IteratorType]) -> list[IteratorTypeAttr]:
    return [_ITERATORS[kind] for kind in kinds]


def main_function(module: Operation) -> func.FuncOp:
    """The module's `@main`; ValueError when there is none."""
    for op in module.walk():
        if isinstance(op, func.FuncOp) and op.sym_name.data == "main":
            return op
    raise ValueError("the module has no func.func @main")


def host_functions(module: Operation) -> list[func.FuncOp]:
    """`@prepare`, where there is one (see `hoist-constants`), and `@main`."""
    main = main_function(module)
    assert main.parent is not None
    before = [op for op in main.parent.ops if isinstance(op, func.FuncOp) and op.sym_name.data == "prepare"]
    return [*before, main]
