"""Collectives: no machine code, but a note of what the runtime calls in its place (`runtime/collectives.py`)."""

from typing import Any

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.dialects.func import FuncOp

from cellc.dialects.linalg_ext import CollectiveStartOp, CollectiveWaitOp
from cellc.passes.linalg_analysis import size_of
from cellc.runtime.collectives import WAIT, Collective
from cellc.targets.target import KernelCode


def collective_code(kernel: FuncOp) -> KernelCode:
    """The note of a kernel of kind `collective`: one block, which the caller's thread runs."""
    op = kernel.body.block.first_op
    assert isinstance(op, CollectiveStartOp | CollectiveWaitOp)
    dtype = str(op.src.type.element_type)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(op, CollectiveWaitOp):
        note = Collective(WAIT, dtype, size_of(op.result))
    else:
        kind = op.name.removeprefix("linalg_ext.").removesuffix("_start")
        note = Collective(kind, dtype, size_of(op.src), **_attributes(op))
    return KernelCode(kernel.sym_name.data, 1, 0, note.to_text())


def _attributes(op: CollectiveStartOp) -> dict[str, Any]:
    """The properties of a start as Python values."""
    found: dict[str, Any] = {}
    for name, value in op.properties.items():
        assert isinstance(value, StringAttr | IntegerAttr)
        found[name] = value.data if isinstance(value, StringAttr) else value.value.data
    return found
