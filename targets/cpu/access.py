"""Accesses: where in a flat buffer an operand's element lies, as a linear function of the loop indices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir.affine import AffineMap


@dataclass(frozen=True)
class Buffer:
    """A flat memory area: SSA name of its memref, element type (as in values), number of elements."""

    name: str
    element: str
    size: int

    @property
    def storage(self) -> str:
        """The element type in memory: a bool takes one byte."""
        return "i8" if self.element == "i1" else self.element

    @property
    def type(self) -> str:
        """The memref type."""
        return f"memref<{self.size}x{self.storage}>"


@dataclass(frozen=True)
class View:
    """A tensor in a buffer: element (i0, i1, ...) lies at offset + sum(terms) + sum(strides * i)."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    terms: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def dense(buffer: Buffer, shape: Sequence[int]) -> "View":
        """The row-major tensor that fills `buffer`."""
        return View(buffer, tuple(shape), row_major(shape))

    @staticmethod
    def of(access: "Access", shape: Sequence[int]) -> "View":
        """The tensor whose `identity` is the access."""
        return View(access.buffer, tuple(shape), access.strides, access.offset, access.terms)

    def inner(self, low: Sequence[int], sizes: Sequence[int], steps: Sequence[int] = ()) -> "View":
        """The part of `sizes` that begins at `low`; every `steps`-th element, where there are steps."""
        start = sum(offset * stride for offset, stride in zip(low, self.strides, strict=True))
        strides = tuple(s * step for s, step in zip(self.strides, steps, strict=True)) if steps else self.strides
        return View(self.buffer, tuple(sizes), strides, self.offset + start, self.terms)

    def access(self, indexing: AffineMap) -> "Access":
        """This tensor read or written at `indexing` of the loop indices."""
        zero = indexing.eval([0] * indexing.num_dims, [])
        strides = []
        for dim in range(indexing.num_dims):
            unit = indexing.eval([int(d == dim) for d in range(indexing.num_dims)], [])
            strides.append(sum(s * (u - z) for s, u, z in zip(self.strides, unit, zero, strict=True)))
        offset = self.offset + sum(s * z for s, z in zip(self.strides, zero, strict=True))
        return Access(self.buffer, offset, tuple(strides), self.terms)

    def identity(self) -> "Access":
        """This tensor with one loop per dimension."""
        return Access(self.buffer, self.offset, self.strides, self.terms)

    def at(self, dim: int, index: str) -> "View":
        """The view moved by `index` along `dim` (the dimension stays)."""
        return replace(self, terms=(*self.terms, (index, self.strides[dim])))


@dataclass(frozen=True)
class Access:
    """offset + sum(coefficient * value for terms) + sum(stride * index of each loop).

    Made by the ten thousand, so not with `dataclasses.replace`, which takes five times as long.
    """

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]
    terms: tuple[tuple[str, int], ...] = ()

    def at(self, dim: int, index: str) -> "Access":
        """Adds the SSA value `index` to the index of loop `dim`."""
        stride = self.strides[dim]
        return self.moved((index, stride)) if stride else self

    def moved(self, *terms: tuple[str, int]) -> "Access":
        """Adds terms."""
        return Access(self.buffer, self.offset, self.strides, (*self.terms, *terms))

    def moved_by(self, elements: int) -> "Access":
        """Adds a constant."""
        return Access(self.buffer, self.offset + elements, self.strides, self.terms)

    def shifted(self, dim: int, by: int) -> "Access":
        """Adds the constant `by` to the index of loop `dim`."""
        return Access(self.buffer, self.offset + self.strides[dim] * by, self.strides, self.terms)

    def select(self, dims: Sequence[int]) -> "Access":
        """The access with only the loops `dims`, in that order; the others stay at index 0."""
        return replace(self, strides=tuple(self.strides[d] for d in dims))


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense row-major tensor."""
    return tuple(prod(shape[d + 1 :]) for d in range(len(shape)))
