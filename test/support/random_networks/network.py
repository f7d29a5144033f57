"""A network as data: what is generated, shrunk, printed as Python, and run."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cellc
from cellc import nn

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """An argument: floats drawn from a normal distribution, or integers in [0, below)."""

    name: str
    shape: Shape
    dtype: str
    below: int = 0


@dataclass(frozen=True)
class Step:
    """One line of `construct`.

    Attributes:
        name: of the value it makes.
        expression: Python code; `{0}`, `{1}`, ... are the operands and `{layer}` is the layer.
        operands: names of values.
        shape, dtype: of the value.
        layer: Python code that makes a layer or a parameter, or the name of the step whose layer is used again.
    """

    name: str
    expression: str
    operands: tuple[str, ...]
    shape: Shape
    dtype: str
    layer: str = ""

    @property
    def makes_layer(self) -> bool:
        """Whether the step has a layer of its own."""
        return "(" in self.layer

    def line(self) -> str:
        """The assignment in `construct`."""
        owner = self.name if self.makes_layer else self.layer
        code = self.expression.format(*self.operands, layer=f"self.{owner}_layer")
        return f"{self.name} = {code}"


@dataclass(frozen=True)
class Case:
    """A network with its data and its training, ready to be checked.

    Attributes:
        network: makes the cell.
        inputs: what it takes.
        dtype: of its parameters.
        training: whether Dropout and BatchNorm2d train.
        loss: makes a loss of the network's output and `label`; None for inference only.
        label: the second input of the loss.
        optimizer: makes an optimizer of parameters; None to compute gradients only.
        sens: what the gradients are multiplied by.
        seed: of parameters and data.
        batched: whether row i of the result depends on row i of each input only.
    """

    network: Callable[[], nn.Cell]
    inputs: Sequence[Input]
    dtype: str = "f32"
    training: bool = False
    loss: Callable[[], nn.Cell] | None = None
    label: Input | None = None
    optimizer: Callable[[list[cellc.Parameter]], nn.Optimizer] | None = None
    sens: float = 1.0
    seed: int = 0
    batched: bool = False


@dataclass(frozen=True)
class Network:
    """The steps and everything else of a `Case`, as text where it is code."""

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    output: str
    dtype: str = "f32"
    training: bool = False
    loss: str = ""
    label: Input | None = None
    optimizer: str = ""
    sens: float = 1.0
    seed: int = 0
    batched: bool = False

    def source(self) -> str:
        """A Python module that defines `Net` and `case`."""
        layers = [f"        self.{step.name}_layer = {step.layer}" for step in self.steps if step.makes_layer]
        lines = [f"        {step.line()}" for step in self.steps]
        names = ", ".join(["self", *(given.name for given in self.inputs)])
        return "\n".join([
            "import cellc",
            "from cellc import nn, ops",
            "from cellc.initializer import initializer",
            "from support.random_networks.network import Case, Input",
            "", "", "class Net(nn.Cell):",
            *(["    def __init__(self):", "        super().__init__()", *layers, ""] if layers else []),
            f"    def construct({names}):",
            *lines,
            f"        return {self.output}",
            "", "",
            self._case(),
        ])  # fmt: skip

    def _case(self) -> str:
        settings = {"dtype": self.dtype, "training": self.training, "seed": self.seed, "batched": self.batched}
        arguments = [
            "    Net",
            f"    inputs={list(self.inputs)!r}",
            *(f"    {name}={value!r}" for name, value in settings.items()),
        ]
        if self.loss:
            arguments += [f"    loss=lambda: {self.loss}", f"    label={self.label!r}", f"    sens={self.sens}"]
        if self.optimizer:
            arguments.append(f"    optimizer=lambda params: {self.optimizer}")
        return "\n".join(["case = Case(", *(f"{argument}," for argument in arguments), ")", ""])

    def case(self) -> Case:
        """Runs the source; what is printed is what was tested."""
        source = self.source()
        file = f"random_network_{self.seed}.py"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        namespace: dict[str, Any] = {}
        exec(compile(source, file, "exec"), namespace)
        return namespace["case"]
