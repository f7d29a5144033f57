"""`differentiate`: replaces every `nn.gradient`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.reverse import expand_gradient


@dataclass(frozen=True)
class DifferentiatePass(ModulePass):
    """Leaves no `nn.gradient`. In program order, so that the gradient of a gradient meets plain ops.

    Raises NotDifferentiableError at an op on the way from a wrt value to y that has no gradient.
    """

    name = "differentiate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        gradients = [each for each in op.walk() if isinstance(each, NNOperation) and each.mnemonic == "gradient"]
        for gradient in gradients:
            expand_gradient(gradient)
