"""Losses of logits."""

from __future__ import annotations

from cellc.arithmetic import as_tensor, broadcast_shape, cast
from cellc.dtype import float32, float64
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand, add, exp, log1p, mul, neg, sub
from cellc.ops._comparison import less, select
from cellc.ops._reduction import reduce_mean, reduce_sum
from cellc.tensor import Tensor


def log_sigmoid(x: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))) = min(x, 0) - log(1 + exp(-|x|)), which does not overflow.

    -|x| is written as a select: at 0 the slopes of its branches are -1 and 1 and not 0, and that of the sum is 1/2.
    """
    negative = less(x, 0.0)
    exponent = select(negative, x, neg(x))
    return sub(select(negative, x, 0.0), log1p(exp(exponent)))


def logistic_losses(x: Tensor, y: Tensor, weight: Tensor | None, pos_weight: Tensor | None) -> Tensor:
    """-weight (pos_weight y log(p) + (1 - y) log(1 - p)) with p = sigmoid(x); None stands for 1.

    Computed as (1 - y) x - (1 + (pos_weight - 1) y) log(p), which does not overflow.
    """
    positive = log_sigmoid(x)
    if pos_weight is not None:
        positive = mul(positive, add(mul(y, sub(pos_weight, 1.0)), 1.0))
    loss = sub(mul(sub(1.0, y), x), positive)
    return loss if weight is None else mul(loss, weight)


def binary_cross_entropy_with_logits(
    logits: Operand,
    label: Operand,
    weight: Operand | None = None,
    pos_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight (pos_weight label log(p) + (1 - label) log(1 - p)) with p = sigmoid(logits), reduced.

    Args:
        logits: floats of any shape; float16 and bfloat16 are computed in float32.
        label: a Tensor of the shape and dtype of `logits`.
        weight, pos_weight: factors that broadcast to the shape of `logits`; None for 1.
        reduction: "mean", "sum" or "none".

    Returns:
        A Tensor of rank 0, or of the shape of `logits` without reduction, in the dtype of `logits`.

    Raises:
        TypeError: `logits` does not hold floats, or `label` has another dtype.
        ValueError: `reduction` is something else, the shapes differ, or a factor does not broadcast.
    """
    owner = "binary_cross_entropy_with_logits"
    _validate.one_of("reduction", reduction, ("mean", "sum", "none"), owner)
    x, y = _validate.float_tensor("logits", as_tensor(logits), owner), as_tensor(label)
    _validate.one_dtype(owner, logits=x, label=y)
    if x.shape != y.shape:
        message = f"For '{owner}', 'logits' and 'label' must have one shape, but got {x.shape} and {y.shape}."
        raise bad_argument(ValueError, message)
    wide = float64 if x.dtype is float64 else float32
    factors = [_factor(name, value, x, owner) for name, value in (("weight", weight), ("pos_weight", pos_weight))]
    loss = logistic_losses(cast(x, wide), cast(y, wide), *(None if one is None else cast(one, wide) for one in factors))
    reduced = {"mean": reduce_mean, "sum": reduce_sum}.get(reduction)
    return cast(loss if reduced is None else reduced(loss), x.dtype)


def _factor(name: str, value: Operand | None, x: Tensor, owner: str) -> Tensor | None:
    factor = None if value is None else as_tensor(value)
    if factor is not None and broadcast_shape(factor.shape, x.shape) != x.shape:
        shapes = f"{factor.shape} and {x.shape}"
        message = f"For '{owner}', '{name}' must broadcast to the shape of 'logits', but got shapes {shapes}."
        raise bad_argument(ValueError, message)
    return factor
