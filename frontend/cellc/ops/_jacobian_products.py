"""Products of vectors with Jacobians, forward mode (`jvp`) and reverse mode (`vjp`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cellc import arithmetic, errors
from cellc import trace as tracing
from cellc.ops._gradient import compiled, independent, value_and_vjp
from cellc.structure import flatten, unflatten
from cellc.tensor import Tensor


def value_and_jvp(function: Callable[..., Any], args: Sequence[Any], v: Any) -> tuple[Any, Any]:
    """`function(*args)`, and how it moves when each of `args` moves along its `v`: J v, in the function's structure.

    One sweep in the order of the program (forward mode); the function runs once. An output that does not depend on
    the inputs, or is no float, gets zeros.

    Raises:
        TypeError: an input is not a tensor of floats, or `v` is not a Tensor or a tuple of Tensors.
        ValueError: `v` has not one tensor for each input, of its shape.
    """
    directions = _directions(args, v)
    fresh = [independent(value) for value in args]
    result = function(*fresh)
    leaves: list[Any] = []
    structure = flatten(result, leaves)
    floats = [leaf for leaf in leaves if leaf.dtype.is_float]
    tangents = iter(tracing.tangents(floats, fresh, directions) if floats else ())
    moved = [next(tangents) if y.dtype.is_float else arithmetic.full(y.shape, 0, y.dtype) for y in leaves]
    return result, unflatten(structure, iter(moved))


def _directions(args: Sequence[Any], v: Any) -> list[Tensor]:
    """One direction for each input, in its dtype."""
    given = list(v) if isinstance(v, tuple | list) else [v]
    if len(given) != len(args):
        raise errors.bad_argument(
            ValueError, f"'v' must have one Tensor for each input, but got {len(given)} for {len(args)} input(s)"
        )
    return [_direction(number, *pair) for number, pair in enumerate(zip(args, given, strict=True))]


def _direction(number: int, value: Any, direction: Any) -> Tensor:
    if not isinstance(value, Tensor) or not value.dtype.is_float:
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise errors.bad_argument(
            TypeError, f"inputs of a jvp must be Tensors of floats, but input {number} is {found}"
        )
    if not isinstance(direction, Tensor):
        raise errors.bad_argument(TypeError, f"'v' must hold Tensors, but got {direction!r} for input {number}")
    if direction.shape != value.shape:
        raise errors.bad_argument(
            ValueError, f"'v' must have the shape {value.shape} of input {number}, but got {direction.shape}"
        )
    return arithmetic.cast(direction, value.dtype)


def jvp(fn: Callable[..., Any], inputs: Any, v: Any) -> tuple[Any, Any]:
    """The value of a function and J v, the product of its Jacobian at `inputs` with `v`, by forward mode.

    Args:
        fn: a Cell or function of Tensors.
        inputs: a Tensor, or a tuple or list of Tensors: the inputs of `fn`.
        v: a Tensor, or a tuple or list with one of the shape of each input.

    Returns:
        (output, product), both of the structure that `fn` returns.

    Raises:
        TypeError: `inputs` or `v` holds something that is not a Tensor of floats.
        ValueError: `v` does not fit `inputs`.

    Examples:
        >>> output, product = ops.jvp(lambda x: x * x, Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
        >>> output.tolist(), product.tolist()
        ([1.0, 4.0], [2.0, 40.0])
    """
    args = _listed("jvp", inputs)
    return compiled(lambda args, v: value_and_jvp(fn, args, v))(args, v)


def vjp(fn: Callable[..., Any], inputs: Any, v: Any) -> tuple[Any, Any]:
    """The value of a function and v^T J, the product of `v` with its Jacobian at `inputs`, by reverse mode.

    Args:
        fn: a Cell or function of Tensors.
        inputs: a Tensor, or a tuple or list of Tensors: the inputs of `fn`.
        v: a Tensor of the shape of the output, or a tuple with one for each output.

    Returns:
        (output, product); the product is a Tensor, or a tuple with one for each input where there are several.

    Raises:
        TypeError: `inputs` is not a Tensor and not a tuple or list.
        ValueError: `v` does not have the shapes of the function's float outputs.

    Examples:
        >>> ops.vjp(lambda x: x * x, Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))[1].tolist()
        [2.0, 40.0]
    """
    args = _listed("vjp", inputs)
    output, products = compiled(lambda args, v: value_and_vjp(fn, args, v))(args, v)
    return output, products[0] if len(products) == 1 else products


def _listed(owner: str, inputs: Any) -> tuple[Any, ...]:
    if isinstance(inputs, Tensor):
        return (inputs,)
    if not isinstance(inputs, tuple | list):
        kind = type(inputs).__name__
        raise TypeError(f"For '{owner}', 'inputs' must be a Tensor, or a tuple or list of Tensors, but got a {kind}.")
    return tuple(inputs)
