"""Names, shapes, printing, arguments and state of layers; their values are in test/conformance."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops


def names(cell):
    return [(parameter.name, parameter.shape, parameter.requires_grad) for parameter in cell.get_parameters()]


class Holder(nn.Cell):
    def __init__(self, cell):
        super().__init__()
        self.part = cell

    def construct(self, *inputs):
        return self.part(*inputs)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.Dense(3, 2), [("weight", (2, 3)), ("bias", (2,))]),
        (lambda: nn.Dense(3, 2, has_bias=False), [("weight", (2, 3))]),
        (lambda: nn.Conv2d(4, 6, (3, 2), group=2, has_bias=True), [("weight", (6, 2, 3, 2)), ("bias", (6,))]),
        (lambda: nn.LayerNorm((3, 4)), [("gamma", (3, 4)), ("beta", (3, 4))]),
        (lambda: nn.Embedding(7, 3), [("embedding_table", (7, 3))]),
        (
            lambda: nn.LSTM(5, 3, 2),
            [
                *[("weight_ih_l0", (12, 5)), ("weight_ih_l1", (12, 3))],
                *[("weight_hh_l0", (12, 3)), ("weight_hh_l1", (12, 3))],
                *[("bias_ih_l0", (12,)), ("bias_ih_l1", (12,)), ("bias_hh_l0", (12,)), ("bias_hh_l1", (12,))],
            ],
        ),
        (
            lambda: nn.LSTM(5, 3, 2, has_bias=False, bidirectional=True),
            [
                *[("weight_ih_l0", (12, 5)), ("weight_ih_l0_reverse", (12, 5))],
                *[("weight_ih_l1", (12, 6)), ("weight_ih_l1_reverse", (12, 6))],
                *[(f"weight_hh_l{at}", (12, 3)) for at in ("0", "0_reverse", "1", "1_reverse")],
            ],
        ),
    ],
)
def test_parameter_names_and_shapes(make, expected):
    assert [(name, shape) for name, shape, _ in names(make())] == expected
    nested = [(f"part.{name}", shape) for name, shape in expected]
    assert [(name, shape) for name, shape, _ in names(Holder(make()))] == nested


def test_batch_norm_names():
    """The names that were given survive in a root cell only; inside another cell the attributes count."""
    assert names(nn.BatchNorm2d(3)) == [
        *[("mean", (3,), False), ("variance", (3,), False), ("gamma", (3,), True), ("beta", (3,), True)],
    ]
    assert [name for name, _, _ in names(Holder(nn.BatchNorm2d(3, affine=False)))] == [
        *["part.moving_mean", "part.moving_variance", "part.gamma", "part.beta"],
    ]
    assert not nn.BatchNorm2d(3, affine=False).trainable_params()


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        (nn.ReLU(), "ReLU<>"),
        (nn.Dense(3, 2), "Dense<input_channels=3, output_channels=2, has_bias=True>"),
        (
            nn.Conv2d(1, 2, 3),
            "Conv2d<input_channels=1, output_channels=2, kernel_size=(3, 3), stride=(1, 1), pad_mode=same, padding=0, "
            "dilation=(1, 1), group=1, has_bias=False, weight_init=normal, bias_init=zeros, format=NCHW>",
        ),
        (nn.MaxPool2d(2, 2), "MaxPool2d<kernel_size=2, stride=2, pad_mode=VALID>"),
        (nn.AvgPool2d((2, 1), 2, "same"), "AvgPool2d<kernel_size=(2, 1), stride=2, pad_mode=SAME>"),
        (nn.Dropout(0.8), "Dropout<keep_prob=0.8>"),
        (nn.SequentialCell(nn.ReLU(), nn.Flatten()), "SequentialCell<\n  (0): ReLU<>\n  (1): Flatten<>\n  >"),
    ],
)
def test_printing(cell, printed):
    assert repr(cell) == printed


def test_printing_of_parameters():
    assert repr(nn.BatchNorm2d(2)).startswith(
        "BatchNorm2d<num_features=2, eps=1e-05, momentum=0.9, gamma=Parameter (name=gamma, shape=(2,)"
    )
    assert repr(nn.Embedding(4, 2)).startswith("Embedding<vocab_size=4, embedding_size=2, use_one_hot=False, ")
    assert repr(nn.LayerNorm((2,))).startswith("LayerNorm<normalized_shape=(2,), begin_norm_axis=-1, ")


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: nn.Dense(3.0, 2), TypeError, "For 'Dense', 'in_channels' must be int, but got 3.0 of type float"),
        (lambda: nn.Dense(3, 0), ValueError, "For 'Dense', 'out_channels' must be at least 1, but got 0"),
        (lambda: nn.Dense(3, True), TypeError, "'out_channels' must be int, but got True"),
        (lambda: nn.Dense(3, 2, has_bias=1), TypeError, "'has_bias' must be bool, but got 1"),
        (
            lambda: nn.Dense(3, 2, Tensor([[1.0]])),
            ValueError,
            "'weight_init' must have shape (2, 3), but got shape (1, 1)",
        ),
        (lambda: nn.Dense(3, 2, bias_init=Tensor([1.0])), ValueError, "'bias_init' must have shape (2,)"),
        (lambda: nn.Dense(3, 2, activation=3), TypeError, "'activation' must be a str, a Cell, a Primitive or None"),
        (lambda: nn.Dense(3, 2, activation="swish"), KeyError, "but got 'swish'"),
        (lambda: nn.Conv2d(3, 4, "3"), TypeError, "'kernel_size' must be int or tuple, but got '3'"),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), ValueError, "'kernel_size' must be a positive int or a tuple of two"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), ValueError, "'stride' must be a positive int"),
        (lambda: nn.Conv2d(3, 4, 3, dilation=(1, -1)), ValueError, "'dilation' must be a positive int"),
        (lambda: nn.Conv2d(3, 4, 3, pad_mode="full"), ValueError, "'pad_mode' must be one of 'same', 'valid', 'pad'"),
        (lambda: nn.Conv2d(3, 4, 3, padding=1), ValueError, "'padding' must be 0 when 'pad_mode' is 'same', but got 1"),
        (lambda: nn.Conv2d(3, 4, 3, pad_mode="pad", padding=(1, 1)), ValueError, "a tuple of four ints"),
        (lambda: nn.Conv2d(3, 4, 3, pad_mode="pad", padding=-1), ValueError, "'padding' must not be negative"),
        (lambda: nn.Conv2d(3, 4, 3, group=2), ValueError, "'in_channels' 3 must be divisible by 'group' 2"),
        (lambda: nn.Conv2d(4, 3, 3, group=2), ValueError, "'out_channels' 3 must be divisible by 'group' 2"),
        (lambda: nn.Conv2d(3, 4, 3, data_format="NHWC"), ValueError, "'data_format' must be one of 'NCHW'"),
        (lambda: nn.MaxPool2d(0), ValueError, "'kernel_size' must be a positive int"),
        (lambda: nn.MaxPool2d(2, 1.5), TypeError, "'stride' must be int or tuple, but got 1.5"),
        (lambda: nn.AvgPool2d(pad_mode="pad"), ValueError, "'pad_mode' must be one of 'VALID', 'SAME', but got 'PAD'"),
        (lambda: nn.AvgPool2d(pad_mode=1), TypeError, "'pad_mode' must be str, but got 1"),
        (lambda: nn.GELU(1), TypeError, "'approximate' must be bool"),
        (lambda: nn.Softmax("x"), TypeError, "'axis' must be int or tuple"),
        (lambda: nn.Softmax((0, 1)), ValueError, "'axis' must be an int or a tuple of one int"),
        (lambda: nn.BatchNorm2d(0), ValueError, "'num_features' must be at least 1"),
        (lambda: nn.BatchNorm2d(3, momentum=1.5), ValueError, "'momentum' must be in [0, 1], but got 1.5"),
        (lambda: nn.BatchNorm2d(3, eps=0.0), ValueError, "'eps' must be in (0, 1], but got 0.0"),
        (
            lambda: nn.BatchNorm2d(3, use_batch_statistics=1),
            ValueError,
            "'use_batch_statistics' must be a bool or None",
        ),
        (lambda: nn.LayerNorm(3), TypeError, "'normalized_shape' must be tuple or list, but got 3"),
        (lambda: nn.LayerNorm((3,), epsilon=1), TypeError, "'epsilon' must be float"),
        (lambda: nn.Dropout(1), TypeError, "'keep_prob' must be float, but got 1"),
        (lambda: nn.Dropout(0.0), ValueError, "'keep_prob' must be in (0, 1], but got 0.0"),
        (lambda: nn.Dropout(0.5, cellc.bool_), TypeError, "'dtype' must be a dtype of numbers"),
        (lambda: nn.Embedding(0, 3), ValueError, "'vocab_size' must be at least 1"),
        (lambda: nn.Embedding(5, 3, padding_idx=5), ValueError, "'padding_idx' must be in [0, 4], but got 5"),
        (lambda: nn.LSTM(3, 2, num_layers=0), ValueError, "'num_layers' must be at least 1"),
        (lambda: nn.LSTM(3, 2, dropout=1.0), ValueError, "'dropout' must be in [0, 1), but got 1.0"),
        (lambda: nn.LSTM(3, 2, batch_first=1), TypeError, "'batch_first' must be bool"),
        (lambda: nn.MSELoss("max"), ValueError, "'reduction' must be one of 'mean', 'sum', 'none', but got 'max'"),
        (lambda: nn.SoftmaxCrossEntropyWithLogits(1), TypeError, "'sparse' must be bool"),
        (lambda: nn.WithEvalCell(nn.ReLU(), nn.MSELoss(), 1), TypeError, "'add_cast_fp32' must be bool"),
        (lambda: nn.SequentialCell(3), TypeError, "a single argument must be a list or an OrderedDict, but got 3"),
        (lambda: nn.SequentialCell(nn.ReLU(), 3), TypeError, "each element must be a Cell, but got 3"),
        (lambda: nn.CellList(nn.ReLU()), TypeError, "cells to add must be a list, but got ReLU"),
    ],
)
def test_wrong_arguments(make, error, said):
    with pytest.raises(error) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nn.Dense(3, 2)(ops.ones((3,))), ValueError, "'x' must have shape (..., 3) and rank at least 2"),
        (lambda: nn.Dense(3, 2)(ops.ones((2, 4))), ValueError, "but got shape (2, 4)"),
        (lambda: nn.Conv2d(3, 2, 1)(ops.ones((1, 4, 5, 5))), ValueError, "'x' must have shape (N, 3, H, W)"),
        (lambda: nn.Conv2d(3, 2, 1)(ops.ones((3, 5, 5))), ValueError, "but got shape (3, 5, 5)"),
        (lambda: nn.MaxPool2d(2)(ops.ones((3, 5, 5))), ValueError, "must have rank 4 (N, C, H, W)"),
        (lambda: nn.AvgPool2d(4)(ops.ones((1, 1, 3, 5))), ValueError, "'kernel_size' (4, 4) must fit"),
        (lambda: nn.BatchNorm2d(3)(ops.ones((2, 3))), ValueError, "'x' must have shape (N, 3, H, W)"),
        (
            lambda: nn.LayerNorm((3,))(ops.ones((2, 4))),
            ValueError,
            "'gamma' must have the shape of 'input_x' from axis 1",
        ),
        (lambda: nn.Flatten()(ops.ones(())), ValueError, "at least one axis"),
        (lambda: nn.Softmax(2)(ops.ones((2, 4))), ValueError, "'axis' must be in [-2, 2), but got 2"),
        (lambda: nn.Embedding(5, 3)(ops.ones((2,))), TypeError, "'input_indices' must hold integers, but got Float32"),
        (lambda: nn.Sigmoid()(ops.ones((2,), cellc.int32)), TypeError, "sigmoid"),
        (
            lambda: nn.LSTM(3, 2)(ops.ones((4, 1, 5))),
            ValueError,
            "'x' must have shape (T, N, 3), but got shape (4, 1, 5)",
        ),
        (lambda: nn.LSTM(3, 2)(ops.ones((4, 1, 3)), ops.ones((1, 1, 2))), TypeError, "'hx' must be a tuple of two"),
        (
            lambda: nn.LSTM(3, 2)(ops.ones((4, 1, 3)), (ops.ones((1, 1, 2)), ops.ones((1, 2)))),
            ValueError,
            "'hx[1]' must have shape (1, 1, 2)",
        ),
        (
            lambda: nn.LSTM(3, 2)(ops.ones((4, 2, 3)), None, ops.ones((2,))),
            TypeError,
            "'seq_length' must be Int32 or Int64, but got Float32",
        ),
        (
            lambda: nn.LSTM(3, 2)(ops.ones((4, 2, 3)), None, ops.ones((3,), cellc.int32)),
            ValueError,
            "'seq_length' must have shape (2,)",
        ),
        (lambda: nn.MSELoss()(ops.ones((2,)), 1.0), TypeError, "'labels' must be Tensor, but got 1.0"),
        (lambda: nn.MSELoss()(ops.ones((2,)), ops.ones((3,))), ValueError, "do not broadcast"),
        (
            lambda: nn.SoftmaxCrossEntropyWithLogits()(ops.ones((2, 3)), ops.ones((2,))),
            ValueError,
            "'logits' must have shape (N, C) and 'labels' (N, C), but got shapes (2, 3) and (2,)",
        ),
        (
            lambda: nn.SoftmaxCrossEntropyWithLogits(sparse=True)(ops.ones((2, 3)), ops.ones((2,))),
            TypeError,
            "sparse 'labels' must be Int32 or Int64, but got Float32",
        ),
        (
            lambda: nn.SoftmaxCrossEntropyWithLogits(sparse=True)(ops.ones((2, 3)), ops.ones((3,), cellc.int32)),
            ValueError,
            "'labels' (N,), but got shapes (2, 3) and (3,)",
        ),
        (lambda: nn.CellList([nn.ReLU()])(ops.ones((2,))), NotImplementedError, "call the cells in it"),
        (lambda: nn.LossBase()(ops.ones((2,)), ops.ones((2,))), NotImplementedError, "must define construct"),
    ],
)
def test_wrong_inputs(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)


def test_batch_norm_moves_its_statistics_in_training_only():
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 3)).astype(np.float32)
    layer = nn.BatchNorm2d(2, momentum=0.75)
    layer(Tensor(x))
    assert layer.moving_mean.asnumpy().tolist() == [0, 0]
    layer.set_train()
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        layer(Tensor(x))
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 2, 3), dtype=np.float64)
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 2, 3), dtype=np.float64)
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), mean, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(layer.moving_variance.asnumpy(), variance, rtol=2e-6)


def test_batch_norm_statistics_do_not_follow_when_they_are_forbidden():
    layer = nn.BatchNorm2d(2, use_batch_statistics=False).set_train()
    layer(ops.ones((2, 2, 1, 1)))
    assert layer.moving_mean.asnumpy().tolist() == [0, 0]


def test_dropout_keeps_the_mean_and_depends_on_seed_and_call():
    layer = nn.Dropout(keep_prob=0.8).set_train()
    x = ops.ones((100, 100))
    cellc.set_seed(3)
    first, second = layer(x).asnumpy(), layer(x).asnumpy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(1) / np.float32(0.8)}
    assert abs(first.mean() - 1) < 0.03
    assert (first != second).any()
    cellc.set_seed(3)
    assert np.array_equal(layer(x).asnumpy(), first)
    cellc.set_seed(4)
    assert not np.array_equal(layer(x).asnumpy(), first)


def test_two_dropouts_of_one_cell_choose_differently():
    class Two(nn.Cell):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Dropout(), nn.Dropout()

        def construct(self, x):
            return self.first(x), self.second(x)

    a, b = Two().set_train()(ops.ones((32, 32)))
    assert (a.asnumpy() != b.asnumpy()).any()


def test_embedding_padding_row_starts_at_zero_and_is_trained():
    layer = nn.Embedding(5, 2, padding_idx=2)
    assert layer.embedding_table.asnumpy()[2].tolist() == [0, 0]
    assert (layer.embedding_table.asnumpy()[1] != 0).all()
    step = nn.TrainOneStepCell(nn.WithLossCell(layer, nn.MSELoss()), nn.SGD(layer.trainable_params(), 0.5))
    step(Tensor([2], cellc.int32), ops.ones((1, 2)))
    np.testing.assert_allclose(layer.embedding_table.asnumpy()[2], [0.5, 0.5])


def test_lstm_dropout_between_layers_in_training_only():
    layer, x = nn.LSTM(4, 8, 2, dropout=0.5), ops.ones((3, 2, 4))
    still = layer(x)[0].asnumpy()
    assert np.array_equal(still, layer(x)[0].asnumpy())
    layer.set_train()
    assert not np.array_equal(layer(x)[0].asnumpy(), layer(x)[0].asnumpy())


def test_lstm_starts_within_its_bound():
    weights = np.concatenate([p.asnumpy().ravel() for p in nn.LSTM(5, 16).get_parameters()])
    assert np.abs(weights).max() <= 0.25
    assert np.abs(weights).max() > 0.24


def test_one_layer_of_lstm_with_dropout_warns():
    with pytest.warns(UserWarning, match="dropout acts between the layers"):
        nn.LSTM(3, 2, dropout=0.5)


def test_loss_base_with_weights():
    class Weighted(nn.LossBase):
        def construct(self, logits, labels):
            return self.get_loss(ops.abs(logits - labels), Tensor([1.0, 3.0]))

    x, y = Tensor([[1.0, 2.0], [3.0, 4.0]]), ops.zeros((2, 2))
    assert float(Weighted()(x, y).asnumpy()) == (1 + 6 + 3 + 12) / 4
    assert float(Weighted("sum")(x, y).asnumpy()) == 22
    assert Weighted("none")(x, y).asnumpy().tolist() == [[1, 6], [3, 12]]


@pytest.mark.parametrize("dtype", [cellc.float16, cellc.bfloat16])
def test_half_precision_stays_half(dtype):
    x = Tensor(np.ones((2, 3, 4, 4)), dtype)
    for layer in (nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(3).set_train(), nn.Softmax(), nn.Flatten(), nn.GELU()):
        assert layer(x).dtype is dtype, layer
    assert nn.MSELoss()(x, x).dtype is dtype


def test_mean_of_many_halves_does_not_overflow():
    assert float(nn.L1Loss()(Tensor(np.full(70000, 2.0), cellc.float16), ops.zeros((1,), cellc.float16)).asnumpy()) == 2


def test_with_eval_cell_can_answer_in_float32():
    cell = nn.WithEvalCell(nn.ReLU(), nn.MSELoss(), add_cast_fp32=True)
    loss, output, label = cell(Tensor([1.0], cellc.float16), Tensor([0.0], cellc.float16))
    assert (loss.dtype, output.dtype, label.dtype) == (cellc.float32,) * 3


def test_names_that_do_not_exist_yet():
    with pytest.raises(AttributeError, match=r"cellc\.nn\.thor is not implemented yet"):
        _ = nn.thor
    with pytest.raises(AttributeError, match="has no attribute 'Conv4d'"):
        _ = nn.Conv4d


def test_get_activation():
    assert isinstance(nn.get_activation("relu6"), nn.ReLU6)
    assert nn.get_activation(None) is None
