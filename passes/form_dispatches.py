"""`form-dispatches`: cuts `@main` into kernels and the host function that calls them.

See "The kernel form" in docs/architecture.md. Which ops share a kernel is
decided in `dispatch_clusters`; equal kernels are kept once.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.cluster_graph import Cluster, is_host_op
from cellc.passes.dispatch_clusters import Clusters
from cellc.passes.fuse_elementwise import prepare, remove_dead
from cellc.passes.generic_rewrites import capture_constants, empty_like, erase, insert_before
from cellc.passes.kernel_form import kernels_of, verify_kernel_form
from cellc.passes.kernel_key import kernel_key
from cellc.passes.kernel_names import kernel_hint
from cellc.passes.kernel_order import scheduled
from cellc.passes.linalg_analysis import (
    iterator_attributes,
    loop_extents,
    main_function,
    map_attributes,
    shape_of,
    size_of,
)
from cellc.passes.outline_kernels import arguments_of, outline
from cellc.passes.rewriting import location_of
from cellc.passes.split_reductions import split_reductions


@dataclass(frozen=True)
class FormDispatchesPass(ModulePass):
    """Outlines clusters of ops of `@main` as kernels and leaves calls, reshapes and dense constants."""

    name = "form-dispatches"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = main_function(op)
        block = main.body.block
        prepare(block)
        _drop_empty_work(block)
        _materialize_fills(block)
        split_reductions(block)
        remove_dead(block)
        clusters = Clusters()
        clusters.form(block)
        remove_dead(block)
        kernels = Kernels(main)
        for node in scheduled(clusters, block):
            if isinstance(node, Cluster):
                kernels.call(node, block)
            else:
                _move_to_end(node, block)
        for dead in reversed([o for o in block.ops if not is_host_op(o) and not _stays(o)]):
            erase(dead)
        remove_dead(block)
        for kernel in kernels_of(op):
            verify_kernel_form(kernel)


def _stays(op: Operation) -> bool:
    return isinstance(op, func.CallOp | func.ReturnOp)


class Kernels:
    """The kernel functions made so far, by what they compute."""

    def __init__(self, main: func.FuncOp) -> None:
        self._main = main
        self._names: dict[Hashable, str] = {}

    def call(self, cluster: Cluster, block: Block) -> None:
        """Appends a call of the cluster's kernel, and lets everybody use its results."""
        arguments, results = arguments_of(cluster), cluster.results
        name = self._name(cluster, arguments, results)
        call = func.CallOp(name, arguments, [result.type for result in results])
        call.location = location_of(*cluster.ops)
        assert block.last_op is not None
        insert_before(call, block.last_op)
        inside = set(cluster.ops)
        for before, after in zip(results, call.results, strict=True):
            before.replace_uses_with_if(after, lambda use: use.operation not in inside)
            after.name_hint = before.name_hint

    def _name(self, cluster: Cluster, arguments: list[SSAValue], results: list[SSAValue]) -> str:
        key = kernel_key(cluster, arguments, results)
        if key not in self._names:
            self._names[key] = name = f"kernel_{len(self._names)}_{kernel_hint(cluster.ops)}"
            assert self._main.parent is not None
            self._main.parent.insert_op_before(outline(cluster, name, arguments, results), self._main)
        return self._names[key]


def _move_to_end(op: Operation, block: Block) -> None:
    op.detach()
    assert block.last_op is not None
    block.insert_op_before(op, block.last_op)


def _drop_empty_work(block: Block) -> None:
    """Ops without a single element to compute: their results are empty, or what they started from."""
    for op in list(block.ops):
        if op.results and all(_is_empty_tensor(result) for result in op.results) and not is_host_op(op):
            for result in op.results:
                result.replace_all_uses_with(_empty_constant(result, op))
        elif isinstance(op, GenericOp) and 0 in loop_extents(op):
            for result, start in zip(op.results, op.outputs, strict=True):
                result.replace_all_uses_with(start)
        elif isinstance(op, tensor.InsertSliceOp) and not size_of(op.source):
            op.result.replace_all_uses_with(op.dest)


def _is_empty_tensor(value: SSAValue) -> bool:
    return isinstance(value.type, TensorType) and 0 in shape_of(value)


def _empty_constant(value: SSAValue, op: Operation) -> SSAValue:
    assert isinstance(value.type, TensorType)
    constant = arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(value.type, []))
    constant.location = op.location
    insert_before(constant, op)
    return constant.result


def _materialize_fills(block: Block) -> None:
    """A fill whose tensor is read as such becomes a generic, so that a kernel writes it."""
    for fill in [op for op in block.ops if isinstance(op, FillOp)]:
        result = fill.results[0]
        readers = [use for use in result.uses if not _is_starting_value(use.operation, use.index)]
        if not readers:
            continue
        generic = _constant_generic(fill)
        insert_before(generic, fill)
        capture_constants(generic)
        result.replace_uses_with_if(generic.results[0], lambda use, readers=readers: use in readers)


def _is_starting_value(op: Operation, index: int) -> bool:
    """Whether the operand is what an op starts from: an accumulator, a destination, an init."""
    if isinstance(op, GenericOp):
        return index >= len(op.inputs)
    if isinstance(op, tensor.InsertSliceOp):
        return index == 1
    return op.name in ("scf.for", "linalg_ext.scatter_add")


def _constant_generic(fill: FillOp) -> GenericOp:
    type_ = fill.results[0].type
    assert isinstance(type_, TensorType)
    rank = len(shape_of(fill.results[0]))
    body = Block([YieldOp(fill.inputs[0])], arg_types=[type_.element_type])
    op = GenericOp(
        (),
        [empty_like(type_, fill, fill)],
        Region(body),
        map_attributes([AffineMap.identity(rank)]),
        iterator_attributes([IteratorType.PARALLEL] * rank),
        [type_],
    )
    for inner in op.walk():
        inner.location = fill.location
    return op
