"""`fuse-elementwise`: all-parallel generics move into the bodies of those that use them.

What is decided here, and why:

* A producer with one user is fused: its result need not exist.
* A producer with several users is repeated in each when that is cheaper than a
  tensor in memory (`_worth_repeating`); otherwise it becomes an extra result of
  a user with the same iterations (so Adam's update is one generic with three
  results), or stays.
* A contraction takes only data movement (transpose, broadcast, slice) and the widening of elements into its
  operands: its body stays a sum of products, which targets recognise.
* Sums of which one term counts, as in losses of class numbers, lose their loop (`one_hot_sums`).
* Elements read at positions that are data come from in front of a transpose (`captured_transposes`).
* Siblings, independent generics over the same iterations that read the same
  tensor, become one generic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass

from cellc.passes.captured_transposes import read_before_transposes
from cellc.passes.generic_fusion import fused_parts, producer_loops, reads_after_fusion
from cellc.passes.generic_rewrites import (
    Parts,
    canonical_loops,
    capture_constants,
    erase,
    keep_results,
    replace_generic,
    simplify_body,
)
from cellc.passes.linalg_analysis import (
    captured_values,
    cost_of,
    covers_loops,
    input_count,
    input_maps,
    inputs_of,
    is_all_parallel,
    is_constant_expression,
    is_contraction,
    is_data_movement,
    is_widening,
    iterations,
    main_function,
    reduction_loops,
    size_of,
    splat_value,
)
from cellc.passes.merge_equal_ops import merge_equal_ops
from cellc.passes.move_reshapes import sink_reshapes
from cellc.passes.one_hot_sums import fold_one_hot_sums
from cellc.passes.program_order import users_of
from cellc.passes.several_results import MAX_OPERANDS, fuse_siblings, merge_into_one
from cellc.passes.unit_dimensions import drop_unit_dimensions

CHEAP_REPEATED = 8
"""Work an element (see `cost_of`) that may be repeated instead of storing a tensor."""
CHEAP_BROADCAST = 1
"""Work an element that may be done once for every use of a broadcast element."""


@dataclass(frozen=True)
class FuseElementwisePass(ModulePass):
    """Fuses elementwise generics of `@main` into their users, vertically and side by side."""

    name = "fuse-elementwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        block = main_function(op).body.block
        prepare(block)
        _fuse_vertically(block)
        while sink_reshapes(block):
            _fuse_vertically(block)
        if fold_one_hot_sums(block, read_rows=False):
            _fuse_vertically(block)
        # Several results come last: before, cheap intermediates have been repeated where they are read.
        _fuse_vertically(block, several_results=True)
        fuse_siblings(block)
        fold_one_hot_sums(block, read_rows=True)  # last: an op that reads at a label is not fused into others
        read_before_transposes(block)
        for generic in _generics(block):
            _tidy(generic)
        remove_dead(block)


def prepare(block: Block) -> None:
    """Brings generics into the form the fusions look for: own constants, loops in the order of the result."""
    for op in list(block.ops):
        if op.regions:
            capture_constants(op)
        if isinstance(op, GenericOp):
            _fold_splats(canonical_loops(op))
    drop_unit_dimensions(block)
    merge_equal_ops(block)
    remove_dead(block)


def remove_dead(block: Block) -> None:
    """Erases pure ops without uses."""
    for op in reversed(list(block.ops)):
        if op.results and not any(result.uses for result in op.results):
            erase(op)


def _generics(block: Block) -> Iterator[GenericOp]:
    return (op for op in list(block.ops) if isinstance(op, GenericOp))


def _tidy(op: GenericOp) -> None:
    wanted = [i for i, result in enumerate(op.results) if result.uses]
    if is_all_parallel(op) and wanted:
        op = keep_results(op, wanted)
    simplify_body(op)
    if all(argument.uses for argument in op.body.block.args[: input_count(op)]):
        return
    parts = Parts.of(op)
    parts.drop_unused_inputs()
    if len(parts.inputs) < input_count(op):
        replace_generic(op, parts)


def _fold_splats(op: GenericOp) -> None:
    """Inputs whose elements are all one constant become that constant in the body."""
    if is_contraction(op) or all(splat_value(value) is None for value in inputs_of(op)):
        return
    parts = Parts.taken(op)
    for index in reversed(range(len(parts.inputs))):
        constant = splat_value(parts.inputs[index])
        rest = parts.input_maps[:index] + parts.input_maps[index + 1 :] + parts.output_maps
        if constant is not None and covers_loops(rest, len(parts.iterators)):
            first = parts.block.first_op
            assert first is not None
            constant.location = op.location
            parts.block.insert_op_before(constant, first)
            parts.replace_input(index, constant.results[0])
    replace_generic(op, parts)


# -- producers into users ----------------------------------------------------


def _fuse_vertically(block: Block, several_results: bool = False) -> None:
    """In program order, so that a producer is complete before it is itself fused."""
    op = block.first_op
    while op is not None:
        previous = op.prev_op
        if isinstance(op, GenericOp) and is_all_parallel(op) and any(r.uses for r in op.results):
            if _fuse_into_all(op):
                erase(op)
            elif several_results:
                merge_into_one(op, _users(op))
        if op.parent is block:
            op = op.next_op
            continue
        # Fused away: what had to move behind is visited again.
        op = block.first_op if previous is None else previous.next_op


def _users(op: Operation) -> list[Operation]:
    """Distinct using ops in the op's block, in program order."""
    users = users_of(op)
    if len(users) < 2:
        return users
    remaining, ordered, candidate = set(map(id, users)), [], op.next_op
    while remaining and candidate is not None:
        if id(candidate) in remaining:
            remaining.remove(id(candidate))
            ordered.append(candidate)
        candidate = candidate.next_op
    return ordered


def _fuse_into_all(producer: GenericOp) -> bool:
    """Fuses the producer into every user, or into none."""
    users = users_of(producer)
    if not users or not _is_only_input(producer) or (len(users) > 1 and not _worth_repeating(producer, len(users))):
        return False
    generics = [user for user in users if isinstance(user, GenericOp)]
    if not all(_accepts(user, producer) for user in generics):
        return False
    if not all(_stays_what_it_is(user, producer) for user in generics):
        return False
    ordered = _users(producer)
    for user in ordered:  # in program order, as one user may read another
        assert isinstance(user, GenericOp)
        replace_generic(user, fused_parts(producer, user, last=user is ordered[-1]), producer)
    return True


def _is_only_input(producer: GenericOp) -> bool:
    """Whether results are read as inputs of generics alone: not as outputs, nor inside a body."""
    for result in producer.results:
        for use in result.uses:
            user = use.operation
            if user.parent is not producer.parent or not isinstance(user, GenericOp) or use.index >= input_count(user):
                return False
    return True


def _stays_what_it_is(user: GenericOp, producer: GenericOp) -> bool:
    """Whether the user's loops keep their extents, its operands fit, and a contraction stays one."""
    reads = reads_after_fusion(producer, user)
    if reads is None or len(reads.inputs) + len(user.results) > MAX_OPERANDS:
        return False
    # Factors that are indexed alike would make it a reduction.
    return not is_contraction(user) or len({frozenset(map_.used_dims()) for map_ in reads.maps}) > 1


def _worth_repeating(producer: GenericOp, users: int) -> bool:
    """Whether recomputing in each user beats writing the result once and reading it back."""
    full = [value for value in inputs_of(producer) if size_of(value) >= size_of(producer.results[0])]
    if any(_is_only_reader_of_kernel(value, producer) for value in full):
        return False  # it is the epilogue of that contraction or reduction
    if is_data_movement(producer) or is_constant_expression(producer):
        return True
    gathers = len(captured_values(producer))
    traffic_stored, traffic_repeated = len(full) + gathers + 1 + users, (len(full) + gathers) * users
    return cost_of(producer) * (users - 1) <= CHEAP_REPEATED and traffic_repeated <= traffic_stored


def _is_only_reader_of_kernel(value: object, reader: GenericOp) -> bool:
    owner = getattr(value, "owner", None)
    return isinstance(owner, GenericOp) and not is_all_parallel(owner) and users_of(owner) == [reader]


def _accepts(consumer: GenericOp, producer: GenericOp) -> bool:
    """Whether the consumer may compute the producer in its body."""
    if is_contraction(consumer):
        moves = is_data_movement(producer) or is_widening(producer)
        return moves and _keeps_reduced_indices(consumer, producer)
    if iterations(consumer) > iterations(producer):
        free = is_data_movement(producer) or is_constant_expression(producer)
        return free or cost_of(producer) <= CHEAP_BROADCAST
    return True


def _keeps_reduced_indices(contraction: GenericOp, producer: GenericOp) -> bool:
    """A contraction's operands each keep all loops that are summed over."""
    for value, map_ in zip(inputs_of(contraction), input_maps(contraction), strict=False):
        if value is not producer.results[0]:
            continue
        through = producer_loops(producer, 0, map_)
        if through is None:
            return False
        composed = input_maps(producer)[0].compose(through)
        reduced = set(reduction_loops(contraction))
        if map_.used_dims() & reduced != composed.used_dims() & reduced:
            return False
    return True
