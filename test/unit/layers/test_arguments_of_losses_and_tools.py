"""Wrong arguments of activations, losses and tools: the type of the error, and that it names owner, argument and value.

Also what they print and the parameters they have.
"""

import numpy as np
import pytest

from cellc import Parameter, Tensor, nn

X, Y = Tensor(np.ones((2, 3), np.float32)), Tensor(np.ones((3, 2), np.float32))
INTS, HALF = Tensor(np.ones((2, 3), np.int32)), Tensor(np.ones((2, 3), np.float16))
VECTOR, SCALAR = Tensor(np.ones(3, np.float32)), Tensor(np.float32(1))
NO_NUMBER = Tensor(np.ones((2, 3), bool))

CONSTRUCTORS = [
    (lambda: nn.CELU(1), TypeError, "'CELU', 'alpha' must be float, but got 1 "),
    (lambda: nn.CELU(0.0), ValueError, "'CELU', 'alpha' must not be 0, but got 0.0"),
    (lambda: nn.ELU(2.0), ValueError, "'ELU', 'alpha' must be 1.0, but got 2.0"),
    (lambda: nn.ELU("1"), TypeError, "'ELU', 'alpha' must be float, but got '1'"),
    (lambda: nn.HShrink(1), TypeError, "'HShrink', 'lambd' must be float, but got 1 "),
    (lambda: nn.SoftShrink(-0.5), ValueError, "'SoftShrink', 'lambd' must not be negative, but got -0.5"),
    (lambda: nn.LeakyReLU("a"), TypeError, "'LeakyReLU', 'alpha' must be float or int, but got 'a'"),
    (lambda: nn.PReLU(0), ValueError, "'PReLU', 'channel' must be at least 1, but got 0"),
    (lambda: nn.PReLU(2.0), TypeError, "'PReLU', 'channel' must be int, but got 2.0"),
    (lambda: nn.PReLU(2, 1), TypeError, "'PReLU', 'w' must be a float, a list of floats or a Tensor, but got 1 "),
    (lambda: nn.PReLU(2, [0.5]), ValueError, "'PReLU', a list 'w' must have 2 floats, but got"),
    (lambda: nn.PReLU(2, [0.5, 1]), ValueError, "'PReLU', a list 'w' must have 2 floats"),
    (lambda: nn.PReLU(2, VECTOR), ValueError, "must be Float16 or Float32 of shape"),
    (lambda: nn.get_activation("swish", "Dense"), KeyError, "'Dense', the activation must be one of softmax,"),
    (lambda: nn.BCELoss(reduction="all"), ValueError, "'BCELoss', 'reduction' must be one of"),
    (lambda: nn.BCELoss(0.5), TypeError, "'BCELoss', 'weight' must be Tensor, but got 0.5"),
    (lambda: nn.BCEWithLogitsLoss(weight=Parameter(X, "w")), TypeError, "'weight' must not be a Parameter"),
    (lambda: nn.BCEWithLogitsLoss(pos_weight=INTS), TypeError, "'pos_weight' must be a float tensor, but got Int32"),
    (lambda: nn.SmoothL1Loss(0.0), ValueError, "'SmoothL1Loss', 'beta' must be finite and greater than 0, but got 0.0"),
    (lambda: nn.SmoothL1Loss(1), TypeError, "'SmoothL1Loss', 'beta' must be float, but got 1 "),
    (lambda: nn.CosineEmbeddingLoss(1.5), ValueError, "'margin' must be in [-1, 1], but got 1.5"),
    (lambda: nn.CosineEmbeddingLoss(1), TypeError, "'CosineEmbeddingLoss', 'margin' must be float, but got 1 "),
    (lambda: nn.DiceLoss(0.0), ValueError, "'DiceLoss', 'smooth' must be finite and greater than 0, but got 0.0"),
    (lambda: nn.MultiClassDiceLoss(VECTOR), ValueError, "'weights' must have rank 2, but got shape (3,)"),
    (lambda: nn.MultiClassDiceLoss(activation="gelu"), ValueError, "'activation' must be one of"),
    (lambda: nn.MultiClassDiceLoss(activation=3), TypeError, "'activation' must be str or Cell or None, but got 3"),
    (lambda: nn.FocalLoss(gamma=2), TypeError, "'FocalLoss', 'gamma' must be float, but got 2 "),
    (lambda: nn.FocalLoss(X), ValueError, "'FocalLoss', 'weight' must have rank 1, but got shape (2, 3)"),
    (lambda: nn.FocalLoss([1.0]), TypeError, "'FocalLoss', 'weight' must be Tensor or None, but got [1.0]"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), ValueError, "'label_smoothing' must be in [0, 1], but got 1.5"),
    (lambda: nn.CrossEntropyLoss(ignore_index=1.0), TypeError, "'ignore_index' must be int, but got 1.0"),
    (lambda: nn.SampledSoftmaxLoss(8, 7), ValueError, "'num_sampled' must be in [1, 7], but got 8"),
    (lambda: nn.SampledSoftmaxLoss(4, 7, 8), ValueError, "'num_true' must be in [1, 7], but got 8"),
    (lambda: nn.SampledSoftmaxLoss(4, 7, seed=-1), ValueError, "'seed' must not be negative, but got -1"),
    (lambda: nn.SampledSoftmaxLoss(4, 7, sampled_values=3), TypeError, "'sampled_values' must be list or tuple"),
    (lambda: nn.SampledSoftmaxLoss(4, 7, sampled_values=()), ValueError, "must have three entries, but got 0"),
    (lambda: nn.ClipByNorm([1]), TypeError, "'ClipByNorm', 'axis' must be int or tuple, but got [1]"),
    (lambda: nn.ClipByNorm((1.0,)), TypeError, "'ClipByNorm', 'axis' must be int, but got 1.0"),
    (lambda: nn.L1Regularizer(0), ValueError, "'scale' must be finite and greater than 0, but got 0"),
    (lambda: nn.L1Regularizer(float("nan")), ValueError, "'scale' must be finite and greater than 0, but got nan"),
    (lambda: nn.L1Regularizer("1"), TypeError, "'L1Regularizer', 'scale' must be int or float, but got '1'"),
    (lambda: nn.Norm(axis=None), TypeError, "'Norm', 'axis' must be int or tuple, but got None"),
    (lambda: nn.Norm(keep_dims=1), TypeError, "'Norm', 'keep_dims' must be bool, but got 1"),
    (lambda: nn.OneHot(axis=1.0), TypeError, "'OneHot', 'axis' must be int, but got 1.0"),
    (lambda: nn.OneHot(depth=-1), ValueError, "'OneHot', 'depth' must not be negative, but got -1"),
    (lambda: nn.Range(1, 2, 0), ValueError, "'Range', 'delta' must not be 0, but got 0"),
    (lambda: nn.Range("1"), TypeError, "'Range', 'start' must be int or float, but got '1'"),
    (lambda: nn.Roll(1.0, 0), TypeError, "'Roll', 'shift' must be int or tuple or list, but got 1.0"),
    (lambda: nn.Roll([1], [0.0]), TypeError, "'Roll', 'axis' must be int, but got 0.0"),
    (lambda: nn.Roll([1], [0, 1]), ValueError, "'shift' and 'axis' must have one length, but got [1] and [0, 1]"),
    (lambda: nn.Roll(1, [0]), TypeError, "must both be ints or both be not, but got 1 and [0]"),
    (lambda: nn.MatMul(1), TypeError, "'MatMul', 'transpose_x1' must be bool, but got 1"),
    (lambda: nn.Moments([1]), TypeError, "'Moments', 'axis' must be int or tuple, but got [1]"),
    (lambda: nn.Moments(keep_dims=0), TypeError, "'Moments', 'keep_dims' must be bool, but got 0"),
    (lambda: nn.ReduceLogSumExp(None), TypeError, "'axis' must be int or list or tuple, but got None"),
    (lambda: nn.Pad([(1, 1)]), TypeError, "'Pad', 'paddings' must be tuple, but got [(1, 1)]"),
    (lambda: nn.Pad(((1, 1, 1),)), ValueError, "must be a pair for each of at most 4 axes, but got ((1, 1, 1),)"),
    (lambda: nn.Pad(((1, 1),) * 5), ValueError, "must be a pair for each of at most 4 axes"),
    (lambda: nn.Pad(((1, -1),)), ValueError, "'Pad', 'paddings' must not be negative, but got -1"),
    (lambda: nn.Pad(((1, 1),), "EDGE"), ValueError, "'Pad', 'mode' must be one of"),
]

CALLS = [
    (nn.CELU(), (INTS,), TypeError, "'CELU', 'x' must be a float tensor, but got Int32"),
    (nn.LogSigmoid(), (1.0,), TypeError, "'LogSigmoid', 'x' must be Tensor, but got 1.0"),
    (nn.HSwish(), (INTS,), TypeError, "'HSwish', 'x' must be a float tensor"),
    (nn.HSigmoid(), (NO_NUMBER,), TypeError, "'HSigmoid', 'input_x' must be a tensor of numbers, but got Bool"),
    (nn.PReLU(2), (X,), ValueError, "'PReLU', 'x' must have 2 channels (axis 1), but got shape (2, 3)"),
    (nn.BCELoss(), (X, Y), ValueError, "'BCELoss', 'logits' and 'labels' must have one shape, but got (2, 3) and"),
    (nn.BCELoss(), (X, HALF), TypeError, "'logits' and 'labels' must have one dtype, but got Float32 and Float16"),
    (nn.BCELoss(VECTOR), (X, X), ValueError, "'logits' and 'weight' must have one shape, but got (2, 3) and (3,)"),
    (nn.BCEWithLogitsLoss("sum", Y), (X, X), ValueError, "'weight' must broadcast to the shape of 'logits'"),
    (nn.BCEWithLogitsLoss(), (X, 1.0), TypeError, "'BCEWithLogitsLoss', 'labels' must be Tensor, but got 1.0"),
    (nn.SoftMarginLoss(), (X, INTS), TypeError, "'SoftMarginLoss', 'labels' must be a float tensor, but got Int32"),
    (nn.SmoothL1Loss(), (X, Y), ValueError, "'SmoothL1Loss', 'logits' and 'labels' must have one shape"),
    (nn.CosineEmbeddingLoss(), (X, X, X), ValueError, "must have the shape of 'logits_x1' without axis 1, but got"),
    (nn.CosineEmbeddingLoss(), (X, Y, VECTOR), ValueError, "'logits_x1' and 'logits_x2' must have one shape"),
    (nn.DiceLoss(), (X, Y), ValueError, "'DiceLoss', 'logits' and 'labels' must have one shape"),
    (nn.MultiClassDiceLoss(), (VECTOR, VECTOR), ValueError, "'logits' must have rank at least 2, but got shape (3,)"),
    (nn.MultiClassDiceLoss(X), (X, X), ValueError, "'weights' must have one row for each of 3 classes, but got shape"),
    (nn.FocalLoss(), (X, VECTOR), ValueError, "must have one rank in [2, 4], but got shapes (2, 3) and (3,)"),
    (nn.FocalLoss(), (X, Y), ValueError, "'logits' must have several classes and 'labels' one or as many"),
    (nn.FocalLoss(), (X, NO_NUMBER), TypeError, "'labels' must be Int32, Int64 or floats, but got Bool"),
    (nn.CrossEntropyLoss(), (X, Y), ValueError, "'labels' must have the shape of 'logits', with or without axis 1"),
    (nn.CrossEntropyLoss(), (X, INTS), TypeError, "'labels' that are probabilities must be floats, but got Int32"),
    (nn.CrossEntropyLoss(VECTOR), (Y, INTS[0]), ValueError, "'weight' must have shape (2,), but got shape (3,)"),
    (nn.SampledSoftmaxLoss(1, 2), (X, X, X, X), TypeError, "'labels' must be Int32 or Int64, but got Float32"),
    (nn.SampledSoftmaxLoss(1, 2), (X, VECTOR, INTS, X), ValueError, "must have shapes (2, dim), (2,), (N, 1)"),
    (nn.ClipByNorm(), (INTS, SCALAR), TypeError, "'ClipByNorm', 'x' must be a float tensor, but got Int32"),
    (nn.ClipByNorm(), (VECTOR, X), ValueError, "'clip_norm' must broadcast to the shape of 'x', but got"),
    (nn.ClipByNorm(2), (X, SCALAR), ValueError, "2"),
    (nn.L1Regularizer(1), (NO_NUMBER,), TypeError, "'weights' must be a tensor of numbers, but got Bool"),
    (nn.Norm(3), (X,), ValueError, "3"),
    (nn.OneHot(3), (INTS,), ValueError, "'OneHot', 'axis' must be in [-1, 2], but got 3"),
    (nn.OneHot(), (X,), TypeError, "'OneHot', 'indices' must be Int32 or Int64, but got Float32"),
    (nn.Roll(1, 2), (X,), ValueError, "'Roll', 'axis' must be in [-2, 2), but got 2"),
    (nn.Tril(), (X, 1.0), TypeError, "'Tril', 'k' must be int, but got 1.0"),
    (nn.Triu(), (SCALAR,), ValueError, "'Triu', 'x' must have rank at least 1, but got shape ()"),
    (nn.MatMul(), (X, X), ValueError, "matmul"),
    (nn.Moments(), (INTS,), TypeError, "'Moments', 'x' must be a float tensor, but got Int32"),
    (nn.ReduceLogSumExp(2), (X,), ValueError, "2"),
    (nn.MatrixDiag(), (SCALAR,), ValueError, "'MatrixDiag', 'x' must have rank at least 1, but got shape ()"),
    (nn.MatrixDiagPart(), (VECTOR,), ValueError, "'MatrixDiagPart', 'x' must have rank at least 2, but got shape"),
    (nn.MatrixSetDiag(), (X, VECTOR), ValueError, "'diagonal' must have shape (2,), but got shape (3,)"),
    (nn.MatrixSetDiag(), (X, INTS), TypeError, "'x' and 'diagonal' must have one dtype"),
    (nn.Pad(((1, 1),)), (X,), ValueError, "'paddings' ((1, 1),) must have one pair for each axis of 'x', but got"),
    (nn.Pad(((2, 0), (0, 0)), "REFLECT"), (X,), ValueError, "of axis 0 in mode REFLECT must be at most 1, but got"),
    (nn.Pad(((3, 0), (0, 0)), "SYMMETRIC"), (X,), ValueError, "of axis 0 in mode SYMMETRIC must be at most 2"),
]


@pytest.mark.parametrize(("make", "kind", "message"), CONSTRUCTORS, ids=[row[2][:30] for row in CONSTRUCTORS])
def test_constructor(make, kind, message):
    with pytest.raises(kind) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "inputs", "kind", "message"), CALLS, ids=[f"{row[0].cls_name} {row[3][:20]}" for row in CALLS]
)
def test_call(cell, inputs, kind, message):
    with pytest.raises(kind) as caught:
        cell(*inputs)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (nn.CELU(2.0), "CELU<>"),
        (nn.PReLU(3), "PReLU<>"),
        (nn.Norm(axis=0), "Norm<axis=0, keep_dims=False>"),
        (nn.RMSELoss(), "RMSELoss<\n  (MSELoss): MSELoss<>\n  >"),
        (
            nn.MultiClassDiceLoss(),
            "MultiClassDiceLoss<\n  (binarydiceloss): DiceLoss<>\n  (activation): Softmax<>\n  >",
        ),
        (nn.OneHot(), "OneHot<>"),
    ],
)
def test_printed(cell, text):
    assert repr(cell) == text


def test_prelu_parameter():
    assert [(p.name, p.shape) for p in nn.PReLU(2, [0.5, 0.25]).get_parameters()] == [("a", (2,))]
    assert [p.name for p in nn.SequentialCell([nn.PReLU()]).get_parameters()] == ["0.w"]


def test_prelu_drops_negative_slopes_in_training():
    cell = nn.PReLU(2, [-0.5, 0.25])
    cell(X[:, :2])
    np.testing.assert_array_equal(cell.w.asnumpy(), np.float32([-0.5, 0.25]))
    cell.set_train()
    cell(X[:, :2])
    np.testing.assert_array_equal(cell.w.asnumpy(), np.float32([0, 0.25]))
