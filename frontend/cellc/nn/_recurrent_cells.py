"""One step of a recurrence."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import Uniform, initializer
from cellc.nn._cell import Cell
from cellc.nn._steps import gru_step, lstm_step, rnn_step
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class _RecurrentCell(Cell):
    """What the cells share: `weight_ih` (G H, I), `weight_hh` (G H, H), `bias_ih` and `bias_hh` (G H,) for G gates."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None
    _gates: ClassVar[int]

    def __init__(self, input_size: int, hidden_size: int, has_bias: bool = True) -> None:
        super().__init__()
        owner = self.cls_name
        self.has_bias = _validate.boolean("has_bias", has_bias, owner)
        self.hidden_size = _validate.positive_int("hidden_size", hidden_size, owner)
        self.input_size = _validate.positive_int("input_size", input_size, owner)
        rows, bound = self._gates * hidden_size, Uniform(1 / math.sqrt(hidden_size))
        self.weight_ih = Parameter(initializer(bound, [rows, input_size]), name="weight_ih")
        self.weight_hh = Parameter(initializer(bound, [rows, hidden_size]), name="weight_hh")
        self.bias_ih = Parameter(initializer(bound, [rows]), name="bias_ih") if has_bias else None
        self.bias_hh = Parameter(initializer(bound, [rows]), name="bias_hh") if has_bias else None

    def _check(self, x: Any, **states: Any) -> None:
        owner = self.cls_name
        for name, value in {"x": x, **states}.items():
            _validate.float_tensor(name, _validate.of_type(name, value, Tensor, owner), owner)
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise bad_argument(
                ValueError, f"For '{owner}', 'x' must have shape (N, {self.input_size}), but got shape {x.shape}."
            )
        for name, state in states.items():
            if state.shape != (x.shape[0], self.hidden_size):
                raise bad_argument(
                    ValueError,
                    f"For '{owner}', '{name}' must have shape ({x.shape[0]}, {self.hidden_size}), where 'x' has "
                    f"{x.shape}, but got shape {state.shape}.",
                )
        _validate.one_dtype(owner, x=x, **states, weight_ih=self.weight_ih)

    def _gates_of(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """x W_ih^T + b_ih and h W_hh^T + b_hh."""
        given = ops.matmul(x, self.weight_ih, transpose_b=True)
        recurrent = ops.matmul(h, self.weight_hh, transpose_b=True)
        if self.bias_ih is None or self.bias_hh is None:
            return given, recurrent
        return ops.add(given, self.bias_ih), ops.add(recurrent, self.bias_hh)


class RNNCell(_RecurrentCell):
    """h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), or relu of it.

    Elman, Finding Structure in Time (1990).

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        has_bias: whether there are biases.
        nonlinearity: "tanh" or "relu".

    Parameters:
        weight_ih (H, I), weight_hh (H, H), bias_ih and bias_hh (H,), uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (N, I) in the dtype of the parameters.
        hx: the state, (N, H) in the dtype of x.

    Outputs:
        The next state, (N, H).

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a size is below 1, `nonlinearity` is unknown, or an input has another shape.

    Examples:
        >>> nn.RNNCell(10, 16)(ops.ones((3, 10)), ops.ones((3, 16))).shape
        (3, 16)
    """

    _gates = 1

    def __init__(self, input_size: int, hidden_size: int, has_bias: bool = True, nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, hidden_size, has_bias)
        _validate.of_type("nonlinearity", nonlinearity, str, self.cls_name)
        self.nonlinearity = _validate.one_of("nonlinearity", nonlinearity, ("tanh", "relu"), self.cls_name)

    def construct(self, x: Tensor, hx: Tensor) -> Tensor:
        self._check(x, hx=hx)
        return rnn_step(*self._gates_of(x, hx), self.nonlinearity)


class GRUCell(_RecurrentCell):
    """One step of a gated recurrent unit.

    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (https://arxiv.org/abs/1406.1078), with the
    reset gate behind the product:

        r, z, a = split(x W_ih^T + b_ih);  s, y, m = split(h W_hh^T + b_hh)
        n = tanh(a + sigmoid(r + s) m);  h' = n + sigmoid(z + y) (h - n)

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        has_bias: whether there are biases.

    Parameters:
        weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H,), uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (N, I) in the dtype of the parameters.
        hx: the state, (N, H) in the dtype of x.

    Outputs:
        The next state, (N, H).

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a size is below 1, or an input has another shape.

    Examples:
        >>> nn.GRUCell(10, 16)(ops.ones((3, 10)), ops.ones((3, 16))).shape
        (3, 16)
    """

    _gates = 3

    def construct(self, x: Tensor, hx: Tensor) -> Tensor:
        self._check(x, hx=hx)
        return gru_step(*self._gates_of(x, hx), hx)


class LSTMCell(_RecurrentCell):
    """One step of a long short-term memory; the formulas are those of LSTM.

    Args:
        input_size: I, extent of the last axis of the input.
        hidden_size: H, extent of the state.
        has_bias: whether there are biases.

    Parameters:
        weight_ih (4H, I), weight_hh (4H, H), bias_ih and bias_hh (4H,), uniform in [-1 / sqrt(H), 1 / sqrt(H)].

    Inputs:
        x: a floating-point Tensor (N, I) in the dtype of the parameters.
        hx: the state `(h, c)`, each (N, H) in the dtype of x.

    Outputs:
        The next state `(h, c)`, each (N, H).

    Raises:
        TypeError: an argument or input has another type than said above, or `hx` is no tuple of two.
        ValueError: a size is below 1, or an input has another shape.

    Examples:
        >>> h, c = nn.LSTMCell(10, 16)(ops.ones((3, 10)), (ops.ones((3, 16)), ops.ones((3, 16))))
        >>> h.shape, c.shape
        ((3, 16), (3, 16))
    """

    _gates = 4

    def construct(self, x: Tensor, hx: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        if not isinstance(hx, tuple) or len(hx) != 2:
            raise bad_argument(
                TypeError, f"For '{self.cls_name}', 'hx' must be a tuple of two Tensors, but got {hx!r}."
            )
        h, c = hx
        self._check(x, **{"hx[0]": h, "hx[1]": c})
        return lstm_step(*self._gates_of(x, h), c)
