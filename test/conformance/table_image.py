"""Rows of the image layers, of Jvp and Vjp, and their oracles."""

import numpy as np
from conformance.row import Row, floats
from conformance.table_tools import SameDtype, With

from cellc import nn, ops


def crop(fraction):
    def oracle(p, x):
        top, left = (int((extent - extent * fraction) / 2) for extent in x.shape[-2:])
        return x[..., top : x.shape[-2] - top, left : x.shape[-1] - left]

    return oracle


def image_gradients(p, x):
    dy, dx = np.zeros_like(x), np.zeros_like(x)
    dy[:, :, :-1], dx[..., :-1] = np.diff(x, axis=2), np.diff(x, axis=3)
    return dy, dx


def resized(height, width, corners=False, half=False):
    """Element by element, from the four around the place."""

    def place(i, old, new):
        if corners:
            return i * (old - 1) / max(new - 1, 1)
        return max((i + 0.5) * old / new - 0.5, 0) if half else i * old / new

    def oracle(p, x):
        result = np.empty((*x.shape[:2], height, width))
        last = np.array(x.shape[2:]) - 1
        for i, j in np.ndindex(height, width):
            at = np.array([place(i, x.shape[2], height), place(j, x.shape[3], width)])
            low = np.minimum(np.floor(at).astype(int), last)
            (top, left), (bottom, right) = low, np.minimum(low + 1, last)
            down, aside = at - low
            upper = x[:, :, top, left] * (1 - aside) + x[:, :, top, right] * aside
            lower = x[:, :, bottom, left] * (1 - aside) + x[:, :, bottom, right] * aside
            result[:, :, i, j] = upper * (1 - down) + lower * down
        return result

    return oracle


def psnr(limit):
    return lambda p, x, y: 10 * np.log10(limit**2 / ((x - y) ** 2).mean(axis=(1, 2, 3)))


def _maps(window, x, y, limit, k1=0.01, k2=0.03):
    """Mean similarity and contrast per channel. Not centred, as the float32 window has not quite the sum 1."""
    of_x, of_y = (np.lib.stride_tricks.sliding_window_view(z, window.shape, (2, 3)) for z in (x, y))
    products = (of_x, of_y, of_x * of_x, of_y * of_y, of_x * of_y)
    mx, my, xx, yy, xy = ((z * window).sum((-2, -1)) for z in products)
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = (k1 * limit) ** 2, (k2 * limit) ** 2
    contrast = (2 * cov + c2) / (vx + vy + c2)
    return ((2 * mx * my + c1) / (mx**2 + my**2 + c1) * contrast).mean((2, 3)), contrast.mean((2, 3))


def ssim(limit=1.0):
    return lambda p, x, y: _maps(p["conv.weight"][0, 0], x, y, limit)[0].mean(1)


def msssim(powers, limit=1.0):
    def oracle(p, x, y):
        product = np.ones(x.shape[:2])
        for scale, power in enumerate(powers):
            if scale:
                x, y = (_halved(z) for z in (x, y))
            both = _maps(p[f"multi_convs_list.{scale}.weight"][0, 0], x, y, limit)
            product = product * np.maximum(both[scale < len(powers) - 1], 0) ** power
        return product.mean(1)

    return oracle


def _halved(x):
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def similar(*shape):
    """Two images of range 1 of which one is the other with noise."""

    def inputs(rng):
        x = rng.uniform(-0.5, 0.5, shape)
        return x.astype(np.float32), (x + rng.uniform(-0.2, 0.2, shape)).astype(np.float32)

    return inputs


class Rounded(nn.Cell):
    """A measure of images as a cell whose result has the images' dtype, under the measure's parameter names."""

    def __init__(self, cell):
        super().__init__(auto_prefix=False)
        self.cell = cell

    def construct(self, x, y):
        return ops.cast(self.cell(x, y), x.dtype)


def _cube(x, y):
    return x * x * x + y, x * y


ROWS = [
    Row("CentralCrop", lambda: nn.CentralCrop(0.5), floats((2, 3, 4, 7)), crop(0.5)),
    Row("CentralCrop rank 3", lambda: nn.CentralCrop(0.25), floats((3, 17, 9)), crop(0.25)),
    Row("CentralCrop all", lambda: nn.CentralCrop(1.0), floats((3, 1, 5)), crop(1.0)),
    Row("ImageGradients", nn.ImageGradients, floats((2, 3, 4, 17)), image_gradients),
    Row("ImageGradients of 1", nn.ImageGradients, floats((1, 1, 1, 1)), image_gradients),
    Row("ResizeBilinear", lambda: With(nn.ResizeBilinear(), (5, 7)), floats((2, 3, 2, 4)), resized(5, 7)),
    Row("ResizeBilinear smaller", lambda: With(nn.ResizeBilinear(), [3, 17]), floats((1, 2, 7, 33)), resized(3, 17)),
    Row("ResizeBilinear factor", lambda: With(nn.ResizeBilinear(), None, 2), floats((1, 2, 3, 1)), resized(6, 2)),
    Row("ResizeBilinear corners", lambda: With(nn.ResizeBilinear(), (1, 6), None, True), floats((1, 2, 3, 4)),
        resized(1, 6, True)),
    Row("ResizeBilinear half pixels", lambda: With(nn.ResizeBilinear(True), (6, 3)), floats((2, 1, 4, 7)),
        resized(6, 3, half=True)),
    Row("PSNR", lambda: SameDtype(nn.PSNR()), similar(2, 3, 4, 5), psnr(1.0)),
    Row("PSNR of bytes", lambda: SameDtype(nn.PSNR(255)), similar(1, 1, 1, 17), psnr(255)),
    Row("SSIM small window", lambda: Rounded(nn.SSIM(2, 4, 0.7)), similar(1, 2, 5, 6), ssim(2), tolerance=1e-5),
    Row("SSIM", lambda: Rounded(nn.SSIM()), similar(2, 1, 13, 12), ssim(), tolerance=1e-5),
    Row("MSSSIM", lambda: Rounded(nn.MSSSIM(1.0, (0.3, 0.2, 0.5), 3)), similar(2, 2, 13, 16),
        msssim((0.3, 0.2, 0.5)), tolerance=1e-5),
    Row("Jvp", lambda: nn.Jvp(_cube), lambda rng: (*floats((3, 5), (3, 5))(rng), floats((3, 5), (3, 5))(rng)),
        lambda p, x, y, v: ((x**3 + y, x * y), (3 * x * x * v[0] + v[1], y * v[0] + x * v[1])), gradient=False),
    Row("Jvp of one", lambda: nn.Jvp(nn.Tanh()), floats((17,), (17,)),
        lambda p, x, v: (np.tanh(x), v * (1 - np.tanh(x) ** 2))),
    Row("Vjp", lambda: nn.Vjp(_cube), lambda rng: (*floats((3, 5), (3, 5))(rng), floats((3, 5), (3, 5))(rng)),
        lambda p, x, y, v: ((x**3 + y, x * y), (3 * x * x * v[0] + y * v[1], v[0] + x * v[1])), gradient=False),
    Row("Vjp of one", lambda: nn.Vjp(nn.Tanh()), floats((17,), (17,)),
        lambda p, x, v: (np.tanh(x), v * (1 - np.tanh(x) ** 2))),
]  # fmt: skip
