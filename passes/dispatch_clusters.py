"""Grouping the ops of `@main` into kernels: greedy, in program order.

Each op joins the cluster of a producer where one of the kernel kinds allows it
(see "The kernel form" in docs/architecture.md), else it starts a cluster. A
join is refused when the cluster would then need its own result through another
cluster.
"""

from __future__ import annotations

from xdsl.dialects import scf, tensor
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation, SSAValue

from cellc.dialects.linalg_ext import CollectiveStartOp, CollectiveWaitOp
from cellc.passes.cluster_graph import Cluster, ClusterGraph, is_host_op, is_material
from cellc.passes.generic_rewrites import permute_loops, yielding_input
from cellc.passes.linalg_analysis import (
    Reshape,
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_contraction,
    iterations,
    loop_extents,
    output_maps,
    parallel_count,
    size_of,
)
from cellc.passes.shared_loops import SMALL, reads_in_order, shared_outer


class Clusters(ClusterGraph):
    """Clusters of one block, found by `form`."""

    def form(self, block: Block) -> list[Cluster]:
        """The clusters of the block's ops; loops of joined generics are permuted on the way."""
        for op in list(block.ops):
            if op.parent is block and op is not block.last_op and not is_host_op(op) and not is_material(op):
                self._add(op)
        return self.all

    def _add(self, op: Operation) -> None:
        if isinstance(op, GenericOp) and self._join(op):
            return
        if isinstance(op, tensor.InsertSliceOp) and self._join_copy(op):
            return
        self.add(Cluster(_kind(op), [op], _outer(op)))

    # -- generics --------------------------------------------------------------

    def _join(self, op: GenericOp) -> bool:
        if is_contraction(op):
            return False
        direct = {self.of_op[v.owner]: None for v in op.inputs if isinstance(v.owner, GenericOp)}
        if is_all_parallel(op):
            for cluster in direct:
                if cluster.kind == "contraction" and self.allows(cluster, op) and self._join_epilogue(cluster, op):
                    return True
        chains = [c for c in direct if c.kind == "reduction"]
        if chains or not is_all_parallel(op):
            chains += [c for c in direct if c.kind == "elementwise" and _may_become_chain(c, op)]
        return self._join_chains(chains, op) or (not is_all_parallel(op) and self._join_sibling(op))

    def _join_epilogue(self, cluster: Cluster, op: GenericOp) -> bool:
        if len(cluster.ops) > 1:
            return False
        contraction = cluster.ops[0]
        result = contraction.results[0]
        reads = [m for v, m in zip(op.inputs, input_maps(op), strict=False) if v is result]
        order = bare_dims(reads[0])
        assert isinstance(contraction, GenericOp)
        written = bare_dims(output_maps(contraction)[0])
        if len(reads) != 1 or order is None or len(order) < len(op.iterator_types) or result in captured_values(op):
            return False
        if written != list(range(len(order))):
            return False
        op = permute_loops(op, order)
        if any(use.operation is not op for use in result.uses):
            op = _also_yield(op, result)
        self.enter(op, cluster)
        return True

    def _join_chains(self, chains: list[Cluster], op: GenericOp) -> bool:
        """Joins every chain the op reads that shares outer loops with it; merges them."""
        joined: Cluster | None = None
        for chain in self._not_waited_for(chains, op):
            if not self.allows(chain, op) or (joined is not None and not self.independent(joined, chain)):
                continue
            if joined is None and chain.kind == "elementwise" and is_all_parallel(op):
                continue  # no reduction among them
            members = chain.ops if joined is None else joined.ops + chain.ops
            outer = chain.outer if joined is None else min(joined.outer, chain.outer)
            shared = shared_outer(members, outer, op)
            if shared is None:
                continue
            op = permute_loops(op, shared + [i for i in range(len(op.iterator_types)) if i not in shared])
            chain = chain if joined is None else self.union(joined, chain)
            chain.kind, chain.outer, joined = "reduction", len(shared), chain
        if joined is not None:
            self.enter(op, joined)
        return joined is not None

    def _not_waited_for(self, chains: list[Cluster], op: GenericOp) -> list[Cluster]:
        """The chains without those that others cannot wait for once they have the op.

        A loss's mean over a batch is such: it waits for the losses, and what it is divided by, which comes from labels
        alone, is also in the gradient, which belongs to the rows of the losses.
        """
        if len(chains) < 2:
            return chains
        found = []
        for chain in chains:
            behind: set[Cluster] = set()
            for other in chains:
                behind |= {c for c in other.ancestors if c.kind == "reduction" and c.outer} - chain.ancestors - {chain}
            if chain.outer or not behind or not self._leads_to(chain, behind, op):
                found.append(chain)
        return found

    def _leads_to(self, chain: Cluster, behind: set[Cluster], op: GenericOp) -> bool:
        """Whether some later op reads clusters of `behind` and what small ops make of the chain's results."""
        pending = list(chain.results)
        seen: set[Operation] = {op}
        while pending:
            for user in {use.operation for use in pending.pop().uses} - seen:
                seen.add(user)
                if user in self.of_op:
                    continue
                if any(cluster in behind for cluster in self.producers(user)):
                    return True
                if isinstance(user, Reshape) or (isinstance(user, GenericOp) and iterations(user) <= SMALL):
                    pending.extend(user.results)
        return False

    def _join_sibling(self, op: GenericOp) -> bool:
        """A reduction joins a chain that reads one of its inputs in the same order."""
        for value, map_ in zip(op.inputs, input_maps(op), strict=False):
            for use in list(value.uses):
                other = use.operation
                cluster = self.of_op.get(other)
                if cluster is None or cluster.kind != "reduction" or not isinstance(other, GenericOp):
                    continue
                same = (
                    size_of(value) == iterations(op)
                    and use.index < len(other.inputs)
                    and input_maps(other)[use.index] == map_
                    and cluster.outer == parallel_count(op) == parallel_count(other) > 0
                    and loop_extents(other) == loop_extents(op)
                    and reads_in_order(cluster.ops, cluster.outer, op)
                )
                if same and self.allows(cluster, op):
                    self.enter(op, cluster)
                    return True
        return False

    # -- copies ------------------------------------------------------------------

    def _join_copy(self, op: tensor.InsertSliceOp) -> bool:
        """The next piece of a concatenation joins the pieces before, when only it reads them."""
        before = op.dest.owner
        if not isinstance(before, tensor.InsertSliceOp) or len(list(op.dest.uses)) != 1 or op.source is op.dest:
            return False
        cluster = self.of_op[before]
        if not self.allows(cluster, op):
            return False
        self.enter(op, cluster)
        return True


def _kind(op: Operation) -> str:
    if isinstance(op, GenericOp):
        if is_all_parallel(op):
            return "elementwise"
        return "contraction" if is_contraction(op) else "reduction"
    if isinstance(op, tensor.InsertSliceOp):
        return "copy"
    if isinstance(op, scf.ForOp):
        return "recurrent"
    if op.name == "linalg_ext.scatter_add":
        return "scatter"
    if op.name == "linalg_ext.cumsum":
        return "scan"
    if isinstance(op, CollectiveStartOp | CollectiveWaitOp):
        return "collective"
    raise ValueError(f"{op.name} is not part of the linalg form that kernels are made from")


def _may_become_chain(cluster: Cluster, op: GenericOp) -> bool:
    """Whether an elementwise cluster may join `op`'s chain: for a reduction, or with values that only `op` reads."""
    return not is_all_parallel(op) or (
        all(isinstance(o, GenericOp) and iterations(o) < iterations(op) for o in cluster.ops)
        and all(use.operation is op for result in cluster.results for use in result.uses)
    )


def _outer(op: Operation) -> int:
    """Leading parallel loops of a generic."""
    return parallel_count(op) if isinstance(op, GenericOp) else 0


def _also_yield(op: GenericOp, value: SSAValue) -> GenericOp:
    """Makes an input that the op reads at its own index an extra result, and lets others use that."""
    new = yielding_input(op, list(op.inputs).index(value))
    value.replace_uses_with_if(new.results[-1], lambda use: use.operation is not new)
    return new
