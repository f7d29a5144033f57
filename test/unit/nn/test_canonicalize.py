"""canonicalize-nn: what each fold leaves, and that no bit of a result changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from unit.nn.gradient_cases import CASES, Case, is_fixed
from xdsl.context import Context

from cellc.dialects.nn import TensorType
from cellc.dialects.nn.arrays import dtype_name
from cellc.passes.canonicalize_nn import CanonicalizeNNPass
from cellc.passes.differentiate import DifferentiatePass
from cellc.passes.rewriting import without_location
from support.interpret_nn import interpret
from support.nn_module import make_module, op_names

SPECIAL = np.array([[0.0, -0.0, 1.0], [-2.5, np.inf, np.nan]], np.float32)
MATRIX = TensorType((2, 3), "f32")


def _full(b, value: float, shape: tuple[int, ...] = (2, 3)):
    return b.full(shape=shape, dtype="f32", value=value)


def _twice_transposed(b, x):
    return b.transpose(b.transpose(x, permutation=(1, 0)), permutation=(1, 0))


def _moves_a_unit_axis(b, x):
    wide = b.reshape(x, shape=(2, 1, 3))
    return b.transpose(wide, permutation=(1, 0, 2))


def _nested_gradient(b, x):
    return b.gradient(b.stop_gradient(x), x, x)


FOLDS: list[tuple[Callable, list[str]]] = [
    (lambda b, x: b.identity(x), []),
    (lambda b, x: b.stop_gradient(b.exp(x)), ["exp"]),
    (_nested_gradient, ["stop_gradient", "gradient"]),
    (lambda b, x: b.reshape(b.reshape(x, shape=(6,)), shape=(2, 3)), []),
    (lambda b, x: b.reshape(b.reshape(x, shape=(6,)), shape=(3, 2)), ["reshape"]),
    (_twice_transposed, []),
    (lambda b, x: b.transpose(x, permutation=(1, 0)), ["transpose"]),
    (_moves_a_unit_axis, ["reshape"]),
    (lambda b, x: b.cast(x, dtype="f32"), []),
    (lambda b, x: b.cast(x, dtype="f16"), ["cast"]),
    (lambda b, x: b.broadcast_to(x, shape=(2, 3), dimensions=(0, 1)), []),
    (lambda b, x: b.broadcast_to(x, shape=(1, 2, 3), dimensions=(1, 2)), ["reshape"]),
    (lambda b, x: b.broadcast_to(x, shape=(2, 2, 3), dimensions=(1, 2)), ["broadcast_to"]),
    (lambda b, x: b.slice(x, starts=(0, 0), limits=(2, 3), strides=(1, 1)), []),
    (lambda b, x: b.slice(x, starts=(0, 0), limits=(2, 3), strides=(1, 2)), ["slice"]),
    (lambda b, x: b.pad(x, _full(b, 9.0, ()), low=(0, 0), high=(0, 0), interior=(0, 0)), []),
    (lambda b, x: b.concat(x, axis=1), []),
    (lambda b, x: b.concat(x, x, axis=1), ["concat"]),
    (lambda b, x: b.reverse(x, axes=()), []),
    (lambda b, x: b.reverse(x, axes=(0,)), ["reverse"]),
    (lambda b, x: b.neg(b.neg(x)), []),
    (lambda b, x: b.mul(x, _full(b, 1.0)), []),
    (lambda b, x: b.mul(b.broadcast_to(_full(b, 1.0, ()), shape=(2, 3), dimensions=()), x), []),
    (lambda b, x: b.mul(x, _full(b, 0.0)), ["full", "mul"]),
    (lambda b, x: b.div(x, _full(b, 1.0)), []),
    (lambda b, x: b.pow(x, _full(b, 1.0)), []),
    (lambda b, x: b.pow(x, _full(b, 2.0)), ["mul"]),
    (lambda b, x: b.pow(x, _full(b, 3.0)), ["full", "pow"]),
    (lambda b, x: b.add(x, _full(b, 0.0)), ["full", "add"]),
    (lambda b, x: b.add(x, _full(b, -0.0)), []),
    (lambda b, x: b.sub(x, _full(b, 0.0)), []),
    (lambda b, x: b.sub(x, _full(b, -0.0)), ["full", "sub"]),
    (lambda b, x: b.select(b.isnan(x), x, x), []),
    (lambda b, x: b.add(b.exp(x), b.exp(x)), ["exp", "add"]),
    (lambda b, x: b.add(_full(b, 0.0), _full(b, 0.0)), ["full", "add"]),
    (lambda b, x: b.div(b.div(x, _full(b, 0.0)), b.div(x, _full(b, -0.0))), ["full", "div", "full", "div", "div"]),
]


@pytest.mark.parametrize(("body", "left"), FOLDS)
def test_fold(body: Callable, left: list[str]) -> None:
    module = make_module([MATRIX], lambda b, x: [body(b, x)])
    before = [] if "gradient" in left else interpret(module, [SPECIAL])
    CanonicalizeNNPass().apply(Context(), module)
    module.verify()
    assert op_names(module) == left
    assert not without_location(module)
    for old, new in zip(before, interpret(module, [SPECIAL]) if before else [], strict=True):
        assert (old.tobytes(), old.dtype, old.shape) == (new.tobytes(), new.dtype, new.shape)


def test_integers_lose_any_zero() -> None:
    type_ = TensorType((3,), "i32")
    module = make_module([type_], lambda b, x: [b.add(b.full(shape=(3,), dtype="i32", value=0.0), x)])
    CanonicalizeNNPass().apply(Context(), module)
    assert op_names(module) == []


def test_unused_and_repeated_ops_go() -> None:
    def body(b, x):
        b.exp(x)
        return [b.reduce_sum(b.mul(b.sin(x), b.sin(x)), axes=(0,), keep_dims=False)]

    module = make_module([MATRIX], body)
    CanonicalizeNNPass().apply(Context(), module)
    assert op_names(module) == ["sin", "mul", "reduce_sum"]


@pytest.mark.parametrize("case", CASES[::4], ids=str)
def test_gradients_keep_their_bits(case: Case) -> None:
    """Differentiated modules are what the pass mostly sees."""
    arrays = case.arrays(np.random.default_rng(5))
    wrt = [index for index, operand in enumerate(case.operands) if not is_fixed(operand)]

    def body(b, *operands):
        results = getattr(b, case.op)(*operands, **case.attributes)
        y = results[0] if isinstance(results, tuple) else results
        gradients = b.gradient(y, y, *(operands[index] for index in wrt))
        return [y, *(gradients if isinstance(gradients, tuple) else [gradients])]

    module = make_module([TensorType(array.shape, dtype_name(array.dtype)) for array in arrays], body)
    DifferentiatePass().apply(Context(), module)
    before = interpret(module, arrays)
    CanonicalizeNNPass().apply(Context(), module)
    module.verify()
    assert not without_location(module)
    for old, new in zip(before, interpret(module, arrays), strict=True):
        assert (old.tobytes(), old.shape) == (new.tobytes(), new.shape)
