"""Initializers: how parameters get their first values (names and formulas as in MindSpore).

An initializer draws from its own generator, seeded by `set_seed` and by how many initializers were made before it, so
values do not depend on when a lazily initialised parameter is first used.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cellc import dtype as dtypes
from cellc.dtype import DType, dtype_of
from cellc.seed import initializer_generator
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase


class Initializer:
    """Base of all initializers; a subclass defines `values`."""

    def __init__(self) -> None:
        self._generator = initializer_generator()

    def values(self, shape: tuple[int, ...]) -> Any:
        """The values for `shape`, as an array or a number; computed in float64 and cast once."""
        raise NotImplementedError

    def fill(self, array: np.ndarray) -> None:
        """Writes the values into `array`, cast to its dtype."""
        np.copyto(array, np.asarray(self.values(array.shape)), casting="unsafe")

    def __call__(self, array: np.ndarray) -> None:
        self.fill(array)


_PIECE = 1 << 15
"""Elements drawn at a time: in float64 they stay in the cache until they are cast."""


class _Independent(Initializer):
    """Elements are drawn one after another, so pieces have the values of the whole; a subclass defines `_law`."""

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        """Draws as many elements as it is asked for, for a tensor of this shape."""
        raise NotImplementedError

    def values(self, shape: tuple[int, ...]) -> Any:
        return self._law(shape)(shape)

    def fill(self, array: np.ndarray) -> None:
        if not array.flags.c_contiguous:
            super().fill(array)
            return
        draw, elements = self._law(array.shape), array.reshape(-1)
        for start in range(0, elements.size, _PIECE):
            piece = elements[start : start + _PIECE]
            np.copyto(piece, draw(piece.size), casting="unsafe")


class Constant(Initializer):
    """Every element is `value` (a number, or an array of the shape)."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def values(self, shape: tuple[int, ...]) -> Any:
        return self.value


class Zero(Constant):
    """Zeros."""

    def __init__(self) -> None:
        super().__init__(0)


class One(Constant):
    """Ones."""

    def __init__(self) -> None:
        super().__init__(1)


class Normal(_Independent):
    """Normal distribution N(mean, sigma**2)."""

    def __init__(self, sigma: float = 0.01, mean: float = 0.0) -> None:
        super().__init__()
        self.sigma, self.mean = sigma, mean

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        return partial(self._generator.normal, self.mean, self.sigma)


class Uniform(_Independent):
    """Uniform distribution U(-scale, scale)."""

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__()
        self.scale = scale

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        return partial(self._generator.uniform, -self.scale, self.scale)


class TruncatedNormal(Initializer):
    """Normal distribution N(0, sigma**2), drawn again beyond two sigmas."""

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__()
        self.sigma = sigma

    def values(self, shape: tuple[int, ...]) -> Any:
        return _truncated(self._generator, shape) * self.sigma


def _truncated(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(generator.standard_normal(shape))
    while (far := np.abs(values) > 2).any():
        values[far] = generator.standard_normal(int(far.sum()))
    return values


def fan_in_and_out(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of a weight [out, in, *window]: in * window and out * window."""
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _gain(nonlinearity: str, negative_slope: float) -> float:
    """He et al. 2015, generalised: what keeps the variance of activations through a nonlinearity."""
    gains = {
        "linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + negative_slope**2)), "selu": 0.75,
        "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0,
        "conv1d_transpose": 1.0, "conv2d_transpose": 1.0, "conv3d_transpose": 1.0,
    }  # fmt: skip
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity must be one of {', '.join(gains)}, got {nonlinearity!r}")
    return gains[nonlinearity]


class XavierUniform(_Independent):
    """U(-b, b), b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""

    def __init__(self, gain: float = 1) -> None:
        super().__init__()
        self.gain = gain

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        bound = self.gain * math.sqrt(6 / sum(fan_in_and_out(shape)))
        return partial(self._generator.uniform, -bound, bound)


class _He(_Independent):
    def __init__(self, negative_slope: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> None:
        super().__init__()
        if mode not in ("fan_in", "fan_out"):
            raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
        self.mode = mode
        self.gain = _gain(nonlinearity, negative_slope)

    def _deviation(self, shape: tuple[int, ...]) -> float:
        return self.gain / math.sqrt(fan_in_and_out(shape)[self.mode == "fan_out"])


class HeUniform(_He):
    """U(-b, b), b = gain * sqrt(3 / fan) (He et al. 2015)."""

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        bound = math.sqrt(3) * self._deviation(shape)
        return partial(self._generator.uniform, -bound, bound)


class HeNormal(_He):
    """N(0, gain**2 / fan) (He et al. 2015)."""

    def _law(self, shape: tuple[int, ...]) -> Callable[[Any], np.ndarray]:
        return partial(self._generator.normal, 0, self._deviation(shape))


class VarianceScaling(Initializer):
    """Variance scale / n, n = fan_in, fan_out or their mean; truncated_normal, untruncated_normal or uniform."""

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be greater than 0, got {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', got {mode!r}")
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(f"unknown distribution {distribution!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def values(self, shape: tuple[int, ...]) -> Any:
        fan_in, fan_out = fan_in_and_out(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1, fan))
        if self.distribution == "uniform":
            return self._generator.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
        if self.distribution == "untruncated_normal":
            return self._generator.normal(0, deviation, shape)
        # 0.8796... is the standard deviation of a normal truncated at two sigmas.
        return _truncated(self._generator, shape) * (deviation / 0.87962566103423978)


class Identity(Initializer):
    """A matrix with ones on its diagonal."""

    def values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of rank 2, got {shape}")
        return np.eye(*shape)


class Orthogonal(Initializer):
    """(Semi-)orthogonal rows or columns times gain, by the QR decomposition of a normal matrix (Saxe et al. 2013)."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of rank 2 or more, got {shape}")
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(self._generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.gain * (q.T if rows < columns else q).reshape(shape)


class Sparse(Initializer):
    """N(0, sigma**2), and a fraction `sparsity` of each column zero (Martens 2010)."""

    def __init__(self, sparsity: float, sigma: float = 0.01) -> None:
        super().__init__()
        self.sparsity, self.sigma = sparsity, sigma

    def values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Sparse needs a shape of rank 2, got {shape}")
        values = self._generator.normal(0, self.sigma, shape)
        zeros = math.ceil(self.sparsity * shape[0])
        for column in range(shape[1]):
            values[self._generator.permutation(shape[0])[:zeros], column] = 0
        return values


class Dirac(Initializer):
    """A convolution weight that passes each input channel through, within each group."""

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups

    def values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) not in (3, 4, 5):
            raise ValueError(f"Dirac needs a convolution weight of rank 3, 4 or 5, got {shape}")
        if shape[0] % self.groups:
            raise ValueError(f"{shape[0]} output channels do not divide into {self.groups} groups")
        values = np.zeros(shape)
        per_group = shape[0] // self.groups
        centre = tuple(extent // 2 for extent in shape[2:])
        for group in range(self.groups):
            for channel in range(min(per_group, shape[1])):
                values[(group * per_group + channel, channel, *centre)] = 1
        return values


_BY_NAME = {
    "zero": Zero, "zeros": Zero, "one": One, "ones": One, "normal": Normal, "uniform": Uniform,
    "xavier_uniform": XavierUniform, "xavieruniform": XavierUniform, "he_uniform": HeUniform, "heuniform": HeUniform,
    "he_normal": HeNormal, "henormal": HeNormal, "truncatednormal": TruncatedNormal,
    "truncated_normal": TruncatedNormal, "identity": Identity, "orthogonal": Orthogonal, "dirac": Dirac,
    "variancescaling": VarianceScaling, "variance_scaling": VarianceScaling,
}  # fmt: skip


def initializer(init: Any, shape: Any = None, dtype: DType = dtypes.float32) -> Tensor:
    """A tensor whose elements an initializer will make when they are first needed.

    Args:
        init: a Tensor (returned as it is), an initializer, its name, or a number.
        shape: int or sequence of ints.
        dtype: element type.

    Raises:
        ValueError: unknown name, missing or negative shape, or a Tensor of another shape.
        TypeError: `init` or `shape` has a wrong type.
    """
    shape = _checked_shape(shape)
    if isinstance(init, TensorBase):
        if shape is not None and init.shape != shape:
            raise ValueError(f"the Tensor given as init has shape {init.shape}, wanted {shape}")
        return init  # type: ignore[return-value]
    if shape is None:
        raise ValueError("initializer needs a shape unless init is a Tensor")
    if isinstance(init, str):
        if init.lower() not in _BY_NAME:
            raise ValueError(f"unknown initializer {init!r}; known: {', '.join(sorted(_BY_NAME))}")
        init = _BY_NAME[init.lower()]()
    elif isinstance(init, int | float | np.generic) and not isinstance(init, bool):
        init = Constant(init)
    elif isinstance(init, Initializer):
        init = _with_own_generator(init)
    else:
        raise TypeError(f"init must be a Tensor, str, number or Initializer, got {init!r} ({type(init).__name__})")
    return Tensor(shape=shape, dtype=dtype_of(dtype), init=init)


def _with_own_generator(init: Initializer) -> Initializer:
    """A copy for one tensor: tensors that share an initializer would draw in the order of their first use."""
    own = copy.copy(init)
    own._generator = initializer_generator()
    return own


def _checked_shape(shape: Any) -> tuple[int, ...] | None:
    if shape is None:
        return None
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for extent in shape:
        if isinstance(extent, bool) or not isinstance(extent, int | np.integer):
            raise TypeError(f"a shape is made of ints, got {extent!r} of type {type(extent).__name__}")
        if extent < 0:
            raise ValueError(f"a shape has no negative extents, got {shape}")
    return tuple(int(extent) for extent in shape)


__all__ = [
    "Constant", "Dirac", "HeNormal", "HeUniform", "Identity", "Initializer", "Normal", "One", "Orthogonal", "Sparse",
    "TruncatedNormal", "Uniform", "VarianceScaling", "XavierUniform", "Zero", "initializer",
]  # fmt: skip
