"""Rules that add operations on tensors."""

from __future__ import annotations

from math import prod

from cellc.arithmetic import broadcast_shape
from support.random_networks.generator import HALVES, LARGEST, Generator, Value, rule

# Expressions of one value and the size of their results, None where it is that of the value.
_UNARY = (
    ("ops.exp(ops.tanh({0}))", 3.0), ("ops.log(ops.abs({0}) + 0.5)", 3.0), ("ops.log1p(ops.abs({0}))", 3.0),
    ("ops.expm1(-ops.abs({0}))", 1.0), ("ops.sqrt(ops.square({0}) + 0.1)", None), ("ops.sin({0})", 1.0),
    ("ops.rsqrt(ops.square({0}) + 0.2)", 2.3), ("ops.reciprocal(ops.abs({0}) + 0.7)", 1.5), ("ops.cos({0})", 1.0),
    ("ops.erf({0})", 1.0), ("-{0}", None), ("ops.abs({0})", None), ("ops.sign({0}) * {0}", None),
    ("ops.floor({0}) - {0}", 1.0), ("1.5 - {0}", None), ("2.0 / (ops.abs({0}) + 1.0)", 2.0),
    ("ops.pow(ops.abs({0}) + 0.5, 1.3)", 40.0), ("ops.clip_by_value({0}, -0.7, 0.9)", 1.0), ("{0} * 0.5 + 0.25", None),
    ("ops.stop_gradient(ops.sign({0})) * {0}", None), ("ops.tanh({0}) ** 3", 1.0), ("ops.square({0})", 150.0),
    ("ops.where({0} > 0.3, {0}, 0.1)", None), ("ops.where(ops.logical_and({0} > -0.5, {0} < 0.8), {0}, -{0})", None),
    ("ops.sigmoid({0}) * {0}", None), ("ops.relu({0}) - 0.1 * ops.relu(-{0})", None),
)  # fmt: skip

# Expressions of two values: the size of the result from theirs.
_BINARY = (
    ("{0} + {1}", lambda a, b: a + b), ("{0} - {1}", lambda a, b: a + b), ("{0} * {1}", lambda a, b: a * b),
    ("{0} / (ops.abs({1}) + 0.6)", lambda a, b: 2 * a), ("ops.maximum({0}, {1})", max),
    ("ops.minimum({0}, {1})", max), ("ops.squared_difference({0}, {1})", lambda a, b: (a + b) ** 2),
    ("ops.pow(ops.abs(ops.sin({0})) + 0.5, ops.tanh({1}))", lambda a, b: 3.0),
    ("ops.where({0} < {1}, {0}, {1} * 0.5)", max), ("ops.where(ops.logical_not({1} >= 0.1), {0}, {1})", max),
    ("ops.addn([{0}, {1}, {0}])", lambda a, b: 2 * a + b),
)  # fmt: skip


@rule(8)
def unary(g: Generator, x: Value) -> Value:
    expression, size = g.random.choice(_UNARY)
    return g.add(expression, [x], x.shape, size=size)


@rule(8)
def binary(g: Generator, x: Value) -> Value | None:
    """With a value of equal or broadcasting shape: a residual, a part of x itself, or a parameter."""
    expression, size = g.random.choice(_BINARY)
    y = g.partner(lambda value: value.name != x.name and _fits(x, value))
    if y is None:
        y = _part(g, x) if g.chance(0.5) and x.elements else None
    if y is None:
        shape = tuple(1 if g.chance(0.4) else extent for extent in x.shape)[g.random.randint(0, x.rank) :]
        if 0 in shape:
            return None
        batched = len(shape) < x.rank or not shape or shape[0] == 1
        return g.add(expression.replace("{1}", "{layer}"), [x], x.shape, dtype=g.meet(x), layer=g.parameter(shape),
                     size=size(x.size, 1.0), batched=batched)  # fmt: skip
    y = g.squashed(y)
    pair = [x, y] if g.chance(0.5) else [y, x]
    shape = broadcast_shape(x.shape, y.shape)
    assert shape is not None
    aligned = x.rank == y.rank or (not y.batched and not x.batched)
    return g.add(expression, pair, shape, size=size(pair[0].size, pair[1].size), batched=aligned)


def _fits(x: Value, y: Value) -> bool:
    shape = broadcast_shape(x.shape, y.shape)
    return shape is not None and 0 < prod(shape) <= LARGEST


def _part(g: Generator, x: Value) -> Value | None:
    if x.rank < 2:
        return None
    axis = g.random.randint(1, x.rank - 1)
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return g.add(f"ops.reduce_mean({{0}}, {axis}, True)", [x], shape)


@rule(3, lambda x: x.rank > 0)
def concat(g: Generator, x: Value) -> Value | None:
    axis = g.axis(x)

    def fits(y: Value) -> bool:
        rest = [e for i, e in enumerate(y.shape) if i != axis]
        return y.rank == x.rank and y.dtype == x.dtype and rest == [e for i, e in enumerate(x.shape) if i != axis]

    parts = [x, g.partner(fits) or x, *([g.partner(fits) or x] if g.chance(0.2) else [])]
    total = sum(part.shape[axis] for part in parts)
    shape = (*x.shape[:axis], total, *x.shape[axis + 1 :])
    if prod(shape) > LARGEST:
        return None
    names = ", ".join(f"{{{i}}}" for i in range(len(parts)))
    return g.add(f"ops.concat(({names}), {axis})", parts, shape, batched=axis > 0)


@rule(1, lambda x: 2 * x.elements <= LARGEST and x.rank < 5)
def stack(g: Generator, x: Value) -> Value:
    y = g.partner(lambda value: value.shape == x.shape and value.dtype == x.dtype) or x
    axis = g.random.randint(0, x.rank)
    shape = (*x.shape[:axis], 2, *x.shape[axis:])
    return g.add(f"ops.stack([{{0}}, {{1}}], {axis})", [x, y], shape, batched=axis > 0)


@rule(5, lambda x: x.rank > 0 and x.elements > 1)
def cut(g: Generator, x: Value) -> Value | None:
    """Slices with steps of both signs, single indices and new axes."""
    items, shape, first = [], [], True
    for extent in x.shape:
        kind = g.random.choice(["all", "all", "slice", "step", "back", "index", "new"])
        if kind == "index" and extent > 0 and (not first or x.rank > 1):
            items.append(str(g.random.randint(-extent, extent - 1)))
        elif kind in ("slice", "step", "back") and extent > 1:
            item = _slice(g, extent, kind)
            items.append(":".join("" if part is None else str(part) for part in (item.start, item.stop, item.step)))
            shape.append(len(range(*item.indices(extent))))
        else:
            new = kind == "new" and x.rank < 4
            items += ["None", ":"] if new else [":"]
            shape += [1, extent] if new else [extent]
        first = False
    return g.add(f"{{0}}[{', '.join(items)}]", [x], tuple(shape), batched=items[0] == ":")


def _slice(g: Generator, extent: int, kind: str) -> slice:
    start = g.random.randint(0, extent - 1)
    stop = g.random.randint(start + 1, extent)
    step = g.random.choice([1, 2, 3]) if kind == "step" else 1
    if kind == "back":
        return slice(stop - 1, None if start == 0 else start - 1, -g.random.choice([1, 2]))
    return slice(start, stop, step)


@rule(3, lambda x: x.rank >= 2)
def transpose(g: Generator, x: Value) -> Value:
    order = list(range(x.rank))
    g.random.shuffle(order)
    return g.add(f"ops.transpose({{0}}, {tuple(order)})", [x], tuple(x.shape[i] for i in order), batched=order[0] == 0)


@rule(3, lambda x: x.rank > 0 and x.elements > 0)
def reshape(g: Generator, x: Value) -> Value:
    """Merges two axes, or splits one."""
    at = g.axis(x)
    if x.rank > 1 and at + 1 < x.rank and g.chance(0.6):
        shape = (*x.shape[:at], x.shape[at] * x.shape[at + 1], *x.shape[at + 2 :])
    else:
        divisor = g.random.choice([d for d in range(1, x.shape[at] + 1) if x.shape[at] % d == 0])
        shape = (*x.shape[:at], divisor, x.shape[at] // divisor, *x.shape[at + 1 :])
    given = [str(extent) for extent in shape]
    given[0] = "-1" if at > 0 else given[0]
    return g.add(f"ops.reshape({{0}}, ({', '.join(given)},))", [x], shape, batched=at > 0)


@rule(2, lambda x: x.rank > 0)
def arranged(g: Generator, x: Value) -> Value | None:
    """Reversal, padding, tiling, a new axis."""
    axis = g.axis(x)
    match g.random.choice(["reverse", "pad", "tile", "expand", "broadcast"]):
        case "reverse":
            return g.add(f"ops.reverse({{0}}, [{axis}])", [x], x.shape, batched=axis > 0)
        case "pad":
            sides = [(g.random.randint(0, 2), g.random.randint(0, 2)) for _ in x.shape]
            shape = tuple(low + extent + high for extent, (low, high) in zip(x.shape, sides, strict=True))
            expression, batched = f"ops.pad({{0}}, {sides})", sides[0] == (0, 0)
        case "tile":
            shape = tuple(2 * extent if i == axis else extent for i, extent in enumerate(x.shape))
            counts = tuple(2 if i == axis else 1 for i in range(x.rank))
            expression, batched = f"ops.tile({{0}}, {counts})", axis > 0
        case "expand":
            shape = (*x.shape[:axis], 1, *x.shape[axis:])
            expression, batched = f"ops.expand_dims({{0}}, {axis})", axis > 0
        case _:
            shape = (3, *x.shape)
            expression, batched = f"ops.broadcast_to({{0}}, {shape})", False
    return g.add(expression, [x], shape, batched=batched) if prod(shape) <= LARGEST and len(shape) <= 5 else None


@rule(4, lambda x: x.rank > 0 and x.elements > 0)
def reduce(g: Generator, x: Value) -> Value | None:
    axes = tuple(i for i in range(x.rank) if g.chance(0.4)) or (g.axis(x),)
    keep, count = g.chance(0.4), prod(x.shape[i] for i in axes)
    kind = g.random.choice(["sum", "mean", "mean", "max", "min", "prod"])
    if kind == "prod" and count > 12:
        return None
    operand = "ops.tanh({0}) + 1.2" if kind == "prod" else "{0}"
    size = x.size * count**0.5 if kind == "sum" else 2.0**count if kind == "prod" else x.size
    shape = tuple(1 if i in axes else e for i, e in enumerate(x.shape) if keep or i not in axes)
    return g.add(f"ops.reduce_{kind}({operand}, {axes}, {keep})", [x], shape, size=size, batched=0 not in axes)


@rule(1, lambda x: x.rank >= 2 and 0 < x.shape[-1] <= 17 and x.elements > 0)
def one_hot_of_largest(g: Generator, x: Value) -> Value:
    kind, extent = g.random.choice(["argmax", "argmin"]), x.shape[-1]
    return g.add(f"ops.one_hot(ops.{kind}({{0}}, -1), {extent}) * {{0}}", [x], x.shape, dtype=_with_f32(x))


def _with_f32(x: Value) -> str:
    return "f32" if x.dtype in HALVES else x.dtype


@rule(2)
def cast(g: Generator, x: Value) -> Value:
    if g.chance(0.2):
        code = "i32" if g.chance(0.5) else "i8"
        expression = f"ops.sin({{0}} + ({{0}} * 3).astype({code!r}).astype({x.dtype!r}))"
        return g.add(expression.replace("'", '"'), [g.add("ops.tanh({0})", [x], x.shape, size=1.0)], x.shape, size=1.0)
    other = g.random.choices(["f32", "f64", "f16", "bf16"], [4, 2, 1, 1])[0]
    return g.add(f'{{0}}.astype("{other}")', [x], x.shape, dtype=other)


@rule(4, lambda x: x.rank >= 2 and x.elements > 0)
def matmul(g: Generator, x: Value) -> Value | None:
    """With a value that fits, with a parameter, or with itself."""
    *batch, rows, inner = x.shape

    def fits(y: Value) -> bool:
        return (
            y.rank in (2, x.rank)
            and y.shape[-2] == inner
            and y.shape[:-2] in ((), tuple(batch))
            and y.size < 9
            and y.dtype == x.dtype
        )

    y = g.partner(fits) if x.size < 9 else None
    size = 3 * x.size * (y.size if y else 1.0)
    if y is not None and g.chance(0.6) and prod((*batch, rows, y.shape[-1])) <= LARGEST:
        shape = (*batch, rows, y.shape[-1])
        return g.add("ops.matmul({0}, {1})", [x, y], shape, size=size * inner**0.5, batched=bool(batch))
    side, turned = g.random.choice([(rows, "b"), (inner, "a")])
    if x.size < 3 and g.chance(0.5) and prod(batch) * side * side <= LARGEST:
        summed = inner if turned == "b" else rows
        expression = f"ops.matmul({{0}}, {{0}}, transpose_{turned}=True) * {round(summed**-0.5, 3)}"
        return g.add(expression, [x], (*batch, side, side), size=2 * x.size**2 + 3, batched=bool(batch))
    columns = g.extent(17)
    lead = tuple(batch) if g.chance(0.3) and len(batch) == 1 else ()
    if prod((*batch, rows, columns)) > LARGEST or prod((*lead, inner, columns)) > LARGEST:
        return None
    layer, size = g.parameter((*lead, inner, columns)), 3 * x.size * inner**0.5
    x = g.in_network_dtype(x)
    return g.add("ops.matmul({0}, {layer})", [x], (*batch, rows, columns), layer=layer, size=size, batched=not lead)


@rule(2, lambda x: x.rank > 0 and x.elements > 0)
def gather(g: Generator, x: Value) -> Value | None:
    axis = g.axis(x)
    count = (g.extent(9), *([2] if g.chance(0.2) else []))
    shape = (*x.shape[:axis], *count, *x.shape[axis + 1 :])
    if prod(shape) > LARGEST or len(shape) > 5:
        return None
    indices = g.add_input(count, "i32", x.shape[axis] + g.random.choice([0, 0, 1]), batched=False)
    return g.add(f"ops.gather({{0}}, {{1}}, {axis})", [x, indices], shape, dtype=x.dtype, batched=False)


@rule(1, lambda x: x.rank > 0 and x.elements > 0 and any(e % 2 == 0 for e in x.shape))
def split(g: Generator, x: Value) -> Value:
    axis = next(i for i, extent in enumerate(x.shape) if extent % 2 == 0)
    shape = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
    return g.add(f"ops.split({{0}}, {axis}, 2)[{g.random.randint(0, 1)}]", [x], shape, batched=axis > 0)
