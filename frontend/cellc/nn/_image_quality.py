"""How like two images are: PSNR, SSIM and its form over several scales.

Two notes on what MindSpore does. It divides 8-bit images by 255 first; the results depend on the ratio of the images to
`max_val` alone, so nothing is divided here. And it converts `max_val` to the dtype of the images.
"""

from __future__ import annotations

import math

import numpy as np

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._container import CellList
from cellc.nn._conv import Conv2d
from cellc.nn._image import image_batch
from cellc.nn._precision import same_shape, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


def _positive_number(name: str, value: float, owner: str) -> float:
    if not _validate.of_type(name, value, (int, float), owner) > 0:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be greater than 0, but got {value}.")
    return value


def _image_pair(img1: Tensor, img2: Tensor, owner: str) -> tuple[Tensor, Tensor]:
    _validate.one_dtype(owner, img1=image_batch("img1", img1, owner), img2=image_batch("img2", img2, owner))
    same_shape(owner, img1=img1, img2=img2)
    return wide(img1), wide(img2)


def _range_of(max_val: float, image: Tensor) -> float:
    """`max_val` in the dtype of the image."""
    return float(max_val if image.dtype.is_float else int(max_val))


class PSNR(Cell):
    """The peak signal-to-noise ratio of images in decibels, 10 log10(max_val^2 / mean((img1 - img2)^2)).

    Args:
        max_val: the range of the elements, an int or float above 0; cut to an int for images of integers.

    Inputs:
        img1, img2: Tensors of numbers of one shape (N, C, H, W) and one dtype.

    Outputs:
        A Tensor (N,) of float32 (float64 for float64); infinite where the images are equal.

    Raises:
        TypeError: `max_val` is neither an int nor a float, or the images are not Tensors of numbers of one dtype.
        ValueError: `max_val` is not above 0, or the images do not have rank 4 and one shape.

    Examples:
        >>> nn.PSNR()(ops.zeros((1, 1, 2, 2)), ops.ones((1, 1, 2, 2))).asnumpy()
        array([0.], dtype=float32)
    """

    max_val: float

    def __init__(self, max_val: float = 1.0) -> None:
        super().__init__()
        self.max_val = _positive_number("max_val", max_val, self.cls_name)

    def construct(self, img1: Tensor, img2: Tensor) -> Tensor:
        one, other = _image_pair(img1, img2, self.cls_name)
        error = ops.reduce_mean(ops.squared_difference(one, other), (1, 2, 3))
        return ops.mul(ops.log(ops.div(_range_of(self.max_val, img1) ** 2, error)), 10 / math.log(10))


def _gaussian(size: int, sigma: float) -> Tensor:
    """The window (1, 1, size, size) of sum 1; for an even size its middle is left of and above the centre."""
    distances = np.arange(size) - (size - 1) // 2
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    weights /= weights.sum()
    return Tensor(np.outer(weights, weights).reshape(1, 1, size, size).astype(np.float32))


class _Similarity(Cell):
    """What SSIM and MSSSIM have: constants, windows, and the maps that they average."""

    def __init__(self, max_val: float, filter_size: int, filter_sigma: float, k1: float, k2: float) -> None:
        super().__init__()
        owner = self.cls_name
        self.max_val = _positive_number("max_val", max_val, owner)
        self.filter_size = _validate.positive_int("filter_size", filter_size, owner)
        self.filter_sigma = _validate.positive_float("filter_sigma", filter_sigma, owner)
        self.k1 = _validate.of_type("k1", k1, float, owner)
        self.k2 = _validate.of_type("k2", k2, float, owner)

    def _window(self) -> Conv2d:
        """A convolution with the Gaussian; a parameter as in MindSpore, but not trained."""
        size = self.filter_size
        cell = Conv2d(1, 1, size, pad_mode="valid", weight_init=_gaussian(size, self.filter_sigma))
        cell.weight.requires_grad = False
        return cell

    def _check_size(self, image: Tensor, halvings: int) -> None:
        if min(image.shape[2:]) >> halvings < self.filter_size:
            least = self.filter_size << halvings
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', height and width of 'img1' must be at least {least} for 'filter_size' "
                f"{self.filter_size}, but got shape {image.shape}.",
            )

    def _indices(self, weight: Tensor, one: Tensor, other: Tensor, limit: float) -> tuple[Tensor, Tensor]:
        """(similarity, contrast) of each channel, both of shape (N, C)."""
        c1, c2 = (self.k1 * limit) ** 2, (self.k2 * limit) ** 2
        window = ops.cast(weight, one.dtype)
        shape = (one.shape[0] * one.shape[1], 1, *one.shape[2:])
        x, y = ops.reshape(one, shape), ops.reshape(other, shape)
        mean_x, mean_y, mean_xx, mean_yy, mean_xy = (ops.conv2d(z, window) for z in (x, y, x * x, y * y, x * y))
        product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
        contrast = (2 * (mean_xy - product) + c2) / (mean_xx + mean_yy - squares + c2)
        luminance = (2 * product + c1) / (squares + c1)
        similarity, contrast = (ops.reduce_mean(z, (1, 2, 3)) for z in (luminance * contrast, contrast))
        return ops.reshape(similarity, one.shape[:2]), ops.reshape(contrast, one.shape[:2])


class SSIM(_Similarity):
    """The structural similarity of images (Wang et al. 2004), averaged over windows and channels.

    A window has means m1, m2, variances v1, v2 and the covariance v12, weighted by a Gaussian; its similarity is
    (2 m1 m2 + c1) (2 v12 + c2) / ((m1^2 + m2^2 + c1) (v1 + v2 + c2)) with c1 = (k1 max_val)^2, c2 = (k2 max_val)^2.

    Args:
        max_val: the range of the elements, an int or float above 0; cut to an int for images of integers.
        filter_size: height and width of a window, an int of at least 1.
        filter_sigma: standard deviation of the Gaussian, a float above 0.
        k1, k2: floats.

    Inputs:
        img1, img2: Tensors of numbers of one shape (N, C, H, W) and one dtype.

    Outputs:
        A Tensor (N,) of float32 (float64 for float64).

    Raises:
        TypeError: an argument is of another type, or the images are not Tensors of numbers of one dtype.
        ValueError: an argument is out of its range, or the images do not have rank 4 and one shape, or are smaller
            than a window.

    Examples:
        >>> nn.SSIM()(ops.ones((1, 3, 16, 16)), ops.ones((1, 3, 16, 16))).asnumpy()
        array([1.], dtype=float32)
    """

    def __init__(
        self,
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
    ) -> None:
        super().__init__(max_val, filter_size, filter_sigma, k1, k2)
        self.conv = self._window()

    def construct(self, img1: Tensor, img2: Tensor) -> Tensor:
        one, other = _image_pair(img1, img2, self.cls_name)
        self._check_size(one, 0)
        similarity, _ = self._indices(self.conv.weight, one, other, _range_of(self.max_val, img1))
        return ops.reduce_mean(similarity, -1)


def _rectified_power(x: Tensor, power: float) -> Tensor:
    """max(x, 0)^power with slope 0 where x is not above 0."""
    at_zero = 1.0 if power == 0 else 0.0 if power > 0 else math.inf
    below = ops.less_equal(x, 0.0)
    return ops.select(below, at_zero, ops.pow(ops.select(below, 1.0, x), power))


class MSSSIM(_Similarity):
    """SSIM over several scales (Wang, Simoncelli and Bovik 2003): each is half as large as the one before.

    The product over scales of max(contrast, 0)^power, where the last scale counts by its whole similarity, averaged
    over channels. Contrast is the factor (2 v12 + c2) / (v1 + v2 + c2) of SSIM.

    Args:
        max_val: the range of the elements, an int or float above 0; cut to an int for images of integers.
        power_factors: a tuple or list of the power of each scale.
        filter_size, filter_sigma, k1, k2: as for SSIM.

    Inputs:
        img1, img2: Tensors of numbers of one shape (N, C, H, W) and one dtype.

    Outputs:
        A Tensor (N,) of float32 (float64 for float64), in [0, 1].

    Raises:
        TypeError: an argument is of another type, or the images are not Tensors of numbers of one dtype.
        ValueError: an argument is out of its range, `power_factors` is empty, or the images do not have rank 4 and one
            shape, or are smaller than a window at the last scale.

    Examples:
        >>> nn.MSSSIM(power_factors=(0.5, 0.5))(ops.ones((1, 3, 32, 32)), ops.ones((1, 3, 32, 32))).asnumpy()
        array([1.], dtype=float32)
    """

    def __init__(
        self,
        max_val: float = 1.0,
        power_factors: tuple[float, ...] | list[float] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
    ) -> None:
        super().__init__(max_val, filter_size, filter_sigma, k1, k2)
        _validate.of_type("power_factors", power_factors, (tuple, list), self.cls_name)
        if not power_factors:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'power_factors' must not be empty.")
        self._powers = tuple(_validate.of_type("power_factors", p, (int, float), self.cls_name) for p in power_factors)
        self.level = len(power_factors)
        self.multi_convs_list = CellList([self._window() for _ in power_factors])

    def construct(self, img1: Tensor, img2: Tensor) -> Tensor:
        one, other = _image_pair(img1, img2, self.cls_name)
        self._check_size(one, self.level - 1)
        factors = []
        for scale, (conv, power) in enumerate(zip(self.multi_convs_list, self._powers, strict=True)):
            if scale:
                one, other = (ops.avg_pool(image, 2, 2) for image in (one, other))
            similarity, contrast = self._indices(conv.weight, one, other, _range_of(self.max_val, img1))
            factors.append(_rectified_power(similarity if scale == self.level - 1 else contrast, power))
        return ops.reduce_mean(math.prod(factors[1:], start=factors[0]), -1)
