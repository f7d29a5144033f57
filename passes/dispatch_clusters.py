"""Grouping the ops of `@main` into kernels: greedy, in program order.

Each op joins the cluster of a producer where one of the kernel kinds allows it
(see "The kernel form" in docs/architecture.md), else it starts a cluster. A
join is refused when the cluster would then need its own result through another
cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, SSAValue

from cellc.dialects.linalg_ext import AfterOp, CollectiveStartOp, CollectiveWaitOp
from cellc.passes.generic_rewrites import permute_loops, yielding_input
from cellc.passes.linalg_analysis import (
    Reshape,
    bare_dims,
    behind_reshapes,
    captured_values,
    input_maps,
    is_all_parallel,
    is_contraction,
    iterations,
    loop_extents,
    output_maps,
    parallel_count,
    size_of,
    values_read,
)

MATERIAL = (tensor.EmptyOp, FillOp)
"""Ops that are cloned into each kernel that uses them; so are scalar constants."""

SMALL = 1 << 14
"""Iterations below which a chain may run as one block."""


@dataclass(eq=False)
class Cluster:
    """The ops of one kernel in program order; `outer` is the number of loops a reduction's ops share."""

    kind: str
    ops: list[Operation]
    outer: int = 0
    ancestors: set[Cluster] = field(default_factory=set, repr=False)

    @property
    def results(self) -> list[SSAValue]:
        """Results that something outside the cluster uses."""
        inside = set(self.ops)
        return [
            result
            for op in self.ops
            for result in op.results
            if any(use.operation not in inside for use in result.uses)
        ]


def is_host_op(op: Operation) -> bool:
    """Views and dense constants stay in the host function."""
    return isinstance(op, Reshape | AfterOp) or (
        isinstance(op, arith.ConstantOp) and isinstance(op.result.type, TensorType)
    )


def is_material(op: object) -> bool:
    return isinstance(op, MATERIAL) or (isinstance(op, arith.ConstantOp) and not is_host_op(op))


class Clusters:
    """Clusters of one block, found by `form`."""

    def __init__(self) -> None:
        self.of_op: dict[Operation, Cluster] = {}
        self.all: list[Cluster] = []

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
        cluster = Cluster(_kind(op), [op], _outer(op))
        self.all.append(cluster)
        self._enter(op, cluster)

    def _enter(self, op: Operation, cluster: Cluster) -> None:
        self.of_op[op] = cluster
        if op not in cluster.ops:
            cluster.ops.append(op)
        new: set[Cluster] = set()
        for producer in self.producers(op):
            new |= {producer} | producer.ancestors
        new -= {cluster}
        for other in self.all:
            if other is cluster or cluster in other.ancestors:
                other.ancestors |= new

    def producers(self, op: Operation) -> list[Cluster]:
        """Clusters whose results the op reads, reshaped or not."""
        found: dict[Cluster, None] = {}
        for value in values_read(op):
            found.update(dict.fromkeys(self._sources(value)))
        return list(found)

    def _sources(self, value: SSAValue) -> list[Cluster]:
        """The clusters that made the value, or what must be made before it, seen through views."""
        owner = behind_reshapes(value).owner
        if isinstance(owner, AfterOp):
            return [*self._sources(owner.src), *self._sources(owner.token)]
        cluster = self.of_op.get(owner) if isinstance(owner, Operation) else None
        return [] if cluster is None else [cluster]

    def _allows(self, cluster: Cluster, op: Operation) -> bool:
        """Whether the op needs the cluster's results only directly, not through a view or a third cluster."""
        if any(isinstance(v.owner, Reshape | AfterOp) and cluster in self._sources(v) for v in values_read(op)):
            return False
        return all(cluster not in other.ancestors for other in self.producers(op) if other is not cluster)

    # -- generics --------------------------------------------------------------

    def _join(self, op: GenericOp) -> bool:
        if is_contraction(op):
            return False
        direct = {self.of_op[v.owner]: None for v in op.inputs if isinstance(v.owner, GenericOp)}
        if is_all_parallel(op):
            for cluster in direct:
                if cluster.kind == "contraction" and self._allows(cluster, op) and self._join_epilogue(cluster, op):
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
        self._enter(op, cluster)
        return True

    def _join_chains(self, chains: list[Cluster], op: GenericOp) -> bool:
        """Joins every chain the op reads that shares outer loops with it; merges them."""
        joined: Cluster | None = None
        for chain in self._not_waited_for(chains, op):
            if not self._allows(chain, op) or (joined is not None and not self._independent(joined, chain)):
                continue
            if joined is None and chain.kind == "elementwise" and is_all_parallel(op):
                continue  # no reduction among them
            members = chain.ops if joined is None else joined.ops + chain.ops
            outer = chain.outer if joined is None else min(joined.outer, chain.outer)
            shared = _shared_outer(members, outer, op)
            if shared is None:
                continue
            op = permute_loops(op, shared + [i for i in range(len(op.iterator_types)) if i not in shared])
            chain = chain if joined is None else self._union(joined, chain)
            chain.kind, chain.outer, joined = "reduction", len(shared), chain
        if joined is not None:
            self._enter(op, joined)
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
                    and _reads_in_order(cluster, op)
                )
                if same and self._allows(cluster, op):
                    self._enter(op, cluster)
                    return True
        return False

    def _independent(self, one: Cluster, two: Cluster) -> bool:
        """Whether no third cluster lies between the two."""
        return not any(
            (one in c.ancestors and c in two.ancestors) or (two in c.ancestors and c in one.ancestors) for c in self.all
        )

    def _union(self, one: Cluster, two: Cluster) -> Cluster:
        position = {op: i for i, op in enumerate(one.ops[0].parent.ops)}  # pyright: ignore[reportOptionalMemberAccess]
        one.ops = sorted(one.ops + two.ops, key=lambda op: position[op])
        one.ancestors = (one.ancestors | two.ancestors) - {one, two}
        self.all.remove(two)
        for op in two.ops:
            self.of_op[op] = one
        for other in self.all:
            if one in other.ancestors or two in other.ancestors:
                other.ancestors = (other.ancestors - {two}) | {one} | one.ancestors
        return one

    # -- copies ------------------------------------------------------------------

    def _join_copy(self, op: tensor.InsertSliceOp) -> bool:
        """The next piece of a concatenation joins the pieces before, when only it reads them."""
        before = op.dest.owner
        if not isinstance(before, tensor.InsertSliceOp) or len(list(op.dest.uses)) != 1 or op.source is op.dest:
            return False
        cluster = self.of_op[before]
        if not self._allows(cluster, op):
            return False
        self._enter(op, cluster)
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


_Produced = dict[SSAValue, tuple[Operation, int]]


def _produced(members: list[Operation]) -> _Produced:
    return {result: (member, i) for member in members for i, result in enumerate(member.results)}


def _reads_in_order(cluster: Cluster, op: GenericOp) -> bool:
    """Whether the op's first loops, as they are, index what it reads of the cluster."""
    produced = _produced(cluster.ops)
    if any(value in produced for value in (*op.outputs, *captured_values(op))):
        return False
    reads = ((produced[v], m) for v, m in zip(op.inputs, input_maps(op), strict=False) if v in produced)
    return all(_leading(made, map_, cluster.outer) == list(range(cluster.outer)) for made, map_ in reads)


def _shared_outer(members: list[Operation], outer: int, op: GenericOp) -> list[int] | None:
    """The op's loops that become the shared outer loops when it joins the chain, as many as possible."""
    produced = _produced(members)
    if any(value in produced for value in (*op.outputs, *captured_values(op))):
        return None
    reads = [(v, m) for v, m in zip(op.inputs, input_maps(op), strict=False) if v in produced]
    work = sum(iterations(member) for member in (*members, op) if isinstance(member, GenericOp))
    reduced = {i for i, kind in enumerate(op.iterator_types) if kind.data == "reduction"}
    extents = loop_extents(op)
    for count in range(outer, -1, -1):
        choices = [_leading(produced[value], map_, count) for value, map_ in reads]
        dims = choices[0]
        if dims is None or any(choice != dims for choice in choices) or reduced & set(dims):
            continue
        if prod(extents[d] for d in dims) > 1 or work <= SMALL or iterations(op) == 1:
            return dims
    return None


def _leading(written: tuple[Operation, int], read: object, count: int) -> list[int] | None:
    """The reader's loops that index the first `count` dimensions, if those are the writer's first loops."""
    producer, index = written
    assert isinstance(producer, GenericOp)
    if bare_dims(output_maps(producer)[index]) is None:
        return None
    leading = output_maps(producer)[index].results[:count]
    if [getattr(r, "position", None) for r in leading] != list(range(count)):
        return None
    dims = [getattr(r, "position", None) for r in getattr(read, "results", ())[:count]]
    return None if None in dims or len(set(dims)) < count else dims  # pyright: ignore[reportReturnType]
