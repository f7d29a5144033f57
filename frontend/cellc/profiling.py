"""`cellc.profile`: where the time of a compiled program goes, kernel by kernel.

The program that a call would run is run on copies of its parameters, once per sample with the runtime's clock
around each command. Nothing that the caller holds changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc import context
from cellc.dtype import dtype_of
from cellc.function import Function
from cellc.graph import Graph
from cellc.preparation import PreparedValues
from cellc.profile_table import CommandProfile, Profile
from cellc.storage import address_of, aligned_copy, aligned_empty
from cellc.structure import flatten
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.lowering import LoweredForCpu
    from cellc.runtime import Module

_WARM_UP = 2


def profile(function: Callable[..., Any], *args: Any, runs: int = 20, **kwargs: Any) -> Profile:
    """Times each kernel of what `function(*args, **kwargs)` runs when it is compiled.

    Args:
        function: a Cell, a function compiled by `cellc.jit`, or a Python function of tensors.
        args, kwargs: the call's arguments; parameters keep their values, also those that the call updates.
        runs: how often the program is run; each command's time is the median.

    Returns:
        A table: print it, or read its `rows` (kernels) and `commands`.

    Raises:
        ValueError: `runs` is below 1.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    graph = _traceable(function).trace(args, kwargs).graph
    tensors: list[TensorBase] = []
    flatten((args, kwargs), tensors)
    given = iter(tensors)
    sources = [next(given) if value.kind == "input" else value.source for value in graph.inputs]
    return profile_graph(graph, {i: source.asnumpy() for i, source in enumerate(sources)}, runs)


def profile_graph(graph: Graph, arrays: Mapping[int, np.ndarray], runs: int = 20) -> Profile:
    """Times a graph on copies of `arrays`, one per input of the graph, by number."""
    from cellc.cpu_backend import binding_slots, selected_level
    from cellc.lowering import lower_for_cpu
    from cellc.passes.pipelines import PIPELINES
    from cellc.runtime import Module
    from cellc.targets.cpu.jit import load
    from cellc.targets.cpu.peak import measure_peak
    from cellc.targets.cpu.workers import compile_kernels

    level = selected_level()
    lowered = lower_for_cpu(graph, level, pipeline=PIPELINES["cpu-prepared"])
    objects = compile_kernels(lowered.kernels, level)
    addresses = load({kernel.name: data for kernel, data in zip(lowered.kernels, objects, strict=True)})
    threads = context.num_threads()
    module = Module(lowered.program.to_bytes(), addresses, threads)
    bindings = _bindings(graph, arrays, binding_slots(graph))
    if lowered.preparation is not None:
        prepare = Module(lowered.preparation.program, addresses, threads).run
        prepared = PreparedValues(lowered.preparation, prepare)
        prepared.compute([address_of(bindings[i]) for i in lowered.preparation.sources])
        bindings[len(graph.inputs) : len(graph.inputs)] = prepared.arrays
    samples, step = _sample(module, bindings, runs)
    return Profile(_commands(lowered, samples), step, measure_peak(level, threads), level.name)


def _traceable(function: Callable[..., Any]) -> Function:
    from cellc.compiled_function import CompiledFunction
    from cellc.nn import Cell

    if isinstance(function, Cell):
        return function._as_function()
    python = function.__wrapped__ if isinstance(function, CompiledFunction) else function
    name = getattr(python, "__name__", type(python).__name__)
    return Function(python, lambda: name, "function")


def _bindings(graph: Graph, arrays: Mapping[int, np.ndarray], slots: Mapping[tuple[str, int], int]) -> list[np.ndarray]:
    """An array of its own for each binding."""
    found: list[np.ndarray] = []
    for kind, number in sorted(slots, key=lambda slot: slots[slot]):
        if kind == "input":
            found.append(aligned_copy(arrays[number], dtype_of(graph.inputs[number].type.dtype).numpy))
        else:
            type = graph.outputs[number].type
            found.append(aligned_empty(type.shape, dtype_of(type.dtype).numpy))
    return found


def _sample(module: Module, bindings: list[np.ndarray], runs: int) -> tuple[list[list[int]], float]:
    """Nanoseconds of each command in each run, and the median seconds of a run that is not timed inside."""
    pointers = module.pointer_array()
    for i, array in enumerate(bindings):
        pointers[i] = address_of(array)
    for _ in range(_WARM_UP):
        module.run(pointers)
    samples, steps = [], []
    for _ in range(runs):
        start = perf_counter_ns()
        module.run(pointers)
        steps.append(perf_counter_ns() - start)
        samples.append(module.profile(pointers))
    return samples, median(steps) * 1e-9


def _commands(lowered: LoweredForCpu, samples: list[list[int]]) -> list[CommandProfile]:
    """One record per command of the program."""
    from xdsl.dialects.func import FuncOp

    from cellc.passes.kernel_cost import kernel_cost
    from cellc.runtime import Fill, Launch

    kernels = {op.sym_name.data: op for op in lowered.module.ops if isinstance(op, FuncOp)}
    costs = {name: kernel_cost(kernel) for name, kernel in kernels.items()}
    program, found = lowered.program, []
    for i, command in enumerate(program.commands):
        seconds = median(sample[i] for sample in samples) * 1e-9
        if isinstance(command, Launch):
            kernel = program.kernels[command.kernel]
            kind = kernels[kernel.name].attributes["cellc.kind"].data  # pyright: ignore
            cost = costs[kernel.name]
            found.append(
                CommandProfile(kernel.name, kind, kernel.blocks, seconds, cost.flops, cost.bytes, command.label)
            )
        else:
            name, times = ("fill", 1) if isinstance(command, Fill) else ("copy", 2)
            size = times * program.buffers[command.target].nbytes
            found.append(CommandProfile(name, "runtime", 1, seconds, 0, size, command.label))
    return found
