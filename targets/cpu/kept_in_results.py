"""Tensors of a chain that lie where a result will: what a softmax's exponentials become is stored over them.

So stores wait for lines of the result while exponentials are computed, and not where nothing is left to do but to
store; and a row takes less of the caches.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import SSAValue

from cellc.passes.linalg_analysis import is_all_parallel, maps_of, output_maps
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.streaming import is_large


def kept_in_results(
    kernel: KernelWriter, generics: Sequence[linalg.GenericOp], placed: Collection[SSAValue]
) -> dict[SSAValue, SSAValue]:
    """Tensors that no memory is given to yet, each with the result that has room for it; one tensor for a result.

    Results that are stored past the cache are none of these, nor those whose memory an argument may share.
    """
    shared, found = kernel.shared_results, dict[SSAValue, SSAValue]()
    for op in generics:
        for value in op.results:
            result = None if value in placed else _successor(generics, value)
            free = result in kernel.results and result not in shared and result not in found.values()
            if result is not None and free and not is_large(kernel.views[result].buffer):
                found[value] = result
    return found


def _successor(generics: Sequence[linalg.GenericOp], value: SSAValue) -> SSAValue | None:
    """What the last op that reads a tensor makes of its elements, each stored where one is read."""
    readers = [use.operation for use in value.uses]
    if not readers or not all(op in generics for op in readers):
        return None
    last = max((op for op in generics if op in readers), key=list(generics).index)
    read = {indexing for operand, indexing in zip(last.operands, maps_of(last), strict=True) if operand is value}
    if not is_all_parallel(last) or len(read) != 1:
        return None
    stored = zip(last.results, output_maps(last), strict=True)
    return next((result for result, written in stored if result.type == value.type and {written} == read), None)
