"""One row per differentiable op and shape: operands, attributes, and which values to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """`operands` are shapes of f64 operands, or arrays that are held fixed (indices, conditions)."""

    op: str
    operands: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    draw: str = "normal"

    def __str__(self) -> str:
        return "-".join([self.op, *("x".join(map(str, np.shape(o) if is_fixed(o) else o)) for o in self.operands)])

    def arrays(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Values of the operands; drawn ones keep a distance between operands too."""
        return [
            operand if is_fixed(operand) else np.asarray(DRAWS[self.draw](rng, operand) + 0.25 * index)
            for index, operand in enumerate(self.operands)
        ]


def is_fixed(operand: Any) -> bool:
    return isinstance(operand, np.ndarray)


def _apart(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Distinct values far from each other, from 0 and from integers: no kink within a difference's step."""
    size = int(np.prod(shape))
    return rng.permutation(np.arange(size) - size // 2 + 0.3).reshape(shape) * 0.7


DRAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2.0, size=shape),
    "apart": _apart,
}

SHAPES = [(), (0,), (1,), (7,), (2, 0, 3), (3, 1, 5)]
SMOOTH = ["neg", "exp", "expm1", "sin", "cos", "tanh", "sigmoid", "erf"]
POSITIVE = ["log", "log1p", "sqrt", "rsqrt", "reciprocal"]
KINKED = ["abs", "sign", "relu", "floor", "ceil", "round"]


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def _unary() -> list[Case]:
    draws = {"normal": SMOOTH, "positive": POSITIVE, "apart": KINKED}
    return [Case(op, (shape,), {}, draw) for draw, ops in draws.items() for op in ops for shape in SHAPES]


def _elementwise() -> list[Case]:
    draws = {"normal": ["add", "sub", "mul"], "positive": ["div", "pow"], "apart": ["maximum", "minimum"]}
    cases = [Case(op, (s, s), {}, draw) for draw, ops in draws.items() for op in ops for s in SHAPES]
    cases += [Case("mod", ((5,), np.full(5, 2.3))), Case("floor_div", ((5,), (5,)), {}, "positive")]
    conditions = [np.array(True), np.zeros(0, bool), np.arange(7) % 2 == 0, np.ones((1, 5), bool)]
    cases += [Case("select", (condition, condition.shape, condition.shape)) for condition in conditions]
    return cases + [Case("cast", (shape,), {"dtype": "f64"}) for shape in SHAPES]


def _contraction() -> list[Case]:
    cases = []
    for batch, m, k, n in [
        ((), 2, 3, 5),
        ((), 1, 1, 1),
        ((), 2, 0, 3),
        ((3,), 2, 7, 1),
        ((2, 1), 3, 2, 4),
        ((0,), 2, 3, 2),
    ]:
        for t_lhs in (False, True):
            for t_rhs in (False, True):
                lhs, rhs = (k, m) if t_lhs else (m, k), (n, k) if t_rhs else (k, n)
                attributes = {"transpose_lhs": t_lhs, "transpose_rhs": t_rhs}
                cases.append(Case("matmul", (batch + lhs, batch + rhs), attributes))
    return cases


def _convolution() -> list[Case]:
    cases = []
    for x, w, strides, padding, dilation, groups in [
        ((1, 1, 3, 3), (1, 1, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
        ((2, 3, 5, 7), (4, 3, 3, 2), (1, 2), (1, 0, 2, 1), (1, 1), 1),
        ((1, 4, 7, 5), (6, 2, 2, 3), (2, 1), (0, 1, 1, 1), (2, 1), 2),
        ((2, 3, 5, 5), (3, 1, 3, 3), (3, 2), (1, 1, 1, 1), (1, 2), 3),
        ((0, 2, 3, 3), (2, 2, 2, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1),
        ((2, 2, 3, 4, 3), (3, 2, 2, 2, 3), (1, 1, 1), (1, 0, 0, 1, 1, 1), (1, 1, 1), 1),
        ((1, 4, 5, 3, 4), (2, 2, 2, 3, 2), (2, 1, 3), (0, 1, 1, 1, 2, 0), (2, 1, 1), 2),
        ((1, 2, 3, 3, 4), (2, 1, 3, 2, 2), (1, 2, 1), (1, 1, 0, 0, 0, 0), (1, 1, 2), 2),
    ]:
        name = f"conv{len(strides)}d"
        window = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
        extents = [
            (x[2 + a] + padding[2 * a] + padding[2 * a + 1] - (w[2 + a] - 1) * dilation[a] - 1) // strides[a] + 1
            for a in range(len(strides))
        ]
        g = (x[0], w[0], *extents)
        cases += [
            Case(name, (x, w), window),
            Case(f"{name}_input_gradient", (g, w), window | {"input_shape": x}),
            Case(f"{name}_weight_gradient", (x, g), window | {"weight_shape": w}),
        ]
    return cases


def _pooling() -> list[Case]:
    cases = []
    for x, kernel, strides, padding, out in [
        ((1, 1, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0), (2, 2)),
        ((2, 3, 5, 7), (2, 3), (2, 1), (1, 0, 1, 1), (3, 7)),
        ((1, 2, 7, 5), (3, 2), (1, 2), (1, 2, 0, 1), (8, 3)),
        ((0, 1, 3, 3), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
    ]:
        window = {"kernel": kernel, "strides": strides, "padding": padding}
        g = (*x[:2], *out)
        index = np.full(g, kernel[0] * kernel[1] // 2, np.int32)
        cases += [
            Case("max_pool2d", (x,), window, "apart"),
            Case("max_pool2d_gradient", (g, index), window | {"input_shape": x}),
            Case("max_pool2d_gather", (x, index), window),
        ]
        for counted in (True, False):
            average = window | {"count_include_pad": counted}
            cases += [
                Case("avg_pool2d", (x,), average),
                Case("avg_pool2d_gradient", (g,), average | {"input_shape": x}),
            ]
    return cases


def _reduction() -> list[Case]:
    cases = []
    for shape, axes in [
        ((), ()),
        ((7,), (0,)),
        ((1, 5), (1,)),
        ((3, 2, 5), (0, 2)),
        ((3, 2, 4), ()),
        ((2, 0, 3), (2,)),
    ]:
        for keep_dims in (False, True):
            attributes = {"axes": axes, "keep_dims": keep_dims}
            cases += [
                Case(op, (shape,), attributes, draw)
                for op, draw in [("reduce_sum", "normal"), ("reduce_prod", "apart"), ("reduce_max", "apart")]
            ]
            cases.append(Case("reduce_min", (shape,), attributes, "apart"))
    for shape, axis in [((5,), 0), ((2, 3, 2), 1), ((2, 3), 0), ((0, 2), 0)]:
        cases += [Case("cumsum", (shape,), {"axis": axis, "reverse": reverse}) for reverse in (False, True)]
    cases.append(Case("reduce_prod", ((2, 0, 3),), {"axes": (1,), "keep_dims": False}))
    for op in ("softmax", "log_softmax"):
        cases += [Case(op, (s,), {"axis": a}) for s, a in [((7,), 0), ((1, 5), 1), ((3, 1, 2), 0), ((2, 0), 1)]]
    return cases


def _shape() -> list[Case]:
    cases = [Case("identity", (shape,)) for shape in SHAPES]
    cases += [Case("after", (shape, np.zeros(2))) for shape in SHAPES]
    cases += [
        Case("reshape", (a,), {"shape": b}) for a, b in [((), (1,)), ((6,), (2, 3)), ((0, 2), (4, 0)), ((7,), (7, 1))]
    ]
    cases += [
        Case("transpose", (s,), {"permutation": p})
        for s, p in [((), ()), ((7,), (0,)), ((2, 3), (1, 0)), ((2, 1, 5), (2, 0, 1)), ((0, 3), (1, 0))]
    ]
    cases += [
        Case("broadcast_to", (s,), {"shape": shape, "dimensions": d})
        for s, shape, d in [
            ((), (2, 3), ()), ((3,), (2, 3), (1,)), ((2, 1), (2, 5), (0, 1)),
            ((2,), (2, 3), (0,)), ((1,), (1, 1), (0,)), ((1,), (0,), (0,)), ((3,), (3,), (0,)),
        ]
    ]  # fmt: skip
    cases += [
        Case("slice", (s,), {"starts": a, "limits": b, "strides": c})
        for s, a, b, c in [
            ((7,), (1,), (6,), (2,)), ((5,), (2,), (2,), (1,)), ((3, 4), (0, 1), (3, 4), (2, 3)),
            ((1,), (0,), (1,), (5,)), ((2, 0), (1, 0), (2, 0), (1, 1)),
        ]
    ]  # fmt: skip
    cases += [
        Case("pad", (s, ()), {"low": low, "high": high, "interior": interior})
        for s, low, high, interior in [
            ((3,), (1,), (2,), (1,)), ((2, 1), (0, 2), (1, 0), (3, 1)), ((0,), (2,), (1,), (4,)), ((), (), (), ()),
        ]
    ]  # fmt: skip
    cases += [Case("concat", ((2, 3), (0, 3), (5, 3)), {"axis": 0}), Case("concat", ((2, 3), (2, 1)), {"axis": 1})]
    cases += [Case("concat", ((1,),), {"axis": 0})]
    return cases + [Case("reverse", (s,), {"axes": a}) for s, a in [((7,), (0,)), ((2, 3), ()), ((2, 3, 1), (1, 0))]]


def _indexing() -> list[Case]:
    indices = [_ints(0, 2, 2), _ints(), np.array(1, np.int64), np.array([[0, 9], [-1, 1]], np.int32)]
    cases = []
    for i in indices:
        cases += [
            Case("take", ((3, 2), i)),
            Case("take", ((3,), i)),
            Case("scatter_add", (i, (*i.shape, 2)), {"rows": 3}),
        ]
    for shape, lengths, time, batch in [
        ((5, 2, 3), _ints(3, 9), 0, 1), ((2, 7), _ints(-1, 7), 1, 0), ((0, 2), _ints(0, 0), 0, 1),
    ]:  # fmt: skip
        cases.append(Case("reverse_sequence", (shape, lengths), {"time_axis": time, "batch_axis": batch}))
    return cases


def _recurrent() -> list[Case]:
    cases = []
    for t, n, h, lengths in [
        (3, 2, 2, _ints(3, 1)),
        (1, 1, 1, _ints(1)),
        (0, 2, 1, _ints(0, 0)),
        (2, 3, 1, _ints(0, 9, 1)),
    ]:
        gates, states, w_hh, state = (t, n, 4 * h), (t, n, h), (4 * h, h), (n, h)
        cases.append(Case("lstm", (gates, w_hh, state, state, lengths)))
        cases.append(Case("lstm_gradient", (gates, states, w_hh, state, lengths, states, states)))
        before, w_hh = (t, n, 3 * h), (3 * h, h)
        cases.append(Case("gru", (before, w_hh, (3 * h,), state, lengths)))
        cases.append(Case("gru_gradient", (gates, states, w_hh, state, lengths, states)))
        for nonlinearity in ("tanh", "relu"):
            attributes = {"nonlinearity": nonlinearity}
            cases.append(Case("rnn", (states, (h, h), state, lengths), attributes))
            cases.append(Case("rnn_gradient", (states, (h, h), lengths, states), attributes))
    return cases


def _collective() -> list[Case]:
    """Of a process alone; of several, see test/endtoend/test_processes.py."""
    world, alone, root = {"group": "world"}, {"processes": 1}, {"root": 0}
    cases = [Case("all_gather", ((3, 2),), alone | world), Case("broadcast", ((3, 2),), root | world)]
    for reduction in ("sum", "prod"):
        attributes = {"reduction": reduction} | world
        cases.append(Case("all_reduce", ((3, 2),), attributes))
        cases.append(Case("reduce", ((3, 2),), attributes | root))
        cases.append(Case("reduce_scatter", ((3, 2),), attributes | alone))
    return cases


CASES = [
    *_unary(), *_elementwise(), *_contraction(), *_convolution(), *_pooling(), *_reduction(), *_shape(), *_indexing(),
    *_recurrent(), *_collective(),
]  # fmt: skip
