"""The order of the host function: kernels and host ops after what they need, else as in the program.

Collectives are spread: other kernels run while processes exchange data.
"""

from __future__ import annotations

import itertools
from heapq import heappop, heappush

from xdsl.ir import Block, Operation

from cellc.dialects.linalg_ext import CollectiveStartOp, CollectiveWaitOp
from cellc.passes.cluster_graph import Cluster, is_host_op, is_material
from cellc.passes.dispatch_clusters import Clusters
from cellc.passes.linalg_analysis import values_read


def scheduled(clusters: Clusters, block: Block) -> list[Cluster | Operation]:
    """Clusters and host ops in an order that respects their uses, else as in the program."""
    position = {op: i for i, op in enumerate(block.ops)}
    nodes: list[Cluster | Operation] = [*clusters.all, *(op for op in block.ops if is_host_op(op))]
    rank = {node: _rank(node, position) for node in nodes}
    starts = [cluster for cluster in clusters.all if isinstance(cluster.ops[0], CollectiveStartOp)]
    starts.sort(key=lambda cluster: position[cluster.ops[0]])
    # In the program's order, whatever is ready first: processes with batches of different sizes must agree.
    before: dict[Cluster | Operation, set[Cluster | Operation]] = {b: {a} for a, b in itertools.pairwise(starts)}
    waiting: dict[Cluster | Operation, int] = {}
    users: dict[Cluster | Operation, list[Cluster | Operation]] = {node: [] for node in nodes}
    for node in nodes:
        needed = {clusters.of_op.get(o, o) for o in _defining_ops(node)} - {node} | before.get(node, set())
        waiting[node] = len(needed)
        for other in needed:
            users[other].append(node)
    ready = [(rank[node], i) for i, node in enumerate(nodes) if not waiting[node]]
    ready.sort()
    number = {node: i for i, node in enumerate(nodes)}
    order: list[Cluster | Operation] = []
    while ready:
        node = nodes[heappop(ready)[1]]
        order.append(node)
        for user in users[node]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, (rank[user], number[user]))
    if len(order) < len(nodes):
        raise ValueError("kernels depend on each other in a circle")
    return order


def _rank(node: Cluster | Operation, position: dict[Operation, int]) -> float:
    """What goes first of all that can go: collectives begin as soon, and are waited for as late, as possible."""
    if not isinstance(node, Cluster):
        return position[node]
    if isinstance(node.ops[0], CollectiveStartOp):
        return -1
    if isinstance(node.ops[0], CollectiveWaitOp):
        return len(position) + position[node.ops[0]]
    return max(position[op] for op in node.ops)


def _defining_ops(node: Cluster | Operation) -> list[Operation]:
    ops = node.ops if isinstance(node, Cluster) else [node]
    owners = (value.owner for op in ops for value in values_read(op))
    return [owner for owner in owners if isinstance(owner, Operation) and not is_material(owner)]
