"""The worked examples of MindSpore 1.7.1's documentation of activations and losses, with the numbers printed there.

`digits` is what the documentation shows, or where it shows the half precision of another processor, what it holds.
"""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops

F16, F32, I32 = cellc.float16, cellc.float32, cellc.int32
SMALL = [-1, -2, 0, 2, 1]
MATRIX = [[-1.0, 4.0, -8.0], [2.0, -5.0, 9.0]]

ACTIVATIONS = [
    (nn.CELU(), [-2.0, -1.0, 1.0, 2.0], F32, [-0.86466473, -0.63212055, 1, 2], 1e-7),
    (nn.Softmax(), [-1, -2, 0, 2, 1], F16, [0.03168, 0.01166, 0.0861, 0.636, 0.2341], 3e-4),
    (nn.LogSoftmax(), MATRIX, F32, [[-5.00672150e00, -6.72150636e-03, -1.20067215e01],
                                    [-7.00091219e00, -1.40009127e01, -9.12250078e-04]], 1e-6),
    (nn.ELU(), SMALL, F32, [-0.63212055, -0.86466473, 0, 2, 1], 1e-7),
    (nn.ReLU(), [-1, 2, -3, 2, -1], F16, [0, 2, 0, 2, 0], 0),
    (nn.ReLU6(), SMALL, F16, [0, 0, 0, 2, 1], 0),
    (nn.LeakyReLU(), MATRIX, F32, [[-0.2, 4, -1.6], [2, -1, 9]], 1e-6),
    (nn.Tanh(), [1, 2, 3, 2, 1], F16, [0.7617, 0.964, 0.995, 0.964, 0.7617], 3e-4),
    (nn.GELU(), MATRIX, F32, [[-1.5880802e-01, 3.9999299e00, -3.1077917e-21],
                              [1.9545976e00, -2.2918017e-07, 9.0000000e00]], 4e-7),
    (nn.GELU(approximate=False), MATRIX, F32, [[-1.5865526e-01, 3.9998732e00, 0],
                                               [1.9544997e00, -1.4901161e-06, 9.0000000e00]], 5e-7),
    (nn.FastGelu(), MATRIX, F32, [[-1.5418735e-01, 3.9921875e00, -9.7473649e-06],
                                  [1.9375000e00, -1.0052517e-03, 8.9824219e00]], 0.02),
    (nn.Sigmoid(), SMALL, F16, [0.2688, 0.11914, 0.5, 0.881, 0.7305], 5e-4),
    (nn.PReLU(), [[[[0.1, 0.6], [0.9, 0.9]]]], F32, [[[[0.1, 0.6], [0.9, 0.9]]]], 1e-7),
    (nn.HSwish(), SMALL, F16, [-0.3333, -0.3333, 0, 1.667, 0.6665], 1e-4),
    (nn.HSigmoid(), SMALL, F16, [0.3333, 0.1666, 0.5, 0.8335, 0.6665], 1e-4),
    (nn.LogSigmoid(), [1.0, 2.0, 3.0], F32, [-0.31326166, -0.12692806, -0.04858734], 2e-7),
    (nn.SoftShrink(), [[0.5297, 0.7871, 1.1754], [0.7836, 0.6218, -1.1542]], F16,
     [[0.02979, 0.287, 0.676], [0.2837, 0.1216, -0.6543]], 3e-4),
    (nn.HShrink(), [[0.5, 1, 2.0], [0.0533, 0.0776, -2.1233]], F32, [[0, 1, 2], [0, 0, -2.1233]], 1e-7),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "x", "dtype", "digits", "tolerance"), ACTIVATIONS, ids=lambda value: str(value)[:12])
def test_activation(cell, x, dtype, digits, tolerance):
    result = cell(Tensor(np.array(x), dtype))
    assert result.dtype is dtype
    np.testing.assert_allclose(result.asnumpy().astype(float), digits, rtol=0, atol=tolerance)


def test_get_activation():
    assert repr(nn.get_activation("sigmoid")) == "Sigmoid<>"


A, B = [1, 2, 3], [1, 2, 2]
WEIGHT = Tensor(np.array([[1.0, 2.0, 3.0], [4.0, 3.3, 2.2]]), F32)
LOSSES = [
    (nn.L1Loss(), A, B, 0.33333334),
    (nn.L1Loss(reduction="none"), A, [[1, 1, 1], [1, 2, 2]], [[0, 1, 2], [0, 0, 1]]),
    (nn.MSELoss(), A, [1, 1, 1], 1.6666667),
    (nn.MSELoss(reduction="none"), A, [[1, 1, 1], [1, 2, 2]], [[0, 1, 4], [0, 0, 1]]),
    (nn.RMSELoss(), A, B, 0.57735026),
    (nn.RMSELoss(), A, [[1, 1, 1], [1, 2, 2]], 1.0),
    (nn.SmoothL1Loss(), A, B, [0, 0, 0.5]),
    (nn.SoftMarginLoss(), [[0.3, 0.7], [0.5, 0.5]], [[-1, 1], [1, -1]], 0.6764238),
    (nn.DiceLoss(smooth=1e-5), [[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [[0, 1], [1, 0], [0, 1]], 0.38596618),
    (nn.MultiClassDiceLoss(weights=None, ignore_indiex=None, activation="softmax"),
     [[0.2, 0.5, 0.7], [0.3, 0.1, 0.5], [0.9, 0.6, 0.3]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]], 0.54958105),
    (nn.BCELoss(weight=WEIGHT, reduction="mean"), [[0.1, 0.2, 0.3], [0.5, 0.7, 0.9]], [[0, 1, 0], [0, 0, 1]],
     1.8952923),
    (nn.BCEWithLogitsLoss(), [[-0.8, 1.2, 0.7], [-0.1, -0.4, 0.7]], [[0.3, 0.8, 1.2], [-0.6, 0.1, 2.2]], 0.3463612),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "logits", "labels", "digits"), LOSSES, ids=lambda value: str(value)[:12])
def test_loss(loss, logits, labels, digits):
    result = loss(Tensor(np.array(logits), F32), Tensor(np.array(labels), F32))
    np.testing.assert_allclose(result.asnumpy(), digits, rtol=3e-7, atol=1e-7)


class Absolute(nn.LossBase):
    def construct(self, logits, labels):
        return self.get_loss(ops.abs(logits - labels))


class Axes(nn.LossBase):
    def construct(self, logits, labels):
        return self.get_axis(logits)


def test_loss_base():
    rows, other = Tensor(np.array([A] * 3), F32), Tensor(np.array([B, A, A]), F32)
    np.testing.assert_allclose(Absolute()(rows[0], other[0]).asnumpy(), 0.33333334)
    np.testing.assert_allclose(Absolute()(rows, other).asnumpy(), 0.11111111, rtol=1e-7)
    assert Axes()(rows[0], rows[0]) == (0,)
    assert Axes()(rows, rows) == (0, 1)


def test_softmax_cross_entropy():
    logits = Tensor(np.array([[3, 5, 6, 9, 12, 33, 42, 12, 32, 72]]), F32)
    sparse = nn.SoftmaxCrossEntropyWithLogits(sparse=True)(logits, Tensor(np.array([1]).astype(np.int32)))
    np.testing.assert_array_equal(sparse.asnumpy(), [67])
    labels = Tensor(np.array([[0, 0, 0, 0, 0, 0, 1, 0, 0, 0]]).astype(np.float32))
    np.testing.assert_array_equal(nn.SoftmaxCrossEntropyWithLogits(sparse=False)(logits, labels).asnumpy(), [30])


def test_cosine_embedding_loss():
    x1 = Tensor(np.array([[0.3, 0.8], [0.4, 0.3]]), F32)
    x2 = Tensor(np.array([[0.4, 1.2], [-0.4, -0.9]]), F32)
    result = nn.CosineEmbeddingLoss()(x1, x2, Tensor(np.array([1, -1]), I32))
    np.testing.assert_allclose(result.asnumpy(), 0.0003425479, rtol=0, atol=6e-8)


def test_focal_loss():
    logits = Tensor([[0.8, 1.4], [0.5, 0.9], [1.2, 0.9]], F32)
    loss = nn.FocalLoss(weight=Tensor([1, 2]), gamma=2.0, reduction="mean")
    np.testing.assert_allclose(loss(logits, Tensor([[1], [1], [0]], I32)).asnumpy(), 0.12516622, rtol=3e-7)


def test_sampled_softmax_loss():
    """The documented draw cannot be repeated, but its numbers tell that it was 1, 4, 5, 6."""
    cellc.set_seed(1)
    sample = (Tensor([1, 4, 5, 6]), Tensor(np.ones((3, 1), np.float32)), Tensor(np.ones(4, np.float32)))
    loss = nn.SampledSoftmaxLoss(num_sampled=4, num_classes=7, num_true=1, sampled_values=sample)
    weights = Tensor(np.random.randint(0, 9, [7, 10]), F32)
    biases = Tensor(np.random.randint(0, 9, [7]), F32)
    logits = Tensor(np.random.randint(0, 9, [3, 10]), F32)
    result = loss(weights, biases, Tensor([0, 1, 2]), logits)
    np.testing.assert_allclose(result.asnumpy(), [4.6051701e01, 1.4000047e01, 6.1989022e-06], rtol=3e-7, atol=6e-8)
