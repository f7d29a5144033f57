"""The networks of `networks.py` in PyTorch, and the transfer of weights to them."""

import torch
from torch import nn
from torch.nn import functional
from weights import layers


class MLP(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


class LeNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 6, 5, padding=2, bias=False), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip


def conv_bn(inputs, outputs, kernel, stride=1, group=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=group, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(inputs, outputs, 3, stride), nn.ReLU(), *conv_bn(outputs, outputs, 3))
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Sequential(*conv_bn(inputs, outputs, 1, stride)) if changes else nn.Identity()

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True))
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.blocks = nn.Sequential(
            *(block for i, o, stride in widths for block in (BasicBlock(i, o, stride), BasicBlock(o, o, 1)))
        )
        self.head = nn.Linear(512, 1000)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expand=6):
        super().__init__()
        wide = inputs * expand
        self.body = nn.Sequential(
            *conv_bn(inputs, wide, 1), nn.ReLU6(),
            *conv_bn(wide, wide, 3, stride, group=wide), nn.ReLU6(),
            *conv_bn(wide, outputs, 1),
        )  # fmt: skip
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class MobileNetBlocks(nn.Sequential):
    def __init__(self):
        shapes = ((24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 32, 1))
        super().__init__(*(InvertedResidual(*shape) for shape in shapes))


def split_heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    def __init__(self, hidden=768, heads=12, wide=3072):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))
        self.norm1 = nn.LayerNorm(hidden, eps=1e-12)
        self.up, self.down = nn.Linear(hidden, wide), nn.Linear(wide, hidden)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x):
        q, k, v = (split_heads(part(x), self.heads) for part in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.norm1(x + self.out(attended))
        return self.norm2(x + self.down(functional.gelu(self.up(x))))


class Encoder(nn.Sequential):
    def __init__(self, layers):
        super().__init__(*(EncoderLayer() for _ in range(layers)))


class DecoderLayer(nn.Module):
    def __init__(self, hidden=768, heads=12):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(hidden, eps=1e-5)
        self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-5)
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def forward(self, x):
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(self.norm1(x)).chunk(3, -1))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.out(attended)
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class LastStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(64, 256), nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][-1])


_RENAMED = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def named(network, names):
    """(name, tensor) for the names of a cell's weights, whose layers come in the same order here."""
    own = [module for module in network.modules() if next(module.parameters(recurse=False), None) is not None]
    for (layer, weights), module in zip(layers(names).items(), own, strict=True):
        yield from ((f"{layer}.{weight}", getattr(module, _RENAMED.get(weight, weight))) for weight in weights)


def set_weights(network, weights):
    """Gives the network the values of the cell's weights."""
    with torch.no_grad():
        for name, tensor in named(network, list(weights)):
            assert tensor.shape == weights[name].shape, f"{name} has shape {tuple(tensor.shape)}"
            tensor.copy_(torch.from_numpy(weights[name]))
