"""Rules that add the layers beside the first ones: other ranks, transposed convolutions, other recurrences."""

from __future__ import annotations

from math import ceil, prod

from support.random_networks.generator import LARGEST, Generator, Value, rule

_ACTIVATIONS = (
    "nn.HSigmoid()", "nn.HSwish()", "nn.LeakyReLU(0.1)", "nn.HShrink(0.4)", "nn.SoftShrink(0.3)", "nn.ELU()",
    "nn.CELU(1.3)", "nn.FastGelu()", "nn.LogSigmoid()",
)  # fmt: skip


@rule(3)
def activation(g: Generator, x: Value) -> Value:
    return g.add("{layer}({0})", [x], x.shape, layer=g.random.choice(_ACTIVATIONS))


@rule(1, lambda x: x.rank >= 2 and x.elements > 0)
def parametric_relu(g: Generator, x: Value) -> Value:
    channels = g.random.choice([1, x.shape[1]])
    layer = f"nn.PReLU({channels})"
    return g.add("{layer}({0})", [g.in_network_dtype(x)], x.shape, layer=layer, size=2 * x.size)


@rule(2, lambda x: x.rank == 4 and x.elements > 0)
def transposed_convolution(g: Generator, x: Value) -> Value | None:
    n, channels, *extents = x.shape
    group = g.random.choice([d for d in (1, 1, 2, 3) if channels % d == 0])
    out = group * g.random.choice([1, 2, 3])
    kernel, stride = (g.random.randint(1, 3), g.random.randint(1, 3)), (g.random.randint(1, 3), g.random.randint(1, 2))
    dilation, mode = g.random.choice([(1, 1), (1, 1), (2, 1)]), g.random.choice(["same", "valid", "pad"])
    sides = tuple(g.random.randint(0, 1) for _ in range(4)) if mode == "pad" else (0, 0, 0, 0)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    spatial = [
        _spread(*row, mode) for row in zip(extents, reach, stride, (sum(sides[:2]), sum(sides[2:])), strict=True)
    ]
    shape = (n, out, *spatial)
    if min(spatial) < 1 or prod(shape) > LARGEST:
        return None
    layer = f"nn.Conv2dTranspose({channels}, {out}, {kernel}, {stride}, {mode!r}, {sides if mode == 'pad' else 0}, "
    layer += f"{dilation}, {group}, has_bias={g.chance(0.5)})"
    return g.add("{layer}({0})", [g.in_network_dtype(x)], shape, layer=layer, size=3 * x.size)


def _spread(extent: int, reach: int, stride: int, sides: int, mode: str) -> int:
    if mode == "same":
        return extent * stride
    return extent * stride + (max(reach - stride, 0) if mode == "valid" else reach - stride - sides)


@rule(2, lambda x: x.rank in (3, 5) and x.elements > 0)
def convolution_of_other_ranks(g: Generator, x: Value) -> Value | None:
    n, channels, *extents = x.shape
    kernel, stride = [g.random.randint(1, 3) for _ in extents], [g.random.randint(1, 2) for _ in extents]
    same, out = g.chance(0.5), g.random.choice([1, 2, 5])
    if not same and any(k > e for k, e in zip(kernel, extents, strict=True)):
        return None
    spatial = [ceil(e / s) if same else (e - k) // s + 1 for e, k, s in zip(extents, kernel, stride, strict=True)]
    if prod((n, out, *spatial)) > LARGEST:
        return None
    sizes = f"{kernel[0]}, {stride[0]}" if len(extents) == 1 else f"{tuple(kernel)}, {tuple(stride)}"
    layer = f"nn.Conv{len(extents)}d({channels}, {out}, {sizes}, {'same' if same else 'valid'!r})"
    return g.add("{layer}({0})", [g.in_network_dtype(x)], (n, out, *spatial), layer=layer, size=3 * x.size)


@rule(1, lambda x: x.rank == 3 and x.elements > 0)
def pool1d(g: Generator, x: Value) -> Value | None:
    """Not where AvgPool1d has its rule for short inputs."""
    extent, kernel, stride = x.shape[2], g.random.randint(1, 3), g.random.randint(1, 2)
    if extent - kernel < stride:
        return None
    same = g.chance(0.5)
    windows = ceil(extent / stride) if same else (extent - kernel) // stride + 1
    layer = f"nn.{g.random.choice(['MaxPool1d', 'AvgPool1d'])}({kernel}, {stride}, {'same' if same else 'valid'!r})"
    return g.add("{layer}({0})", [x], (*x.shape[:2], windows), layer=layer)


@rule(2, lambda x: x.rank in (2, 4) and x.elements > 0)
def other_normalization(g: Generator, x: Value) -> Value:
    channels = x.shape[1]
    if x.rank == 2:
        layer, batched = f"nn.BatchNorm1d({channels}, momentum={g.number(0, 1)})", False
    elif g.chance(0.5):
        groups = g.random.choice([d for d in range(1, channels + 1) if channels % d == 0])
        layer, batched = f"nn.GroupNorm({groups}, {channels}, affine={g.chance(0.8)})", True
    else:
        layer, batched = f"nn.InstanceNorm2d({channels}, affine={g.chance(0.8)})", True
    return g.add("{layer}({0})", [g.in_network_dtype(x)], x.shape, layer=layer, size=2.0, batched=batched)


@rule(2, lambda x: x.rank == 3 and x.elements > 0 and x.shape[0] <= 9)
def other_recurrence(g: Generator, x: Value) -> Value:
    hidden, both, first = g.extent(9), g.chance(0.3), g.chance(0.3)
    directions = 2 if both else 1
    operands, call = [x], "{layer}({0})"
    if g.chance(0.3):
        rows, steps = (x.shape[0], x.shape[1]) if first else (x.shape[1], x.shape[0])
        operands.append(g.add_input((rows,), "i32", steps + 1, batched=first))
        call = "{layer}({0}, None, {1})"
    layer = f"nn.{g.random.choice(['RNN', 'GRU'])}({x.shape[2]}, {hidden}, batch_first={first}, bidirectional={both})"
    shape = (*x.shape[:2], directions * hidden)
    return g.add(call + "[0]", operands, shape, dtype=x.dtype, layer=layer, size=2.0, batched=first)


@rule(2, lambda x: x.rank >= 2 and x.elements > 0)
def rearranged(g: Generator, x: Value) -> Value | None:
    match g.random.choice(["pad", "roll", "resize", "triangle"]):
        case "pad":
            mode = g.random.choice(["CONSTANT", "REFLECT", "SYMMETRIC"])
            reach = [2 if mode == "CONSTANT" else min(2, e - 1 if mode == "REFLECT" else e) for e in x.shape]
            sides = tuple((g.random.randint(0, r), g.random.randint(0, r)) for r in reach)
            shape = tuple(low + extent + high for extent, (low, high) in zip(x.shape, sides, strict=True))
            if x.rank > 4 or prod(shape) > LARGEST:
                return None
            return g.add("{layer}({0})", [x], shape, layer=f"nn.Pad({sides}, {mode!r})", batched=sides[0] == (0, 0))
        case "roll":
            axis = g.axis(x)
            layer = f"nn.Roll({g.random.randint(-3, 3)}, {axis})"
            return g.add("{layer}({0})", [x], x.shape, layer=layer, batched=axis > 0)
        case "resize" if x.rank == 4:
            size = (g.extent(9), g.extent(9))
            shape = (*x.shape[:2], *size)
            layer = f"nn.ResizeBilinear(half_pixel_centers={g.chance(0.3)})"
            return g.add(f"{{layer}}({{0}}, {size})", [x], shape, layer=layer) if prod(shape) <= LARGEST else None
        case _:
            layer = g.random.choice(["nn.Tril()", "nn.Triu()"])
            return g.add(f"{{layer}}({{0}}, {g.random.randint(-1, 1)})", [x], x.shape, layer=layer, batched=x.rank > 2)


@rule(1, lambda x: x.rank > 0 and x.elements > 0)
def norm(g: Generator, x: Value) -> Value:
    axis, keep = g.axis(x), g.chance(0.5)
    shape = tuple(1 if i == axis else e for i, e in enumerate(x.shape) if keep or i != axis)
    if g.chance(0.5):
        code, layer = "{layer}({0} + 0.1)", f"nn.Norm({axis}, {keep})"
    else:
        code, layer = "{layer}(ops.tanh({0}))", f"nn.ReduceLogSumExp({axis}, {keep})"
    return g.add(code, [x], shape, layer=layer, size=x.size * x.shape[axis] ** 0.5 + 3, batched=axis > 0)
