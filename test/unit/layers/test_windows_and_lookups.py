"""Conv3d, Conv3dTranspose, Unfold and the embedding lookups: parameters, errors and MindSpore's worked examples."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops


def shapes(cell):
    return [(parameter.name, parameter.shape) for parameter in cell.get_parameters()]


def test_parameters_and_printing():
    assert shapes(nn.Conv3d(4, 6, (1, 2, 3), group=2, has_bias=True)) == [("weight", (6, 2, 1, 2, 3)), ("bias", (6,))]
    assert shapes(nn.Conv3dTranspose(4, 6, (1, 2, 3), group=2)) == [("weight", (4, 3, 1, 2, 3))]
    assert shapes(nn.MultiFieldEmbeddingLookup(5, 3, 2)) == [("embedding_table", (5, 3))]
    assert repr(nn.Conv3d(1, 2, 3)) == (
        "Conv3d<input_channels=1, output_channels=2, kernel_size=(3, 3, 3), stride=(1, 1, 1), pad_mode=same, padding=0,"
        " dilation=(1, 1, 1), group=1, has_bias=False, weight_init=normal, bias_init=zeros, format=NCDHW>"
    )


INDICES = Tensor([[2, 4, 6, 0, 0], [1, 3, 5, 0, 0]], cellc.int32)
VALUES = Tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]], cellc.float32)
FIELDS = Tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0]], cellc.int32)


def test_worked_examples():
    net = nn.Unfold(ksizes=[1, 2, 2, 1], strides=[1, 2, 2, 1], rates=[1, 2, 2, 1])
    assert net(ops.ones((2, 3, 6, 6), cellc.float16)).shape == (2, 12, 2, 2)
    assert nn.EmbeddingLookup(4, 2)(Tensor(np.array([[1, 0], [3, 2]]), cellc.int32)).shape == (2, 2, 2)
    net = nn.MultiFieldEmbeddingLookup(10, 2, field_size=2, operator="SUM", target="DEVICE")
    assert net(INDICES, VALUES, FIELDS).shape == (2, 2, 2)
    assert nn.Conv3d(3, 2, (4, 3, 3))(ops.ones((1, 3, 10, 32, 32))).shape == (1, 2, 10, 32, 32)
    assert nn.Conv3dTranspose(2, 3, (4, 6, 2), pad_mode="pad")(ops.ones((1, 2, 10, 32, 32))).shape == (1, 3, 13, 37, 33)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nn.Conv3d(1, 2, (3, 3)), ValueError, "'kernel_size' must be an int of at least 1 or three of them"),
        (lambda: nn.Conv3d(1, 2, "3"), TypeError, "'kernel_size' must be int or tuple"),
        (lambda: nn.Conv3d(1, 2, 3, pad_mode="pad", padding=(1, 1, 1, 1)), ValueError, "or a tuple of six ints"),
        (lambda: nn.Conv3d(1, 2, 3, padding=1), ValueError, "'padding' must be 0 when 'pad_mode' is 'same'"),
        (lambda: nn.Conv3d(1, 2, 3, data_format="NCHW"), ValueError, "'data_format' must be one of 'NCDHW'"),
        (lambda: nn.Conv3dTranspose(1, 2, 3, output_padding=1), ValueError, "'output_padding' must be below (1, 1, 1)"),
        (
            lambda: nn.Conv3dTranspose(1, 2, 3, 2, output_padding=1),
            ValueError,
            "'output_padding' must be 0 when 'pad_mode' is 'same', but got 1",
        ),
        (lambda: nn.Conv3d(1, 2, 3)(ops.ones((1, 1, 3, 3))), ValueError, "'x' must have shape (N, 1, D, H, W)"),
        (lambda: nn.Conv3d(1, 2, 3, pad_mode="valid")(ops.ones((1, 1, 2, 3, 3))), ValueError, "must fit into 'x'"),
        (lambda: nn.Unfold(2, [1, 1, 1, 1], [1, 1, 1, 1]), TypeError, "'ksizes' must be tuple or list, but got 2"),
        (lambda: nn.Unfold([1, 2, 2, 1], [1, 0, 1, 1], [1, 1, 1, 1]), ValueError, "'strides' must be [1, row, col, 1]"),
        (lambda: nn.Unfold([1, 2, 2, 1], [1] * 4, [1] * 4, "pad"), ValueError, "'padding' must be one of 'valid'"),
        (lambda: nn.Unfold([1, 3, 3, 1], [1] * 4, [1] * 4)(ops.ones((1, 1, 2, 3))), ValueError, "must fit into the"),
        (lambda: nn.EmbeddingLookup(0, 2), ValueError, "'vocab_size' must be at least 1, but got 0"),
        (lambda: nn.EmbeddingLookup(3, 2, target="GPU"), ValueError, "'target' must be one of 'CPU', 'DEVICE'"),
        (lambda: nn.EmbeddingLookup(3, 2, sparse=False), ValueError, "'sparse' must be True when 'target' is 'CPU'"),
        (lambda: nn.EmbeddingLookup(3, 2, slice_mode="rows"), ValueError, "'slice_mode' must be one of 'batch_slice'"),
        (lambda: nn.EmbeddingLookup(3, 2, slice_mode="field_slice"), ValueError, "'manual_shapes' must be given"),
        (lambda: nn.EmbeddingLookup(3, 2, max_norm=0.0), ValueError, "'max_norm' must be finite and greater than 0"),
        (lambda: nn.EmbeddingLookup(3, 2, vocab_cache_size=4), ValueError, "'vocab_cache_size' must be in [0, 0]"),
        (lambda: nn.MultiFieldEmbeddingLookup(3, 2, 0), ValueError, "'field_size' must be at least 1"),
        (lambda: nn.MultiFieldEmbeddingLookup(3, 2, 2, operator="MIN"), ValueError, "'operator' must be one of 'SUM'"),
        (
            lambda: nn.MultiFieldEmbeddingLookup(9, 2, 2)(INDICES, VALUES[0], FIELDS),
            ValueError,
            "'input_values' must have the shape (B, L) of 'input_indices', but got shapes (5,) and (2, 5)",
        ),
        (
            lambda: nn.MultiFieldEmbeddingLookup(9, 2, 2)(INDICES, VALUES, FIELDS.astype(cellc.int64)),
            TypeError,
            "'field_ids' Int32, but got Int32 and Int64",
        ),
    ],
)
def test_errors(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
