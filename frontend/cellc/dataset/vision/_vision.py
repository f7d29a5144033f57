"""Transforms of images: arrays (H, W), (H, W, 1) or (H, W, 3). Pillow decodes and resizes (the extra `vision`)."""

from __future__ import annotations

import enum
import io
from typing import Any

import numpy as np

from cellc.dataset._random import generator
from cellc.dataset.transforms._rowwise import RowWise
from cellc.dataset.transforms._transforms import probability
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.storage import aligned_empty


class Inter(enum.Enum):
    """How `Resize` computes pixels between others."""

    NEAREST = "NEAREST"
    LINEAR = "BILINEAR"
    BILINEAR = LINEAR
    CUBIC = "BICUBIC"
    BICUBIC = CUBIC
    AREA = "BOX"
    ANTIALIAS = "LANCZOS"


class Border(enum.Enum):
    """What `Pad` puts around an image."""

    CONSTANT = "constant"
    EDGE = "edge"
    REFLECT = "reflect"
    SYMMETRIC = "symmetric"


class Decode:
    """Decodes the bytes of an image file to uint8 (H, W, 3) in RGB.

    Args:
        rgb: True; there is no other order of the channels.

    Raises:
        TypeError: `rgb` is not a bool.
        ValueError: `rgb` is False; while reading, where the bytes are no image.
    """

    def __init__(self, rgb: bool = True) -> None:
        if not _validate.boolean("rgb", rgb, "Decode"):
            raise bad_argument(ValueError, "For 'Decode', 'rgb' must be True: images are decoded to RGB.")

    def __call__(self, data: Any) -> np.ndarray:
        pillow = _pillow("Decode")
        try:
            with pillow.open(io.BytesIO(np.asarray(data, np.uint8).tobytes())) as image:
                return np.asarray(image.convert("RGB"))
        except OSError as error:
            raise ValueError(f"Decode got bytes that are no image: {error}") from None


class Resize:
    """Resizes to (height, width), or so that the shorter side has `size` pixels.

    Args:
        size: (height, width) or an int.
        interpolation: an Inter.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, size: int | tuple[int, int], interpolation: Inter = Inter.LINEAR) -> None:
        self._size = size if isinstance(size, int) else _validate.pair("size", _tuple(size), "Resize")
        _validate.pair("size", _tuple(size), "Resize")
        self._interpolation = _validate.of_type("interpolation", interpolation, Inter, "Resize")

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _image(image, "Resize")
        height, width = self._target(*pixels.shape[:2])
        pillow = _pillow("Resize")
        method = getattr(pillow.Resampling, self._interpolation.value)
        planes = [pixels] if pixels.ndim == 2 else [pixels[..., channel] for channel in range(pixels.shape[2])]
        resized = [np.asarray(pillow.fromarray(plane).resize((width, height), method)) for plane in planes]
        return resized[0] if pixels.ndim == 2 else np.stack(resized, axis=-1)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self._size, int):
            return self._size
        if height < width:
            return self._size, int(self._size * width / height)
        return int(self._size * height / width), self._size


class Rescale(RowWise):
    """image * rescale + shift, in float32.

    Args:
        rescale, shift: numbers.

    Raises:
        TypeError: an argument is not a number.
    """

    def __init__(self, rescale: float, shift: float) -> None:
        self._rescale = np.float32(_validate.of_type("rescale", rescale, (int, float), "Rescale"))
        self._shift = np.float32(_validate.of_type("shift", shift, (int, float), "Rescale"))

    def __call__(self, image: Any) -> np.ndarray:
        pixels = np.asarray(image)
        result = aligned_empty(pixels.shape, np.dtype(np.float32))
        np.copyto(result, pixels, casting="unsafe")
        result *= self._rescale
        if self._shift:
            result += self._shift
        return result

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        return self(rows)


class Normalize(RowWise):
    """(image - mean) / std for each channel, in float32.

    Args:
        mean, std: a number for each channel; std above 0.
        is_hwc: whether channels are the last axis, or the first.

    Raises:
        TypeError, ValueError: an argument has another type or value, or there are not as many means as deviations;
            while reading, where the image has another number of channels.
    """

    def __init__(self, mean: Any, std: Any, is_hwc: bool = True) -> None:
        for name, value in (("mean", mean), ("std", std)):
            _validate.of_type(name, value, (list, tuple), "Normalize")
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        if self._mean.shape != self._std.shape or not (self._std > 0).all():
            message = f"For 'Normalize', 'std' must have a positive number for each of 'mean', but got {mean}, {std}."
            raise bad_argument(ValueError, message)
        self._hwc = _validate.boolean("is_hwc", is_hwc, "Normalize")

    def __call__(self, image: Any) -> np.ndarray:
        pixels = np.asarray(image).astype(np.float32)
        shape = (-1,) if self._hwc else (-1, 1, 1)
        channels = 1 if pixels.ndim == 2 else pixels.shape[-1 if self._hwc else 0]
        if self._mean.size not in (1, channels):
            raise ValueError(f"Normalize has {self._mean.size} means, but got an image of shape {pixels.shape}.")
        return (pixels - self._mean.reshape(shape)) / self._std.reshape(shape)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        # Of images (C, H, W) the channels' axis is counted from the end too; other ranks take other ways.
        channels = rows.shape[-1 if self._hwc else 1]
        if rows.ndim != 4 or self._mean.size not in (1, channels):
            raise ValueError(f"no images of three axes with {self._mean.size} channels: {rows.shape[1:]}")
        shape = (-1,) if self._hwc else (-1, 1, 1)
        return (rows.astype(np.float32) - self._mean.reshape(shape)) / self._std.reshape(shape)


class HWC2CHW(RowWise):
    """Moves the channels of an image (H, W, C) to the front: (C, H, W).

    Raises:
        ValueError: while reading, where an image does not have rank 3.
    """

    def __call__(self, image: Any) -> np.ndarray:
        pixels = np.asarray(image)
        if pixels.ndim != 3:
            raise ValueError(f"HWC2CHW takes images of rank 3, but got shape {pixels.shape}.")
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(rows.transpose(0, 3, 1, 2))


class ToTensor(RowWise):
    """float32 (C, H, W) in [0, 1] of a uint8 image (H, W) or (H, W, C).

    Args:
        output_type: accepted where it is NumPy's float32.
    """

    def __init__(self, output_type: Any = np.float32) -> None:
        self._dtype = np.dtype(output_type)

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _image(image, "ToTensor")
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(self._dtype) / self._dtype.type(255)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        images = rows[..., None] if rows.ndim == 3 else rows
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(self._dtype) / self._dtype.type(255)


class CenterCrop:
    """Cuts the middle out; smaller images are first padded with zeros.

    Args:
        size: (height, width) or an int for both.

    Raises:
        TypeError, ValueError: `size` is something else.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self._size = _validate.pair("size", _tuple(size), "CenterCrop")

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _at_least(_image(image, "CenterCrop"), self._size)
        top, left = ((have - want) // 2 for have, want in zip(pixels.shape, self._size, strict=False))
        return pixels[top : top + self._size[0], left : left + self._size[1]]


class RandomCrop:
    """Cuts a piece out at a random place.

    Args:
        size: (height, width) or an int for both.
        padding: pixels around the image before: an int, (left, right and top, bottom) or (left, top, right, bottom).
        pad_if_needed: whether smaller images are padded.
        fill_value: what is padded with.
        padding_mode: a Border.

    Raises:
        TypeError, ValueError: an argument has another type or value; while reading, where an image is too small.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: Any = None,
        pad_if_needed: bool = False,
        fill_value: int = 0,
        padding_mode: Border = Border.CONSTANT,
    ) -> None:
        self._size = _validate.pair("size", _tuple(size), "RandomCrop")
        self._pad = None if padding is None else Pad(padding, fill_value, padding_mode)
        self._if_needed = _validate.boolean("pad_if_needed", pad_if_needed, "RandomCrop")

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _image(image, "RandomCrop")
        pixels = pixels if self._pad is None else self._pad(pixels)
        pixels = _at_least(pixels, self._size) if self._if_needed else pixels
        rooms = [have - want for have, want in zip(pixels.shape, self._size, strict=False)]
        if min(rooms) < 0:
            raise ValueError(f"RandomCrop to {self._size} got an image of shape {pixels.shape}.")
        top, left = (int(generator().integers(room + 1)) for room in rooms)
        return pixels[top : top + self._size[0], left : left + self._size[1]]


class Pad:
    """Puts pixels around an image.

    Args:
        padding: an int, (left and right, top and bottom) or (left, top, right, bottom).
        fill_value: the value of constant pixels.
        padding_mode: a Border.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, padding: Any, fill_value: int = 0, padding_mode: Border = Border.CONSTANT) -> None:
        _validate.of_type("padding", padding, (int, tuple, list), "Pad")
        sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        sides = sides * 2 if len(sides) == 2 else sides
        if len(sides) != 4 or not all(isinstance(side, int) and side >= 0 for side in sides):
            message = f"For 'Pad', 'padding' must be 1, 2 or 4 ints of at least 0, but got {padding}."
            raise bad_argument(ValueError, message)
        left, top, right, bottom = sides
        self._widths = ((top, bottom), (left, right))
        self._fill = _validate.of_type("fill_value", fill_value, int, "Pad")
        self._mode = _validate.of_type("padding_mode", padding_mode, Border, "Pad")

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _image(image, "Pad")
        widths = self._widths + ((0, 0),) * (pixels.ndim - 2)
        values: Any = {"constant_values": self._fill} if self._mode is Border.CONSTANT else {}
        return np.pad(pixels, widths, self._mode.value, **values)


class RandomHorizontalFlip:
    """Turns left and right round with some probability.

    Args:
        prob: a number in [0, 1].

    Raises:
        TypeError, ValueError: `prob` is something else.
    """

    _axis = 1

    def __init__(self, prob: float = 0.5) -> None:
        self._probability = probability("prob", prob, type(self).__name__)

    def __call__(self, image: Any) -> np.ndarray:
        pixels = _image(image, type(self).__name__)
        return np.flip(pixels, self._axis) if generator().random() < self._probability else pixels


class RandomVerticalFlip(RandomHorizontalFlip):
    """Turns top and bottom round with some probability.

    Args:
        prob: a number in [0, 1].

    Raises:
        TypeError, ValueError: `prob` is something else.
    """

    _axis = 0


def _image(image: Any, owner: str) -> np.ndarray:
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"{owner} takes images (H, W) or (H, W, C), but got shape {pixels.shape}.")
    return pixels


def _at_least(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image with zeros around it, so that it has `size` at least."""
    missing = [max(0, want - have) for have, want in zip(pixels.shape, size, strict=False)]
    widths = [(count - count // 2, count // 2) for count in missing] + [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, widths) if any(missing) else pixels


def _tuple(size: Any) -> Any:
    return tuple(size) if isinstance(size, list) else size


def _pillow(owner: str) -> Any:
    """`PIL.Image`.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{owner} needs Pillow: pip install 'cellc[vision]'") from error
    return Image
