"""Normalization within each example: over groups of channels, and over each channel."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.dtype import float32, float64
from cellc.errors import bad_argument
from cellc.initializer import Initializer, initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


def _wide(x: Tensor) -> Tensor:
    return x.astype(float64 if x.dtype is float64 else float32)


def _of_groups(x: Tensor, groups: int, eps: float, gamma: Tensor, beta: Tensor) -> Tensor:
    """x (N, C, H, W), normalized over groups of its channels, scaled and shifted, in its own dtype."""
    n, c, h, w = x.shape
    grouped = ops.reshape(_wide(x), (n, groups, c // groups, h * w))
    mean, variance = ops.moments(grouped, (2, 3), keep_dims=True)
    normal = ops.mul(ops.sub(grouped, mean), ops.rsqrt(ops.add(variance, eps)))
    # In the form of groups, all of the norm is one kernel.
    gamma, beta = (ops.reshape(values.astype(normal.dtype), (groups, c // groups, 1)) for values in (gamma, beta))
    return ops.reshape(ops.add(ops.mul(normal, gamma), beta), x.shape).astype(x.dtype)


def _of_channels(x: Tensor, eps: float, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`(result, mean, variance)` of x (N, C, H, W), each channel of each example normalized, scaled and shifted.

    The result has the dtype of x, mean and biased variance (N, C) are float32 or float64. Each example gets a scale of
    its own, gamma / sqrt(variance + eps), and a copy of beta: their gradients are sums over an example's channel, which
    are made where its other sums are, and then sums of few numbers over the examples.
    """
    n, c, h, w = x.shape
    rows = ops.reshape(_wide(x), (n, c, h * w))
    mean, variance = ops.moments(rows, 2, keep_dims=True)
    gamma, beta = (
        ops.broadcast_to(ops.reshape(values.astype(rows.dtype), (c, 1)), (n, c, 1)) for values in (gamma, beta)
    )
    scale = ops.mul(gamma, ops.rsqrt(ops.add(variance, eps)))
    result = ops.add(ops.mul(ops.sub(rows, mean), scale), beta)
    mean, variance = (ops.reshape(values, (n, c)) for values in (mean, variance))
    return ops.reshape(result, x.shape).astype(x.dtype), mean, variance


def _check_input(x: Tensor, channels: int, owner: str) -> None:
    _validate.float_tensor("x", x, owner)
    if x.ndim != 4 or x.shape[1] != channels:
        raise bad_argument(
            ValueError, f"For '{owner}', 'x' must have shape (N, {channels}, H, W), but got shape {x.shape}."
        )


class GroupNorm(Cell):
    """gamma (x - mean) / sqrt(variance + eps) + beta, with mean and biased variance over groups of channels.

    Wu and He, Group Normalization (https://arxiv.org/abs/1803.08494). Training and evaluation are the same.

    Args:
        num_groups: G; each example has a mean and a variance for each group of C / G successive channels.
        num_channels: C, channels of the input.
        eps: added to the variance.
        affine: whether gamma and beta are trained.
        gamma_init, beta_init: initial values of the parameters `gamma` and `beta`, each of shape (C,): a Tensor, an
            Initializer, its name or a number.

    Inputs:
        x: a floating-point Tensor of shape (N, C, H, W).

    Outputs:
        A Tensor of the shape and dtype of x; sums run in float32 for 16-bit floats.

    Raises:
        TypeError: `num_groups` or `num_channels` is not an int, `eps` is not a float, `affine` is not a bool, or the
            input does not hold floats.
        ValueError: `num_groups` or `num_channels` is below 1, `num_groups` does not divide `num_channels`, or the
            input does not have shape (N, C, H, W).

    Examples:
        >>> nn.GroupNorm(2, 2)(ops.ones((1, 2, 4, 4))).shape
        (1, 2, 4, 4)
    """

    gamma: Parameter
    beta: Parameter

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.num_groups = _validate.positive_int("num_groups", num_groups, owner)
        self.num_channels = _validate.positive_int("num_channels", num_channels, owner)
        if num_channels % num_groups:
            raise bad_argument(
                ValueError,
                f"For '{owner}', 'num_channels' {num_channels} must be divisible by 'num_groups' {num_groups}.",
            )
        self.eps = _validate.of_type("eps", eps, float, owner)
        self.affine = _validate.boolean("affine", affine, owner)
        self.gamma = Parameter(initializer(gamma_init, [num_channels]), name="gamma", requires_grad=affine)
        self.beta = Parameter(initializer(beta_init, [num_channels]), name="beta", requires_grad=affine)

    def construct(self, x: Tensor) -> Tensor:
        _check_input(x, self.num_channels, self.cls_name)
        if self.num_groups == self.num_channels:
            return _of_channels(x, self.eps, self.gamma, self.beta)[0]
        return _of_groups(x, self.num_groups, self.eps, self.gamma, self.beta)

    def extend_repr(self) -> str:
        return f"num_groups={self.num_groups}, num_channels={self.num_channels}"


class InstanceNorm2d(Cell):
    """gamma (x - mean) / sqrt(variance + eps) + beta, with mean and biased variance of each channel of each example.

    Ulyanov, Vedaldi and Lempitsky, Instance Normalization (https://arxiv.org/abs/1607.08022). The result is the same in
    training and evaluation. The moving statistics do not take part in it: in training they become
    (1 - momentum) * moving + momentum * (mean over the batch of the examples' statistics).

    Args:
        num_features: C, channels of the input.
        eps: added to the variance.
        momentum: the part of the moving statistics that is new, in [0, 1]; it is the other way round in BatchNorm2d.
            (MindSpore hands it to cuDNN in this sense, although its documentation states the opposite.)
        affine: whether gamma and beta are trained.
        gamma_init, beta_init: initial values of the parameters `gamma` and `beta`, each of shape (C,): a Tensor of
            float32, an Initializer, its name or a number.

    Inputs:
        x: a floating-point Tensor of shape (N, C, H, W).

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `num_features` is not an int, `eps` or `momentum` is not a float, `affine` is not a bool, an initial
            value has another type than said above, or the input does not hold floats.
        ValueError: `num_features` is below 1, `eps` is not in (0, 1], `momentum` is not in [0, 1], or the input does
            not have shape (N, C, H, W).

    Examples:
        >>> nn.InstanceNorm2d(3)(ops.ones((2, 3, 2, 2))).shape
        (2, 3, 2, 2)
    """

    gamma: Parameter
    beta: Parameter
    _kept_wide = ("moving_mean", "moving_variance")
    moving_mean: Parameter
    moving_variance: Parameter

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.num_features = _validate.positive_int("num_features", num_features, owner)
        if not 0 < _validate.of_type("eps", eps, float, owner) <= 1:
            raise bad_argument(ValueError, f"For '{owner}', 'eps' must be in (0, 1], but got {eps}.")
        self.eps = eps
        if not 0 <= _validate.of_type("momentum", momentum, float, owner) <= 1:
            raise bad_argument(ValueError, f"For '{owner}', 'momentum' must be in [0, 1], but got {momentum}.")
        self.momentum = momentum
        _validate.boolean("affine", affine, owner)
        for name, value in (("gamma_init", gamma_init), ("beta_init", beta_init)):
            _check_initial(name, value, owner)
        shape = [num_features]
        self.moving_mean = Parameter(initializer("zeros", shape), name="mean", requires_grad=False)
        self.moving_variance = Parameter(initializer("ones", shape), name="variance", requires_grad=False)
        self.gamma = Parameter(initializer(gamma_init, shape), name="gamma", requires_grad=affine)
        self.beta = Parameter(initializer(beta_init, shape), name="beta", requires_grad=affine)

    def construct(self, x: Tensor) -> Tensor:
        _check_input(x, self.num_features, self.cls_name)
        result, mean, variance = _of_channels(x, self.eps, self.gamma, self.beta)
        if self.training and x.shape[0]:
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        return result

    def _move(self, moving: Parameter, found: Tensor) -> None:
        """Moves a statistic towards the mean of those of the examples (N, C); no gradient flows here."""
        new = ops.reduce_mean(ops.stop_gradient(found), 0).astype(moving.dtype)
        ops.assign(moving, ops.add(moving, ops.mul(ops.sub(new, moving), self.momentum)))

    def extend_repr(self) -> str:
        return (
            f"num_features={self.num_features}, eps={self.eps}, momentum={self.momentum}, gamma={self.gamma}, "
            f"beta={self.beta}, moving_mean={self.moving_mean}, moving_variance={self.moving_variance}"
        )


def _check_initial(name: str, value: Any, owner: str) -> None:
    _validate.of_type(name, value, (Tensor, int, float, str, Initializer), owner)
    if isinstance(value, Tensor) and value.dtype is not float32:
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must be Float32, but got {value.dtype}.")
