"""Networks that the end-to-end tests train, export and ship; `cellc compile models.py:Mlp` reads this file too."""

import numpy as np

import cellc
from cellc import nn, ops


class Mlp(nn.Cell):
    """Two layers whose sizes are no multiples of 16; f32[N, 20] -> f32[N, 7]."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Dense(20, 33, activation="relu")
        self.last = nn.Dense(33, 7)

    def construct(self, x):
        return self.last(self.hidden(x))


class LstmClassifier(nn.Cell):
    """Token ids i32[N, T] and lengths i32[N] -> f32[N, 5]."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 12)
        self.lstm = nn.LSTM(12, 18, batch_first=True, bidirectional=True)
        self.last = nn.Dense(36, 5)

    def construct(self, ids, lengths):
        output, _ = self.lstm(self.table(ids), None, lengths)
        return self.last(output.mean(1))


class BatchNormNet(nn.Cell):
    """f32[N, 3, 11, 11] -> f32[N, 4]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.AvgPool2d(2, 2)
        self.last = nn.Dense(8 * 3 * 3, 4)

    def construct(self, x):
        x = self.pool(ops.relu(self.norm(self.conv(x))))
        return self.last(x.reshape(x.shape[0], -1))


class Attention(nn.Cell):
    """Two heads of self-attention, each token seeing those before it; f32[N, T, 24] -> f32[N, T, 24]."""

    def __init__(self):
        super().__init__()
        self.parts = nn.Dense(24, 72)
        self.last = nn.Dense(24, 24)

    def construct(self, x):
        batch, time, _ = x.shape
        query, key, value = self.parts(x).reshape(batch, time, 3, 2, 12).transpose(2, 0, 3, 1, 4)
        scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * 12**-0.5
        seen = cellc.Tensor(np.tri(time, dtype=bool))
        scores = ops.select(seen, scores, ops.fill(scores.dtype, scores.shape, -1e30))
        mixed = ops.matmul(ops.softmax(scores, -1), value)
        return self.last(mixed.transpose(0, 2, 1, 3).reshape(batch, time, 24))


class Difference(nn.Cell):
    """Two inputs of one type, which must not be mixed up."""

    def construct(self, x, y):
        return x - y


class Several(nn.Cell):
    """Three inputs of different types; outputs of four types, in a dict, a list and a tuple."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 6)

    def construct(self, x, rows, keep):
        picked = self.table(rows)
        return {
            "large": x > 0.5,
            "halves": [x.astype(cellc.float16) / 3, ops.logical_not(keep)],
            "sums": (x.astype(cellc.float64).sum(0), (picked * x).sum(), rows + 1),
        }


class Broken(nn.Cell):
    """Cannot be made."""

    def __init__(self):
        super().__init__()
        raise RuntimeError("no such thing as a Broken")


class NeedsArgument(nn.Cell):
    """Cannot be made without an argument."""

    def __init__(self, size):
        super().__init__()
        self.size = size


class RankMismatch(nn.Cell):
    """Can be made, but not traced on what the tests give it."""

    def construct(self, x):
        return x @ ops.ones((999, 3), cellc.float32)


not_a_cell = 3
made = Mlp


class NotACellClass:
    """A class, but not a Cell."""
