"""Cells that put a network, a loss and an optimizer together."""

from __future__ import annotations

from typing import Any

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._grad_reducer import data_parallel_reducer
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.trace import current, gradient, snapshot


class WithLossCell(Cell):
    """loss_fn(backbone(data), label).

    Args:
        backbone: the network; its parameters keep their names.
        loss_fn: the loss.

    Inputs:
        data: input of the network.
        label: second input of the loss.

    Outputs:
        What the loss returns.

    Examples:
        >>> net = nn.WithLossCell(nn.Dense(4, 2), nn.MSELoss())
        >>> net(ops.ones((3, 4)), ops.ones((3, 2))).shape
        ()
    """

    def __init__(self, backbone: Cell, loss_fn: Cell) -> None:
        super().__init__(auto_prefix=False)
        self._backbone = backbone
        self._loss_fn = loss_fn

    def construct(self, data: Any, label: Any) -> Any:
        return self._loss_fn(self._backbone(data), label)

    @property
    def backbone_network(self) -> Cell:
        """The network without the loss."""
        return self._backbone


class WithEvalCell(Cell):
    """(loss, output, label) for evaluation.

    Args:
        network: the network; its parameters keep their names.
        loss_fn: the loss.
        add_cast_fp32: whether output and label are converted to float32 first.

    Inputs:
        data: input of the network.
        label: second input of the loss.

    Outputs:
        The loss, the output of the network and the label.

    Raises:
        TypeError: `add_cast_fp32` is not a bool.
    """

    def __init__(self, network: Cell, loss_fn: Cell, add_cast_fp32: bool = False) -> None:
        super().__init__(auto_prefix=False)
        self._network = network
        self._loss_fn = loss_fn
        self.add_cast_fp32 = _validate.boolean("add_cast_fp32", add_cast_fp32, self.cls_name)

    def construct(self, data: Any, label: Any) -> tuple[Any, Any, Any]:
        outputs = self._network(data)
        if self.add_cast_fp32:
            outputs = ops.cast(outputs, dtypes.float32)
            label = ops.cast(label, dtypes.float32) if label.dtype.is_float else label
        return self._loss_fn(outputs, label), outputs, label


class TrainOneStepCell(Cell):
    """One training step: loss, gradients and update, compiled as one program.

    In data-parallel mode (`set_auto_parallel_context`) the gradients are reduced over all processes.

    Args:
        network: a Cell that returns the loss, often a WithLossCell.
        optimizer: updates its parameters in place.
        sens: what the gradient of the loss is multiplied by, the loss scale.

    Inputs:
        The inputs of the network.

    Outputs:
        The loss before the update.

    Raises:
        TypeError: the network returns something else than one Tensor.

    Examples:
        >>> net = nn.WithLossCell(nn.Dense(4, 2), nn.MSELoss())
        >>> step = nn.TrainOneStepCell(net, nn.SGD(net.trainable_params(), learning_rate=0.1))
        >>> step(ops.ones((3, 4)), ops.ones((3, 2))).shape
        ()
    """

    def __init__(self, network: Cell, optimizer: Optimizer, sens: float = 1.0) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.network.set_grad()
        self.optimizer = optimizer
        self.weights = optimizer.parameters
        self.sens = sens
        # For subclasses that write construct anew, as MindSpore's tutorials do.
        self.grad = ops.GradOperation(get_by_list=True, sens_param=True)
        self.grad_reducer = data_parallel_reducer(self.weights)

    def _inline(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # In PYNATIVE mode: the gradients go through all that the network computed, so none of it may have run.
        __tracebackhide__ = True
        with current().keeping():
            return super()._inline(args, kwargs)

    def construct(self, *inputs: Any) -> Tensor:
        weights = [snapshot(weight) for weight in self.weights]
        loss = self._checked_loss(self.network(*inputs))
        gradients = gradient(loss, ops.fill(loss.dtype, loss.shape, self.sens), weights)
        return ops.depend(loss, self.optimizer(self.grad_reducer(gradients)))

    def _checked_loss(self, loss: Any) -> Tensor:
        if not isinstance(loss, Tensor):
            kind = type(loss).__name__
            raise bad_argument(TypeError, f"For '{self.cls_name}', 'network' must return one Tensor, but got {kind}.")
        return loss


class ParameterUpdate(Cell):
    """Gives a parameter the value of the input.

    Args:
        param: the Parameter.

    Inputs:
        x: Tensor that broadcasts to the parameter's shape.

    Outputs:
        x.

    Raises:
        TypeError: `param` is not a Parameter.
        ValueError: x has a shape that does not broadcast to the parameter's.

    Examples:
        >>> net = nn.Dense(4, 3)
        >>> update = nn.ParameterUpdate(net.weight)
        >>> update(ops.ones((3, 4))).shape
        (3, 4)
    """

    def __init__(self, param: Parameter) -> None:
        super().__init__(auto_prefix=False)
        self._param = _validate.of_type("param", param, Parameter, self.cls_name)

    def construct(self, x: Any) -> Any:
        ops.assign(self._param, x)
        return x
