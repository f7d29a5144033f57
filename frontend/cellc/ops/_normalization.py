"""Normalization over a batch or over the last axes, composed so that it fuses and differentiates by itself."""

from __future__ import annotations

from collections.abc import Callable

from cellc.arithmetic import as_tensor, cast
from cellc.dtype import float32, float64
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import add, mul, rsqrt, square, sub
from cellc.ops._reduction import reduce_mean
from cellc.ops._shape import reshape
from cellc.ops._state import assign, stop_gradient
from cellc.reductions import Axis, normalize_axes
from cellc.tensor import Tensor


def moments(x: Tensor, axis: Axis = (), keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the biased variance, mean((x - mean)^2), over `axis`."""
    mean = reduce_mean(x, axis, keep_dims=True)
    variance = reduce_mean(square(sub(x, mean)), axis, keep_dims=True)
    if keep_dims:
        return mean, variance
    reduced = normalize_axes(axis, x.ndim)
    shape = tuple(extent for at, extent in enumerate(x.shape) if at not in reduced)
    return reshape(mean, shape), reshape(variance, shape)


def _wide(x: Tensor) -> Tensor:
    return cast(x, float64 if x.dtype is float64 else float32)


def batch_norm(
    input_x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor,
    bias: Tensor,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    statistics: Callable[[Tensor, tuple[int, ...]], tuple[Tensor, Tensor]] | None = None,
) -> Tensor:
    """weight (x - mean) / sqrt(variance + eps) + bias for each channel, axis 1; the other four have shape (C,).

    With `training`, mean and biased variance are those of the batch, and the Parameters `running_mean` and
    `running_var` become (1 - momentum) * running + momentum * batch. Otherwise the running ones are used. Computed in
    float32 (float64 for float64), returned in the dtype of `input_x`. `statistics` stands for `moments`.

    Raises:
        TypeError: `input_x` does not hold floats, or with `training` a running statistic is no Parameter.
        ValueError: `input_x` does not have C channels, or another argument does not have shape (C,).
    """
    x = _validate.float_tensor("input_x", as_tensor(input_x), "batch_norm")
    for name, value in (
        ("weight", weight),
        ("bias", bias),
        ("running_mean", running_mean),
        ("running_var", running_var),
    ):
        if x.ndim < 2 or value.shape != (x.shape[1],):
            message = f"For 'batch_norm', '{name}' must have shape (C,) for 'input_x' (N, C, ...), but got shapes "
            raise bad_argument(ValueError, f"{message}{value.shape} and {x.shape}.")
    wide = _wide(x)
    mean, variance = running_mean, running_var
    if training:
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        mean, variance = (statistics or moments)(wide, axes)
        _move(running_mean, mean, momentum)
        _move(running_var, variance, momentum)
    scale = mul(cast(weight, wide.dtype), rsqrt(add(cast(variance, wide.dtype), eps)))
    centered = sub(wide, _by_channel(mean, wide))
    return cast(add(mul(centered, _by_channel(scale, wide)), _by_channel(bias, wide)), x.dtype)


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    return reshape(cast(values, like.dtype), (values.shape[0],) + (1,) * (like.ndim - 2))


def _move(running: Tensor, batch: Tensor, momentum: float) -> None:
    """Moves a running statistic towards that of the batch; no gradient flows here."""
    new = add(running, mul(sub(stop_gradient(batch), running), momentum))
    assign(running, new)  # pyright: ignore[reportArgumentType]  (assign refuses what is no Parameter)


def layer_norm(
    input_x: Tensor, gamma: Tensor, beta: Tensor, begin_norm_axis: int = 1, begin_params_axis: int = 1,
    epsilon: float = 1e-7,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`(result, mean, variance)` with result = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Mean and biased variance are over the axes from `begin_norm_axis` on; `gamma` and `beta` have the shape of x from
    `begin_params_axis` on.

    Raises:
        ValueError: `gamma` or `beta` does not have that shape.
    """
    tensor = _validate.float_tensor("input_x", as_tensor(input_x), "layer_norm")
    first = _validate.axis_in("begin_norm_axis", begin_norm_axis, tensor.ndim, "layer_norm")
    params = _validate.axis_in("begin_params_axis", begin_params_axis, tensor.ndim, "layer_norm")
    for name, parameter in (("gamma", gamma), ("beta", beta)):
        if parameter.shape != tensor.shape[params:]:
            raise bad_argument(
                ValueError,
                f"For 'layer_norm', '{name}' must have the shape of 'input_x' from axis {params}, "
                f"{tensor.shape[params:]}, but got {parameter.shape}.",
            )
    wide = _wide(tensor)
    mean, variance = moments(wide, tuple(range(first, tensor.ndim)), keep_dims=True)
    normal = mul(sub(wide, mean), rsqrt(add(variance, epsilon)))
    result = add(mul(normal, cast(gamma, wide.dtype)), cast(beta, wide.dtype))
    return cast(result, tensor.dtype), mean, variance
