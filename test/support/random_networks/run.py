"""Runs a case compiled and by its oracle, and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import cellc
from cellc import nn, ops
from cellc import trace as tracing
from cellc.dialects.nn.arrays import numpy_dtype
from cellc.function import Function
from cellc.graph import Graph
from support.cells import in_dtype
from support.random_networks.network import Case, Input
from support.random_networks.oracle import EPSILON, Oracle

STEPS = 3
NOISE_RUNS = 3
# How far from the exact value: times the effect of noise, and times the unit of rounding of the largest element.
WIDE_FACTORS, HALF_FACTORS = (32, 64), (6, 4)
LARGEST = {"f16": 255, "bf16": 1e6, "f32": 1e8, "f64": 1e50}
"""Training that has diverged this far is not followed: the narrow dtype overflows where float64 does not, as in the
squares of gradients, which are below 65504 in f16."""


class Step(nn.Cell):
    """A training step that returns everything: output, loss, gradients of parameters and of float inputs."""

    def __init__(self, network: nn.Cell, loss: nn.Cell, optimizer: nn.Cell | None, sens: float) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.loss, self.sens = network, loss, sens
        self.optimizer = optimizer
        self.weights = cellc.ParameterTuple(optimizer.parameters if optimizer else network.trainable_params())

    def construct(self, *inputs: Any) -> Any:
        *data, label = inputs
        weights = [tracing.snapshot(weight) for weight in self.weights]
        wrt = [*weights, *(value for value in data if value.dtype.is_float)]
        output = self.network(*data)
        loss = self.loss(output, label)
        gradients = tracing.gradient(loss, ops.fill(loss.dtype, loss.shape, self.sens), wrt)
        if self.optimizer is not None:
            self.optimizer(gradients[: len(weights)])
        return output, loss, tuple(gradients)


class LossOnly(nn.Cell):
    """What TrainOneStepCell takes: a network that returns its loss."""

    def __init__(self, network: nn.Cell, loss: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.loss = network, loss

    def construct(self, *inputs: Any) -> Any:
        return self.loss(self.network(*inputs[:-1]), inputs[-1])


@dataclass
class Made:
    """A cell that was made for a case, with its arguments as arrays."""

    cell: nn.Cell
    arrays: list[np.ndarray]

    @property
    def tensors(self) -> list[cellc.Tensor]:
        return [cellc.Tensor(array) for array in self.arrays]

    def call(self) -> list[np.ndarray]:
        """One compiled call; the leaves of its result."""
        return [leaf.asnumpy().copy() for leaf in _leaves(self.cell(*self.tensors))]

    def graph(self) -> Graph:
        """The graph of a call."""
        return Function(self.cell.construct, lambda: "net", "Net").trace(tuple(self.tensors), {}).graph

    def state(self) -> dict[str, np.ndarray]:
        """All parameters by name: weights, statistics, what the optimizer keeps."""
        return {parameter.name: parameter.asnumpy().copy() for parameter in self.cell.get_parameters()}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        for parameter in self.cell.get_parameters():
            parameter.set_data(cellc.Tensor(state[parameter.name]))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


# Making


def make(case: Case, kind: str = "all", rows: int | None = None) -> Made:
    """The network of a case with its data.

    Args:
        case: what to make.
        kind: "forward", "all" (see `Step`) or "train" (a TrainOneStepCell).
        rows: how many rows of the inputs to keep.
    """
    cellc.set_seed(case.seed)
    rng = np.random.default_rng(case.seed)
    network = in_dtype(case.network(), numpy_dtype(case.dtype)).set_train(case.training)
    _set_parameters(network, rng)
    arrays = [draw(given, rng)[:rows] for given in case.inputs]
    if kind == "forward":
        return Made(network, arrays)
    assert case.loss is not None
    assert case.label is not None
    label = draw(case.label, rng)
    weights = network.trainable_params()
    optimizer = case.optimizer(weights) if case.optimizer and weights else None
    loss = case.loss()
    if kind == "train" and optimizer is not None:
        step: nn.Cell = nn.TrainOneStepCell(LossOnly(network, loss), optimizer, case.sens)
    else:
        step = Step(network, loss, optimizer, case.sens)
    return Made(step.set_train(case.training), [*arrays, label])


def draw(given: Input, rng: np.random.Generator) -> np.ndarray:
    """An array for an input."""
    if given.below:
        return rng.integers(0, given.below, given.shape).astype(numpy_dtype(given.dtype))
    return rng.standard_normal(given.shape).astype(numpy_dtype(given.dtype))


def _set_parameters(network: nn.Cell, rng: np.random.Generator) -> None:
    """Values of such a size that neither activations nor gradients vanish or grow."""
    for parameter in network.get_parameters():
        shape = parameter.shape
        if "variance" in parameter.name or "gamma" in parameter.name:
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1)) * 1.2
        parameter.set_data(cellc.Tensor(values.astype(parameter.dtype.numpy)))


# Comparing


class Truth:
    """The exact values of a case, and how far compiled ones may be from them."""

    def __init__(self, made: Made) -> None:
        graph = made.graph()
        self._arrays = made.arrays
        self._exact = Oracle(graph)
        self._noisy = [Oracle(graph, np.random.default_rng([run, 5]), self._exact) for run in range(NOISE_RUNS)]

    def step(self) -> Iterator[tuple[np.ndarray, float]]:
        """The next call's results, each with the deviation that noise causes."""
        exact = self._exact.run(self._arrays)
        noisy = [oracle.run(self._arrays) for oracle in self._noisy]
        return zip(exact, [_deviation(exact[i], [n[i] for n in noisy]) for i in range(len(exact))], strict=True)

    def parameter(self, name: str) -> tuple[np.ndarray, float] | None:
        """A parameter after the steps made so far, with its deviation; None when nothing reads it."""
        if not self._exact.knows(name):
            return None
        exact = self._exact.parameter(name)
        return exact, _deviation(exact, [oracle.parameter(name) for oracle in self._noisy])


def _deviation(exact: np.ndarray, noisy: list[np.ndarray]) -> float:
    with np.errstate(all="ignore"):
        found = [np.abs(array.astype(np.float64) - exact.astype(np.float64)) for array in noisy]
    return float(max(np.max(np.nan_to_num(each, nan=0.0, posinf=0.0), initial=0.0) for each in found))


def difference(got: np.ndarray, exact: np.ndarray, deviation: float) -> str:
    """What is wrong with a compiled result, or an empty text."""
    if got.shape != exact.shape:
        return f"shape {got.shape} instead of {exact.shape}"
    dtype = _code(got)
    got, exact = got.astype(np.float64), exact.astype(np.float64)
    finite = np.isfinite(exact)
    largest = float(np.max(np.abs(exact[finite]), initial=0.0))
    of_noise, of_rounding = HALF_FACTORS if dtype in ("f16", "bf16") else WIDE_FACTORS
    unit = EPSILON[dtype] * largest if dtype else 0.0
    tolerance = of_noise * deviation + of_rounding * unit
    with np.errstate(all="ignore"):
        wrong = (np.isnan(got) != np.isnan(exact)) | (finite & ~(np.abs(got - exact) <= tolerance))
        wrong |= np.isinf(exact) & (got != exact)
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ, at {at} {got[at]!r} instead of {exact[at]!r}; "
        f"tolerance {tolerance:.3g}, largest {largest:.3g}"
    )


def compare_steps(made: Made, call: Callable[[], list[np.ndarray]], steps: int = STEPS) -> list[str]:
    """What differs from the truth in some calls' results and in the parameters after them."""
    truth = Truth(made)
    problems = []
    for step in range(steps):
        results = call()
        wanted = list(truth.step())
        if not _tame(results, wanted):
            return problems
        if len(results) != len(wanted):
            return [f"{len(results)} results instead of {len(wanted)}"]
        for number, (got, (exact, deviation)) in enumerate(zip(results, wanted, strict=True)):
            if problem := difference(got, exact, deviation):
                problems.append(f"step {step}, result {number}: {problem}")
    for name, got in made.state().items():
        found = truth.parameter(name)
        if found is not None and (problem := difference(got, *found)):
            problems.append(f"{name} after {steps} steps: {problem}")
    return problems


def _tame(results: list[np.ndarray], wanted: list[tuple[np.ndarray, float]]) -> bool:
    limit = min(LARGEST.get(_code(array), np.inf) for array in results)
    return all(np.max(np.abs(exact), initial=0.0, where=np.isfinite(exact)) < limit for exact, _ in wanted)


def _code(array: np.ndarray) -> str:
    return {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}.get(array.dtype.name, "")


@contextmanager
def backend(chosen: Any) -> Iterator[None]:
    """Compiles with another backend inside the block."""
    from cellc.compile import set_backend

    previous = set_backend(chosen)
    try:
        yield
    finally:
        set_backend(previous)
