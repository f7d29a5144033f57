"""What recurrent layers share: parameters, checks, layers that stand on each other, and both directions."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, NamedTuple

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import Uniform, initializer
from cellc.nn._cell import Cell
from cellc.nn._dropout import Dropout
from cellc.ops import _validate
from cellc.parameter import Parameter, ParameterTuple
from cellc.tensor import Tensor

States = tuple[Tensor, ...]


class Direction(NamedTuple):
    """The parameters of one layer in one direction in the dtype of x, and its initial states, each (N, H)."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    states: States


class Recurrent(Cell):
    """Base of recurrent layers; a subclass says how many gates it has, and how one direction runs over a sequence."""

    w_ih_list: ParameterTuple
    w_hh_list: ParameterTuple
    b_ih_list: ParameterTuple
    b_hh_list: ParameterTuple
    gates: ClassVar[int]

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
            warnings.warn(f"dropout acts between the layers of an {owner}, and there is one layer only", stacklevel=2)
        self.dropout = dropout
        self.dropout_op = Dropout(1 - dropout)
        self._make_parameters()

    def _make_parameters(self) -> None:
        rows, hidden = self.gates * self.hidden_size, self.hidden_size
        suffixes = ["", "_reverse"] if self.bidirectional else [""]
        places = [f"l{layer}{suffix}" for layer in range(self.num_layers) for suffix in suffixes]
        below = [self.input_size if layer == 0 else hidden * len(suffixes) for layer in range(self.num_layers)]
        inputs = [extent for extent in below for _ in suffixes]
        biased = places if self.has_bias else []
        bound = Uniform(1 / math.sqrt(hidden))

        def named(name: str, shape: list[int]) -> Parameter:
            return Parameter(initializer(bound, shape), name=name)

        self.w_ih_list = ParameterTuple(
            named(f"weight_ih_{at}", [rows, extent]) for at, extent in zip(places, inputs, strict=True)
        )
        self.w_hh_list = ParameterTuple(named(f"weight_hh_{at}", [rows, hidden]) for at in places)
        self.b_ih_list = ParameterTuple(named(f"bias_ih_{at}", [rows]) for at in biased)
        self.b_hh_list = ParameterTuple(named(f"bias_hh_{at}", [rows]) for at in biased)

    def initial_states(self, hx: Any, x: Tensor, shape: tuple[int, ...]) -> States:
        """The states, each of `shape` (L D, N, H), that the argument `hx` gives, or zeros."""
        raise NotImplementedError

    def recurrence(self, x: Tensor, direction: Direction, lengths: Tensor | None) -> tuple[Tensor, States]:
        """All h (T, N, H), and the states after the last step; a step that is not below the length changes nothing."""
        raise NotImplementedError

    def run(self, x: Tensor, hx: Any, seq_length: Tensor | None) -> tuple[Tensor, States]:
        """The output, and for each state its last values (L D, N, H)."""
        self._check_input(x)
        batch = x.shape[0] if self.batch_first else x.shape[1]
        self._check_lengths(seq_length, batch)
        states = self.initial_states(hx, x, (len(self.w_hh_list), batch, self.hidden_size))
        output = ops.transpose(x, (1, 0, 2)) if self.batch_first else x
        lengths = None if seq_length is None else seq_length.astype(dtypes.int32)
        last: list[States] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                output = self.dropout_op(output)
            output, found = self._run_layer(output, self._directions(layer, x, states), lengths)
            last += found
        output = ops.transpose(output, (1, 0, 2)) if self.batch_first else output
        return output, tuple(ops.stack(values) for values in zip(*last, strict=True))

    def _check_input(self, x: Tensor) -> None:
        owner = self.cls_name
        _validate.of_type("x", x, Tensor, owner)
        if not x.dtype.is_float:
            raise bad_argument(TypeError, f"For '{owner}', 'x' must hold floats, but got {x.dtype}.")
        if x.ndim != 3 or x.shape[2] != self.input_size:
            order = "(N, T," if self.batch_first else "(T, N,"
            raise bad_argument(
                ValueError, f"For '{owner}', 'x' must have shape {order} {self.input_size}), but got shape {x.shape}."
            )
        if not x.shape[1 if self.batch_first else 0]:
            raise bad_argument(ValueError, f"For '{owner}', 'x' must have at least one step, but got shape {x.shape}.")

    def check_state(self, name: str, state: Any, x: Tensor, shape: tuple[int, ...]) -> None:
        """Raises unless `state` is a Tensor of `shape` in the dtype of x."""
        owner = self.cls_name
        _validate.of_type(name, state, Tensor, owner)
        if state.dtype is not x.dtype:
            raise bad_argument(TypeError, f"For '{owner}', '{name}' must be {x.dtype} like x, got {state.dtype}.")
        if state.shape != shape:
            raise bad_argument(ValueError, f"For '{owner}', '{name}' must have shape {shape}, got {state.shape}.")

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

    def _directions(self, layer: int, x: Tensor, states: States) -> list[Direction]:
        count = 2 if self.bidirectional else 1
        found = []
        for at in range(layer * count, (layer + 1) * count):
            weights = self.w_ih_list[at].astype(x.dtype), self.w_hh_list[at].astype(x.dtype)
            biases = (self.b_ih_list[at].astype(x.dtype), self.b_hh_list[at].astype(x.dtype)) if self.has_bias else ()
            found.append(Direction(*weights, *(biases or (None, None)), tuple(state[at] for state in states)))
        return found

    def _run_layer(self, x: Tensor, directions: list[Direction], lengths: Tensor | None) -> tuple[Tensor, list[States]]:
        """The output of a layer, and the last states of each of its directions."""
        outputs, states = [], []
        for at, direction in enumerate(directions):
            h, last = self.recurrence(_backwards(x, lengths) if at else x, direction, lengths)
            states.append(last)
            h = h if lengths is None else _without_padding(h, lengths)
            outputs.append(_backwards(h, lengths) if at else h)
        return ops.concat(outputs, 2), states


def given_gates(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x_t W_ih^T + bias for all steps, (T, N, gates H): one matrix product, before the recurrence."""
    steps, batch, extent = x.shape
    product = ops.matmul(ops.reshape(x, (steps * batch, extent)), weight, transpose_b=True)
    if bias is not None:
        product = ops.add(product, bias)
    return ops.reshape(product, (steps, batch, product.shape[1]))


def every_length(lengths: Tensor | None, x: Tensor) -> Tensor:
    """`lengths`, int32 (N,), or all steps of x (T, N, I) for each row."""
    steps, batch = x.shape[:2]
    return ops.fill(dtypes.int32, (batch,), steps) if lengths is None else lengths


def _backwards(x: Tensor, lengths: Tensor | None) -> Tensor:
    return ops.reverse(x, 0) if lengths is None else ops.reverse_sequence(x, lengths, 0, 1)


def _without_padding(h: Tensor, lengths: Tensor) -> Tensor:
    """h (T, N, H) with zeros where the step is not below the length."""
    steps = ops.reshape(ops.arange(h.shape[0]), (h.shape[0], 1, 1))
    return ops.select(ops.less(steps, ops.reshape(lengths, (1, h.shape[1], 1))), h, 0.0)
