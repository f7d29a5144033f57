"""Rows of convolutions that are not in `table.py`, and their oracles for any number of axes."""

import itertools

import numpy as np
from conformance.oracles import same_padding
from conformance.row import Row, floats, of

from cellc import nn


def _weight(p, x):
    """The weight with as many axes as x: that of one axis is kept as (K, C, 1, R)."""
    return p["weight"][:, :, 0] if p["weight"].ndim > x.ndim else p["weight"]


def _with_bias(p, y):
    return y + p["bias"].reshape(-1, *[1] * (y.ndim - 2)) if "bias" in p else y


def _taps(kernel, stride, dilation, places):
    """For each element of the kernel, which elements of the image it meets at the places of the kernel."""
    for at in itertools.product(*map(range, kernel)):
        starts = [tap * d for tap, d in zip(at, dilation, strict=True)]
        image = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, places, stride, strict=True)]
        yield at, (slice(None), slice(None), *image)


def convolution(stride, pad=None, dilation=None, group=1):
    """`pad` is None for "same", else one (before, after) per axis."""

    def oracle(p, x):
        w = _weight(p, x)
        kernel, dilated = w.shape[2:], dilation or (1,) * (x.ndim - 2)
        sides = pad or [same_padding(*row) for row in zip(x.shape[2:], kernel, stride, dilated, strict=True)]
        x = np.pad(x, [(0, 0), (0, 0), *sides])
        rows = zip(x.shape[2:], kernel, stride, dilated, strict=True)
        places = [(extent - (k - 1) * d - 1) // s + 1 for extent, k, s, d in rows]
        parts = []
        for images, weights in zip(np.split(x, group, axis=1), np.split(w, group), strict=True):
            taps = _taps(kernel, stride, dilated, places)
            parts.append(sum(np.einsum("nc...,kc->nk...", images[view], weights[(..., *at)]) for at, view in taps))
        return _with_bias(p, np.concatenate(parts, axis=1))

    return oracle


def transposed(stride, extents, cut, dilation=None, group=1):
    """The whole result, from which `cut` (one number per axis) goes before what is kept, `extents`."""

    def oracle(p, x):
        w = _weight(p, x)
        kernel, dilated = w.shape[2:], dilation or (1,) * (x.ndim - 2)
        far = [c + e for c, e in zip(cut, extents, strict=True)]
        rows = zip(x.shape[2:], kernel, stride, dilated, strict=True)
        whole = [(extent - 1) * s + (k - 1) * d + 1 for extent, k, s, d in rows]
        size = w.shape[1]
        y = np.zeros((len(x), size * group, *map(max, whole, far)))
        for g, (images, weights) in enumerate(zip(np.split(x, group, axis=1), np.split(w, group), strict=True)):
            for at, view in _taps(kernel, stride, dilated, x.shape[2:]):
                y[:, g * size : (g + 1) * size][view] += np.einsum("nk...,kc->nc...", images, weights[(..., *at)])
        kept = tuple(slice(c, f) for c, f in zip(cut, far, strict=True))
        return _with_bias(p, y[(slice(None), slice(None), *kept)])

    return oracle


def unfold(kernel, stride, rate, same):
    """The windows one by one; channel (r * columns + q) * C + c."""

    def oracle(p, x):
        sides = [same_padding(*row) if same else (0, 0) for row in zip(x.shape[2:], kernel, stride, rate, strict=True)]
        x = np.pad(x, [(0, 0), (0, 0), *sides])
        reach = [(k - 1) * r + 1 for k, r in zip(kernel, rate, strict=True)]
        places = [range(0, extent - far + 1, s) for extent, far, s in zip(x.shape[2:], reach, stride, strict=True)]
        y = np.zeros((len(x), kernel[0] * kernel[1] * x.shape[1], len(places[0]), len(places[1])))
        for (i, top), (j, left) in itertools.product(*map(enumerate, places)):
            window = x[:, :, top : top + reach[0] : rate[0], left : left + reach[1] : rate[1]]
            y[:, :, i, j] = window.transpose(0, 2, 3, 1).reshape(len(x), -1)
        return y

    return oracle


ROWS = [
    Row("Conv1d same", of(nn.Conv1d, 3, 4, 4), floats((2, 3, 7)), convolution((1,))),
    Row("Conv1d same stride", of(nn.Conv1d, 3, 4, 3, stride=2, has_bias=True), floats((2, 3, 8)), convolution((2,))),
    Row("Conv1d valid", of(nn.Conv1d, 3, 4, 3, pad_mode="valid", dilation=2), floats((2, 3, 9)),
        convolution((1,), [(0, 0)], (2,))),
    Row("Conv1d pad", of(nn.Conv1d, 4, 6, 3, 2, "pad", 2, group=2), floats((2, 4, 6)),
        convolution((2,), [(2, 2)], group=2)),
    Row("Conv1d wide", of(nn.Conv1d, 17, 33, 5), floats((2, 17, 31)), convolution((1,)), tolerance=4e-6),
    Row("Conv1dTranspose same", of(nn.Conv1dTranspose, 3, 4, 3, 2), floats((2, 3, 5)), transposed((2,), (10,), (0,))),
    Row("Conv1dTranspose valid", of(nn.Conv1dTranspose, 3, 4, 2, 3, "valid", has_bias=True), floats((2, 3, 5)),
        transposed((3,), (15,), (0,))),
    Row("Conv1dTranspose pad", of(nn.Conv1dTranspose, 4, 6, 4, 2, "pad", 1, 2, 2), floats((2, 4, 5)),
        transposed((2,), (13,), (1,), (2,), 2)),
    Row("Conv2dTranspose same", of(nn.Conv2dTranspose, 3, 4, 4), floats((2, 3, 5, 4)),
        transposed((1, 1), (5, 4), (1, 1))),
    Row("Conv2dTranspose stride", of(nn.Conv2dTranspose, 3, 4, (3, 4), (2, 3), has_bias=True), floats((2, 3, 4, 3)),
        transposed((2, 3), (8, 9), (0, 0))),
    Row("Conv2dTranspose valid", of(nn.Conv2dTranspose, 4, 6, 3, 2, "valid", group=2), floats((1, 4, 3, 4)),
        transposed((2, 2), (7, 9), (0, 0), group=2)),
    Row("Conv2dTranspose pad", of(nn.Conv2dTranspose, 3, 2, (3, 2), 2, "pad", (1, 0, 2, 1), (2, 1)),
        floats((2, 3, 4, 5)), transposed((2, 2), (10, 7), (1, 2), (2, 1))),
    Row("Conv2dTranspose wide", of(nn.Conv2dTranspose, 17, 5, 4, 2), floats((1, 17, 9, 16)),
        transposed((2, 2), (18, 32), (1, 1)), tolerance=4e-6),
    Row("Conv3d same", of(nn.Conv3d, 2, 3, (2, 3, 2), (2, 1, 1)), floats((2, 2, 3, 3, 4)), convolution((2, 1, 1))),
    Row("Conv3d valid", of(nn.Conv3d, 2, 3, 2, pad_mode="valid", has_bias=True), floats((1, 2, 3, 3, 4)),
        convolution((1, 1, 1), [(0, 0)] * 3)),
    Row("Conv3d pad", of(nn.Conv3d, 2, 4, (3, 2, 1), 1, "pad", (1, 1, 0, 1, 0, 0), (1, 2, 1), 2),
        floats((1, 2, 3, 4, 2)), convolution((1, 1, 1), [(1, 1), (0, 1), (0, 0)], (1, 2, 1), 2)),
    Row("Conv3dTranspose same", of(nn.Conv3dTranspose, 2, 3, (2, 3, 2), (2, 1, 1)), floats((2, 2, 2, 3, 2)),
        transposed((2, 1, 1), (4, 3, 2), (0, 1, 0))),
    Row("Conv3dTranspose valid", of(nn.Conv3dTranspose, 2, 3, (1, 2, 1), (2, 1, 1), "valid", has_bias=True),
        floats((1, 2, 2, 2, 3)), transposed((2, 1, 1), (4, 3, 3), (0, 0, 0))),
    Row("Conv3dTranspose pad",
        of(nn.Conv3dTranspose, 2, 4, (3, 2, 1), 2, "pad", (1, 0, 0, 1, 0, 0), (1, 2, 1), 2, (1, 0, 1)),
        floats((1, 2, 2, 2, 2)), transposed((2, 2, 2), (5, 4, 4), (1, 0, 0), (1, 2, 1), 2)),
    Row("Unfold", lambda: nn.Unfold([1, 2, 3, 1], [1, 2, 1, 1], (1, 2, 1, 1)), floats((2, 3, 6, 5)),
        unfold((2, 3), (2, 1), (2, 1), False)),
    Row("Unfold same", lambda: nn.Unfold((1, 3, 2, 1), [1, 2, 3, 1], [1, 1, 1, 1], "SAME"), floats((2, 3, 6, 5)),
        unfold((3, 2), (2, 3), (1, 1), True)),
]  # fmt: skip
