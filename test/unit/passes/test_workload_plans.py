"""The memory plans of the benchmarks' networks, without running them."""

import sys
from pathlib import Path

import pytest

from cellc import Tensor
from cellc.build_ir import build_module
from cellc.dialects.host import ProgramOp
from cellc.function import Function
from cellc.passes.context import make_context
from cellc.passes.pipelines import PIPELINES, run_pipeline

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
import workloads


def plan(workload: workloads.Workload) -> ProgramOp:
    cell = workload.cell()
    run = workloads.training_step(workload, cell) if workload.optimizer else cell.set_train(False)
    inputs = tuple(map(Tensor, workloads.arrays(workload)[0]))
    traced = Function(run.construct, lambda: "network", "Cell").trace(inputs, {})
    module = build_module(traced.graph)
    run_pipeline(module, PIPELINES["cpu"], make_context())
    (program,) = (op for op in module.ops if isinstance(op, ProgramOp))
    return program


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda workload: workload.name)
def test_the_arena_is_at_most_a_tenth_above_what_lives_at_once(workload):
    program = plan(workload)
    assert program.lower_bound is not None
    assert 0 < program.arena.value.data <= 1.1 * program.lower_bound.value.data
