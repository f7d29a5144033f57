"""ResNet-18's and ResNet-50's convolutions and their gradients on one core, beside the peak and beside PyTorch.

`python bench/convolutions.py [part of a name ...] [--rounds N]`, such as `3x3` or `weight`. Four images each; each
result is checked first, in float64, against the bound that its number of additions justifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import util
from typing import Any

import numpy as np
from kernel_table import Sides, main

import cellc
from cellc.trace import apply

IMAGES = 4
FORWARD, INPUT, WEIGHT = "forward", "input gradient", "weight gradient"


@dataclass(frozen=True)
class Convolution:
    """`inputs` -> `outputs` channels on images of size x size, padded by kernel // 2."""

    kernel: int
    inputs: int
    outputs: int
    size: int
    stride: int = 1
    direction: str = FORWARD

    @property
    def name(self) -> str:
        """Kernel, stride and direction."""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}x{self.kernel}{stride} {self.direction}"

    @property
    def extents(self) -> str:
        """Channels and size."""
        return f"{self.inputs} -> {self.outputs}, {self.size} x {self.size}"

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of the images."""
        return (IMAGES, self.inputs, self.size, self.size)

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of the filters."""
        return (self.outputs, self.inputs, self.kernel, self.kernel)

    @property
    def y(self) -> tuple[int, ...]:
        """The shape of the result."""
        size = (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1
        return (IMAGES, self.outputs, size, size)

    @property
    def flops(self) -> int:
        """Of all three directions, padding counted."""
        return 2 * int(np.prod(self.y)) * self.inputs * self.kernel**2

    @property
    def terms(self) -> int:
        """The length of the sums."""
        window = self.kernel**2
        lengths = {FORWARD: self.inputs * window, INPUT: self.outputs * window}
        return lengths.get(self.direction, IMAGES * self.y[2] * self.y[3])

    def operands(self, random: np.random.Generator) -> list[np.ndarray]:
        """Two of images, filters and the result's gradient."""
        shapes = {FORWARD: (self.x, self.weight), INPUT: (self.y, self.weight), WEIGHT: (self.x, self.y)}
        return [random.standard_normal(shape, np.float32) for shape in shapes[self.direction]]

    def sides(self, operands: Sequence[Sequence[np.ndarray]]) -> Sides:
        """cellc and PyTorch."""
        mine = [tuple(map(cellc.Tensor, pair)) for pair in operands]
        compiled = cellc.jit(self._cellc)
        found: Sides = {"cellc": lambda i: compiled(*mine[i])}
        if util.find_spec("torch") is not None:
            import torch

            theirs = [tuple(map(torch.from_numpy, pair)) for pair in operands]
            found["torch"] = lambda i: self._torch(*theirs[i]).numpy()
        return found

    def _cellc(self, first: cellc.Tensor, second: cellc.Tensor) -> cellc.Tensor:
        half = self.kernel // 2
        window = {"strides": (self.stride,) * 2, "padding": (half,) * 4, "dilation": (1, 1), "groups": 1}
        if self.direction == FORWARD:
            return apply("conv2d", first, second, **window)
        if self.direction == INPUT:
            return apply("conv2d_input_gradient", first, second, **window, input_shape=self.x)
        return apply("conv2d_weight_gradient", first, second, **window, weight_shape=self.weight)

    def _torch(self, first: Any, second: Any) -> Any:
        import torch

        half = self.kernel // 2
        if self.direction == FORWARD:
            return torch.conv2d(first, second, None, self.stride, half)
        forward = self.direction == INPUT
        gradient, other = (first, second) if forward else (second, first)
        x, weight = (gradient.new_empty(self.x), other) if forward else (other, gradient.new_empty(self.weight))
        # Of what is not wanted only the shape is read.
        return torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [self.stride] * 2, [half] * 2, [1, 1], False, [0, 0], 1,
            [forward, not forward, False],
        )[0 if forward else 1]  # fmt: skip

    def exact(self, operands: Sequence[np.ndarray]) -> np.ndarray:
        """From the definition, a product of matrices for each element of the filters."""
        first, second = (operand.astype(np.float64) for operand in operands)
        half = self.kernel // 2
        padded = (*self.x[:2], self.size + 2 * half, self.size + 2 * half)
        if self.direction == INPUT:
            total = np.zeros(padded)
            for r, s, at in self._positions():
                total[at] += np.einsum("nkyx,kc->ncyx", first, second[:, :, r, s], optimize=True)
            return total[:, :, half : half + self.size, half : half + self.size]
        x = np.pad(first, ((0, 0), (0, 0), (half, half), (half, half)))
        result = np.zeros(self.y if self.direction == FORWARD else self.weight)
        for r, s, at in self._positions():
            if self.direction == FORWARD:
                result += np.einsum("ncyx,kc->nkyx", x[at], second[:, :, r, s], optimize=True)
            else:
                result[:, :, r, s] = np.einsum("ncyx,nkyx->kc", x[at], second, optimize=True)
        return result

    def _positions(self) -> list[tuple[int, int, tuple[slice, ...]]]:
        """(r, s, the padded images' elements that filter element r, s meets)."""
        extent, every = self.stride * (self.y[2] - 1) + 1, slice(None)
        spans = [slice(start, start + extent, self.stride) for start in range(self.kernel)]
        return [(r, s, (every, every, spans[r], spans[s])) for r in range(self.kernel) for s in range(self.kernel)]


SHAPES = (
    Convolution(7, 3, 64, 224, 2),
    *(Convolution(3, width, width, 3584 // width) for width in (64, 128, 256, 512)),
    *(Convolution(3, width, 2 * width, 3584 // width, 2) for width in (64, 128, 256)),  # ResNet-18
    *(Convolution(3, width, width, 7168 // width, 2) for width in (128, 256, 512)),  # ResNet-50
    Convolution(1, 64, 64, 56),
    *(Convolution(1, width, 4 * width, 3584 // width) for width in (64, 128, 256, 512)),
    *(Convolution(1, 4 * width, width, 3584 // width) for width in (64, 128, 256, 512)),
    *(Convolution(1, width, 2 * width, 3584 // width, 2) for width in (64, 128, 256)),  # ResNet-18's shortcuts
    *(Convolution(1, 2 * width, 4 * width, 7168 // width, 2) for width in (128, 256, 512)),  # ResNet-50's
)
CASES = tuple(replace(shape, direction=direction) for shape in SHAPES for direction in (FORWARD, INPUT, WEIGHT))


if __name__ == "__main__":
    main(__doc__.splitlines()[0] if __doc__ else None, CASES, ("torch",))
