"""The LSTM layer."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import Uniform, initializer
from cellc.nn._cell import Cell
from cellc.nn._dropout import Dropout
from cellc.ops import _validate
from cellc.parameter import Parameter, ParameterTuple
from cellc.tensor import Tensor
from cellc.trace import apply


class _Direction(NamedTuple):
    """The parameters of one layer in one direction, and its initial state."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor | None
    h0: Tensor
    c0: Tensor


class LSTM(Cell):
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

    w_ih_list: ParameterTuple
    w_hh_list: ParameterTuple
    b_ih_list: ParameterTuple
    b_hh_list: ParameterTuple

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        has_bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.input_size = _validate.positive_int("input_size", input_size, owner)
        self.hidden_size = _validate.positive_int("hidden_size", hidden_size, owner)
        self.num_layers = _validate.positive_int("num_layers", num_layers, owner)
        self.has_bias = _validate.boolean("has_bias", has_bias, owner)
        self.batch_first = _validate.boolean("batch_first", batch_first, owner)
        self.bidirectional = _validate.boolean("bidirectional", bidirectional, owner)
        if not 0 <= _validate.of_type("dropout", dropout, float, owner) < 1:
            raise bad_argument(ValueError, f"For '{owner}', 'dropout' must be in [0, 1), but got {dropout}.")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout acts between the layers of an LSTM, and there is one layer only", stacklevel=2)
        self.dropout = dropout
        self.dropout_op = Dropout(1 - dropout)
        self._make_parameters()

    def _make_parameters(self) -> None:
        gates, hidden = 4 * self.hidden_size, self.hidden_size
        suffixes = ["", "_reverse"] if self.bidirectional else [""]
        places = [f"l{layer}{suffix}" for layer in range(self.num_layers) for suffix in suffixes]
        below = [self.input_size if layer == 0 else hidden * len(suffixes) for layer in range(self.num_layers)]
        inputs = [extent for extent in below for _ in suffixes]
        biased = places if self.has_bias else []
        bound = Uniform(1 / math.sqrt(hidden))

        def named(name: str, shape: list[int]) -> Parameter:
            return Parameter(initializer(bound, shape), name=name)

        self.w_ih_list = ParameterTuple(
            named(f"weight_ih_{at}", [gates, extent]) for at, extent in zip(places, inputs, strict=True)
        )
        self.w_hh_list = ParameterTuple(named(f"weight_hh_{at}", [gates, hidden]) for at in places)
        self.b_ih_list = ParameterTuple(named(f"bias_ih_{at}", [gates]) for at in biased)
        self.b_hh_list = ParameterTuple(named(f"bias_hh_{at}", [gates]) for at in biased)

    def construct(
        self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None, seq_length: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        self._check_input(x)
        steps, batch = (x.shape[1], x.shape[0]) if self.batch_first else x.shape[:2]
        h0, c0 = self._initial_state(hx, x, batch)
        self._check_lengths(seq_length, batch)
        output = ops.transpose(x, (1, 0, 2)) if self.batch_first else x
        lengths = ops.fill(dtypes.int32, (batch,), steps) if seq_length is None else seq_length.astype(dtypes.int32)
        last_h, last_c = [], []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                output = self.dropout_op(output)
            output, states = self._run_layer(output, self._directions(layer, x, h0, c0), lengths, seq_length is None)
            last_h += [h for h, _ in states]
            last_c += [c for _, c in states]
        output = ops.transpose(output, (1, 0, 2)) if self.batch_first else output
        return output, (ops.stack(last_h), ops.stack(last_c))

    def _check_input(self, x: Tensor) -> None:
        if not x.dtype.is_float:
            raise bad_argument(TypeError, f"For '{self.cls_name}', 'x' must hold floats, but got {x.dtype}.")
        if x.ndim != 3 or x.shape[2] != self.input_size:
            order = "(N, T," if self.batch_first else "(T, N,"
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'x' must have shape {order} {self.input_size}), but got shape {x.shape}.",
            )

    def _initial_state(self, hx: Any, x: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        shape = (len(self.w_hh_list), batch, self.hidden_size)
        if hx is None:
            return ops.zeros(shape, x.dtype), ops.zeros(shape, x.dtype)
        owner = self.cls_name
        if not isinstance(hx, tuple) or len(hx) != 2:
            raise bad_argument(TypeError, f"For '{owner}', 'hx' must be a tuple of two Tensors, but got {hx!r}.")
        for name, state in zip(("hx[0]", "hx[1]"), hx, strict=True):
            _validate.of_type(name, state, Tensor, owner)
            if state.dtype is not x.dtype:
                raise bad_argument(TypeError, f"For '{owner}', '{name}' must be {x.dtype} like x, got {state.dtype}.")
            if state.shape != shape:
                raise bad_argument(ValueError, f"For '{owner}', '{name}' must have shape {shape}, got {state.shape}.")
        return hx

    def _check_lengths(self, seq_length: Tensor | None, batch: int) -> None:
        if seq_length is None:
            return
        owner = self.cls_name
        if seq_length.dtype not in (dtypes.int32, dtypes.int64):
            message = f"For '{owner}', 'seq_length' must be Int32 or Int64, but got {seq_length.dtype}."
            raise bad_argument(TypeError, message)
        if seq_length.shape != (batch,):
            message = f"For '{owner}', 'seq_length' must have shape ({batch},), but got {seq_length.shape}."
            raise bad_argument(ValueError, message)

    def _directions(self, layer: int, x: Tensor, h0: Tensor, c0: Tensor) -> list[_Direction]:
        """The parameters of a layer in the dtype of x, one entry for each direction."""
        count = 2 if self.bidirectional else 1
        found = []
        for at in range(layer * count, (layer + 1) * count):
            bias = ops.add(self.b_ih_list[at], self.b_hh_list[at]).astype(x.dtype) if self.has_bias else None
            weights = self.w_ih_list[at].astype(x.dtype), self.w_hh_list[at].astype(x.dtype)
            found.append(_Direction(*weights, bias, h0[at], c0[at]))
        return found

    def _run_layer(
        self, x: Tensor, directions: list[_Direction], lengths: Tensor, whole: bool
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The output of a layer, and the last (h, c) of each of its directions."""
        outputs, states = [], []
        for at, direction in enumerate(directions):
            turned = _backwards(x, lengths, whole) if at else x
            h, c = _recurrence(turned, direction, lengths)
            states.append((h[-1], c[-1]))
            h = h if whole else _without_padding(h, lengths)
            outputs.append(_backwards(h, lengths, whole) if at else h)
        return ops.concat(outputs, 2), states


def _recurrence(x: Tensor, direction: _Direction, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """All h and c (T, N, H); the product with W_ih is one matrix product for all steps."""
    steps, batch, extent = x.shape
    product = ops.matmul(ops.reshape(x, (steps * batch, extent)), direction.weight_ih, transpose_b=True)
    if direction.bias is not None:
        product = ops.add(product, direction.bias)
    gates = ops.reshape(product, (steps, batch, product.shape[1]))
    h, c, _ = apply("lstm", gates, direction.weight_hh, direction.h0, direction.c0, lengths)
    return h, c


def _backwards(x: Tensor, lengths: Tensor, whole: bool) -> Tensor:
    return ops.reverse(x, 0) if whole else ops.reverse_sequence(x, lengths, 0, 1)


def _without_padding(h: Tensor, lengths: Tensor) -> Tensor:
    """h (T, N, H) with zeros where the step is not below the length."""
    steps = ops.reshape(ops.arange(h.shape[0]), (h.shape[0], 1, 1))
    return ops.select(ops.less(steps, ops.reshape(lengths, (1, h.shape[1], 1))), h, 0.0)
