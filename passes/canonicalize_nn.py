"""`canonicalize-nn`: cheap exact folds, equal ops merged, unused ops removed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FloatAttr, ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from cellc.dialects.nn.gradient import DERIVATIVES
from cellc.dialects.nn.ir import NNOperation
from cellc.passes.nn_folds import FOLDS
from cellc.passes.rewriting import replace, rewrite


class _FoldPattern(RewritePattern):
    """Tries the folds of the op's name."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, NNOperation):
            return
        for fold in FOLDS.get(op.mnemonic, ()):
            folded = fold(op)
            if isinstance(folded, SSAValue):
                replace(op, [folded], rewriter)
                return
            if folded is not None:
                folded.attributes.update(op.attributes)
                rewriter.replace(op, folded)
                return


class _DropStopGradient(RewritePattern):
    """A barrier is of no use once nothing is left to differentiate."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, NNOperation) and op.mnemonic == "stop_gradient":
            replace(op, [op.operands[0]], rewriter)


@dataclass(frozen=True)
class CanonicalizeNNPass(ModulePass):
    """Keeps every result bit for bit. `stop_gradient` goes when no derivative is left in the module."""

    name = "canonicalize-nn"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [_FoldPattern()]
        if not any(isinstance(each, NNOperation) and each.mnemonic in DERIVATIVES for each in op.walk()):
            patterns.append(_DropStopGradient())
        rewrite(op, patterns)
        for function in op.walk():
            if isinstance(function, func.FuncOp):
                for block in function.body.blocks:
                    _merge_equal_ops(block)


def _merge_equal_ops(block: Block) -> None:
    """Replaces an nn op by an earlier one of the same name, operands and attributes; the earlier location stays."""
    known: dict[Hashable, Operation] = {}
    for op in list(block.ops):
        if isinstance(op, NNOperation):
            first = known.setdefault(_key(op), op)
            if first is not op:
                replace(op, first.results)


def _key(op: NNOperation) -> Hashable:
    attributes = frozenset((name, _exact(value)) for name, value in (op.properties | op.attributes).items())
    return op.name, tuple(map(id, op.operands)), tuple(op.result_types), attributes


def _exact(attribute: Attribute) -> Hashable:
    """0.0 and -0.0 are equal attributes but different values."""
    return attribute.value.data.hex() if isinstance(attribute, FloatAttr) else attribute
