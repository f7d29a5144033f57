"""The LSTM layer."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._recurrent import Direction, Recurrent, States, every_length, given_gates
from cellc.tensor import Tensor
from cellc.trace import apply


class LSTM(Recurrent):
    """A stack of long short-term memory layers, run over a sequence.

    Hochreiter and Schmidhuber, Long Short-Term Memory (1997), as Sak et al. (https://arxiv.org/abs/1402.1128) write it:

        i, f, g, o = split(x_t W_ih^T + b_ih + h W_hh^T + b_hh)
        c = sigmoid(f) c + sigmoid(i) tanh(g);  h = sigmoid(o) tanh(c)

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        num_layers: L, how many layers stand on each other.
        has_bias: whether there are biases.
        batch_first: whether the input is (N, T, I) instead of (T, N, I), and the output likewise.
        dropout: probability that an element of the output of each layer but the last becomes zero while training.
        bidirectional: whether a second direction runs from the end; D is then 2, else 1.

    Parameters (l counts layers; the second direction adds `_reverse`):
        weight_ih_l{l}: (4H, I), or (4H, D H) above the first layer; weight_hh_l{l}: (4H, H);
        bias_ih_l{l}, bias_hh_l{l}: (4H,). All start uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (T, N, I).
        hx: `(h0, c0)`, each (L D, N, H) in the dtype of x; zeros when not given.
        seq_length: int32 or int64 (N,): how many steps each sequence has; all T when not given.

    Outputs:
        `(output, (h_n, c_n))`: output (T, N, D H), zero from `seq_length` on; the states after the last valid step,
        each (L D, N, H).

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a size is below 1, `dropout` is not in [0, 1), or an input has another shape.

    Examples:
        >>> output, (h, c) = nn.LSTM(10, 16)(ops.ones((5, 3, 10)))
        >>> output.shape, h.shape
        ((5, 3, 16), (1, 3, 16))
    """

    gates = 4

    def construct(
        self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None, seq_length: Tensor | None = None
    ) -> tuple[Tensor, States]:
        return self.run(x, hx, seq_length)

    def initial_states(self, hx: Any, x: Tensor, shape: tuple[int, ...]) -> States:
        if hx is None:
            return ops.zeros(shape, x.dtype), ops.zeros(shape, x.dtype)
        if not isinstance(hx, tuple) or len(hx) != 2:
            raise bad_argument(
                TypeError, f"For '{self.cls_name}', 'hx' must be a tuple of two Tensors, but got {hx!r}."
            )
        for name, state in zip(("hx[0]", "hx[1]"), hx, strict=True):
            self.check_state(name, state, x, shape)
        return hx

    def recurrence(self, x: Tensor, direction: Direction, lengths: Tensor | None) -> tuple[Tensor, States]:
        of_input, of_state = direction.bias_ih, direction.bias_hh
        bias = None if of_input is None or of_state is None else ops.add(of_input, of_state)
        gates = given_gates(x, direction.weight_ih, bias)
        h, c, _ = apply("lstm", gates, direction.weight_hh, *direction.states, every_length(lengths, x))
        return h, (h[-1], c[-1])
