"""Offsets in one arena for slots with known lifetimes.

Slots alive at the same time must not overlap; finding the smallest arena is
NP-hard. Best fit, tried in a few orders, is within a few percent of the lower
bound on networks (largest first: Pisarchyk and Lee, "Efficient Memory
Management for Deep Neural Net Inference", 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass
class Slot:
    """`size` bytes in use from command `first` to command `last`, both included."""

    size: int
    first: int
    last: int
    offset: int = 0

    @property
    def aligned(self) -> int:
        return -(-self.size // ALIGNMENT) * ALIGNMENT

    def overlaps_in_time(self, other: Slot) -> bool:
        return self.first <= other.last and other.first <= self.last


_ORDERS: tuple[Callable[[Slot], tuple[int, ...]], ...] = (
    lambda slot: (-slot.aligned, slot.first),
    lambda slot: (slot.first, -slot.aligned),
    lambda slot: (slot.first - slot.last, -slot.aligned),
    lambda slot: (-slot.aligned * (slot.last - slot.first + 1), slot.first),
)


def pack(slots: Sequence[Slot]) -> int:
    """Sets the offsets; returns the bytes of the arena."""
    best: tuple[int, list[int]] | None = None
    bound = lower_bound(slots)
    for order in _ORDERS:
        total = _place(sorted(slots, key=order))
        if best is None or total < best[0]:
            best = total, [slot.offset for slot in slots]
        if total == bound:
            break
    assert best is not None
    for slot, offset in zip(slots, best[1], strict=True):
        slot.offset = offset
    return best[0]


def lower_bound(slots: Sequence[Slot]) -> int:
    """The most bytes alive at one command, each slot rounded up to the alignment."""
    changes: dict[int, int] = {}
    for slot in slots:
        changes[slot.first] = changes.get(slot.first, 0) + slot.aligned
        changes[slot.last + 1] = changes.get(slot.last + 1, 0) - slot.aligned
    alive = most = 0
    for time in sorted(changes):
        alive += changes[time]
        most = max(most, alive)
    return most


def _place(slots: Sequence[Slot]) -> int:
    placed: list[Slot] = []
    total = 0
    for slot in slots:
        if slot.aligned:
            slot.offset = _best_gap(slot, sorted((p for p in placed if p.overlaps_in_time(slot)), key=_start))
            placed.append(slot)
            total = max(total, slot.offset + slot.aligned)
        else:
            slot.offset = 0
    return total


def _start(slot: Slot) -> int:
    return slot.offset


def _best_gap(slot: Slot, neighbours: Sequence[Slot]) -> int:
    """The start of the smallest gap between neighbours that fits, else the end of the last."""
    end, chosen, smallest = 0, -1, 0
    for other in neighbours:
        gap = other.offset - end
        if gap >= slot.aligned and (chosen < 0 or gap < smallest):
            chosen, smallest = end, gap
        end = max(end, other.offset + other.aligned)
    return chosen if chosen >= 0 else end
