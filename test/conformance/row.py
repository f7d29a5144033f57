"""What a row of the conformance table is, and makers of cells and inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellc import Tensor, nn


@dataclass(frozen=True)
class Row:
    """A cell and its truth.

    Attributes:
        name: unique.
        make: makes the cell.
        inputs: makes the inputs (NumPy arrays, float32 where they are floats) from a random generator.
        oracle: (parameters by name, *inputs), all float64, -> result.
        gradient: whether the result is differentiated with respect to float inputs and parameters.
        training: whether the cell runs in training mode.
        tolerance: largest difference in float32, relative to the largest element of the result.
    """

    name: str
    make: Callable[[], nn.Cell]
    inputs: Callable[[np.random.Generator], tuple[Any, ...]]
    oracle: Callable[..., Any]
    gradient: bool = True
    training: bool = False
    tolerance: float = 2e-6


def floats(*shapes):
    """Inputs of normally distributed floats."""
    return lambda rng: tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)


def _normal(cell: nn.Cell) -> nn.Cell:
    """Parameters of size one instead of hundredths and constants, so that every one of them matters."""
    rng = np.random.default_rng(7)
    for parameter in cell.get_parameters():
        values = rng.uniform(0.5, 1.5, parameter.shape) * rng.choice([-1, 1], parameter.shape)
        positive = parameter.name.endswith("variance")
        parameter.set_data(Tensor((abs(values) if positive else values).astype(np.float32)))
    return cell


def of(make, *arguments, **keywords):
    """A maker of cells with parameters of size one."""
    return lambda: _normal(make(*arguments, **keywords))
