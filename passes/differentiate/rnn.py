"""Rules of the Elman recurrence."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.recurrent import is_active, stacked, step, tanh_slope, w_hh_gradient
from cellc.passes.differentiate.rules import Gradients, expansion_of, gradient_of


@gradient_of("rnn")
def _rnn(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    _, w_hh, h0, lengths = op.operands
    h = op.results[0]
    dx, dh0 = b.rnn_gradient(h, w_hh, lengths, grads[0], **op.attribute_values)
    return [dx, w_hh_gradient(b, dx, h, h0), dh0, None]


@expansion_of("rnn")
def _rnn_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    x, w_hh, h, lengths = op.operands
    nonlinearity = b.tanh if op.attribute_values["nonlinearity"] == "tanh" else b.relu
    hs = []
    for t in range(b.shape_of(x)[0]):
        raw = b.add(step(b, x, t), b.matmul(h, w_hh, transpose_lhs=False, transpose_rhs=True))
        h = b.select(is_active(b, lengths, t, b.shape_of(h)), nonlinearity(raw), h)
        hs.append(h)
    return [stacked(b, hs, x)]


@expansion_of("rnn_gradient")
def _rnn_gradient_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    hs, w_hh, lengths, dh = op.operands
    carried = b.filled(0.0, b.type_of(op.results[1]))
    zero, dx = carried, list[SSAValue]()
    for t in reversed(range(b.shape_of(hs)[0])):
        h, total = step(b, hs, t), b.add(step(b, dh, t), carried)
        if op.attribute_values["nonlinearity"] == "tanh":
            through = b.mul(total, tanh_slope(b, h))
        else:
            through = b.select(b.compare(h, zero, predicate="gt"), total, zero)
        active = is_active(b, lengths, t, b.shape_of(h))
        dx.insert(0, b.select(active, through, zero))
        product = b.matmul(dx[0], w_hh, transpose_lhs=False, transpose_rhs=False)
        carried = b.select(active, product, total)
    return [stacked(b, dx, hs), carried]
