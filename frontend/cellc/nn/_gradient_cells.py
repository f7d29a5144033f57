"""Cells that return gradients."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._wrapper import WithLossCell
from cellc.ops import _validate
from cellc.parameter import ParameterTuple
from cellc.tensor import Tensor


class WithGradCell(Cell):
    """The gradients of a loss with respect to the trainable parameters.

    Args:
        network: the network, or the network with its loss where `loss_fn` is None; set to training.
        loss_fn: the loss, called as loss_fn(network(data), label).
        sens: what the gradient of the loss is multiplied by, a Tensor of its shape, a number or a tuple; None for 1.

    Inputs:
        The inputs of the network, with a loss the data and the label.

    Outputs:
        A tuple of Tensors, one for each trainable parameter.

    Raises:
        TypeError: `sens` is something else.

    Examples:
        >>> gradients = nn.WithGradCell(nn.Dense(4, 2), nn.MSELoss())(ops.ones((3, 4)), ops.ones((3, 2)))
        >>> [gradient.shape for gradient in gradients]
        [(2, 4), (2,)]
    """

    def __init__(self, network: Cell, loss_fn: Cell | None = None, sens: Any = None) -> None:
        super().__init__(auto_prefix=False)
        _validate.of_type("sens", sens, (type(None), Tensor, int, float, tuple), self.cls_name)
        self.network = network
        self.loss_fn = loss_fn
        self.weights = ParameterTuple(network.trainable_params())
        self.grad = ops.GradOperation(get_by_list=True, sens_param=sens is not None)
        self.sens = sens
        self.network_with_loss = network if loss_fn is None else WithLossCell(network, loss_fn)
        self.network_with_loss.set_train()

    def construct(self, *inputs: Any) -> Any:
        given = inputs if self.sens is None else (*inputs, self._seed())
        return self.grad(self.network_with_loss, self.weights)(*given)

    def _seed(self) -> Any:
        return Tensor(float(self.sens)) if isinstance(self.sens, int | float) else self.sens


class ForwardValueAndGrad(Cell):
    """What a network returns, and its gradients, from one run.

    Args:
        network: a Cell or function.
        weights: the parameters whose gradients are wanted with `get_by_list`.
        get_all: the gradient of every input, in a tuple; otherwise of the first, bare.
        get_by_list: the gradients of `weights`, in a tuple; with `get_all` both, as (inputs, weights).
        sens_param: the last input weights the output; otherwise ones do.

    Inputs:
        The inputs of the network and, with `sens_param`, the weight of its output.

    Outputs:
        (what the network returns, the gradients).

    Raises:
        TypeError: `network` is not callable in one of these ways, a switch is not a bool, or `get_by_list` goes
            without a ParameterTuple.

    Examples:
        >>> network = nn.ForwardValueAndGrad(nn.Dense(4, 2), get_all=True)
        >>> value, (gradient,) = network(ops.ones((3, 4)))
        >>> value.shape, gradient.shape
        ((3, 2), (3, 4))
    """

    def __init__(
        self,
        network: Cell | Callable[..., Any],
        weights: ParameterTuple | None = None,
        get_all: bool = False,
        get_by_list: bool = False,
        sens_param: bool = False,
    ) -> None:
        super().__init__(auto_prefix=False)
        _validate.of_type("network", network, (Cell, FunctionType, MethodType), self.cls_name)
        self.get_all = _validate.boolean("get_all", get_all, self.cls_name)
        self.get_by_list = _validate.boolean("get_by_list", get_by_list, self.cls_name)
        self.sens_param = _validate.boolean("sens_param", sens_param, self.cls_name)
        if get_by_list and not isinstance(weights, ParameterTuple):
            kind = type(weights).__name__
            message = f"For '{self.cls_name}', 'get_by_list' needs 'weights' as a ParameterTuple, but got {kind}."
            raise bad_argument(TypeError, message)
        self.network = network
        if isinstance(network, Cell):
            network.set_grad()
        self.weights = weights
        self.grad = ops.GradOperation(get_all, get_by_list, sens_param)

    def construct(self, *inputs: Any) -> tuple[Any, Any]:
        weights = self.weights if self.get_by_list and self.weights is not None else ()
        return self.grad.value_and_gradients(self.network, weights, inputs)
