"""The `host` dialect: a compiled function as a list of commands over buffers."""

from __future__ import annotations

from xdsl.ir import Dialect

from cellc.dialects.host.ops import BufferOp, CopyOp, LaunchOp, ProgramOp

Host = Dialect("host", [ProgramOp, BufferOp, LaunchOp, CopyOp])

__all__ = ["BufferOp", "CopyOp", "Host", "LaunchOp", "ProgramOp"]
