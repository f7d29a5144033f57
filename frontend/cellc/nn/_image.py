"""Layers that crop, resize and differentiate images."""

from __future__ import annotations

import numpy as np

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import float_input, number_input, tensor_input, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


def image_batch(name: str, value: Tensor, owner: str) -> Tensor:
    """`value`, a Tensor of numbers of shape (N, C, H, W).

    Raises:
        TypeError: it is no Tensor of numbers.
        ValueError: it has another rank.
    """
    if number_input(name, value, owner).ndim != 4:
        raise bad_argument(
            ValueError, f"For '{owner}', '{name}' must have rank 4 (N, C, H, W), but got shape {value.shape}."
        )
    return value


class CentralCrop(Cell):
    """The middle of images; int((extent - extent * central_fraction) / 2) elements go at each side.

    Args:
        central_fraction: the part of height and width that stays, a float in (0, 1].

    Inputs:
        image: a Tensor of shape (C, H, W) or (N, C, H, W).

    Outputs:
        A Tensor of that rank in the dtype of `image`.

    Raises:
        TypeError: `central_fraction` is not a float, or `image` is not a Tensor.
        ValueError: `central_fraction` is outside (0, 1], or `image` has another rank.

    Examples:
        >>> nn.CentralCrop(0.5)(ops.ones((4, 3, 4, 8))).shape
        (4, 3, 2, 4)
    """

    central_fraction: float

    def __init__(self, central_fraction: float) -> None:
        super().__init__()
        self.central_fraction = _validate.of_type("central_fraction", central_fraction, float, self.cls_name)
        if not 0 < central_fraction <= 1:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'central_fraction' must be in (0, 1], but got {central_fraction}."
            )

    def construct(self, image: Tensor) -> Tensor:
        if tensor_input("image", image, self.cls_name).ndim not in (3, 4):
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'image' must have rank 3 or 4, but got shape {image.shape}."
            )
        top, left = (self._border(extent) for extent in image.shape[-2:])
        return image[..., top : image.shape[-2] - top, left : image.shape[-1] - left]

    def _border(self, extent: int) -> int:
        # MindSpore rounds the product to float32, which decides where it is nearly an integer.
        return int((extent - float(np.float32(extent * self.central_fraction))) / 2)


class ImageGradients(Cell):
    """Differences of neighbouring rows and of neighbouring columns; 0 in the last row and column.

    Inputs:
        images: a Tensor of numbers of shape (N, C, H, W).

    Outputs:
        (dy, dx), Tensors of the shape and dtype of `images`: dy[i] = images[i + 1] - images[i] over the height,
        dx the same over the width.

    Raises:
        TypeError: `images` is not a Tensor of numbers.
        ValueError: `images` does not have rank 4.

    Examples:
        >>> dy, dx = nn.ImageGradients()(Tensor([[[[1, 2], [3, 5]]]]))
        >>> dy.tolist(), dx.tolist()
        ([[[[2, 3], [0, 0]]]], [[[[1, 0], [2, 0]]]])
    """

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = image_batch("images", images, self.cls_name)
        below, right = x[:, :, 1:] - x[:, :, :-1], x[..., 1:] - x[..., :-1]
        missing_row, missing_column = (0, min(x.shape[2], 1)), (0, min(x.shape[3], 1))
        none = (0, 0)
        return ops.pad(below, (none, none, missing_row, none)), ops.pad(right, (none, none, none, missing_column))


class ResizeBilinear(Cell):
    """Images of another size; an element is mixed from the four around the place it comes from.

    Row i of the result is at i * height / new_height of the input; with `align_corners` at
    i * (height - 1) / (new_height - 1), with `half_pixel_centers` at (i + 0.5) * height / new_height - 0.5. Columns
    are alike. Places outside the input are moved to its border.

    Args:
        half_pixel_centers: whether the middles of elements are what is mapped. (MindSpore 1.7 ignores it on CPUs.)

    Inputs:
        x: a floating-point Tensor of shape (N, C, H, W).
        size: (new_height, new_width), a tuple or list of positive ints, or None.
        scale_factor: a positive int, the new size in sizes of x, or None; one of `size` and `scale_factor` is given.
        align_corners: whether corners come from corners.

    Outputs:
        A Tensor of shape (N, C, new_height, new_width) in the dtype of x.

    Raises:
        TypeError: an argument is of another type, x is not a floating-point Tensor, or `align_corners` and
            `half_pixel_centers` are both True.
        ValueError: both or none of `size` and `scale_factor` are given, one is not positive, `size` is no pair, or x
            does not have rank 4 or an image has no elements.

    Examples:
        >>> nn.ResizeBilinear()(Tensor([[[[0.0, 1.0]]]]), size=(1, 4)).asnumpy()
        array([[[[0. , 0.5, 1. , 1. ]]]], dtype=float32)
    """

    half_pixel_centers: bool

    def __init__(self, half_pixel_centers: bool = False) -> None:
        super().__init__()
        self.half_pixel_centers = _validate.boolean("half_pixel_centers", half_pixel_centers, self.cls_name)

    def construct(
        self,
        x: Tensor,
        size: tuple[int, int] | list[int] | None = None,
        scale_factor: int | None = None,
        align_corners: bool = False,
    ) -> Tensor:
        owner = self.cls_name
        image_batch("x", float_input("x", x, owner), owner)
        if 0 in x.shape[2:]:
            raise bad_argument(ValueError, f"For '{owner}', images of 'x' must have elements, but got shape {x.shape}.")
        if _validate.boolean("align_corners", align_corners, owner) and self.half_pixel_centers:
            message = f"For '{owner}', 'align_corners' must be False with 'half_pixel_centers', but got True."
            raise bad_argument(TypeError, message)
        height, width = self._new_size(x, size, scale_factor)
        # Columns are gathered one by one, rows move as they are: columns first where that makes fewer of them.
        result = wide(x)
        for axis in (3, 2) if height > x.shape[2] else (2, 3):
            result = self._resized(result, axis, (width if axis == 3 else height), align_corners)
        return ops.cast(result, x.dtype)

    def _new_size(
        self, x: Tensor, size: tuple[int, int] | list[int] | None, scale_factor: int | None
    ) -> tuple[int, int]:
        owner = self.cls_name
        if (size is None) == (scale_factor is None):
            message = f"For '{owner}', either 'size' or 'scale_factor' must be given, but got "
            raise bad_argument(ValueError, f"{message}{size} and {scale_factor}.")
        if size is None:
            factor = _validate.positive_int("scale_factor", scale_factor, owner)
            return x.shape[2] * factor, x.shape[3] * factor
        if len(_validate.of_type("size", size, (tuple, list), owner)) != 2:
            raise bad_argument(ValueError, f"For '{owner}', 'size' must have two elements, but got {size}.")
        return _validate.positive_int("size", size[0], owner), _validate.positive_int("size", size[1], owner)

    def _resized(self, x: Tensor, axis: int, extent: int, align_corners: bool) -> Tensor:
        old = x.shape[axis]
        if old == extent:
            return x
        places = self._places(old, extent, align_corners)
        lower = np.floor(places).astype(np.int32)
        shape = (extent,) + (1,) * (3 - axis)
        share = Tensor((places - lower).reshape(shape), x.dtype)
        before = ops.gather(x, Tensor(lower), axis)
        after = ops.gather(x, Tensor(np.minimum(lower + 1, old - 1)), axis)
        return ops.add(before, ops.mul(ops.sub(after, before), share))

    def _places(self, old: int, new: int, align_corners: bool) -> np.ndarray:
        """Where the `new` elements are among the `old` ones."""
        scale = (old - 1) / (new - 1) if align_corners and new > 1 else old / new
        offset = 0.5 if self.half_pixel_centers else 0.0
        return np.array([min(max((i + offset) * scale - offset, 0.0), old - 1.0) for i in range(new)])
