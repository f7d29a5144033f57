"""What a cluster computes, as a key: clusters with equal keys have the same kernel, and it is outlined once.

Networks repeat their layers, so most clusters equal an earlier one; comparing keys is cheaper than making the kernel
functions and comparing those. A key says nothing of names and locations.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from xdsl.ir import Block, Operation, SSAValue

from cellc.passes.cluster_graph import Cluster, is_material
from cellc.passes.linalg_analysis import values_read

Numbers = dict[SSAValue, int]


def kernel_key(cluster: Cluster, arguments: Sequence[SSAValue], results: Sequence[SSAValue]) -> Hashable:
    """Equal for clusters whose kernels are equal, called with `arguments` and returning `results`."""
    numbers: Numbers = {value: i for i, value in enumerate(arguments)}
    key: list[Hashable] = [cluster.kind, cluster.outer, tuple(value.type for value in arguments)]
    for op in cluster.ops:
        key.extend(_with_material(op, numbers))
    key.append(tuple(numbers[value] for value in results))
    return tuple(key)


def _with_material(op: Operation, numbers: Numbers) -> list[Hashable]:
    """The keys of the empties, fills and constants the op uses, and its own."""
    key: list[Hashable] = []
    for value in values_read(op):
        owner = value.owner
        if isinstance(owner, Operation) and is_material(owner) and value not in numbers:
            key.extend(_with_material(owner, numbers))
    key.append(_op_key(op, numbers))
    return key


def _op_key(op: Operation, numbers: Numbers) -> Hashable:
    """The op with its operands' numbers; numbers its results."""
    operands = tuple([numbers[value] for value in op.operands])
    regions = tuple([_block_key(block, numbers) for region in op.regions for block in region.blocks])
    items = tuple(sorted((*op.properties.items(), *op.attributes.items()), key=lambda item: item[0]))
    for result in op.results:
        numbers[result] = len(numbers)
    return op.name, operands, items, tuple(op.result_types), regions


def _block_key(block: Block, numbers: Numbers) -> Hashable:
    for argument in block.args:
        numbers[argument] = len(numbers)
    types = tuple([argument.type for argument in block.args])
    return types, tuple([_op_key(op, numbers) for op in block.ops])
