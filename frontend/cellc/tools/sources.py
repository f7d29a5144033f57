"""What `cellc compile` and `cellc inspect` read: a `.cellir` file, or a Cell in a Python file."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cellc.archive import MAX_TENSOR_BYTES, read_weights
from cellc.cellir import SUFFIX, LoadedGraph, check_weights, load, trace_cell, weights_of
from cellc.dtype import dtype_of
from cellc.errors import CellcError
from cellc.nn._cell import Cell
from cellc.tensor import Tensor

_INPUT = re.compile(r"(?P<name>\w+):(?P<shape>(?:\d+x)*)(?P<dtype>[a-z]+\d*)$")


class UsageError(Exception):
    """The command line asks for something that cannot be; the message is for the user."""


class SourceError(RuntimeError):
    """The user's Python file, or the Cell in it, raised an exception; the message says which and where."""


def read_source(source: str, inputs: Sequence[str], weights: str | None) -> LoadedGraph:
    """The network that a command names.

    Args:
        source: `net.cellir`, or `model.py:Net` for a Cell class (or a Cell, or a function that makes one).
        inputs: `name:1x28x28xf32` for each argument of the Cell; a `.cellir` file has its own.
        weights: a safetensors file with values for the parameters.

    Raises:
        UsageError: the source or an input cannot be understood.
        SourceError: the user's file raised an exception.
        FileNotFoundError, ValueError, TypeError: as `cellc.load` and the Cell raise them.
    """
    path, separator, name = source.rpartition(":")
    if not separator or source.endswith(SUFFIX):
        if inputs:
            raise UsageError(f"{source} knows its inputs: --input is for Cells in Python files")
        if not source.endswith(SUFFIX):
            raise UsageError(f"'{source}' is neither a {SUFFIX} file nor of the form model.py:Net")
        loaded = load(source)
    else:
        loaded = _from_cell(_cell(Path(path), name), inputs, source)
    if weights is not None:
        loaded.weights = _with_weights(loaded, weights)
    return loaded


def _from_cell(cell: Cell, inputs: Sequence[str], source: str) -> LoadedGraph:
    if not inputs:
        raise UsageError(f"{source}: give each argument's type, such as --input x:1x28x28xf32")
    names = [text.partition(":")[0] for text in inputs]
    for number, input_name in enumerate(names):
        if input_name in names[:number]:
            raise UsageError(f"--input {inputs[number]}: there is an input '{input_name}' already")
    tensors = [_example(text) for text in inputs]
    with _users_code(source):
        traced = trace_cell(cell, *tensors)
    arguments = [value for value in traced.graph.inputs if value.kind == "input"]
    own = [value.name for value in arguments]
    for number, (value, input_name) in enumerate(zip(arguments, names, strict=False)):
        if input_name in own and own[number] != input_name:  # another name is fine, another argument's is a swap
            raise UsageError(f"--input {inputs[number]}: argument {number + 1} of construct is '{own[number]}'")
        value.name = input_name
    return LoadedGraph(traced.graph, weights_of(traced.graph), traced.structure, source)


def _example(text: str) -> Tensor:
    """A tensor of the type that `name:1x28x28xf32` says."""
    found = _INPUT.match(text)
    if found is None:
        raise UsageError(f"--input {text}: expected name:SHAPExDTYPE, such as x:1x28x28xf32")
    shape = tuple(int(extent) for extent in found["shape"].split("x")[:-1])
    try:
        dtype = dtype_of(found["dtype"])
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"--input {text}: there is no dtype '{found['dtype']}'") from None
    if math.prod(shape) * dtype.numpy.itemsize > MAX_TENSOR_BYTES:
        raise UsageError(f"--input {text}: too large")
    return Tensor(np.zeros(shape, dtype.numpy))


def _cell(path: Path, name: str) -> Cell:
    """Runs the Python file and makes the Cell; its folder can be imported from, as with `python file.py`."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if not name:
        raise UsageError(f"{path}: names no Cell; write {path}:Net")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    with _users_code(str(path)):
        spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise UsageError(f"{path} has no '{name}'")
    return _made(getattr(module, name), f"{path}:{name}")


def _made(value: Any, where: str) -> Cell:
    """A Cell, or what a class or function makes of nothing, which must be one."""
    if not isinstance(value, Cell):
        if not callable(value):
            raise UsageError(f"{where} is of type {type(value).__name__}, not a Cell")
        with _users_code(where):
            value = value()
    if not isinstance(value, Cell):
        raise UsageError(f"{where} made a {type(value).__name__}, not a Cell")
    return value


@contextmanager
def _users_code(where: str) -> Iterator[None]:
    """Turns what a user's file raises into one line that says what and where."""
    try:
        yield
    except CellcError:
        raise  # it shows the user's line already
    except SystemExit:
        raise SourceError(f"{where} ended the program (sys.exit)") from None
    except Exception as error:
        if os.environ.get("CELLC_TRACEBACK") == "full":
            raise
        frames = traceback.extract_tb(error.__traceback__)
        file = os.path.abspath(where.partition(":")[0])
        place = next((frame for frame in reversed(frames) if os.path.abspath(frame.filename) == file), None)
        line = f", line {place.lineno}" if place is not None else ""
        raise SourceError(f"{where}{line}: {type(error).__name__}: {error}") from error


def _with_weights(loaded: LoadedGraph, file: str) -> dict[str, np.ndarray]:
    given = read_weights(file)
    parameters = {value.name for value in loaded.graph.inputs if value.kind == "parameter"}
    unknown = sorted(given.keys() - parameters)
    if unknown:
        raise UsageError(f"{file}: tensor '{unknown[0]}' is no parameter of {loaded.name}")
    missing = sorted(parameters - given.keys())
    if missing:
        raise UsageError(f"{file}: weight '{missing[0]}' of {loaded.name} is missing")
    check_weights(loaded.graph, {**loaded.weights, **given}, file)
    return {**loaded.weights, **given}
