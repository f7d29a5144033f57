"""Rules that add layers."""

from __future__ import annotations

from math import ceil, prod

from support.random_networks.generator import LARGEST, Generator, Value, rule


def _image(x: Value) -> bool:
    return x.rank == 4 and x.elements > 0


def _pair(g: Generator, largest: int) -> tuple[int, int]:
    return g.random.randint(1, largest), g.random.randint(1, largest)


def _windows(extent: int, reach: int, stride: int, same: bool) -> int:
    return ceil(extent / stride) if same else (extent - reach) // stride + 1


@rule(6, _image)
def conv2d(g: Generator, x: Value) -> Value | None:
    n, channels, *extents = x.shape
    group = g.random.choice([d for d in range(1, channels + 1) if channels % d == 0])
    out = group * g.random.choice([1, 1, 2, 3] if group > 4 else [1, 2, 3, 5, 8])
    kernel, stride, dilation = _pair(g, 4), _pair(g, 3), _pair(g, 2)
    mode = g.random.choice(["same", "valid", "pad"])
    sides = tuple(g.random.randint(0, 2) for _ in range(4)) if mode == "pad" else (0, 0, 0, 0)
    padded = [extents[0] + sides[0] + sides[1], extents[1] + sides[2] + sides[3]]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if mode != "same" and any(r > e for r, e in zip(reach, padded, strict=True)):
        return None
    spatial = [_windows(e, r, s, mode == "same") for e, r, s in zip(padded, reach, stride, strict=True)]
    shape = (n, out, *spatial)
    if prod(shape) > LARGEST:
        return None
    layer = (
        f"nn.Conv2d({channels}, {out}, {kernel}, {stride}, {mode!r}, {sides if mode == 'pad' else 0}, {dilation}, "
        f"{group}, has_bias={g.chance(0.5)})"
    )
    return g.add("{layer}({0})", [g.in_network_dtype(x)], shape, layer=layer, size=3 * x.size)


@rule(4, _image)
def pool(g: Generator, x: Value) -> Value | None:
    n, channels, *extents = x.shape
    kernel, stride, mode = _pair(g, 4), _pair(g, 3), g.random.choice(["valid", "same", "SAME"])
    same = mode != "valid"
    if not same and any(k > e for k, e in zip(kernel, extents, strict=True)):
        return None
    spatial = [_windows(e, k, s, same) for e, k, s in zip(extents, kernel, stride, strict=True)]
    layer = f"nn.{g.random.choice(['MaxPool2d', 'AvgPool2d'])}({kernel}, {stride}, {mode!r})"
    return g.add("{layer}({0})", [x], (n, channels, *spatial), layer=layer)


@rule(4, _image)
def batch_norm(g: Generator, x: Value) -> Value:
    always = g.random.choice([None, None, True, False])
    layer = f"nn.BatchNorm2d({x.shape[1]}, eps={g.random.choice([1e-5, 0.01])}, momentum={g.number(0, 1)}, "
    layer += f"affine={g.chance(0.8)}, use_batch_statistics={always})"
    return g.add("{layer}({0})", [x], x.shape, layer=layer, size=2.0, batched=always is False)


@rule(3, lambda x: x.rank >= 2 and x.elements > 0)
def layer_norm(g: Generator, x: Value) -> Value:
    first, params = g.random.randint(1, x.rank - 1), g.random.randint(1, x.rank - 1)
    if g.chance(0.5):
        first, params = first - x.rank, params - x.rank
    layer = f"nn.LayerNorm({x.shape[params:]}, {first}, {params}, epsilon={g.random.choice([1e-7, 1e-3])})"
    return g.add("{layer}({0})", [x], x.shape, layer=layer, size=2.0)


@rule(6, lambda x: x.rank >= 2 and 0 < x.shape[-1] <= 700)
def dense(g: Generator, x: Value) -> Value | None:
    out = g.extent()
    if prod(x.shape[:-1]) * out > LARGEST:
        return None
    activation = g.random.choice([None, None, "relu", "relu6", "sigmoid", "tanh", "gelu", "softmax", "logsoftmax"])
    layer = f"nn.Dense({x.shape[-1]}, {out}, has_bias={g.chance(0.8)}, activation={activation!r})"
    shape = (*x.shape[:-1], out)
    return g.add("{layer}({0})", [g.in_network_dtype(x)], shape, layer=layer, size=3 * x.size)


@rule(4)
def activation(g: Generator, x: Value) -> Value:
    layers = ["nn.ReLU()", "nn.ReLU6()", "nn.Sigmoid()", "nn.Tanh()", "nn.GELU()", "nn.GELU(False)"]
    return g.add("{layer}({0})", [x], x.shape, layer=g.random.choice(layers))


@rule(2, lambda x: x.rank > 0 and x.elements > 0)
def softmax(g: Generator, x: Value) -> Value:
    axis = g.axis(x)
    kind = g.random.choice(["Softmax", "LogSoftmax"])
    given = axis - x.rank if g.chance(0.5) else axis
    return g.add("{layer}({0})", [x], x.shape, layer=f"nn.{kind}({given})", size=x.size + 4, batched=axis > 0)


@rule(3)
def dropout(g: Generator, x: Value) -> Value:
    return g.add("{layer}({0})", [x], x.shape, layer=f"nn.Dropout({g.number(0.3, 1.0)})", size=2 * x.size,
                 batched=False)  # fmt: skip


@rule(2, lambda x: x.rank >= 2)
def flatten(g: Generator, x: Value) -> Value:
    return g.add("{layer}({0})", [x], (x.shape[0], prod(x.shape[1:])), layer="nn.Flatten()")


@rule(2)
def embedding(g: Generator, x: Value) -> Value:
    """Joined with x later: by an op on two values, or at the end."""
    vocabulary, width = g.extent(17), g.extent(17)
    shape = (x.shape[0] if x.rank else 2, *(g.extent(5) for _ in range(g.random.randint(0, 2))))
    ids = g.add_input(shape, g.random.choice(["i32", "i64"]), vocabulary)
    full = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}[g.dtype]
    layer = f"nn.Embedding({vocabulary}, {width}, use_one_hot={g.chance(0.3)}, dtype=cellc.{full})"
    return g.add("{layer}({0})", [ids], (*shape, width), dtype=g.dtype, layer=layer, size=1.0)


@rule(3, lambda x: x.rank == 3 and x.elements > 0 and x.shape[0] <= 17)
def recurrent(g: Generator, x: Value) -> Value:
    kind = g.random.choice(["LSTM", "LSTM", "GRU", "RNN"])
    hidden, layers = g.extent(9), g.random.choice([1, 1, 2])
    both, first = g.chance(0.4), g.chance(0.3)
    steps, rows = (x.shape[1], x.shape[0]) if first else x.shape[:2]
    directions = 2 if both else 1
    operands, call = [x], "{layer}({0})"
    if g.chance(0.5):
        operands.append(g.add_input((rows,), g.random.choice(["i32", "i64"]), steps + 1, batched=first))
        call = "{layer}({0}, None, {1})"
    layer = f"nn.{kind}({x.shape[2]}, {hidden}, {layers}, has_bias={g.chance(0.8)}, batch_first={first}, "
    kinds = f", nonlinearity={g.random.choice(['tanh', 'relu'])!r}" if kind == "RNN" else ""
    layer += f"bidirectional={both}{kinds})"
    part = g.random.choice(["[0]", "[0]", "[1][0]", "[1][1]"] if kind == "LSTM" else ["[0]", "[1]"])
    states = (layers * directions, rows, hidden)
    shape = (*x.shape[:2], directions * hidden) if part == "[0]" else states
    return g.add(call + part, operands, shape, dtype=x.dtype, layer=layer, size=2.0,
                 batched=first and part == "[0]")  # fmt: skip


@rule(1, lambda x: x.rank >= 2 and 0 < x.shape[-1] <= 33)
def same_layer_twice(g: Generator, x: Value) -> Value:
    extent, x = x.shape[-1], g.in_network_dtype(x)
    once = g.add("{layer}({0})", [x], x.shape, layer=f"nn.Dense({extent}, {extent})", size=3 * x.size)
    owner = g.steps[-1].name
    once = g.squashed(once)
    return g.add("{layer}({0})", [once], x.shape, layer=owner, size=3 * once.size)
