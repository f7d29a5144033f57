"""Named arrays in MindSpore's `.ckpt` format and in safetensors. Reading executes nothing.

A `.ckpt` file is a protobuf message `Checkpoint`, written as a sequence of messages with one value each, which is the
same bytes:

    message Checkpoint {
        message Value { required string tag = 1; required TensorProto tensor = 2; }
        repeated Value value = 1;
    }
    message TensorProto {
        repeated int64 dims = 1;
        required string tensor_type = 2;
        required bytes tensor_content = 3;
    }

A scalar has dims [0], and an array above 512 MiB is cut into values with one tag, each with the dims of the whole.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from cellc import dtype as dtypes
from cellc.archive import ArchiveError, read_weights, weights_to_bytes

PIECE_BYTES = 512 << 20
"""Greater arrays are cut: a protobuf message must stay below 2 GiB."""

_TYPES = {dtype.name: dtype.numpy for dtype in dtypes.ALL} | {
    "UInt16": np.dtype(np.uint16), "UInt32": np.dtype(np.uint32), "UInt64": np.dtype(np.uint64)
}  # fmt: skip
_NAMES = {numpy: name for name, numpy in _TYPES.items()}


class CheckpointError(ArchiveError):
    """A checkpoint is damaged, incomplete or of a kind that cellc does not know."""


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes the file whole or not at all; a name that ends in `.safetensors` chooses that format.

    Raises:
        OSError: the file cannot be written; one that was there before is as it was.
    """
    beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        # A file of this name is what a killed process with our number left.
        with beside.open("wb") as file:
            _write_into(file, path, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _remove_left_overs(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _remove_left_overs(path: Path) -> None:
    """Removes what processes of this machine left that were killed while they wrote the file."""
    begin = f".{path.name}.{socket.gethostname()}."
    for found in os.scandir(path.parent):
        process = found.name.removeprefix(begin).partition(".")[0]
        if found.name.startswith(begin) and found.name.endswith(".part") and process.isdecimal():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                Path(found.path).unlink(missing_ok=True)
            except OSError:
                continue  # somebody else's process, which is alive


def _write_into(file: IO[bytes], path: Path, arrays: dict[str, np.ndarray]) -> None:
    if path.suffix == ".safetensors":
        file.write(weights_to_bytes(arrays))
        return
    for name, array in arrays.items():
        for message in _messages(name, array):
            file.write(message)


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, by name and in its order.

    Raises:
        FileNotFoundError, OSError: the file cannot be read.
        CheckpointError: it is damaged; the message names the file and the value.
    """
    if path.suffix == ".safetensors":
        return read_weights(path)
    pieces: dict[str, list[np.ndarray]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for number, value in enumerate(_values(path)):
        where = f"{path}: value {number} ('{value.tag}')"
        pieces.setdefault(value.tag, []).append(_elements(where, value.tensor))
        shapes[value.tag] = _shape(where, value.tensor.dims)
    return {name: _joined(path, name, pieces[name], shapes[name]) for name in pieces}


def _messages(name: str, array: np.ndarray) -> Iterator[bytes]:
    """The serialized messages of one array."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype not in _NAMES:
        raise TypeError(f"cannot save '{name}': a checkpoint holds no {array.dtype}")
    step = max(1, PIECE_BYTES // max(1, flat.itemsize))
    for first in range(0, max(1, flat.size), step):
        checkpoint = _checkpoint_class()()
        value = checkpoint.value.add()
        value.tag = name
        value.tensor.dims.extend(array.shape or (0,))
        value.tensor.tensor_type = _NAMES[array.dtype]
        value.tensor.tensor_content = flat[first : first + step].tobytes()
        yield checkpoint.SerializeToString()


def _values(path: Path) -> Iterator[Any]:
    """The file's values, one in memory at a time."""
    from google.protobuf.message import DecodeError

    try:
        file = path.open("rb")
    except OSError as error:
        raise type(error)(error.errno, f"cannot read {path}: {error.strerror}") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        while tag := file.read(1):
            length = _varint(file)
            if tag != b"\x0a" or length is None or length > size - file.tell():
                raise CheckpointError(f"{path}: value {number}: damaged, or no checkpoint")
            try:
                value = _checkpoint_class().Value.FromString(file.read(length))
            except DecodeError as error:
                raise CheckpointError(f"{path}: value {number}: damaged: {error}") from None
            if not isinstance(value.tag, str) or not value.tag.strip():
                raise CheckpointError(f"{path}: value {number}: its tag {value.tag!r} is no name")
            yield value
            number += 1


def _varint(file: IO[bytes]) -> int | None:
    """A length as protobuf writes it: seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def _elements(where: str, tensor: Any) -> np.ndarray:
    dtype = _TYPES.get(tensor.tensor_type)
    if dtype is None:
        raise CheckpointError(f"{where}: tensor_type is {tensor.tensor_type!r}, which cellc does not know")
    if len(tensor.tensor_content) % dtype.itemsize:
        raise CheckpointError(f"{where}: tensor_content of {len(tensor.tensor_content)} bytes is no {dtype} array")
    return np.frombuffer(tensor.tensor_content, dtype)


def _shape(where: str, dims: Any) -> tuple[int, ...]:
    if any(extent < 0 for extent in dims):
        raise CheckpointError(f"{where}: dims are {list(dims)}")
    return tuple(dims)


def _joined(path: Path, name: str, pieces: list[np.ndarray], dims: tuple[int, ...]) -> np.ndarray:
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    # dims [0] is a scalar where there is an element, and an empty vector where there is none.
    shape = () if dims == (0,) and whole.size == 1 else dims
    if whole.size != math.prod(shape):
        raise CheckpointError(f"{path}: '{name}' has {whole.size} elements, which are not of dims {list(dims)}")
    return whole.reshape(shape)


@cache
def _checkpoint_class() -> Any:
    """The class of `Checkpoint` messages."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="cellc/checkpoint.proto", package="cellc.checkpoint", syntax="proto2"
    )
    tensor = file.message_type.add(name="TensorProto")
    tensor.field.add(name="dims", number=1, type=field.TYPE_INT64, label=field.LABEL_REPEATED)
    tensor.field.add(name="tensor_type", number=2, type=field.TYPE_STRING, label=field.LABEL_REQUIRED)
    tensor.field.add(name="tensor_content", number=3, type=field.TYPE_BYTES, label=field.LABEL_REQUIRED)
    checkpoint = file.message_type.add(name="Checkpoint")
    value = checkpoint.nested_type.add(name="Value")
    value.field.add(name="tag", number=1, type=field.TYPE_STRING, label=field.LABEL_REQUIRED)
    value.field.add(name="tensor", number=2, type=field.TYPE_MESSAGE, label=field.LABEL_REQUIRED,
                    type_name=".cellc.checkpoint.TensorProto")  # fmt: skip
    checkpoint.field.add(name="value", number=1, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED,
                         type_name=".cellc.checkpoint.Checkpoint.Value")  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("cellc.checkpoint.Checkpoint"))
