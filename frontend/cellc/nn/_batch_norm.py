"""Batch normalization, for inputs of 2, 4 and 5 axes."""

from __future__ import annotations

from typing import Any, ClassVar

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class _BatchNorm(Cell):
    """What batch normalizations have in common; `_axes` names the axes after N and C that each may have."""

    gamma: Parameter
    beta: Parameter
    _kept_wide = ("moving_mean", "moving_variance")
    moving_mean: Parameter
    moving_variance: Parameter
    _axes: ClassVar[tuple[tuple[str, ...], ...]]
    _statistics: Any = None  # what computes mean and variance instead of ops.moments

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
        self.eps, self.momentum, self.use_batch_statistics = eps, momentum, use_batch_statistics
        shape = [num_features]
        self.moving_mean = Parameter(initializer(moving_mean_init, shape), name="mean", requires_grad=False)
        self.moving_variance = Parameter(initializer(moving_var_init, shape), name="variance", requires_grad=False)
        self.gamma = Parameter(initializer(gamma_init, shape), name="gamma", requires_grad=affine)
        self.beta = Parameter(initializer(beta_init, shape), name="beta", requires_grad=affine)

    def construct(self, x: Tensor) -> Tensor:
        if x.ndim - 2 not in map(len, self._axes) or x.shape[1] != self.num_features:
            shapes = " or ".join(
                f"({', '.join(['N', str(self.num_features), *axes])})" for axes in self._axes
            )  # fmt: skip
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'x' must have shape {shapes}, but got shape {x.shape}."
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
            statistics=self._statistics,
        )

    def extend_repr(self) -> str:
        return (
            f"num_features={self.num_features}, eps={self.eps}, momentum={self.momentum}, gamma={self.gamma}, "
            f"beta={self.beta}, moving_mean={self.moving_mean}, moving_variance={self.moving_variance}"
        )


class BatchNorm1d(_BatchNorm):
    """gamma (x - mean) / sqrt(variance + eps) + beta for each feature of (N, C).

    Formula, arguments and errors are those of BatchNorm2d, without `data_format`.

    Inputs:
        x: a Tensor of shape (N, C); MindSpore has no (N, C, L) here.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: as BatchNorm2d.
        ValueError: as BatchNorm2d, and the input does not have shape (N, C).

    Examples:
        >>> nn.BatchNorm1d(num_features=4)(ops.ones((2, 4))).shape
        (2, 4)
    """

    _axes = ((),)


class BatchNorm2d(_BatchNorm):
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

    _axes = (("H", "W"),)

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
        super().__init__(
            num_features, eps, momentum, affine, gamma_init, beta_init, moving_mean_init, moving_var_init,
            use_batch_statistics,
        )  # fmt: skip
        self.format = _validate.one_of("data_format", data_format, ("NCHW",), self.cls_name)


class BatchNorm3d(Cell):
    """gamma (x - mean) / sqrt(variance + eps) + beta for each channel of (N, C, D, H, W).

    As in MindSpore the parameters belong to a BatchNorm2d, the cell `bn2d`, which gets depth and height as one axis.
    Formula, arguments and errors are those of BatchNorm2d.

    Args:
        data_format: "NCDHW".

    Inputs:
        input_x: a Tensor of shape (N, C, D, H, W).

    Outputs:
        A Tensor of the shape and dtype of `input_x`.

    Raises:
        TypeError: as BatchNorm2d.
        ValueError: as BatchNorm2d, and the input does not have shape (N, C, D, H, W).

    Examples:
        >>> nn.BatchNorm3d(num_features=3)(ops.ones((2, 3, 4, 5, 6))).shape
        (2, 3, 4, 5, 6)
    """

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
        data_format: str = "NCDHW",
    ) -> None:
        super().__init__()
        self.format = _validate.one_of("data_format", data_format, ("NCDHW",), self.cls_name)
        self.bn2d = BatchNorm2d(
            num_features, eps, momentum, affine, gamma_init, beta_init, moving_mean_init, moving_var_init,
            use_batch_statistics,
        )  # fmt: skip

    def construct(self, input_x: Tensor) -> Tensor:
        shape, channels = input_x.shape, self.bn2d.num_features
        if len(shape) != 5 or shape[1] != channels:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'input_x' must have shape (N, {channels}, D, H, W), but got shape {shape}.",
            )
        n, c, d, h, w = shape
        return ops.reshape(self.bn2d(ops.reshape(input_x, (n, c, d * h, w))), shape)
