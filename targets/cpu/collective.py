"""Collectives: no machine code, but a note of what the runtime calls in its place (`runtime/collectives.py`)."""

from xdsl.dialects.builtin import TensorType
from xdsl.dialects.func import FuncOp

from cellc.dialects.linalg_ext import AllReduceStartOp
from cellc.passes.linalg_analysis import size_of
from cellc.runtime.collectives import Collective
from cellc.targets.target import KernelCode


def collective_code(kernel: FuncOp) -> KernelCode:
    """The note of a kernel of kind `collective`: one block, which the caller's thread runs."""
    op = kernel.body.block.first_op
    assert op is not None
    type_ = op.results[0].type
    assert isinstance(type_, TensorType)
    reduction, group = (op.reduction.data, op.group.data) if isinstance(op, AllReduceStartOp) else ("", "")
    note = Collective(reduction, group, str(type_.element_type), size_of(op.results[0]))
    return KernelCode(kernel.sym_name.data, 1, 0, note.to_text())
