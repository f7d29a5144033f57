"""Class forms of what networks are made of: activations, convolution, pooling, normalization, losses."""

from __future__ import annotations

from cellc.errors import bad_argument
from cellc.ops import _activation, _normalization, _pooling, _validate
from cellc.ops._contraction import bias_add, conv2d
from cellc.ops._primitive import Primitive, class_form
from cellc.ops._windows import window_padding
from cellc.tensor import Tensor

ReLU = class_form("ReLU", _activation.relu)
ReLU6 = class_form("ReLU6", _activation.relu6)
Sigmoid = class_form("Sigmoid", _activation.sigmoid)
Tanh = class_form("Tanh", _activation.tanh)
GeLU = class_form("GeLU", _activation.gelu)


class Softmax(Primitive):
    """Class form of `softmax`: `Softmax(axis)(logits)`; a tuple of one axis stands for the axis."""

    _function = staticmethod(_activation.softmax)

    def __init__(self, axis: int | tuple[int] = -1) -> None:
        _validate.of_type("axis", axis, (int, tuple), self.name)
        if isinstance(axis, tuple) and len(axis) != 1:
            raise bad_argument(
                ValueError, f"For '{self.name}', 'axis' must be an int or a tuple of one int, but got {axis}."
            )
        self.axis = _validate.integer("axis", axis[0] if isinstance(axis, tuple) else axis, self.name)

    def __call__(self, logits: Tensor) -> Tensor:
        """Normalises along the axis."""
        return type(self)._function(logits, self.axis)


class LogSoftmax(Softmax):
    """Class form of `log_softmax`: `LogSoftmax(axis)(logits)`."""

    _function = staticmethod(_activation.log_softmax)


class Dropout(Primitive):
    """Class form of `dropout`: `Dropout(keep_prob)(x)` returns `(result, mask)`; keep_prob is 1 - p.

    The seeds are accepted for MindSpore's sake; `cellc.set_seed` decides the bits.
    """

    def __init__(self, keep_prob: float = 0.5, Seed0: int = 0, Seed1: int = 0) -> None:
        if not 0 < _validate.of_type("keep_prob", keep_prob, (int, float), self.name) <= 1:
            raise bad_argument(ValueError, f"For '{self.name}', 'keep_prob' must be in (0, 1], but got {keep_prob}.")
        self.keep_prob = keep_prob

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The thinned tensor and the mask."""
        return _activation.keep_randomly(x, self.keep_prob)


class BiasAdd(Primitive):
    """Class form of `bias_add`: `BiasAdd()(input_x, bias)`."""

    def __init__(self, data_format: str = "NCHW") -> None:
        self.data_format = _validate.one_of("data_format", data_format, ("NCHW",), self.name)

    def __call__(self, input_x: Tensor, bias: Tensor) -> Tensor:
        """The input plus one value for each channel."""
        return bias_add(input_x, bias)


class Conv2D(Primitive):
    """Class form of `conv2d`; see there for shapes and padding.

    Args:
        out_channel: K, the leading extent of the weight given at the call.
        kernel_size: (R, S), the trailing extents of the weight.
        mode: 1, cross-correlation; nothing else exists.
    """

    def __init__(
        self,
        out_channel: int,
        kernel_size: int | tuple[int, int],
        mode: int = 1,
        pad_mode: str = "valid",
        pad: int | tuple[int, int, int, int] = 0,
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        group: int = 1,
        data_format: str = "NCHW",
    ) -> None:
        owner = self.name
        self.out_channel = _validate.positive_int("out_channel", out_channel, owner)
        self.kernel_size = _validate.pair("kernel_size", kernel_size, owner)
        self.mode = _validate.int_in("mode", mode, 1, 1, owner)
        self.stride = _validate.pair("stride", stride, owner)
        self.dilation = _validate.pair("dilation", dilation, owner)
        window_padding(pad_mode, pad, (1, 1), self.kernel_size, self.stride, self.dilation, owner)
        self.pad_mode, self.pad = pad_mode, pad
        self.group = _validate.positive_int("group", group, owner)
        self.data_format = _validate.one_of("data_format", data_format, ("NCHW",), owner)

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """The convolution of `x` with `weight`.

        Raises:
            ValueError: `weight` has another shape than the class was made for.
        """
        if weight.ndim != 4 or (weight.shape[0], *weight.shape[2:]) != (self.out_channel, *self.kernel_size):
            raise bad_argument(
                ValueError,
                f"For 'Conv2D', 'weight' must have shape ({self.out_channel}, C / group, *{self.kernel_size}), "
                f"but got {weight.shape}.",
            )
        return conv2d(x, weight, self.pad_mode, self.pad, self.stride, self.dilation, self.group)


class MaxPool(Primitive):
    """Class form of `max_pool`: `MaxPool(kernel_size, strides, pad_mode)(x)`."""

    _function = staticmethod(_pooling.max_pool)

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 1,
        strides: int | tuple[int, int] = 1,
        pad_mode: str = "valid",
        data_format: str = "NCHW",
    ) -> None:
        self.kernel_size = _validate.pair("kernel_size", kernel_size, self.name)
        self.strides = _validate.pair("strides", strides, self.name)
        _validate.of_type("pad_mode", pad_mode, str, self.name)
        self.pad_mode = _validate.one_of("pad_mode", pad_mode.upper(), ("VALID", "SAME"), self.name)
        self.data_format = _validate.one_of("data_format", data_format, ("NCHW",), self.name)

    def __call__(self, x: Tensor) -> Tensor:
        """Pools x[N, C, H, W]."""
        return type(self)._function(x, self.kernel_size, self.strides, self.pad_mode)


class AvgPool(MaxPool):
    """Class form of `avg_pool`: `AvgPool(kernel_size, strides, pad_mode)(x)`."""

    _function = staticmethod(_pooling.avg_pool)


class LayerNorm(Primitive):
    """Class form of `layer_norm`: `LayerNorm(begin_norm_axis, begin_params_axis, epsilon)(x, gamma, beta)`."""

    def __init__(self, begin_norm_axis: int = 1, begin_params_axis: int = 1, epsilon: float = 1e-7) -> None:
        self.begin_norm_axis = _validate.integer("begin_norm_axis", begin_norm_axis, self.name)
        self.begin_params_axis = _validate.integer("begin_params_axis", begin_params_axis, self.name)
        self.epsilon = _validate.of_type("epsilon", epsilon, float, self.name)

    def __call__(self, input_x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The normalized tensor, the mean and the variance."""
        return _normalization.layer_norm(
            input_x, gamma, beta, self.begin_norm_axis, self.begin_params_axis, self.epsilon
        )
