"""The networks that are measured, as Cells, for cellc and, with its module in cellc's place, for MindSpore.

`torch_networks.py` and `jax_networks.py` have the same with the layers in the same order.
"""

import numpy as np

from cellc import Tensor, nn, ops


class MLP(nn.Cell):
    """f32[N, 784] -> f32[N, 10]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.SequentialCell(nn.Dense(784, 512), nn.ReLU(), nn.Dense(512, 512), nn.ReLU(), nn.Dense(512, 10))

    def construct(self, x):
        return self.layers(x)


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, group: int = 1) -> list[nn.Cell]:
    """A convolution padded by kernel // 2 and its batch normalization."""
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride, pad_mode="pad", padding=kernel // 2, group=group, weight_init="he_normal"
    )
    return [conv, nn.BatchNorm2d(outputs)]


class BasicBlock(nn.Cell):
    """Two 3x3 convolutions around a shortcut; from He et al., Deep Residual Learning."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.body = nn.SequentialCell(
            *conv_bn(inputs, outputs, 3, stride), nn.ReLU(), *conv_bn(outputs, outputs, 3)
        )  # fmt: skip
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.SequentialCell(*conv_bn(inputs, outputs, 1, stride)) if changes else ops.identity

    def construct(self, x):
        return ops.relu(self.body(x) + self.shortcut(x))


class ResNet18(nn.Cell):
    """f32[N, 3, H, W] -> f32[N, 1000]."""

    def __init__(self):
        super().__init__()
        self.stem = nn.SequentialCell(*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, pad_mode="same"))
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.blocks = nn.SequentialCell(
            *(block for i, o, stride in widths for block in (BasicBlock(i, o, stride), BasicBlock(o, o, 1)))
        )
        self.head = nn.Dense(512, 1000, weight_init="xavier_uniform")

    def construct(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class InvertedResidual(nn.Cell):
    """1x1 up, depthwise 3x3, 1x1 down; from Sandler et al., MobileNetV2."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int = 6):
        super().__init__()
        wide = inputs * expand
        self.body = nn.SequentialCell(
            *conv_bn(inputs, wide, 1), nn.ReLU6(),
            *conv_bn(wide, wide, 3, stride, group=wide), nn.ReLU6(),
            *conv_bn(wide, outputs, 1),
        )  # fmt: skip
        self.adds = stride == 1 and inputs == outputs

    def construct(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class MobileNetBlocks(nn.Cell):
    """f32[N, 24, 56, 56] -> f32[N, 32, 28, 28], four blocks."""

    def __init__(self):
        super().__init__()
        shapes = ((24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 32, 1))
        self.blocks = nn.SequentialCell(*(InvertedResidual(*shape) for shape in shapes))

    def construct(self, x):
        return self.blocks(x)


class EncoderLayer(nn.Cell):
    """BERT's layer, normalized after each part: f32[N, T, D] -> f32[N, T, D]."""

    def __init__(self, hidden: int = 768, heads: int = 12, wide: int = 3072):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (dense(hidden, hidden) for _ in range(4))
        self.norm1 = nn.LayerNorm((hidden,), epsilon=1e-12)
        self.up, self.down = dense(hidden, wide), dense(wide, hidden)
        self.norm2 = nn.LayerNorm((hidden,), epsilon=1e-12)
        self.gelu = nn.GELU(approximate=False)

    def construct(self, x):
        attended = attention(*(split_heads(part(x), self.heads) for part in (self.query, self.key, self.value)))
        x = self.norm1(x + self.out(attended))
        return self.norm2(x + self.down(self.gelu(self.up(x))))


class Encoder(nn.Cell):
    """BERT's layers on embedded tokens, f32[N, T, D] -> f32[N, T, D]."""

    def __init__(self, layers: int):
        super().__init__()
        self.layers = nn.SequentialCell([EncoderLayer() for _ in range(layers)])

    def construct(self, x):
        return self.layers(x)


class DecoderLayer(nn.Cell):
    """GPT-2's layer, normalized before each part, each token seeing those before it: f32[N, T, D] -> f32[N, T, D]."""

    def __init__(self, hidden: int = 768, heads: int = 12):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm((hidden,), epsilon=1e-5)
        self.qkv, self.out = dense(hidden, 3 * hidden), dense(hidden, hidden)
        self.norm2 = nn.LayerNorm((hidden,), epsilon=1e-5)
        self.up, self.down = dense(hidden, 4 * hidden), dense(4 * hidden, hidden)
        self.gelu = nn.GELU()

    def construct(self, x):
        width = x.shape[-1]
        qkv = self.qkv(self.norm1(x))
        parts = (qkv[..., i * width : (i + 1) * width] for i in range(3))
        x = x + self.out(attention(*(split_heads(part, self.heads) for part in parts), causal=True))
        return x + self.down(self.gelu(self.up(self.norm2(x))))


def dense(inputs: int, outputs: int) -> nn.Dense:
    """A dense layer whose outputs keep the variance of its inputs."""
    return nn.Dense(inputs, outputs, weight_init="xavier_uniform", bias_init="normal")


def split_heads(x: Tensor, heads: int) -> Tensor:
    """f32[N, T, D] -> f32[N, heads, T, D / heads]."""
    batch, time, width = x.shape
    return x.reshape(batch, time, heads, width // heads).transpose(0, 2, 1, 3)


def attention(query: Tensor, key: Tensor, value: Tensor, causal: bool = False, dropout: float = 0.0) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V for each head: f32[N, heads, T, d], three times, -> f32[N, T, heads d].

    `dropout` is the probability that a weight becomes 0.
    """
    batch, heads, time, depth = query.shape
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * depth**-0.5
    if causal:
        scores = ops.select(Tensor(np.tri(time, dtype=bool)), scores, ops.fill(scores.dtype, scores.shape, -1e30))
    weights = ops.softmax(scores, -1)
    mixed = ops.matmul(ops.dropout(weights, dropout)[0] if dropout else weights, value)
    return mixed.transpose(0, 2, 1, 3).reshape(batch, time, heads * depth)


class LastStep(nn.Cell):
    """An LSTM and a dense layer on its last output: f32[T, N, 64] -> f32[N, 10]."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(64, 256), dense(256, 10)

    def construct(self, x):
        return self.head(self.lstm(x)[0][-1])
