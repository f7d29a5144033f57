"""Contraction kernels as text, and what they should give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from support.cpu_kernels import Operand, empty, filled, generic, kernel

MULTIPLY_ADD = """%p = arith.mulf %i0, %i1 : {t}
%s = arith.addf %o0, %p : {t}
linalg.yield %s : {t}"""

WIDENED = """%x = arith.extf %i0 : {f} to {t}
%y = arith.extf %i1 : {f} to {t}
%p = arith.mulf %x, %y : {t}
%s = arith.addf %o0, %p : {t}
linalg.yield %s : {t}"""


@dataclass(frozen=True)
class Matmul:
    """A (batched) product, either operand stored transposed, with an optional bias + relu epilogue.

    A `long_epilogue` adds the bias ten times, by way of as many ops. `narrow` is another element type of the operands.
    """

    m: int
    n: int
    k: int
    batch: tuple[int, ...] = ()
    transpose_lhs: bool = False
    transpose_rhs: bool = False
    epilogue: bool = False
    long_epilogue: bool = False
    element: str = "f32"
    narrow: str = ""

    @property
    def lhs(self) -> tuple[int, ...]:
        """The shape of the left operand."""
        return (*self.batch, *((self.k, self.m) if self.transpose_lhs else (self.m, self.k)))

    @property
    def rhs(self) -> tuple[int, ...]:
        """The shape of the right operand."""
        return (*self.batch, *((self.n, self.k) if self.transpose_rhs else (self.k, self.n)))

    @property
    def result(self) -> tuple[int, ...]:
        """The shape of the result."""
        return (*self.batch, self.m, self.n)

    def text(self) -> str:
        """The kernel."""
        rank = len(self.batch)
        batch = [f"d{i}" for i in range(rank)]
        m, n, k = (f"d{rank + i}" for i in range(3))
        left = ", ".join([*batch, *((k, m) if self.transpose_lhs else (m, k))])
        right = ", ".join([*batch, *((n, k) if self.transpose_rhs else (k, n))])
        out, factor = ", ".join([*batch, m, n]), self.narrow or self.element
        body = (WIDENED if self.narrow else MULTIPLY_ADD).format(t=self.element, f=factor)
        product = generic(
            "%r", "p" * (rank + 2) + "r",
            [Operand("%a", self.lhs, factor, left), Operand("%b", self.rhs, factor, right)],
            [Operand("%f", self.result, self.element, out)],
            body,
        )  # fmt: skip
        inputs: list[tuple[str, Sequence[int], str]] = [("%a", self.lhs, factor), ("%b", self.rhs, factor)]
        ops = [filled("%f", self.result, self.element, "0.0"), product]
        if not self.epilogue:
            return kernel("contraction", inputs, ops, [("%r", self.result, self.element)])
        inputs.append(("%bias", (self.n,), self.element))
        loops = ", ".join(f"d{i}" for i in range(rank + 2))
        more = [f"%t{i + 1} = arith.addf %t{i}, %i1 : {self.element}" for i in range(9 if self.long_epilogue else 0)]
        after = (
            "\n".join([f"%t0 = arith.addf %i0, %i1 : {self.element}", *more])
            + f"""
%z = arith.constant 0.0 : {self.element}
%q = arith.maximumf %t{len(more)}, %z : {self.element}
linalg.yield %q : {self.element}"""
        )
        ops += [
            empty("%e", self.result, self.element),
            generic(
                "%q", "p" * (rank + 2),
                [Operand("%r", self.result, self.element, loops),
                 Operand("%bias", (self.n,), self.element, f"d{rank + 1}")],
                [Operand("%e", self.result, self.element, loops)], after,
            ),
        ]  # fmt: skip
        return kernel("contraction", inputs, ops, [("%q", self.result, self.element)])

    def magnitude(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The product of absolute values, which bounds rounding errors."""
        return replace(self, epilogue=False).expected(abs(a), abs(b))

    def expected(self, a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        """The result in f64."""
        left = a.astype(np.float64).swapaxes(-1, -2) if self.transpose_lhs else a.astype(np.float64)
        right = b.astype(np.float64).swapaxes(-1, -2) if self.transpose_rhs else b.astype(np.float64)
        product = left @ right
        return product if bias is None else np.maximum(product + (10 if self.long_epilogue else 1) * bias, 0)
