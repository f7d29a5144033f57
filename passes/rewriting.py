"""Rewriting that keeps source locations.

Ops made by a rewrite have an unknown location in xDSL, yet an error or a
profile found three passes later must still point to the user's line. So every
pass inserts ops through this module: as patterns (`rewrite`), or with a builder
that is told which ops it works for (`LocatedBuilder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from xdsl.builder import Builder
from xdsl.dialects.builtin import FusedLoc, LocationAttr, ModuleOp, NoneAttr, UnknownLoc
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriter, PatternRewriteWalker, RewritePattern
from xdsl.rewriter import InsertPoint


def is_known(location: LocationAttr) -> bool:
    return type(location) is not UnknownLoc  # asked of every op after each pass: `isinstance` of an ABC is slow


def _parts(location: LocationAttr) -> tuple[LocationAttr, ...]:
    return tuple(cast(Any, location.locations)) if isinstance(location, FusedLoc) else (location,)


def fused_location(locations: Iterable[LocationAttr]) -> LocationAttr:
    """One location for an op made from several: flat, without duplicates and unknowns, in the order given."""
    distinct: dict[LocationAttr, None] = {}
    for location in locations:
        distinct.update((part, None) for part in _parts(location) if is_known(part))
    if len(distinct) > 1:
        return FusedLoc(tuple(distinct), NoneAttr())
    return next(iter(distinct), UnknownLoc())


def location_of(*sources: Operation) -> LocationAttr:
    """The (fused) location of what is made from these ops."""
    return fused_location(source.location for source in sources)


def set_location(op: Operation, location: LocationAttr) -> None:
    """Gives the op, and ops nested in it, the location where they have none yet."""
    for nested in op.walk():
        if not is_known(nested.location):
            nested.location = location


def without_location(module: Operation) -> list[Operation]:
    """Ops whose location is unknown; drivers check that a pass leaves none when it was given none."""
    return [op for op in module.walk() if op is not module and not is_known(op.location)]


class LocatedBuilder(Builder):
    """A builder whose ops get the location of the ops they are made from (`sources`)."""

    def __init__(self, insertion_point: InsertPoint, *sources: Operation) -> None:
        super().__init__(insertion_point)
        self.location: LocationAttr = location_of(*sources)
        self.operation_insertion_handler.append(lambda op: set_location(op, self.location))

    def work_for(self, *sources: Operation) -> None:
        """From here on, new ops are made from these."""
        self.location = location_of(*sources)


class _KeepLocation(RewritePattern):
    """Runs a pattern so that ops it inserts get the location of the op it matched.

    A pattern that merges several ops sets the fused location itself, with `location_of`.
    """

    def __init__(self, pattern: RewritePattern) -> None:
        self.pattern = pattern

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        location = op.location

        def inherit(new: Operation) -> None:
            set_location(new, location)

        rewriter.operation_insertion_handler.insert(0, inherit)
        try:
            self.pattern.match_and_rewrite(op, rewriter)
        finally:
            rewriter.operation_insertion_handler.remove(inherit)


def rewrite(module: ModuleOp, patterns: Sequence[RewritePattern], *, recursively: bool = True) -> bool:
    """Applies patterns greedily, dead pure ops removed on the way; true if anything changed."""
    pattern = _KeepLocation(GreedyRewritePatternApplier(list(patterns), dce_enabled=recursively))
    return PatternRewriteWalker(pattern, apply_recursively=recursively).rewrite_module(module)


def replace(op: Operation, values: Sequence[SSAValue], rewriter: PatternRewriter | None = None) -> None:
    """Replaces the op by values that exist already and erases it."""
    if rewriter is not None:
        rewriter.replace(op, [], list(values))
        return
    for old, new in zip(op.results, values, strict=True):
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()
