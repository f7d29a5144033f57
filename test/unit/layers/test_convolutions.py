"""Convolutions and pooling: parameters, printing, errors, empty inputs and MindSpore's worked examples."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops


def shapes(cell):
    return [(parameter.name, parameter.shape) for parameter in cell.get_parameters()]


def test_parameters():
    assert shapes(nn.Conv1d(4, 6, 3, group=2, has_bias=True)) == [("weight", (6, 2, 1, 3)), ("bias", (6,))]
    assert shapes(nn.Conv1dTranspose(4, 6, 3, group=2)) == [("weight", (4, 3, 1, 3))]
    assert shapes(nn.Conv2dTranspose(4, 6, (3, 2), group=2)) == [("weight", (4, 3, 3, 2))]
    weight = ops.ones((6, 4, 3))
    assert nn.Conv1d(4, 6, 3, weight_init=weight).weight.asnumpy().tolist() == np.ones((6, 4, 1, 3)).tolist()


SIZES = "input_channels=1, output_channels=2, kernel_size={}, stride={}, pad_mode=same, padding={}, dilation={}, "
REST = "group=1, has_bias=False, weight_init=normal, bias_init=zeros>"


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        (nn.Conv1d(1, 2, 3), "Conv1d<" + SIZES.format((1, 3), (1, 1), (0, 0, 0, 0), (1, 1)) + REST),
        (nn.Conv1dTranspose(1, 2, 3), "Conv1dTranspose<" + SIZES.format((1, 3), (1, 1), (0, 0, 0, 0), (1, 1)) + REST),
        (nn.Conv2dTranspose(1, 2, 3), "Conv2dTranspose<" + SIZES.format((3, 3), (1, 1), 0, (1, 1)) + REST),
        (nn.MaxPool1d(2, 3), "MaxPool1d<kernel_size=(1, 2), stride=(1, 3), pad_mode=VALID>"),
        (nn.AvgPool1d(pad_mode="same"), "AvgPool1d<kernel_size=(1, 1), stride=(1, 1), pad_mode=SAME>"),
    ],
)
def test_printing(cell, printed):
    assert repr(cell) == printed


@pytest.mark.parametrize(
    ("cell", "given", "result"),
    [
        (nn.Conv1d(120, 240, 4, has_bias=False, weight_init="normal"), (1, 120, 640), (1, 240, 640)),
        (nn.Conv1dTranspose(3, 64, 4, has_bias=False, pad_mode="pad"), (1, 3, 50), (1, 64, 53)),
        (nn.Conv2dTranspose(3, 64, 4, has_bias=False, pad_mode="pad"), (1, 3, 16, 50), (1, 64, 19, 53)),
        (nn.MaxPool1d(kernel_size=3, stride=1), (1, 2, 4), (1, 2, 2)),
        (nn.AvgPool1d(kernel_size=6, stride=1), (1, 3, 6), (1, 3, 1)),
        # and empty inputs
        (nn.Conv1d(2, 3, 3), (0, 2, 5), (0, 3, 5)),
        (nn.Conv1dTranspose(2, 3, 3, 2), (0, 2, 5), (0, 3, 10)),
        (nn.Conv2dTranspose(2, 3, 3, 2), (0, 2, 1, 4), (0, 3, 2, 8)),
        (nn.MaxPool1d(2), (0, 2, 4), (0, 2, 3)),
        (nn.AvgPool1d(2), (0, 2, 4), (0, 2, 3)),
    ],
)
def test_worked_examples_and_empty_inputs(cell, given, result):
    assert cell(ops.ones(given)).shape == result


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nn.Conv1d(3, 4, (3,)), TypeError, "For 'Conv1d', 'kernel_size' must be int, but got (3,)"),
        (lambda: nn.Conv1d(3, 4, 3, stride=0), ValueError, "'stride' must be at least 1, but got 0"),
        (lambda: nn.Conv1d(3, 4, 3, padding=-1), ValueError, "'padding' must not be negative, but got -1"),
        (lambda: nn.Conv1d(3, 4, 3, padding=1), ValueError, "'padding' must be 0 when 'pad_mode' is 'same'"),
        (lambda: nn.Conv1d(3, 4, 3, pad_mode="SAME"), ValueError, "'pad_mode' must be one of 'same', 'valid', 'pad'"),
        (lambda: nn.Conv1d(3, 4, 3, group=2), ValueError, "'in_channels' 3 must be divisible by 'group' 2"),
        (lambda: nn.Conv1d(3, 4, 3, weight_init=ops.ones((4, 3, 1, 3))), ValueError, "'weight_init' must have rank 3"),
        (lambda: nn.Conv1d(3, 4, 3, has_bias=1), TypeError, "'has_bias' must be bool"),
        (lambda: nn.Conv2dTranspose(3, 4, "3"), TypeError, "'kernel_size' must be int or tuple, but got '3'"),
        (
            lambda: nn.Conv2dTranspose(3, 4, 3, padding=(1, 1)),
            ValueError,
            "'padding' must be an int or a tuple of four",
        ),
        (lambda: nn.Conv2dTranspose(3, 4, 3, dilation=0), ValueError, "'dilation' must be a positive int"),
        (lambda: nn.MaxPool1d((2,)), TypeError, "'kernel_size' must be int, but got (2,)"),
        (lambda: nn.AvgPool1d(stride=0), ValueError, "'stride' must be at least 1"),
        (lambda: nn.AvgPool1d(pad_mode="pad"), ValueError, "'pad_mode' must be one of 'VALID', 'SAME', but got 'PAD'"),
        (lambda: nn.Conv1d(3, 4, 3)(ops.ones((2, 4, 5))), ValueError, "'x' must have shape (N, 3, L), but got shape"),
        (lambda: nn.Conv1d(3, 4, 3)(ops.ones((2, 3, 5), cellc.float16)), TypeError, "'x' and 'weight' must have one"),
        (lambda: nn.Conv2dTranspose(3, 4, 3)(ops.ones((3, 5, 5))), ValueError, "'x' must have shape (N, 3, H, W)"),
        (
            lambda: nn.Conv2dTranspose(3, 4, 1, pad_mode="pad", padding=3)(ops.ones((1, 3, 2, 2))),
            ValueError,
            "'padding' 3 leaves nothing of the result for an input of extents (2, 2)",
        ),
        (lambda: nn.Conv2dTranspose(3, 4, 3)(ops.ones((1, 3, 0, 5))), ValueError, "'x' must not be empty along H, W"),
        (lambda: nn.MaxPool1d(2)(ops.ones((2, 3))), ValueError, "'x' must have shape (N, C, L), but got shape (2, 3)"),
        (lambda: nn.MaxPool1d(4)(ops.ones((1, 2, 3))), ValueError, "'kernel_size' 4 must not exceed the last extent"),
        (lambda: nn.AvgPool1d(4, pad_mode="same")(ops.ones((1, 2, 3))), ValueError, "'kernel_size' 4 must not exceed"),
    ],
)
def test_errors(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)


def test_transposed_convolution_is_the_transpose():
    """sum(conv(x) y) = sum(x transposed(y)) for one weight."""
    rng = np.random.default_rng(0)
    weight = Tensor(rng.standard_normal((3, 2, 3, 2)))
    settings = {"kernel_size": (3, 2), "stride": 2, "pad_mode": "pad", "padding": (1, 1, 1, 1), "weight_init": weight}
    x, y = Tensor(rng.standard_normal((2, 2, 7, 6))), Tensor(rng.standard_normal((2, 3, 4, 4)))
    forward, back = nn.Conv2d(2, 3, **settings)(x), nn.Conv2dTranspose(3, 2, **settings)(y)
    assert abs((forward * y).asnumpy().sum() - (x * back).asnumpy().sum()) < 1e-9


class Reshaped(nn.Cell):
    """A layer that reads its input in another shape."""

    def __init__(self, layer: nn.Cell, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.shape = layer, shape

    def construct(self, x):
        return self.layer(x.reshape(self.shape))


class Gradients(nn.Cell):
    """Those of the sum of squares of a layer's result, by its input and parameters."""

    def __init__(self, layer: nn.Cell) -> None:
        super().__init__()
        self.layer = layer
        self.gradients = ops.value_and_grad(lambda x: (layer(x) ** 2).sum(), 0, layer.trainable_params())

    def construct(self, x):
        return self.gradients(x)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(8, 16, 3), (4, 8, 40)),
        (nn.Conv1d(8, 16, 3, pad_mode="valid"), (4, 8, 40)),
        (nn.Conv1d(8, 16, 3, stride=2, pad_mode="valid"), (4, 8, 40)),
        (nn.Conv1d(8, 8, 3, group=8), (4, 8, 40)),
        (nn.Conv1dTranspose(8, 16, 4), (4, 8, 40)),
        (Reshaped(nn.Conv2d(1, 16, 3, pad_mode="valid"), (4, 1, 12, 12)), (4, 12, 12)),
        (nn.Conv2d(8, 16, (1, 3)), (4, 8, 1, 12)),
        (nn.Conv2d(8, 1, 3), (1, 8, 12, 12)),
        (nn.Conv3d(4, 8, (1, 3, 3)), (2, 4, 1, 6, 6)),
        (Reshaped(nn.Dense(8, 16), (1, 4, 8)), (4, 8)),
    ],
    ids=lambda value: repr(value).partition("<")[0],
)
def test_what_is_summed_over_one_row_or_channel_is_still_a_contraction(layer, shape):
    """Kernels of the result and of both gradients are multiplied in tiles, not added up as reductions."""
    kernels = [kernel.name for kernel in Gradients(layer).lower(ops.ones(shape))._lowered.kernels]
    assert sum("conv" in name or "matmul" in name for name in kernels) >= 3
