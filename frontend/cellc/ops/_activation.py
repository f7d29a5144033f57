"""Activation functions and dropout."""

from __future__ import annotations

import math

from cellc.arithmetic import as_tensor, cast
from cellc.dtype import float32, float64
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand, add, div, erf, minimum, mul
from cellc.ops._comparison import less, select
from cellc.seed import uniform
from cellc.tensor import Tensor
from cellc.trace import apply


def relu(x: Operand) -> Tensor:
    """max(x, 0)."""
    return apply("relu", as_tensor(x))


def relu6(x: Operand) -> Tensor:
    """min(max(x, 0), 6)."""
    return minimum(relu(x), 6)


def sigmoid(input_x: Operand) -> Tensor:
    """1 / (1 + exp(-x))."""
    return apply("sigmoid", as_tensor(input_x))


def tanh(input_x: Operand) -> Tensor:
    """The hyperbolic tangent."""
    return apply("tanh", as_tensor(input_x))


def gelu(x: Operand, approximate: bool = True) -> Tensor:
    """x times the normal distribution function of x.

    Exactly, 0.5 x (1 + erf(x / sqrt(2))); approximately, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), from
    Hendrycks and Gimpel, Gaussian Error Linear Units (https://arxiv.org/abs/1606.08415). As (1 + tanh(u)) / 2 is
    sigmoid(2 u), the approximation is x sigmoid(2 u), which keeps its digits where tanh(u) is near -1.
    """
    tensor = as_tensor(x)
    if approximate:
        twice = 2 * math.sqrt(2 / math.pi)
        factor = add(mul(mul(tensor, tensor), 0.044715 * twice), twice)
        return mul(tensor, sigmoid(mul(tensor, factor)))
    return mul(mul(tensor, 0.5), add(erf(mul(tensor, math.sqrt(0.5))), 1.0))


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`; does not overflow."""
    tensor = as_tensor(x)
    return apply("softmax", tensor, axis=_validate.axis_in("axis", axis, tensor.ndim, "softmax"))


def log_softmax(logits: Operand, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))) along `axis`; does not overflow."""
    tensor = as_tensor(logits)
    return apply("log_softmax", tensor, axis=_validate.axis_in("axis", axis, tensor.ndim, "log_softmax"))


def dropout(x: Operand, p: float = 0.5, seed0: int = 0, seed1: int = 0) -> tuple[Tensor, Tensor]:
    """`(result, mask)`: each element becomes zero with probability `p`, else it is divided by 1 - p.

    The mask has the dtype of x and is 1 where an element was kept. The seeds are accepted for MindSpore's sake:
    `cellc.set_seed` and the number of calls decide, so the bits do not depend on the number of threads.

    Raises:
        TypeError: `p` is not a number.
        ValueError: `p` is not in [0, 1).
    """
    if not 0 <= _validate.of_type("p", p, (int, float), "dropout") < 1:
        raise bad_argument(ValueError, f"For 'dropout', 'p' must be in [0, 1), but got {p}.")
    return keep_randomly(x, 1 - p)


def keep_randomly(x: Operand, keep_prob: float) -> tuple[Tensor, Tensor]:
    """`dropout` by the probability to keep an element, which is how `Dropout` is configured."""
    tensor = as_tensor(x)
    wide = float64 if tensor.dtype is float64 else float32
    kept = less(uniform(tensor.shape, wide), keep_prob)
    result = select(kept, div(tensor, keep_prob), 0.0)
    return result, cast(kept, tensor.dtype)
