"""What must hold of every case, by name. Each check returns what is wrong, as lines of text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import cellc
from cellc import nn
from cellc.cpu_backend import Artifact, CpuProgram, binding_slots
from cellc.graph import Graph
from cellc.lowering import lower_for_cpu
from cellc.passes.pipelines import PIPELINES
from cellc.runtime import Module
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import native_level
from cellc.targets.cpu.workers import compile_kernels
from support.random_networks.network import Case
from support.random_networks.oracle import Oracle
from support.random_networks.run import Made, backend, compare_steps, make

Check = Callable[[Case], list[str]]


class VariantBackend:
    """The CPU backend with another pipeline or number of threads, and no cache of programs."""

    def __init__(self, without: str = "", threads: int = 0) -> None:
        self._pipeline = tuple(name for name in PIPELINES["cpu"] if name != without)
        self._threads = threads

    def compile(self, graph: Graph, key: str) -> CpuProgram:
        lowered = lower_for_cpu(graph, native_level(), pipeline=self._pipeline)
        objects = compile_kernels(lowered.kernels, native_level())
        code = dict(zip([kernel.name for kernel in lowered.kernels], objects, strict=True))
        return _Program(graph, Artifact(lowered.program.to_bytes(), code), self._threads)


class _Program(CpuProgram):
    def __init__(self, graph: Graph, artifact: Artifact, threads: int) -> None:
        self._module = Module(artifact.program, load(artifact.objects), threads)
        self.slots = binding_slots(graph)
        self.preparation = self.prepare = None
        self.run = self._module.run


def forward(case: Case) -> list[str]:
    """The network alone is right, twice: the second call finds what the first left in the arena."""
    made = make(case, "forward")
    return compare_steps(made, made.call, 2)


def train(case: Case) -> list[str]:
    """Output, loss, gradients and, after some steps, all parameters are right."""
    made = make(case, "all")
    return compare_steps(made, made.call)


def train_step(case: Case) -> list[str]:
    """TrainOneStepCell gives the right losses, and leaves the right parameters."""
    made = make(case, "train")
    return compare_steps(made, made.call)


def without(name: str) -> Check:
    """The check of training with one pass left out."""

    def check(case: Case) -> list[str]:
        with backend(VariantBackend(without=name)):
            return train(case)

    return check


def threads(case: Case) -> list[str]:
    """One thread and two give the same bits."""
    with backend(VariantBackend(threads=1)):
        one = _history(make(case, _kind(case)))
    with backend(VariantBackend(threads=2)):
        two = _history(make(case, _kind(case)))
    return _bits("two threads", two, one)


def repeat(case: Case) -> list[str]:
    """The same steps from the same state give the same bits."""
    made = make(case, _kind(case))
    state = made.state()
    first = _history(made)
    made.set_state(state)
    cellc.set_seed(case.seed)
    return _bits("the second time", _history(made), first)


def pynative(case: Case) -> list[str]:
    """PYNATIVE_MODE gives what GRAPH_MODE gives."""
    made = make(case, "forward")
    cellc.set_context(mode=cellc.PYNATIVE_MODE)
    try:
        return compare_steps(made, made.call, 1)
    finally:
        cellc.set_context(mode=cellc.GRAPH_MODE)


def exported(case: Case) -> list[str]:
    """A network that was exported and loaded gives the bits of the network itself."""
    made = make(case, "forward")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "net.cellir")
        cellc.export(made.cell, *made.tensors, file_name=file)
        loaded = Made(nn.GraphCell(cellc.load(file)), made.arrays)
    result = made.call()
    cellc.set_seed(case.seed)
    return _bits("loaded", loaded.call(), result)


def batch_split(case: Case) -> list[str]:
    """Each half of the rows gives that half of the result."""
    rows = {given.shape[:1] for given in case.inputs}
    if not case.batched or len(rows) != 1 or (count := min(rows)[0]) < 2:
        return []
    problems = []
    whole = make(case, "forward")
    for part in (slice(0, count // 2), slice(count // 2, count)):
        made = Made(whole.cell, [array[part] for array in whole.arrays])
        problems += compare_steps(made, made.call, 1)
        oracle = [Oracle(each.graph()).run(each.arrays)[0] for each in (whole, made)]
        if not np.allclose(oracle[0][part], oracle[1], rtol=1e-9, atol=1e-9):
            problems.append(f"the rows {part} depend on other rows, which the generator did not expect")
    return problems


def derivative(case: Case) -> list[str]:
    """The gradients of the oracle are the differences of its loss along a random direction (no compilation)."""
    if case.loss is None:
        return []
    made, rng = make(case, "all"), np.random.default_rng(case.seed)
    graph = made.graph()
    first = Oracle(graph)
    outputs = first.run(made.arrays)
    names = [parameter.name for parameter in made.cell.weights]
    floats = [i for i, given in enumerate(case.inputs) if not given.below]
    gradients = outputs[2:]
    directions = [rng.standard_normal(g.shape) for g in gradients]
    expected = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    size = sum(float((g * g).sum()) for g in gradients) ** 0.5

    def loss(distance: float) -> float:
        oracle = Oracle(graph, like=first)
        arrays = [array.astype(np.float64) if array.dtype.kind != "i" else array for array in made.arrays]
        for name, direction in zip(names, directions, strict=False):
            if oracle.knows(name):
                oracle.move(name, distance * direction)
        for i, direction in zip(floats, directions[len(names) :], strict=True):
            arrays[i] = arrays[i] + distance * direction
        return float(oracle.run(arrays)[1].sum()) * case.sens

    slopes = [(loss(eps) - loss(-eps)) / (2 * eps) for eps in (1e-4, 1e-5, 1e-6, 1e-7)]
    if not np.isfinite(expected) or any(abs(slope - expected) <= 1e-3 * size + 1e-6 for slope in slopes):
        return []
    return [f"the loss changes by {slopes} along a direction where the gradient says {expected} (norm {size})"]


def _kind(case: Case) -> str:
    return "all" if case.loss else "forward"


def _history(made: Made) -> list[np.ndarray]:
    """The results of two calls, and the parameters after them."""
    results = [*made.call(), *made.call()]
    return [*results, *(array for _, array in sorted(made.state().items()))]


def _bits(what: str, got: list[np.ndarray], expected: list[np.ndarray]) -> list[str]:
    pairs = zip(got, expected, strict=True)
    return [f"{what}: value {i} has other bits" for i, (a, b) in enumerate(pairs) if a.tobytes() != b.tobytes()]


INFERENCE: dict[str, Check] = {
    "forward": forward, "pynative": pynative, "exported": exported, "batch_split": batch_split,
}  # fmt: skip
TRAINING: dict[str, Check] = {
    "derivative": derivative, "train": train, "train_step": train_step, "threads": threads, "repeat": repeat,
    **{f"without_{name.replace('-', '_')}": without(name)
       for name in ("canonicalize-nn", "drop-unused-results", "fuse-elementwise")},
}  # fmt: skip
CHECKS = {**INFERENCE, **TRAINING}


def check(case: Case, *names: str) -> list[str]:
    """What is wrong with a case, by all checks or those that are named."""
    problems = []
    for name in names or CHECKS:
        if case.loss is None and name in TRAINING and name not in ("threads", "repeat"):
            continue
        try:
            found = CHECKS[name](case)
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
        problems += [f"{name}: {problem}" for problem in found]
    return problems
