"""What a configuration gives: results, gradients, parameters. The same source for cellc and for MindSpore, which
`peer.py` puts in cellc's place."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc import Tensor, nn, ops

Arrays = dict[str, np.ndarray]


def make(layer: str, arguments: dict[str, Any], training: bool) -> nn.Cell:
    """The layer."""
    return getattr(nn, layer)(**arguments).set_train(training)


def parameters(cell: nn.Cell) -> dict[str, tuple[int, ...]]:
    """Names and shapes, in order."""
    return {parameter.name: tuple(parameter.shape) for parameter in cell.get_parameters()}


def set_parameters(cell: nn.Cell, values: Arrays) -> None:
    """Gives the parameters these values."""
    for parameter in cell.get_parameters():
        parameter.set_data(Tensor(values[parameter.name]))


def tensors(inputs: list[Any]) -> list[Any]:
    """Arrays as tensors, also inside tuples; other values as they are."""
    return [_tensors(value) for value in inputs]


def _tensors(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return tuple(map(Tensor, value))
    return Tensor(value) if isinstance(value, np.ndarray) else value


def flatten(value: Any) -> list[Any]:
    """The tensors of a result."""
    return [part for item in value for part in flatten(item)] if isinstance(value, (tuple, list)) else [value]


def forward(cell: nn.Cell, inputs: list[Any]) -> Arrays:
    """Each tensor of the result, and the parameters afterwards: training moves statistics."""
    outputs = flatten(cell(*tensors(inputs)))
    found = {f"output {i}": output.asnumpy() for i, output in enumerate(outputs)}
    return found | {f"{parameter.name} afterwards": parameter.asnumpy() for parameter in cell.get_parameters()}


def gradients(cell: nn.Cell, inputs: list[Any], seeds: list[np.ndarray]) -> Arrays:
    """Of the sum of all outputs times `seeds`, with respect to float inputs and to parameters that are trained."""
    given = tensors(inputs)
    weights = list(cell.trainable_params())
    positions = tuple(i for i, value in enumerate(inputs) if is_float(value))
    factors = [Tensor(seed) for seed in seeds]

    def total(*values: Any) -> Tensor:
        outputs = flatten(cell(*values))
        return sum((output * factor).sum() for output, factor in zip(outputs, factors, strict=True))

    position = positions or None
    result = ops.value_and_grad(total, position, weights or None)(*given)[1]
    by_input, by_weight = result if positions and weights else (result, ()) if positions else ((), result)
    if not isinstance(by_input, (tuple, list)):
        by_input = (by_input,)
    if not isinstance(by_weight, (tuple, list)):
        by_weight = (by_weight,)
    found = {f"gradient of input {i}": g.asnumpy() for i, g in zip(positions, by_input, strict=True)}
    return found | {f"gradient of {w.name}": g.asnumpy() for w, g in zip(weights, by_weight, strict=True)}


def is_float(value: Any) -> bool:
    """Whether it is an array of floats."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
