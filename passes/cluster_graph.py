"""Clusters of ops that become one kernel each, and which of them wait for which."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.ops import FillOp
from xdsl.ir import Operation, SSAValue

from cellc.dialects.linalg_ext import AfterOp
from cellc.passes.linalg_analysis import Reshape, behind_reshapes, values_read

MATERIAL = (tensor.EmptyOp, FillOp)
"""Ops that are cloned into each kernel that uses them; so are scalar constants."""


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


class ClusterGraph:
    """Clusters of the ops of one block, and who needs whose results. No cluster ever needs its own through others."""

    def __init__(self) -> None:
        self.of_op: dict[Operation, Cluster] = {}
        self.all: list[Cluster] = []

    def add(self, cluster: Cluster) -> None:
        """Adds a cluster of one op, which later ones may join."""
        self.all.append(cluster)
        self.enter(cluster.ops[0], cluster)

    def enter(self, op: Operation, cluster: Cluster) -> None:
        """Makes the op the cluster's last one, if it is not in it; the cluster waits for what the op waits for."""
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

    def allows(self, cluster: Cluster, op: Operation) -> bool:
        """Whether the op needs the cluster's results only directly, not through a view or a third cluster."""
        if any(isinstance(v.owner, Reshape | AfterOp) and cluster in self._sources(v) for v in values_read(op)):
            return False
        return all(cluster not in other.ancestors for other in self.producers(op) if other is not cluster)

    def independent(self, one: Cluster, two: Cluster) -> bool:
        """Whether no third cluster lies between the two."""
        return not any(
            (one in c.ancestors and c in two.ancestors) or (two in c.ancestors and c in one.ancestors) for c in self.all
        )

    def union(self, one: Cluster, two: Cluster) -> Cluster:
        """Moves all ops of the second cluster into the first."""
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
