"""Gradients of pooling windows that overlap at a stride, without spreading the gradient over the input.

Row y of the input is row `phase` of group Y, y = stride * Y + phase. With y + padding = stride * (Y + shift) + rest it
is row rest + stride * tap of window Y + shift - tap, for each tap at which that row is one of the window's. So an
element sums a few reads of the gradient as it is, and the phases are two axes of the reshaped result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from xdsl.ir.affine import AffineExpr

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.scalars import Body, Scalar
from cellc.passes.convert_nn_to_linalg.shape import slice_axes
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder
from cellc.passes.convert_nn_to_linalg.windows import spread_spatial

# Reads of each operand: beyond, a loop over the window is shorter.
_MOST_TAPS = 9
# Phases of a row that fill vectors whole.
_COLUMN_STRIDES = (1, 2, 4)


@dataclass(frozen=True)
class Phases:
    """One spatial axis: `kernel` rows every `stride`, `padding` before the first of `extent`."""

    kernel: int
    stride: int
    padding: int
    extent: int

    @property
    def linear(self) -> bool:
        """Whether shift and rest are linear in the phase."""
        return self.padding % self.stride == 0 or self.stride == 2

    @property
    def crossed(self) -> bool:
        """Whether the padding turns the two phases round: shift grows with the phase, rest falls."""
        return self.padding % self.stride != 0

    @property
    def taps(self) -> int:
        return -(-self.kernel // self.stride)

    @property
    def groups(self) -> int:
        return -(-self.extent // self.stride)

    @property
    def before(self) -> int:
        """Windows to add before the first. One at least: a loop that stands alone in a map runs over the whole axis."""
        return max(1, self.taps - self.padding // self.stride)

    @property
    def windows(self) -> int:
        """Windows that are read, with those before the first."""
        return self.before + self.groups + self.padding // self.stride + self.crossed

    def window(self, group: AffineExpr, phase: AffineExpr, tap: int) -> AffineExpr:
        """Where the window is."""
        at = group + (self.padding // self.stride - tap + self.before)
        return at + phase if self.crossed else at

    def row(self, phase: Scalar, tap: int) -> Scalar:
        """The row of the window, which may lie after its last."""
        return phase * -1 + (1 + 2 * tap) if self.crossed else phase + self.stride * tap

    def inside(self, row: Scalar, tap: int) -> Scalar | None:
        """Whether the window has that row; None where it always has."""
        return None if self.stride * (tap + 1) <= self.kernel else row < self.kernel


@dataclass(frozen=True)
class Place:
    """Where in its window an element is, and whether the window has that row and column (None: always)."""

    row: Scalar
    column: Scalar
    row_inside: Scalar | None
    column_inside: Scalar | None

    def only_inside(self, value: Scalar) -> Scalar:
        """The value, or 0 where the window does not have the element."""
        for inside in (self.row_inside, self.column_inside):
            value = value if inside is None else inside.select(value, 0)
        return value


def phases_of(
    kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int], shape: Sequence[int]
) -> tuple[Phases, Phases] | None:
    """Both spatial axes, where taking them apart pays; `padding` is (top, bottom, left, right)."""
    y, x = (Phases(kernel[i], strides[i], padding[2 * i], shape[2 + i]) for i in (0, 1))
    few = y.taps * x.taps <= _MOST_TAPS and x.stride in _COLUMN_STRIDES
    return (y, x) if few and y.linear and x.linear and y.stride * x.stride > 1 else None


def sum_phases(
    b: TensorBuilder,
    result: TensorType,
    phases: tuple[Phases, Phases],
    values: Sequence[tuple[Tensor, float]],
    term: Callable[..., Scalar],
) -> Tensor:
    """For each element of the input the sum of term(place, *values of the window) over its windows.

    Each value is a tensor of windows and what stands for windows that do not exist.
    """
    y, x = phases
    n, c = result.shape[:2]
    extents = (y.windows, x.windows)
    around = [spread_spatial(b, value, (y.before, x.before), extents, (1, 1), gap) for value, gap in values]
    d = dims(6)
    taps = list(product(range(y.taps), range(x.taps)))
    reads = [
        Read(value, (d[0], d[1], y.window(d[2], d[3], tap[0]), x.window(d[4], d[5], tap[1])))
        for tap in taps
        for value in around
    ]

    def body(*scalars: Scalar) -> Scalar:
        terms = []
        for number, tap in enumerate(taps):
            found = scalars[number * len(values) : (number + 1) * len(values)]
            terms.append(term(_place(scalars[0].body, phases, tap), *found))
        return sum(terms[1:], terms[0])

    split = TensorType((n, c, y.groups, y.stride, x.groups, x.stride), result.dtype)
    joined = reshape(b, b.elementwise(body, reads, split), (n, c, y.groups * y.stride, x.groups * x.stride))
    return joined if joined.shape == result.shape else slice_axes(b, joined, (0, 0, 0, 0), result.shape, (1, 1, 1, 1))


def _place(body: Body, phases: tuple[Phases, Phases], tap: tuple[int, int]) -> Place:
    row, column = (axis.row(body.index(2 * i + 3), tap[i]) for i, axis in enumerate(phases))
    return Place(row, column, phases[0].inside(row, tap[0]), phases[1].inside(column, tap[1]))
