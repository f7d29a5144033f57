"""The host program as data: what a compiled function does, command by command.

A :class:`Program` lists buffers, kernels and commands. The C runtime replays it; ``to_bytes`` and
``from_bytes`` give its file form, which ``cellc.runtime.encoding`` describes field by field.

At run time a program takes one pointer per *binding*: every buffer that is neither ``arena`` nor
``constant``, in buffer order. A parameter that is updated in place is one buffer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Codes of the file form, by kind and by dtype. Append only.
KINDS = {"input": 0, "output": 1, "parameter": 2, "constant": 3, "arena": 4}
DTYPES = {
    "f16": 0, "bf16": 1, "f32": 2, "f64": 3, "i8": 4, "i16": 5, "i32": 6, "i64": 7, "u8": 8, "bool": 9,
}  # fmt: skip
ITEM_SIZES = {
    "f16": 2, "bf16": 2, "f32": 4, "f64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "u8": 1, "bool": 1,
}  # fmt: skip

ALIGNMENT = 64
"""Arena and constant buffers start at a multiple of this many bytes."""

MAX_RANK = 16
MAX_BYTES = 1 << 47
"""No buffer, arena or scratch space may be larger: it keeps every sum of sizes far from overflow."""

_KERNEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ProgramFormatError(ValueError):
    """A program, or its bytes, breaks a rule of the format; ``field`` names the place."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"program: {field}: {problem}")
        self.field = field


@dataclass(frozen=True)
class Buffer:
    """A typed region of memory.

    ``offset`` is in bytes: into the arena for kind ``arena``, into ``Program.constants`` for kind
    ``constant``, else 0. Arena buffers may overlap: a view is a buffer with an offset of its own.
    """

    kind: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0

    @property
    def nbytes(self) -> int:
        """Size in bytes of the row-major elements."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]

    @property
    def is_binding(self) -> bool:
        """Whether the caller passes a pointer for it."""
        return self.kind not in ("arena", "constant")


@dataclass(frozen=True)
class Kernel:
    """A function of (buffers, dims, block): ``blocks`` independent blocks, each with private scratch."""

    name: str
    blocks: int
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Launch:
    """Run all blocks of a kernel on the given buffers (indices into ``Program.buffers``)."""

    kernel: int
    buffers: tuple[int, ...]
    dims: tuple[int, ...] = ()
    label: str = ""
    """The user's ``file:line``, for profiles; it changes nothing."""


@dataclass(frozen=True)
class Copy:
    """Copy the bytes of ``source`` to ``target``; both have the same size."""

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True)
class Fill:
    """Repeat ``pattern`` (1, 2, 4 or 8 bytes) over the bytes of ``target``."""

    target: int
    pattern: bytes = b"\0"
    label: str = ""


Command = Launch | Copy | Fill


@dataclass(frozen=True)
class Program:
    """A compiled function: what it works on and what it does, in order."""

    buffers: Sequence[Buffer]
    kernels: Sequence[Kernel]
    commands: Sequence[Command]
    arena_bytes: int = 0
    constants: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Keep tuples, so that programs compare equal."""
        for name in ("buffers", "kernels", "commands"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def bindings(self) -> tuple[Buffer, ...]:
        """The buffers the caller passes pointers for, in the order of the pointers."""
        return tuple(buffer for buffer in self.buffers if buffer.is_binding)

    def validate(self) -> None:
        """Raise :class:`ProgramFormatError` naming the first field that breaks a rule."""
        _check_size("arena_bytes", self.arena_bytes)
        for index, buffer in enumerate(self.buffers):
            _check_buffer(f"buffers[{index}]", buffer, self)
        _check_binding_names(self.buffers)
        for index, kernel in enumerate(self.kernels):
            _check_kernel(f"kernels[{index}]", kernel)
        for index, command in enumerate(self.commands):
            _check_command(f"commands[{index}]", command, self)

    def to_bytes(self) -> bytes:
        """The file form. Raises :class:`ProgramFormatError` if the program is not valid."""
        from cellc.runtime.encoding import encode

        self.validate()
        return encode(self)

    @staticmethod
    def from_bytes(data: bytes) -> Program:
        """Read the file form. Raises :class:`ProgramFormatError` naming the damaged field."""
        from cellc.runtime.encoding import decode

        program = decode(data)
        program.validate()
        return program


def pack_constants(arrays: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Lay constant data out for ``Program.constants``: the bytes, and the offset of each array."""
    packed = bytearray()
    offsets = []
    for array in arrays:
        packed += bytes(-len(packed) % ALIGNMENT)
        offsets.append(len(packed))
        packed += array
    return bytes(packed), offsets


def require(condition: bool, field: str, problem: str) -> None:
    """Raise :class:`ProgramFormatError` unless ``condition`` holds."""
    if not condition:
        raise ProgramFormatError(field, problem)


def _check_size(field: str, value: int) -> None:
    require(0 <= value <= MAX_BYTES, field, f"{value} is not between 0 and {MAX_BYTES}")


def _check_text(field: str, text: str) -> None:
    require("\0" not in text, field, "a name or label contains a zero byte")


def _check_buffer(field: str, buffer: Buffer, program: Program) -> None:
    require(buffer.kind in KINDS, f"{field}.kind", f"unknown kind {buffer.kind!r}")
    require(buffer.dtype in DTYPES, f"{field}.dtype", f"unknown dtype {buffer.dtype!r}")
    _check_text(f"{field}.name", buffer.name)
    require(len(buffer.shape) <= MAX_RANK, f"{field}.shape", f"rank {len(buffer.shape)} is above {MAX_RANK}")
    for dim in buffer.shape:
        require(0 <= dim <= MAX_BYTES, f"{field}.shape", f"extent {dim} is not between 0 and {MAX_BYTES}")
    _check_size(f"{field}.shape", buffer.nbytes)
    if buffer.is_binding:
        require(buffer.offset == 0, f"{field}.offset", f"a buffer of kind {buffer.kind} has offset {buffer.offset}")
        return
    limit = program.arena_bytes if buffer.kind == "arena" else len(program.constants)
    end = buffer.offset + buffer.nbytes
    require(buffer.offset % ALIGNMENT == 0, f"{field}.offset", f"{buffer.offset} is not a multiple of {ALIGNMENT}")
    require(buffer.offset >= 0 and end <= limit, f"{field}.offset", f"ends at byte {end} of {limit}")


def _check_binding_names(buffers: Sequence[Buffer]) -> None:
    """Inputs and parameters are found by name, so a name may stand for one of each only."""
    seen: set[tuple[str, str]] = set()
    for index, buffer in enumerate(buffers):
        if buffer.kind not in ("input", "parameter"):
            continue
        require(bool(buffer.name), f"buffers[{index}].name", f"a buffer of kind {buffer.kind} needs a name")
        key = (buffer.kind, buffer.name)
        require(key not in seen, f"buffers[{index}].name", f"two buffers of kind {buffer.kind} are {buffer.name!r}")
        seen.add(key)


def _check_kernel(field: str, kernel: Kernel) -> None:
    valid_name = _KERNEL_NAME.fullmatch(kernel.name) is not None
    require(valid_name, f"{field}.name", f"{kernel.name!r} is not a C identifier")
    _check_size(f"{field}.blocks", kernel.blocks)
    _check_size(f"{field}.scratch_bytes", kernel.scratch_bytes)


def _check_command(field: str, command: Command, program: Program) -> None:
    _check_text(f"{field}.label", command.label)
    if isinstance(command, Launch):
        _check_index(f"{field}.kernel", command.kernel, len(program.kernels))
        for index in command.buffers:
            _check_index(f"{field}.buffers", index, len(program.buffers))
        for dim in command.dims:
            require(-(1 << 63) <= dim < 1 << 63, f"{field}.dims", f"{dim} does not fit 64 bits")
        return
    _check_index(f"{field}.target", command.target, len(program.buffers))
    target = program.buffers[command.target]
    require(target.kind not in ("input", "constant"), f"{field}.target", f"writes a buffer of kind {target.kind}")
    if isinstance(command, Fill):
        size = len(command.pattern)
        require(size in (1, 2, 4, 8), f"{field}.pattern", f"is {size} bytes, not 1, 2, 4 or 8")
        require(target.nbytes % size == 0, f"{field}.pattern", f"{size} bytes do not divide {target.nbytes}")
        return
    _check_index(f"{field}.source", command.source, len(program.buffers))
    source_bytes = program.buffers[command.source].nbytes
    require(source_bytes == target.nbytes, f"{field}.source", f"{source_bytes} bytes into {target.nbytes}")


def _check_index(field: str, index: int, count: int) -> None:
    require(0 <= index < count, field, f"index {index} is not below {count}")
