"""The RNN and GRU layers."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.nn._recurrent import Direction, Recurrent, States, every_length, given_gates
from cellc.ops import _validate
from cellc.tensor import Tensor
from cellc.trace import apply


class _OneState(Recurrent):
    """A recurrence with the state h alone."""

    def construct(self, x: Tensor, hx: Tensor | None = None, seq_length: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, (last,) = self.run(x, hx, seq_length)
        return output, last

    def initial_states(self, hx: Any, x: Tensor, shape: tuple[int, ...]) -> States:
        if hx is None:
            return (ops.zeros(shape, x.dtype),)
        self.check_state("hx", hx, x, shape)
        return (hx,)


class RNN(_OneState):
    """A stack of Elman layers, run over a sequence: h = tanh(x_t W_ih^T + b_ih + h W_hh^T + b_hh), or relu of it.

    Elman, Finding Structure in Time (1990).

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        num_layers: L, how many layers stand on each other.
        has_bias: whether there are biases.
        batch_first: whether the input is (N, T, I) instead of (T, N, I), and the output likewise.
        dropout: probability that an element of the output of each layer but the last becomes zero while training.
        bidirectional: whether a second direction runs from the end; D is then 2, else 1.
        nonlinearity: "tanh" or "relu"; by name only, as in MindSpore.

    Parameters (l counts layers; the second direction adds `_reverse`):
        weight_ih_l{l}: (H, I), or (H, D H) above the first layer; weight_hh_l{l}: (H, H);
        bias_ih_l{l}, bias_hh_l{l}: (H,). All start uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (T, N, I), T at least 1.
        hx: the first states, (L D, N, H) in the dtype of x; zeros when not given.
        seq_length: int32 or int64 (N,): how many steps each sequence has; all T when not given.

    Outputs:
        `(output, hx_n)`: output (T, N, D H), zero from `seq_length` on; the states after the last valid step,
        (L D, N, H).

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a size is below 1, `dropout` is not in [0, 1), `nonlinearity` is unknown, or an input has another
            shape.

    Examples:
        >>> output, h = nn.RNN(10, 16, 2, batch_first=True)(ops.ones((3, 5, 10)), ops.ones((2, 3, 16)))
        >>> output.shape, h.shape
        ((3, 5, 16), (2, 3, 16))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        has_bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        nonlinearity: str = "tanh",
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, has_bias, batch_first, dropout, bidirectional)
        self.nonlinearity = _validate.one_of("nonlinearity", nonlinearity, ("tanh", "relu"), self.cls_name)

    def recurrence(self, x: Tensor, direction: Direction, lengths: Tensor | None) -> tuple[Tensor, States]:
        weight, of_input, of_state = direction.weight_hh, direction.bias_ih, direction.bias_hh
        bias = None if of_input is None or of_state is None else ops.add(of_input, of_state)
        given, every = given_gates(x, direction.weight_ih, bias), every_length(lengths, x)
        h = apply("rnn", given, weight, *direction.states, every, nonlinearity=self.nonlinearity)
        return h, (h[-1],)


class GRU(_OneState):
    """A stack of layers of gated recurrent units, run over a sequence; the formulas are those of GRUCell.

    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (https://arxiv.org/abs/1406.1078).

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        num_layers: L, how many layers stand on each other.
        has_bias: whether there are biases.
        batch_first: whether the input is (N, T, I) instead of (T, N, I), and the output likewise.
        dropout: probability that an element of the output of each layer but the last becomes zero while training.
        bidirectional: whether a second direction runs from the end; D is then 2, else 1.

    Parameters (l counts layers; the second direction adds `_reverse`; gates in the order r, z, n):
        weight_ih_l{l}: (3H, I), or (3H, D H) above the first layer; weight_hh_l{l}: (3H, H);
        bias_ih_l{l}, bias_hh_l{l}: (3H,). All start uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (T, N, I), T at least 1.
        hx: the first states, (L D, N, H) in the dtype of x; zeros when not given.
        seq_length: int32 or int64 (N,): how many steps each sequence has; all T when not given.

    Outputs:
        `(output, hx_n)`: output (T, N, D H), zero from `seq_length` on; the states after the last valid step,
        (L D, N, H).

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a size is below 1, `dropout` is not in [0, 1), or an input has another shape.

    Examples:
        >>> output, h = nn.GRU(10, 16, 2, batch_first=True)(ops.ones((3, 5, 10)), ops.ones((2, 3, 16)))
        >>> output.shape, h.shape
        ((3, 5, 16), (2, 3, 16))
    """

    gates = 3

    def recurrence(self, x: Tensor, direction: Direction, lengths: Tensor | None) -> tuple[Tensor, States]:
        weight, bias = direction.weight_hh, direction.bias_hh
        bias = ops.zeros((weight.shape[0],), x.dtype) if bias is None else bias
        given, every = given_gates(x, direction.weight_ih, direction.bias_ih), every_length(lengths, x)
        h, _ = apply("gru", given, weight, bias, *direction.states, every)
        return h, (h[-1],)
