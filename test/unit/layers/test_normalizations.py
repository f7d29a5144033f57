"""Normalizations: parameters, printing, errors, moving statistics, empty batches and MindSpore's worked examples."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops

FOUR = [("gamma", (3,), True), ("beta", (3,), True)]


def names(cell):
    return [(p.name, p.shape, p.requires_grad) for p in cell.get_parameters()]


def test_parameters():
    moving = [("mean", (3,), False), ("variance", (3,), False)]
    for cell in (nn.BatchNorm1d(3), nn.SyncBatchNorm(3), nn.GlobalBatchNorm(3), nn.InstanceNorm2d(3)):
        assert names(cell) == [*moving, *FOUR]
    assert [name for name, _, _ in names(nn.BatchNorm3d(3))] == [
        *["bn2d.moving_mean", "bn2d.moving_variance", "bn2d.gamma", "bn2d.beta"],
    ]
    assert names(nn.GroupNorm(1, 3)) == FOUR
    assert not nn.GroupNorm(1, 3, affine=False).trainable_params()


def test_printing():
    assert repr(nn.GroupNorm(2, 4)) == "GroupNorm<num_groups=2, num_channels=4>"
    assert repr(nn.BatchNorm1d(2)).startswith("BatchNorm1d<num_features=2, eps=1e-05, momentum=0.9, gamma=Parameter ")
    assert repr(nn.InstanceNorm2d(2)).startswith("InstanceNorm2d<num_features=2, eps=1e-05, momentum=0.1, gamma=")
    assert repr(nn.BatchNorm3d(2)).startswith("BatchNorm3d<\n  (bn2d): BatchNorm2d<num_features=2, ")


def test_worked_examples():
    x = Tensor(np.array([[0.7, 0.5, 0.5, 0.6], [0.5, 0.4, 0.6, 0.9]]).astype(np.float32))
    documented = [[0.6999965, 0.4999975, 0.4999975, 0.59999704], [0.4999975, 0.399998, 0.59999704, 0.89999545]]
    np.testing.assert_allclose(nn.BatchNorm1d(num_features=4)(x).asnumpy(), documented, rtol=1e-7)
    assert nn.BatchNorm3d(num_features=3)(ops.ones((16, 3, 10, 32, 32))).shape == (16, 3, 10, 32, 32)
    assert (nn.GroupNorm(2, 2)(ops.ones((1, 2, 4, 4))).asnumpy() == 0).all()
    assert nn.InstanceNorm2d(3)(ops.ones((2, 3, 2, 2))).shape == (2, 3, 2, 2)
    np.testing.assert_allclose(nn.SyncBatchNorm(3)(ops.ones((1, 3, 2, 2))).asnumpy(), 0.999995, rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nn.BatchNorm1d(0), ValueError, "For 'BatchNorm1d', 'num_features' must be at least 1, but got 0"),
        (lambda: nn.BatchNorm1d(2, eps=1), TypeError, "'eps' must be float, but got 1"),
        (lambda: nn.BatchNorm3d(2, data_format="NCHW"), ValueError, "'data_format' must be one of 'NCDHW'"),
        (lambda: nn.SyncBatchNorm(2, process_groups=(0,)), TypeError, "'process_groups' must be list, but got (0,)"),
        (lambda: nn.SyncBatchNorm(2, process_groups=[0]), TypeError, "'process_groups[0]' must be list, but got 0"),
        (lambda: nn.SyncBatchNorm(2, process_groups=[[0, 1]]), ValueError, "'process_groups' must be in [0, 0], but"),
        (lambda: nn.SyncBatchNorm(2, process_groups=[[0], [0]]), ValueError, "must not name a rank twice"),
        (lambda: nn.GlobalBatchNorm(2, device_num_each_group=1), ValueError, "must be at least 2, but got 1"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "'num_channels' 3 must be divisible by 'num_groups' 2"),
        (lambda: nn.GroupNorm(0, 3), ValueError, "'num_groups' must be at least 1"),
        (lambda: nn.GroupNorm(1, 3, eps=1), TypeError, "'eps' must be float"),
        (lambda: nn.InstanceNorm2d(3, eps=0.0), ValueError, "'eps' must be in (0, 1], but got 0.0"),
        (lambda: nn.InstanceNorm2d(3, momentum=1), TypeError, "'momentum' must be float, but got 1"),
        (lambda: nn.InstanceNorm2d(3, momentum=1.5), ValueError, "'momentum' must be in [0, 1], but got 1.5"),
        (lambda: nn.InstanceNorm2d(3, gamma_init=[1]), TypeError, "'gamma_init' must be Tensor or int or float"),
        (lambda: nn.InstanceNorm2d(3, beta_init=ops.ones((3,), cellc.float16)), TypeError, "must be Float32"),
        (lambda: nn.BatchNorm1d(3)(ops.ones((2, 3, 4))), ValueError, "'x' must have shape (N, 3), but got shape"),
        (lambda: nn.BatchNorm3d(3)(ops.ones((2, 3, 4, 4))), ValueError, "'input_x' must have shape (N, 3, D, H, W)"),
        (lambda: nn.SyncBatchNorm(3)(ops.ones((3,))), ValueError, "'x' must have shape (N, 3) or (N, 3, H, W)"),
        (lambda: nn.GroupNorm(1, 3)(ops.ones((2, 3))), ValueError, "'x' must have shape (N, 3, H, W), but got"),
        (lambda: nn.GroupNorm(1, 3)(ops.ones((2, 3, 1, 1), cellc.int32)), TypeError, "'x' must be a float tensor"),
    ],
)
def test_errors(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)


def test_instance_norm_moves_its_statistics_in_training_only():
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 3)).astype(np.float32)
    layer = nn.InstanceNorm2d(2, momentum=0.25)
    layer(Tensor(x))
    assert layer.moving_mean.asnumpy().tolist() == [0, 0]
    layer.set_train()(Tensor(x))
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), 0.25 * x.mean(axis=(0, 2, 3)), rtol=1e-5)
    variance = 0.75 + 0.25 * x.var(axis=(2, 3)).mean(axis=0)
    np.testing.assert_allclose(layer.moving_variance.asnumpy(), variance, rtol=1e-6)


def test_batch_norm_3d_moves_the_statistics_of_its_cell():
    x = np.random.default_rng(0).standard_normal((2, 2, 3, 2, 3)).astype(np.float32)
    layer = nn.BatchNorm3d(2).set_train()
    layer(Tensor(x))
    np.testing.assert_allclose(layer.bn2d.moving_mean.asnumpy(), 0.1 * x.mean(axis=(0, 2, 3, 4)), rtol=1e-5)


def test_empty_inputs():
    assert nn.BatchNorm1d(3)(ops.ones((0, 3))).shape == (0, 3)
    assert nn.BatchNorm3d(3)(ops.ones((1, 3, 0, 2, 2))).shape == (1, 3, 0, 2, 2)
    assert nn.GroupNorm(1, 2)(ops.ones((0, 2, 3, 3))).shape == (0, 2, 3, 3)
    assert nn.InstanceNorm2d(2).set_train()(ops.ones((0, 2, 3, 3))).shape == (0, 2, 3, 3)
