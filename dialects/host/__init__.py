"""The `host` dialect: a compiled function as a list of commands over buffers."""

from __future__ import annotations

from xdsl.ir import Dialect

from cellc.dialects.host.commands import CopyOp, LaunchOp
from cellc.dialects.host.program import BufferOp, ProgramOp
from cellc.dialects.host.types import byte_size

Host = Dialect("host", [ProgramOp, BufferOp, LaunchOp, CopyOp])

__all__ = ["BufferOp", "CopyOp", "Host", "LaunchOp", "ProgramOp", "byte_size"]
