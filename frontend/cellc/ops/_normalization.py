"""Normalization over a batch or over the last axes, composed so that it fuses and differentiates by itself."""

from __future__ import annotations

from cellc.arithmetic import as_tensor, cast
from cellc.dtype import float32, float64
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import add, mul, rsqrt, square, sub
from cellc.ops._reduction import reduce_mean
from cellc.ops._shape import reshape
from cellc.reductions import Axis
from cellc.tensor import Tensor


def moments(x: Tensor, axis: Axis = (), keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the biased variance, mean((x - mean)^2), over `axis`."""
    centered = sub(x, reduce_mean(x, axis, keep_dims=True))
    return reduce_mean(x, axis, keep_dims), reduce_mean(square(centered), axis, keep_dims)


def _wide(x: Tensor) -> Tensor:
    return cast(x, float64 if x.dtype is float64 else float32)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: float = 1e-5) -> Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, each of the four one value for each channel (axis 1).

    Computed in float32 (float64 for float64), returned in the dtype of x.
    """
    _validate.float_tensor("x", x, "batch_norm")
    channels = (gamma.shape[0],) + (1,) * (x.ndim - 2)
    wide = _wide(x)
    scale = mul(cast(gamma, wide.dtype), rsqrt(add(cast(variance, wide.dtype), epsilon)))
    centered = sub(wide, reshape(cast(mean, wide.dtype), channels))
    result = add(mul(centered, reshape(scale, channels)), reshape(cast(beta, wide.dtype), channels))
    return cast(result, x.dtype)


def batch_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the biased variance of each channel (axis 1), in float32 or float64."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    return moments(_wide(as_tensor(x)), axes)


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
