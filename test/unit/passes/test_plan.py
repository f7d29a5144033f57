"""Arena packing, the plan checker, and the program made from a plan."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.parser import Parser

from cellc.dialects.host import BufferOp, CopyOp, LaunchOp, ProgramOp
from cellc.passes.arena import Slot, lower_bound, pack
from cellc.passes.assign_memory import assign_memory
from cellc.passes.context import make_context
from cellc.passes.emit_program import to_program
from cellc.passes.host_values import HostFunction
from cellc.passes.linalg_analysis import main_function
from cellc.passes.pipelines import run_pipeline
from cellc.passes.plan_buffers import build_program, memory_table
from cellc.passes.verify_plan import PlanError, verify_plan
from cellc.runtime.program import Copy, Launch

CHAIN = """
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func @main(%x: tensor<16xf32> {cellc.name = "x", cellc.kind = "input"},
    %w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter", cellc.updated_by = 1 : i64})
    -> (tensor<16xf32>, tensor<16xf32>) {
  %a = func.call @step(%x) : (tensor<16xf32>) -> tensor<16xf32> loc("net.py":3:9)
  %b = func.call @step(%a) : (tensor<16xf32>) -> tensor<16xf32> loc("net.py":4:9)
  %c = func.call @step(%b) : (tensor<16xf32>) -> tensor<16xf32> loc("net.py":5:9)
  %i = arith.constant dense<[true, false]> : tensor<2xi1>
  %d = func.call @step(%w) : (tensor<16xf32>) -> tensor<16xf32> loc("net.py":6:9)
  return %c, %d : tensor<16xf32>, tensor<16xf32>
}
"""


def _module() -> ModuleOp:
    return Parser(make_context(), CHAIN).parse_module()


def _planned() -> tuple[HostFunction, ProgramOp]:
    module = _module()
    host = HostFunction.of(main_function(module))
    program = build_program(host, assign_memory(host))
    module.body.block.add_op(program)
    return host, program


@pytest.mark.parametrize("seed", range(30))
def test_slots_alive_together_do_not_overlap(seed: int) -> None:
    choose = random.Random(seed)
    slots = []
    for first in range(60):
        slots.append(
            Slot(choose.choice([0, 4, 60, 64, 100, 4096, 65536]), first, first + choose.choice([1, 1, 2, 5, 40]))
        )
    total = pack(slots)
    for i, one in enumerate(slots):
        assert one.offset % 64 == 0
        assert one.offset + one.size <= total
        for two in slots[:i]:
            apart = one.offset + one.aligned <= two.offset or two.offset + two.aligned <= one.offset
            assert apart or not one.overlaps_in_time(two)
    assert lower_bound(slots) <= total <= 1.1 * lower_bound(slots)


def test_lower_bound_counts_what_is_alive_at_once() -> None:
    assert lower_bound([Slot(64, 0, 1), Slot(1, 1, 2), Slot(64, 2, 3)]) == 128


def test_plan_of_a_chain_verifies() -> None:
    host, program = _planned()
    verify_plan(host, program)
    assert program.arena.value.data == 128  # a and b; c is the output, d waits for nothing but in-place rights


def _offsets(program: ProgramOp) -> list[BufferOp]:
    return [b for b in program.buffers if b.kind.data == "arena"]


def test_overlapping_slots_are_found() -> None:
    host, program = _planned()
    for buffer in _offsets(program):
        buffer.properties["offset"] = IntegerAttr(0, i64)
    with pytest.raises(PlanError, match="result 0 overwrites operand 0"):
        verify_plan(host, program)


def test_overwritten_operand_is_found() -> None:
    host, program = _planned()
    launches = [c for c in program.commands if isinstance(c, LaunchOp)]
    # The second kernel writes over the input, which is no operand of it: only the end shows it.
    launches[1].operands = [launches[1].operands[0], launches[0].operands[0]]
    with pytest.raises(PlanError, match=r"command 2 .*operand 0 has been overwritten"):
        verify_plan(host, program)


def test_missing_copy_is_found() -> None:
    host, program = _planned()
    (copy,) = [c for c in program.commands if isinstance(c, CopyOp)]
    copy.detach()
    with pytest.raises(PlanError, match="result 1 is not in its buffer"):
        verify_plan(host, program)


def test_skipped_launch_is_found() -> None:
    host, program = _planned()
    next(iter(program.commands)).detach()
    with pytest.raises(PlanError):
        verify_plan(host, program)


@dataclass
class _Code:
    name: str
    blocks: int
    scratch_bytes: int


def test_program_for_the_runtime() -> None:
    module = _module()
    run_pipeline(module, ["plan-buffers"], make_context())
    (host,) = [op for op in module.ops if isinstance(op, ProgramOp)]
    program = to_program(host, [_Code("step", 3, 64)])
    program.validate()
    assert [(b.kind, b.name) for b in program.bindings] == [("input", "x"), ("parameter", "w"), ("output", "")]
    assert program.constants == b"\x01\x00"
    launches = [c for c in program.commands if isinstance(c, Launch)]
    assert [launch.label for launch in launches] == ["net.py:3", "net.py:4", "net.py:5", "net.py:6"]
    assert isinstance(program.commands[-1], Copy)
    assert program.kernels[0].blocks == 3


def test_memory_table_names_the_users_line() -> None:
    _, program = _planned()
    table = memory_table(program)
    assert "net.py:3" in table
    assert table.splitlines()[-1] == "arena: 128 bytes; alive at once: 128 bytes"
