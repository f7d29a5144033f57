"""Products of vectors with Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops._gradient import value_and_vjp


class Vjp(Cell):
    """A function's value and v^T J, the product of v with its Jacobian at the inputs.

    Args:
        fn: a Cell or function of Tensors that returns a Tensor or a tuple of Tensors.

    Inputs:
        *inputs: the inputs of `fn`.
        v: last; a Tensor of the shape of the output, or a tuple with one for each output.

    Outputs:
        (output, product): what `fn` returns, and a Tensor of the shape of its input, or a tuple with one for each
        input where it has several.

    Raises:
        TypeError: `fn` cannot be called.
        ValueError: there is no input beside v, or v does not fit the output.

    Examples:
        >>> output, product = nn.Vjp(lambda x: x * x)(Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
        >>> output.tolist(), product.tolist()
        ([1.0, 4.0], [2.0, 40.0])
    """

    fn: Callable[..., Any]

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__()
        if not callable(fn):
            raise bad_argument(TypeError, f"For '{self.cls_name}', 'fn' must be a Cell or a function, but got {fn!r}.")
        self.fn = fn

    def construct(self, *args: Any) -> tuple[Any, Any]:
        if len(args) < 2:
            raise bad_argument(ValueError, f"For '{self.cls_name}', inputs and 'v' must be given, but got {len(args)}.")
        output, products = value_and_vjp(self.fn, args[:-1], args[-1])
        return output, products[0] if len(products) == 1 else products
