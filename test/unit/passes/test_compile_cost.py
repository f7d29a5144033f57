"""What compiling costs, in counts: it grows with the network, not with its square; equal layers are one kernel."""

import gc
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import nn
from cellc.build_ir import build_module
from cellc.graph import Graph
from cellc.lowering import lower_for_cpu
from cellc.passes import form_dispatches, garbage
from cellc.passes.context import make_context
from cellc.passes.kernel_form import kernels_of
from cellc.passes.pipelines import PIPELINES, run_pipeline
from cellc.profiling import _traceable
from cellc.targets.cpu.level import native_level
from cellc.targets.target import KernelCode


def training_step(layers: int) -> Graph:
    """The graph of a step of equal layers, each with its own weights."""
    cells = [cell for _ in range(layers) for cell in (nn.Dense(16, 16), nn.LayerNorm((16,)), nn.ReLU())]
    net = nn.SequentialCell(*cells)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.Adam(net.trainable_params())).set_train()
    x = cellc.Tensor(np.zeros((4, 16), np.float32))
    return _traceable(step).trace((x, x), {}).graph


def calls_of_passes(graph: Graph) -> int:
    """Python functions called while the pipeline runs."""
    module, context = build_module(graph), make_context()
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        run_pipeline(module, PIPELINES["cpu"], context)
    finally:
        sys.setprofile(None)
    return calls


def test_passes_are_linear_in_the_number_of_layers():
    calls_of_passes(training_step(1))  # imports
    few, many = (calls_of_passes(training_step(layers)) for layers in (4, 16))
    assert many < 3.95 * few  # the first layer costs more than the others


def test_equal_layers_are_outlined_once(monkeypatch: pytest.MonkeyPatch):
    names: list[str] = []
    outline = form_dispatches.outline

    def counted(cluster: Any, name: str, *rest: Any) -> Any:
        names.append(name)
        return outline(cluster, name, *rest)

    monkeypatch.setattr(form_dispatches, "outline", counted)
    counts = []
    for layers in (4, 8):
        names.clear()
        lowered = lower_for_cpu(training_step(layers), native_level())
        assert names == [kernel.name for kernel in lowered.kernels]
        counts.append(len(names))
    assert counts[0] == counts[1]


def test_kernels_are_handed_out_before_the_program_is_planned():
    events: list[str] = []

    def on_kernel(kernel: KernelCode) -> None:
        events.append(kernel.name)

    graph = training_step(1)
    lowered = lower_for_cpu(graph, native_level(), lambda name, _: events.append(name), on_kernel=on_kernel)
    kernels = [kernel.name for kernel in lowered.kernels]
    assert events[-2 - len(kernels) :] == [*kernels, "widen-factors", "plan-buffers"]


@pytest.mark.parametrize("pipeline", ["cpu", "cpu-prepared"])
def test_kernels_are_written_once(pipeline: str):
    net = nn.SequentialCell(nn.Dense(16, 64), nn.ReLU(), nn.Dense(64, 64)).set_train(False)
    graph = _traceable(net).trace((cellc.Tensor(np.zeros((8, 16), np.float32)),), {}).graph
    lowered = lower_for_cpu(graph, native_level(), pipeline=PIPELINES[pipeline])
    names = [kernel.name for kernel in lowered.kernels]
    kernels = [op.sym_name.data for op in kernels_of(lowered.module)]
    assert names == kernels


def test_new_ir_is_not_searched_for_cycles(monkeypatch: pytest.MonkeyPatch):
    module = build_module(training_step(1))
    monkeypatch.setattr(garbage, "_aged", 0)
    run_pipeline(module, PIPELINES["cpu"], make_context())
    assert gc.isenabled()
    assert gc.get_count()[0] < 1000
    assert garbage._aged > 10_000


def test_enough_old_ir_is_collected(monkeypatch: pytest.MonkeyPatch):
    module = build_module(training_step(1))
    gone = weakref.ref(module.body.block.first_op)
    del module
    monkeypatch.setattr(garbage, "MOST_AGED", 0)
    run_pipeline(build_module(training_step(1)), PIPELINES["cpu"], make_context())
    assert gone() is None
