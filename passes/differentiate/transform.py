"""`differentiate`: replaces every `nn.gradient` and `nn.tangent`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.forward import expand_tangent
from cellc.passes.differentiate.reverse import expand_gradient

_EXPAND = {"gradient": expand_gradient, "tangent": expand_tangent}


@dataclass(frozen=True)
class DifferentiatePass(ModulePass):
    """Leaves no `nn.gradient` and no `nn.tangent`. In program order, so that derivatives of derivatives meet plain ops.

    Raises NotDifferentiableError at an op on the way from a wrt value to y that has no rule.
    """

    name = "differentiate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        derivatives = [each for each in op.walk() if isinstance(each, NNOperation) and each.mnemonic in _EXPAND]
        for derivative in derivatives:
            _EXPAND[derivative.mnemonic](derivative)
