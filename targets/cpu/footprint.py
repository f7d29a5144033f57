"""How much of a factor a register tile reads, in cache lines."""

from collections import defaultdict
from collections.abc import Mapping
from math import ceil

from cellc.targets.cpu.access import Access

# Elements of a cache line, about.
LINE = 16


def cache_lines(access: Access, sizes: Mapping[int, int]) -> int:
    """Cache lines that so many steps of these loops read, about.

    Loops of one stride (a place and a tap of a window) walk it together. From the shortest stride up, a loop goes on
    through the area of those before it, or begins such an area at each of its steps.
    """
    steps = defaultdict[int, int](int)
    for dim, size in sizes.items():
        steps[abs(access.strides[dim])] += size - 1
    areas, span = 1, 1
    for stride, count in sorted(steps.items()):
        if stride <= max(span, LINE):
            span += stride * count
        else:
            areas *= count + 1
    return areas * ceil(span / LINE)
