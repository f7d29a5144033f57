"""Normalization layers."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class LayerNorm(Cell):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and biased variance over the last axes.

    Ba, Kiros and Hinton, Layer Normalization (https://arxiv.org/abs/1607.06450).

    Args:
        normalized_shape: shape of `gamma` and `beta`, which is that of x from `begin_params_axis` on.
        begin_norm_axis: the first axis that is normalized over.
        begin_params_axis: the first axis of x that `gamma` and `beta` have.
        gamma_init, beta_init: initial values of the parameters: a Tensor, an Initializer, its name or a number.
        epsilon: added to the variance.

    Inputs:
        input_x: a Tensor whose shape ends with `normalized_shape`.

    Outputs:
        A Tensor of the shape and dtype of `input_x`.

    Raises:
        TypeError: `normalized_shape` is neither a tuple nor a list, an axis is not an int, `epsilon` is not a float.
        ValueError: the input does not have the axes, or its shape does not end with `normalized_shape`.

    Examples:
        >>> nn.LayerNorm((5,))(ops.ones((2, 5))).shape
        (2, 5)
    """

    gamma: Parameter
    beta: Parameter

    def __init__(
        self,
        normalized_shape: tuple[int, ...] | list[int],
        begin_norm_axis: int = -1,
        begin_params_axis: int = -1,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.normalized_shape = _validate.of_type("normalized_shape", normalized_shape, (tuple, list), owner)
        for extent in normalized_shape:
            _validate.positive_int("normalized_shape", extent, owner)
        self.begin_norm_axis = _validate.integer("begin_norm_axis", begin_norm_axis, owner)
        self.begin_params_axis = _validate.integer("begin_params_axis", begin_params_axis, owner)
        self.epsilon = _validate.of_type("epsilon", epsilon, float, owner)
        self.gamma = Parameter(initializer(gamma_init, list(normalized_shape)), name="gamma")
        self.beta = Parameter(initializer(beta_init, list(normalized_shape)), name="beta")

    def construct(self, input_x: Tensor) -> Tensor:
        result, _, _ = ops.layer_norm(
            input_x, self.gamma, self.beta, self.begin_norm_axis, self.begin_params_axis, self.epsilon
        )
        return result

    def extend_repr(self) -> str:
        return (
            f"normalized_shape={self.normalized_shape}, begin_norm_axis={self.begin_norm_axis}, "
            f"begin_params_axis={self.begin_params_axis}, gamma={self.gamma}, beta={self.beta}"
        )
