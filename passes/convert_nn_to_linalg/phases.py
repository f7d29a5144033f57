"""Phases of a strided window: the places of an axis that meet the same taps."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd


@dataclass(frozen=True)
class Phase:
    """The `count` places start, start + stride, ... of the input, which `taps` taps reach: tap, tap + step, ...

    Place start + stride * i meets tap + step * j where it is place i + ahead - back * j of the output.
    """

    start: int
    count: int
    tap: int
    taps: int
    step: int
    ahead: int
    back: int

    @property
    def lowest(self) -> int:
        """The first place of the output that is asked for; negative where it lies before the first one."""
        return self.ahead - self.back * (self.taps - 1)

    @property
    def highest(self) -> int:
        """The last place of the output that is asked for."""
        return self.ahead + self.count - 1


def phases(extent: int, taps: int, stride: int, dilation: int, padding: int) -> list[Phase]:
    """The phases of an axis of `extent` places with `padding` before them; without those that no tap reaches.

    Output o reads place o * stride + tap * dilation - padding, so the taps of a phase are those for which
    place + padding - tap * dilation is a multiple of the stride.
    """
    step = stride // gcd(stride, dilation)
    found = []
    for start in range(min(stride, extent)):
        for tap in range(min(step, taps)):
            ahead, rest = divmod(start + padding - tap * dilation, stride)
            if rest == 0:
                count, reached = ceil((extent - start) / stride), ceil((taps - tap) / step)
                found.append(Phase(start, count, tap, reached, step, ahead, step * dilation // stride))
    return found
