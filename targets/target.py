"""What every target offers: kernels in, code for one block of each kernel out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xdsl.dialects import func


@dataclass(frozen=True)
class KernelCode:
    """One compiled-to-text kernel.

    `blocks` independent calls make up the kernel, each with `scratch_bytes` of memory of its own
    (64-byte aligned). `text` is in the target's own input language, for the CPU a builtin MLIR module.
    """

    name: str
    blocks: int
    scratch_bytes: int
    text: str


class UnsupportedKernelError(Exception):
    """A kernel is outside the kernel form that a target accepts."""


class Target(Protocol):
    """Turns kernel functions (docs/architecture.md, "The kernel form") into code."""

    name: str

    def emit(self, kernels: Sequence[func.FuncOp]) -> list[KernelCode]:
        """Returns the code of each kernel, in order. Raises UnsupportedKernelError."""
        ...
