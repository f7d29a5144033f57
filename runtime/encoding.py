"""The file form of a program. All integers are little-endian.

====================  =====================================================================
header, 40 bytes      magic ``CELLCPRG``; u32 version; u32 section count; u64 total size;
                      u64 arena bytes; u32 CRC-32 of header and table with this field zero; u32 zero
section table         per section, in the order of ``_SECTIONS``: u32 id (from 1); u32 CRC-32;
                      u64 offset (the end of the section before, rounded up to 64; zeros between); u64 size
buffers, 24 bytes     u8 kind; u8 dtype; u16 rank; u32 name; u32 first dim; u32 zero; u64 offset
kernels, 24 bytes     u32 name; u32 zero; u64 blocks; u64 scratch bytes
commands, u32 words   opcode, number of words with these two, then
                      launch: kernel, first dim, dim count, buffer index ...
                      copy: source, target;  fill: target, pattern size, pattern (2 words)
dims                  i64 each: shapes and launch dims
strings               UTF-8, each ended by a zero byte; a name is an offset; offset 0 is ""
constants             raw bytes
debug                 empty, or per command the u32 name of its label
====================  =====================================================================

Opcodes 16 and above are kept for control flow (loop, branch); this version refuses them.
"""

from __future__ import annotations

import struct
import zlib

from cellc.runtime.program import (
    ALIGNMENT,
    DTYPES,
    KINDS,
    MAX_RANK,
    Buffer,
    Command,
    Copy,
    Fill,
    Kernel,
    Launch,
    Program,
    ProgramFormatError,
    require,
)

MAGIC = b"CELLCPRG"
VERSION = 1
OP_LAUNCH, OP_COPY, OP_FILL = 1, 2, 3

_HEADER = struct.Struct("<8sIIQQII")
_ENTRY = struct.Struct("<IIQQ")
_BUFFER = struct.Struct("<BBHIIIQ")
_KERNEL = struct.Struct("<IIQQ")
_SECTIONS = ("buffers", "kernels", "commands", "dims", "strings", "constants", "debug")
_KIND_NAMES = {code: name for name, code in KINDS.items()}
_DTYPE_NAMES = {code: name for name, code in DTYPES.items()}


class _Pools:
    """The shared dims and strings sections while they grow."""

    def __init__(self) -> None:
        self.dims: list[int] = []
        self.strings = bytearray(b"\0")
        self._known = {"": 0}

    def add_dims(self, dims: tuple[int, ...]) -> int:
        self.dims.extend(dims)
        return len(self.dims) - len(dims)

    def add_string(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self.strings)
            self.strings += text.encode() + b"\0"
        return self._known[text]


def encode(program: Program) -> bytes:
    """The bytes of a valid program."""
    pools = _Pools()
    buffers = b"".join(_encode_buffer(buffer, pools) for buffer in program.buffers)
    kernels = b"".join(_KERNEL.pack(pools.add_string(k.name), 0, k.blocks, k.scratch_bytes) for k in program.kernels)
    words = [word for command in program.commands for word in _encode_command(command, pools)]
    labels = [pools.add_string(command.label) for command in program.commands]
    sections = [
        buffers,
        kernels,
        _pack_words(words),
        struct.pack(f"<{len(pools.dims)}q", *pools.dims),
        bytes(pools.strings),
        program.constants,
        _pack_words(labels) if any(labels) else b"",
    ]
    return _assemble(sections, program.arena_bytes)


def _pack_words(words: list[int]) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _encode_buffer(buffer: Buffer, pools: _Pools) -> bytes:
    kind, dtype = KINDS[buffer.kind], DTYPES[buffer.dtype]
    name, dims = pools.add_string(buffer.name), pools.add_dims(buffer.shape)
    return _BUFFER.pack(kind, dtype, len(buffer.shape), name, dims, 0, buffer.offset)


def _encode_command(command: Command, pools: _Pools) -> list[int]:
    if isinstance(command, Launch):
        opcode = OP_LAUNCH
        payload = [command.kernel, pools.add_dims(command.dims), len(command.dims), *command.buffers]
    elif isinstance(command, Copy):
        opcode, payload = OP_COPY, [command.source, command.target]
    else:
        pattern = command.pattern.ljust(8, b"\0")
        opcode, payload = OP_FILL, [command.target, len(command.pattern), *struct.unpack("<2I", pattern)]
    return [opcode, len(payload) + 2, *payload]


def _align(offset: int) -> int:
    return (offset + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def _assemble(sections: list[bytes], arena_bytes: int) -> bytes:
    end = _HEADER.size + _ENTRY.size * len(sections)
    table = b""
    body = bytearray()
    for index, section in enumerate(sections):
        offset = _align(end)
        body += bytes(offset - end) + section
        end = offset + len(section)
        table += _ENTRY.pack(index + 1, zlib.crc32(section), offset, len(section))
    crc = zlib.crc32(_HEADER.pack(MAGIC, VERSION, len(sections), end, arena_bytes, 0, 0) + table)
    return _HEADER.pack(MAGIC, VERSION, len(sections), end, arena_bytes, crc, 0) + table + bytes(body)


def decode(data: bytes) -> Program:
    """The program of these bytes; structure is checked here, meaning by ``Program.validate``."""
    data = bytes(data)
    arena_bytes, sections = _split(data)
    reader = _Reader(sections)
    commands = reader.commands()
    return Program(reader.buffers(), reader.kernels(), commands, arena_bytes, sections["constants"])


def _split(data: bytes) -> tuple[int, dict[str, bytes]]:
    """Check header, table and checksums; the arena size and the bytes of every section."""
    require(len(data) >= _HEADER.size, "header", f"only {len(data)} bytes, {_HEADER.size} are needed")
    magic, version, count, total, arena_bytes, crc, zero = _HEADER.unpack_from(data)
    require(magic == MAGIC, "magic", f"{magic!r} instead of {MAGIC!r}: not a cellc program")
    require(version == VERSION, "version", f"version {version} is not supported, this cellc reads {VERSION}")
    require(count == len(_SECTIONS), "section_count", f"{count} sections instead of {len(_SECTIONS)}")
    require(total == len(data), "total_size", f"says {total} bytes, there are {len(data)}")
    end = _HEADER.size + count * _ENTRY.size
    require(end <= len(data), "section_table", f"needs {end} bytes of {len(data)}")
    bare = _HEADER.pack(magic, version, count, total, arena_bytes, 0, zero)
    require(zlib.crc32(bare + data[_HEADER.size : end]) == crc, "header_checksum", "does not match: damaged")
    require(zero == 0, "header_reserved", "is not zero")
    sections = {}
    for index, name in enumerate(_SECTIONS):
        ident, section_crc, offset, size = _ENTRY.unpack_from(data, _HEADER.size + index * _ENTRY.size)
        require(ident == index + 1, f"{name}.id", f"{ident} instead of {index + 1}")
        require(offset == _align(end), f"{name}.offset", f"{offset} instead of {_align(end)}")
        require(size <= total - offset, f"{name}.size", f"{size} bytes at {offset} of {total}")
        require(not any(data[end:offset]), f"{name}.offset", "the bytes before the section are not zero")
        end = offset + size
        sections[name] = data[offset:end]
        require(zlib.crc32(sections[name]) == section_crc, f"{name}.checksum", "does not match: damaged")
    require(end == total, "total_size", f"{total - end} bytes after the last section")
    return arena_bytes, sections


class _Reader:
    """Records out of checked sections."""

    def __init__(self, sections: dict[str, bytes]) -> None:
        self._sections = sections
        self._dims = self._array("dims", "q", 8)
        self._labels = self._array("debug", "I", 4)
        self._strings = sections["strings"]
        require(self._strings[:1] == b"\0", "strings", "does not start with the empty string")
        require(self._strings.endswith(b"\0"), "strings", "does not end with a zero byte")

    def _array(self, name: str, code: str, size: int) -> tuple[int, ...]:
        data = self._sections[name]
        require(len(data) % size == 0, f"{name}.size", f"{len(data)} is not a multiple of {size}")
        return struct.unpack(f"<{len(data) // size}{code}", data)

    def _records(self, name: str, layout: struct.Struct) -> list[tuple[int, ...]]:
        data = self._sections[name]
        require(len(data) % layout.size == 0, f"{name}.size", f"{len(data)} is not a multiple of {layout.size}")
        return list(layout.iter_unpack(data))

    def _string(self, field: str, offset: int) -> str:
        require(offset < len(self._strings), field, f"string at {offset} of {len(self._strings)}")
        raw = self._strings[offset : self._strings.index(b"\0", offset)]
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise ProgramFormatError(field, f"is not UTF-8 ({error.reason})") from None

    def _slice(self, field: str, start: int, count: int) -> tuple[int, ...]:
        require(start + count <= len(self._dims), field, f"dims {start}..{start + count} of {len(self._dims)}")
        return self._dims[start : start + count]

    def buffers(self) -> list[Buffer]:
        result = []
        for index, record in enumerate(self._records("buffers", _BUFFER)):
            field = f"buffers[{index}]"
            kind, dtype, rank, name, first_dim, zero, offset = record
            require(kind in _KIND_NAMES, f"{field}.kind", f"unknown code {kind}")
            require(dtype in _DTYPE_NAMES, f"{field}.dtype", f"unknown code {dtype}")
            require(rank <= MAX_RANK, f"{field}.rank", f"{rank} is above {MAX_RANK}")
            require(zero == 0, f"{field}.reserved", "is not zero")
            shape = self._slice(f"{field}.shape", first_dim, rank)
            text = self._string(f"{field}.name", name)
            result.append(Buffer(_KIND_NAMES[kind], text, _DTYPE_NAMES[dtype], shape, offset))
        return result

    def kernels(self) -> list[Kernel]:
        result = []
        for index, (name, zero, blocks, scratch) in enumerate(self._records("kernels", _KERNEL)):
            require(zero == 0, f"kernels[{index}].reserved", "is not zero")
            result.append(Kernel(self._string(f"kernels[{index}].name", name), blocks, scratch))
        return result

    def commands(self) -> list[Command]:
        words = self._array("commands", "I", 4)
        result: list[Command] = []
        at = 0
        while at < len(words):
            field = f"commands[{len(result)}]"
            require(at + 2 <= len(words), field, "is cut off")
            opcode, count = words[at : at + 2]
            require(2 <= count <= len(words) - at, f"{field}.words", f"{count} of {len(words) - at} left")
            result.append(self._command(field, opcode, words[at + 2 : at + count], self._label(len(result))))
            at += count
        require(len(self._labels) in (0, len(result)), "debug", f"{len(self._labels)} labels, {len(result)} commands")
        return result

    def _label(self, index: int) -> str:
        if index >= len(self._labels):
            return ""
        return self._string(f"debug[{index}]", self._labels[index])

    def _command(self, field: str, opcode: int, words: tuple[int, ...], label: str) -> Command:
        if opcode == OP_LAUNCH:
            require(len(words) >= 3, f"{field}.words", "a launch has at least 5")
            kernel, first_dim, dim_count = words[:3]
            return Launch(kernel, words[3:], self._slice(f"{field}.dims", first_dim, dim_count), label)
        if opcode == OP_COPY:
            require(len(words) == 2, f"{field}.words", "a copy has 4")
            return Copy(words[0], words[1], label)
        if opcode == OP_FILL:
            require(len(words) == 4, f"{field}.words", "a fill has 6")
            require(words[1] in (1, 2, 4, 8), f"{field}.pattern", f"is {words[1]} bytes, not 1, 2, 4 or 8")
            return Fill(words[0], struct.pack("<2I", *words[2:])[: words[1]], label)
        raise ProgramFormatError(f"{field}.opcode", f"unknown opcode {opcode}")
