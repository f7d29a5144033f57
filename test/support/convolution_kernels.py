"""Convolution kernels as text: forward and both gradients are multiply-add generics with linear accesses."""

from dataclasses import dataclass

import numpy as np

from support.cpu_kernels import Operand, empty, filled, generic, kernel
from support.matmul_kernels import MULTIPLY_ADD


@dataclass(frozen=True)
class Convolution:
    """`n` images of c x h x w (padded already), k filters of r x s, at a stride."""

    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    stride: int = 1

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of the images."""
        return (self.n, self.c, self.h, self.w)

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of the filters."""
        return (self.k, self.c, self.r, self.s)

    @property
    def y(self) -> tuple[int, ...]:
        """The shape of the result."""
        return (self.n, self.k, (self.h - self.r) // self.stride + 1, (self.w - self.s) // self.stride + 1)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * int(np.prod(self.y)) * self.c * self.r * self.s

    def forward(self) -> str:
        """y = x * weight."""
        window = f"d0, d4, d2 * {self.stride} + d5, d3 * {self.stride} + d6"
        return _contraction("pppprrr", ("%x", self.x, window), ("%w", self.weight, "d1, d4, d5, d6"), self.y)

    def weight_gradient(self) -> str:
        """The filters' gradient from the result's: loops k, c, r, s | n, oh, ow."""
        window = f"d4, d1, d5 * {self.stride} + d2, d6 * {self.stride} + d3"
        return _contraction("pppprrr", ("%x", self.x, window), ("%w", self.y, "d4, d0, d5, d6"), self.weight)

    def weight_update(self, repeats: int) -> str:
        """(weight - sum over `repeats` of the gradient * scale[k], gradient), as an epilogue of the gradient."""
        window = f"d4, d1, d5 * {self.stride} + d2, d6 * {self.stride} + d3"
        shape, loops = self.weight, "d0, d1, d2, d3"
        factors = [Operand("%x", self.x, "f32", window), Operand("%g", self.y, "f32", "d4, d0, d5, d6")]
        sums = [Operand("%f", shape, "f32", loops)]
        reads = [Operand("%r", shape, "f32", loops), Operand("%w", shape, "f32", loops)]
        reads.append(Operand("%scale", shape[:1], "f32", "d0"))
        writes = [Operand("%e", shape, "f32", loops)] * 2
        body = "%m = arith.mulf %i0, %i2 : f32\n%t0 = arith.subf %i1, %m : f32\n" + "".join(
            f"%t{i + 1} = arith.subf %t{i}, %m : f32\n" for i in range(repeats - 1)
        )
        body += f"linalg.yield %t{repeats - 1}, %i0 : f32, f32"
        ops = [
            filled("%f", shape, "f32", "0.0"),
            generic("%r", "pppprrr", factors, sums, MULTIPLY_ADD.format(t="f32")),
            empty("%e", shape, "f32"),
            generic("%u, %v", "pppp", reads, writes, body),
        ]
        inputs = [("%x", self.x, "f32"), ("%g", self.y, "f32"), ("%w", shape, "f32"), ("%scale", shape[:1], "f32")]
        return kernel("contraction", inputs, ops, [("%u", shape, "f32"), ("%v", shape, "f32")])

    def input_gradient(self) -> str:
        """The images' gradient from the result's, padded by r - 1 and s - 1: windows read backwards. Stride 1 only."""
        padded = (self.n, self.k, self.h + self.r - 1, self.w + self.s - 1)
        window = f"d0, d4, d2 + d5 * -1 + {self.r - 1}, d3 + d6 * -1 + {self.s - 1}"
        return _contraction("pppprrr", ("%x", padded, window), ("%w", self.weight, "d4, d1, d5, d6"), self.x)

    def windows(self, x: np.ndarray) -> np.ndarray:
        """[n, c, oh, ow, r, s] of x in f64."""
        return windows(x, self.r, self.s, self.stride)


def windows(x: np.ndarray, r: int, s: int, stride: int) -> np.ndarray:
    """[n, c, oh, ow, r, s] of x in f64."""
    view = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (r, s), (2, 3))
    return view[:, :, ::stride, ::stride]


@dataclass(frozen=True)
class Depthwise:
    """`n` images of c x h x w (padded already), one filter of r x s for each channel, at a stride."""

    n: int
    c: int
    h: int
    w: int
    r: int
    s: int
    stride: int = 1

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of the images."""
        return (self.n, self.c, self.h, self.w)

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of the filters."""
        return (self.c, self.r, self.s)

    @property
    def y(self) -> tuple[int, ...]:
        """The shape of the result."""
        return (self.n, self.c, (self.h - self.r) // self.stride + 1, (self.w - self.s) // self.stride + 1)

    def forward(self) -> str:
        """Loops n, c, oh, ow | r, s."""
        window = f"d0, d1, d2 * {self.stride} + d4, d3 * {self.stride} + d5"
        return _contraction("pppprr", ("%x", self.x, window), ("%w", self.weight, "d1, d4, d5"), self.y)

    def weight_gradient(self) -> str:
        """Loops c, r, s | n, oh, ow."""
        window = f"d3, d0, d4 * {self.stride} + d1, d5 * {self.stride} + d2"
        return _contraction("ppprrr", ("%x", self.x, window), ("%w", self.y, "d3, d0, d4, d5"), self.weight)


def _contraction(loops: str, left: tuple, right: tuple, result: tuple[int, ...]) -> str:
    inputs = [Operand(left[0], left[1], "f32", left[2]), Operand(right[0], right[1], "f32", right[2])]
    output = Operand("%f", result, "f32", ", ".join(f"d{i}" for i in range(len(result))))
    ops = [filled("%f", result, "f32", "0.0"), generic("%y", loops, inputs, [output], MULTIPLY_ADD.format(t="f32"))]
    return kernel("contraction", [("%x", left[1], "f32"), ("%w", right[1], "f32")], ops, [("%y", result, "f32")])
