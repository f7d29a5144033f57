"""Affine maps of generics, cached: a training step has hundreds of them and few distinct ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir.affine import AffineExpr, AffineMap

Expr = AffineExpr | int


@cache
def dim(position: int) -> AffineExpr:
    """The loop `d<position>`."""
    return AffineExpr.dimension(position)


@cache
def dims(count: int) -> tuple[AffineExpr, ...]:
    """The loops `d0` to `d<count - 1>`."""
    return tuple(dim(position) for position in range(count))


@cache
def identity(rank: int) -> AffineMapAttr:
    return AffineMapAttr(AffineMap(rank, 0, dims(rank)))


def affine_map(loops: int, exprs: Sequence[Expr]) -> AffineMapAttr:
    """`(d0, ..., d<loops - 1>) -> exprs`; an int is a constant."""
    return _affine_map(loops, tuple(exprs))


@lru_cache(maxsize=4096)
def _affine_map(loops: int, exprs: tuple[Expr, ...]) -> AffineMapAttr:
    results = tuple(AffineExpr.constant(expr) if isinstance(expr, int) else expr for expr in exprs)
    return AffineMapAttr(AffineMap(loops, 0, results))


@lru_cache(maxsize=256)
def iterator_types(parallel: int, reduction: int) -> ArrayAttr[IteratorTypeAttr]:
    """The parallel loops come first."""
    kinds = (IteratorTypeAttr.parallel(),) * parallel + (IteratorTypeAttr(IteratorType.REDUCTION),) * reduction
    return ArrayAttr(kinds)


def reversed_dim(expr: AffineExpr, extent: int) -> AffineExpr:
    """Counts `extent - 1` down to 0 while the loop counts up."""
    return expr if extent == 1 else -expr + (extent - 1)
