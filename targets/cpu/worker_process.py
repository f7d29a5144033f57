"""The child's side of `cellc.targets.cpu.workers`, and the messages that both sides exchange.

A message is a JSON header behind its length, then as many bytes as the header's `size` says.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from types import ModuleType
from typing import IO, Any


def send(stream: IO[bytes], header: dict[str, Any], data: bytes = b"") -> None:
    """Writes a message."""
    encoded = json.dumps({**header, "size": len(data)}).encode()
    stream.write(struct.pack("<I", len(encoded)) + encoded + data)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Reads a message; None at the end of the stream, also in the middle of a message."""
    prefix = stream.read(4)
    if len(prefix) < 4:
        return None
    try:
        header = json.loads(stream.read(struct.unpack("<I", prefix)[0]))
    except ValueError:
        return None
    data = stream.read(header["size"])
    return (header, data) if len(data) == header["size"] else None


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Compiles what it is sent, `{name, level}` and the kernel's text, until the requests end.

    Answers with the object file, or `{error}`; `stages` are the times of `cellc.passes.stage_times`.
    """
    from cellc.passes import stage_times
    from cellc.passes.mlir import LoweringError, bindings_package, warm_up
    from cellc.targets.cpu.emit_object import compile_kernel
    from cellc.targets.cpu.level import CpuLevel

    with stage_times.stage("start"):
        _leave_out(f"{bindings_package()}.dialects.llvm")
        warm_up()
    while (request := receive(requests)) is not None:
        header, text = request
        try:
            answer = {}, compile_kernel(text.decode(), header["name"], CpuLevel(**header["level"]))
        except LoweringError as error:
            answer = {"error": str(error)}, b""
        send(answers, {**answer[0], "stages": stage_times.take()}, answer[1])


def _leave_out(module: str) -> None:
    """Has the bindings, which look for the module of an attribute's dialect, find an empty one.

    The classes in it are not needed, and take as long to import as a large kernel to compile.
    """
    sys.modules.setdefault(module, ModuleType(module))


def main() -> None:
    """The entry of a worker. Whatever a library prints goes to stderr, not among the answers."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # the bindings can do without, and it is slow to import
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
    os._exit(0)  # Tearing the bindings down takes longer than compiling a kernel.


if __name__ == "__main__":
    main()
