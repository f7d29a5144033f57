"""Turns a cluster of ops into a kernel function, and computes what may happen in place."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, StringAttr, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.dialects.linalg_ext import CollectiveStartOp, CollectiveWaitOp, CumsumOp
from cellc.passes.cluster_graph import Cluster, is_material
from cellc.passes.in_place_pairs import set_in_place_pairs
from cellc.passes.linalg_analysis import (
    bare_dim,
    captured_values,
    input_maps,
    output_maps,
    result_index,
    values_read,
)
from cellc.passes.rewriting import location_of


def outline(cluster: Cluster, name: str, arguments: Sequence[SSAValue], results: Sequence[SSAValue]) -> func.FuncOp:
    """The kernel function of a cluster."""
    block = Block(arg_types=[value.type for value in arguments])
    mapping: dict[SSAValue, SSAValue] = dict(zip(arguments, block.args, strict=True))
    for op in cluster.ops:
        own = dict(mapping)
        _clone_material(op, block, own)
        clone = op.clone(own, clone_name_hints=False)
        block.add_op(clone)
        mapping.update(zip(op.results, clone.results, strict=True))
    location = location_of(*cluster.ops)
    block.add_op(end := func.ReturnOp(*(mapping[value] for value in results)))
    end.location = location
    kernel = func.FuncOp(
        name,
        FunctionType.from_lists([v.type for v in arguments], [v.type for v in results]),
        Region(block),
        visibility="private",
    )
    kernel.location = location
    kernel.attributes["cellc.kind"] = StringAttr(cluster.kind)
    if cluster.kind == "reduction":
        kernel.attributes["cellc.outer"] = IntegerAttr(cluster.outer, i64)
    shared = cluster.outer if cluster.kind == "reduction" else None
    pairs = in_place(cluster.ops, results, arguments, shared)
    set_in_place_pairs(kernel, pairs)
    _strip_names(kernel)
    return kernel


def arguments_of(cluster: Cluster) -> list[SSAValue]:
    """What a cluster's kernel is called with, in the order in which its ops first read it."""
    inside = {result for op in cluster.ops for result in op.results}
    read = (value for op in cluster.ops for value in values_read(op))
    return [value for value in dict.fromkeys(read) if value not in inside and not is_material(value.owner)]


def _clone_material(op: Operation, block: Block, mapping: dict[SSAValue, SSAValue]) -> None:
    """Clones the empties, fills and scalar constants the op uses: each op starts from tensors of its own."""
    for value in values_read(op):
        owner = value.owner
        if isinstance(owner, Operation) and is_material(owner) and value not in mapping:
            _clone_material(owner, block, mapping)
            block.add_op(owner.clone(mapping, clone_name_hints=False))


def _strip_names(kernel: func.FuncOp) -> None:
    for op in kernel.walk():
        for value in (*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)):
            value.name_hint = None


def in_place(
    ops: Sequence[Operation], results: Sequence[SSAValue], arguments: Sequence[SSAValue], shared: int | None = None
) -> list[tuple[int, int]]:
    """(result, argument) pairs that may share a buffer.

    Only when an all-parallel generic reads the argument at the index where it writes the result, and no other op reads
    it: then each element is read only by the iteration that writes it. In a chain of which all ops run for one index of
    its first `shared` loops before the next, ops before that one may read what it is about to overwrite, too. Running
    sums take the place of what they sum. A collective needs no other memory than that of its operand if the result is
    as large.
    """
    readers: dict[SSAValue, list[Operation]] = {}
    for op in ops:
        for value in values_read(op):
            readers.setdefault(value, []).append(op)
    pairs: list[tuple[int, int]] = []
    for number, result in enumerate(results):
        op = result.owner
        if isinstance(op, CollectiveStartOp | CollectiveWaitOp | CumsumOp) and op.result.type == op.src.type:
            pairs.append((number, arguments.index(op.src)))
        if not isinstance(op, GenericOp) or any(kind.data != "parallel" for kind in op.iterator_types):
            continue
        written = output_maps(op)[result_index(result)]
        for index, argument in enumerate(arguments):
            *before, last = readers[argument]
            if argument.type != result.type or last is not op or _maps_of(argument, op) != [written]:
                continue
            if all(_reads_at(other, argument, written, shared) for other in before):
                pairs.append((number, index))
    return pairs


def _maps_of(value: SSAValue, op: GenericOp) -> list[AffineMap] | None:
    """Where the op reads the value; None where it reads it otherwise than by maps."""
    reads = [m for v, m in zip(op.inputs, input_maps(op), strict=False) if v is value]
    return None if value in captured_values(op) else reads


def _reads_at(op: Operation, value: SSAValue, written: AffineMap, shared: int | None) -> bool:
    """Whether the op reads the value at the index of the shared loops at which another one writes with a map."""
    maps = _maps_of(value, op) if isinstance(op, GenericOp) and shared is not None else None
    if not maps or shared is None:
        return False
    places = [i for i, result in enumerate(written.results) if (bare_dim(result) or 0) < shared]
    return all(read.results[i] == written.results[i] for read in maps for i in places)
