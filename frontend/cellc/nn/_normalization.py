"""Normalization layers."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class BatchNorm2d(Cell):
    """gamma (x - mean) / sqrt(variance + eps) + beta for each channel.

    Ioffe and Szegedy, Batch Normalization (https://arxiv.org/abs/1502.03167). While training, mean and biased variance
    are those of the batch, and the moving statistics become momentum * moving + (1 - momentum) * batch; as on
    MindSpore's CPU the moving variance takes the biased one. In evaluation the moving statistics are used.

    Args:
        num_features: C, channels of the input.
        eps: added to the variance, in (0, 1].
        momentum: the part of the moving statistics that is kept, in [0, 1] (PyTorch's momentum is 1 minus this).
        affine: whether gamma and beta are trained.
        gamma_init, beta_init, moving_mean_init, moving_var_init: initial values of the parameters `gamma`, `beta`,
            `moving_mean` and `moving_variance`, each of shape (C,): a Tensor, an Initializer, its name or a number.
        use_batch_statistics: True for the batch's statistics and False for the moving ones, whatever the mode;
            None to follow the mode.
        data_format: "NCHW"; MindSpore has "NHWC" on GPUs only.

    Inputs:
        x: a Tensor of shape (N, C, H, W).

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `num_features` is not an int, or `eps` is not a float.
        ValueError: `num_features` is below 1, `eps` or `momentum` is out of range, `use_batch_statistics` is neither
            a bool nor None, or the input does not have shape (N, C, H, W).

    Examples:
        >>> nn.BatchNorm2d(3)(ops.ones((1, 3, 2, 2))).shape
        (1, 3, 2, 2)
    """

    gamma: Parameter
    beta: Parameter
    moving_mean: Parameter
    moving_variance: Parameter

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.9,
        affine: bool = True,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
        moving_mean_init: Any = "zeros",
        moving_var_init: Any = "ones",
        use_batch_statistics: bool | None = None,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.num_features = _validate.positive_int("num_features", num_features, owner)
        if not 0 < _validate.of_type("eps", eps, float, owner) <= 1:
            raise bad_argument(ValueError, f"For '{owner}', 'eps' must be in (0, 1], but got {eps}.")
        if not 0 <= _validate.of_type("momentum", momentum, (int, float), owner) <= 1:
            raise bad_argument(ValueError, f"For '{owner}', 'momentum' must be in [0, 1], but got {momentum}.")
        if use_batch_statistics is not None and not isinstance(use_batch_statistics, bool):
            raise bad_argument(
                ValueError,
                f"For '{owner}', 'use_batch_statistics' must be a bool or None, but got {use_batch_statistics!r}.",
            )
        _validate.boolean("affine", affine, owner)
        self.format = _validate.one_of("data_format", data_format, ("NCHW",), owner)
        self.eps, self.momentum, self.use_batch_statistics = eps, momentum, use_batch_statistics
        shape = [num_features]
        self.moving_mean = Parameter(initializer(moving_mean_init, shape), name="mean", requires_grad=False)
        self.moving_variance = Parameter(initializer(moving_var_init, shape), name="variance", requires_grad=False)
        self.gamma = Parameter(initializer(gamma_init, shape), name="gamma", requires_grad=affine)
        self.beta = Parameter(initializer(beta_init, shape), name="beta", requires_grad=affine)

    def construct(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.num_features:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'x' must have shape (N, {self.num_features}, H, W), but got shape {x.shape}.",
            )
        of_batch = self.training if self.use_batch_statistics is None else self.use_batch_statistics
        return ops.batch_norm(
            x,
            self.moving_mean,
            self.moving_variance,
            self.gamma,
            self.beta,
            training=of_batch,
            momentum=1 - self.momentum,
            eps=self.eps,
        )

    def extend_repr(self) -> str:
        return (
            f"num_features={self.num_features}, eps={self.eps}, momentum={self.momentum}, gamma={self.gamma}, "
            f"beta={self.beta}, moving_mean={self.moving_mean}, moving_variance={self.moving_variance}"
        )


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
