"""Products of Jacobians with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops._jacobian_products import value_and_jvp


class Jvp(Cell):
    """A function's value and J v, the product of its Jacobian at the inputs with v, by forward mode.

    The tangents are computed along with the values, in one sweep: neither of the two reverse passes that such a
    product can also be had from is run.

    Args:
        fn: a Cell or function of Tensors that returns a Tensor or a tuple of Tensors.

    Inputs:
        *inputs: the inputs of `fn`, Tensors of floats.
        v: last; a Tensor of the shape of the input, or a tuple with one for each input.

    Outputs:
        (output, product): what `fn` returns, and a value of the same structure.

    Raises:
        TypeError: `fn` cannot be called, or an input is not a Tensor of floats.
        ValueError: there is no input beside v, or v does not fit the inputs.

    Examples:
        >>> output, product = nn.Jvp(lambda x: x * x)(Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
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
        return value_and_jvp(self.fn, args[:-1], args[-1])
