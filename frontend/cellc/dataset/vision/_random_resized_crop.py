"""Pieces of images of random place, area and shape, resized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cellc.dataset._random import generator
from cellc.dataset.vision._vision import CenterCrop, Decode, Inter, Resize
from cellc.errors import bad_argument
from cellc.ops import _validate


class RandomResizedCrop:
    """Cuts a piece of random area and aspect out, and resizes it to `size`.

    The area is uniform in `scale` and the logarithm of width / height in that of `ratio`. Where `max_attempts` pieces
    do not fit in the image, the largest piece in its middle is taken whose aspect is in `ratio`.

    Args:
        size: (height, width) or an int for both.
        scale: the least and the greatest area, as parts of the image's.
        ratio: the least and the greatest width / height.
        interpolation: an Inter.
        max_attempts: how many pieces are tried.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Inter = Inter.BILINEAR,
        max_attempts: int = 10,
    ) -> None:
        owner = type(self).__name__
        self._resize = Resize(_validate.pair("size", tuple(size) if isinstance(size, list) else size, owner),
                              interpolation)  # fmt: skip
        self._scale = _interval("scale", scale, owner)
        self._ratio = _interval("ratio", ratio, owner)
        self._attempts = _validate.positive_int("max_attempts", max_attempts, owner)

    def __call__(self, image: Any) -> np.ndarray:
        pixels = np.asarray(image)
        if pixels.ndim not in (2, 3):
            raise ValueError(f"{type(self).__name__} takes images (H, W) or (H, W, C), but got shape {pixels.shape}.")
        return self._resize(self._piece(pixels))

    def _piece(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        random = generator()
        for _ in range(self._attempts):
            area = height * width * random.uniform(*self._scale)
            least, most = map(math.log, self._ratio)
            aspect = math.exp(random.uniform(least, most))
            tall, wide = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < tall <= height and 0 < wide <= width:
                top, left = (int(random.integers(room + 1)) for room in (height - tall, width - wide))
                return pixels[top : top + tall, left : left + wide]
        aspect = min(max(width / height, self._ratio[0]), self._ratio[1])
        tall, wide = min(height, round(width / aspect)), min(width, round(height * aspect))
        return CenterCrop((max(tall, 1), max(wide, 1)))(pixels)


class RandomCropDecodeResize(RandomResizedCrop):
    """RandomResizedCrop of the bytes of an image file, in RGB; see there for arguments and errors."""

    def __call__(self, image: Any) -> np.ndarray:
        return super().__call__(Decode()(image))


def _interval(name: str, value: Any, owner: str) -> tuple[float, float]:
    """`(low, high)` with 0 < low <= high."""
    pair = tuple(value) if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(end, int | float) for end in pair) or not 0 < pair[0] <= pair[1]:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be (low, high), both above 0, but got {value}.")
    return pair
