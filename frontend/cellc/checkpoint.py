"""`save_checkpoint`, `load_checkpoint`, `load_param_into_net`: parameters in files that MindSpore reads and writes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cellc import checkpoint_file, seed
from cellc import dtype as dtypes
from cellc.checkpoint_file import CheckpointError as CheckpointError
from cellc.errors import bad_argument
from cellc.nn import Cell, Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor

RANDOM_STATE = "random_state"
"""The entry with the state of random ops, beside the parameters of a training step."""

_SUFFIXES = (".ckpt", ".safetensors")
_saving: dict[Path, threading.Thread] = {}


def save_checkpoint(
    save_obj: Cell | list[dict[str, Any]],
    ckpt_file_name: str,
    integrated_save: bool = True,
    async_save: bool = False,
    append_dict: dict[str, int | float | bool] | None = None,
    enc_key: bytes | None = None,
    enc_mode: str = "AES-GCM",
    format: str = "ckpt",
) -> None:
    """Saves parameters; the file is written whole or, where that fails, not at all.

    A Cell that holds an optimizer is a training step: the state of random ops is saved with it.

    Args:
        save_obj: a Cell, or a list of `{"name": str, "data": Tensor or Parameter}`.
        ckpt_file_name: the file; its suffix is added where it has neither `.ckpt` nor `.safetensors`.
        integrated_save: accepted for MindSpore's sake; nothing is cut over devices.
        async_save: copies the parameters and writes in another thread.
        append_dict: further numbers, by name.
        enc_key, enc_mode: MindSpore's encryption, which cellc does not have.
        format: "ckpt" or "safetensors", the format where the name has no suffix.

    Raises:
        TypeError: an argument has another type.
        ValueError: a name occurs twice, or `format` is another string.
        IsADirectoryError: the file is a directory.
        OSError: the file cannot be written.
        NotImplementedError: `enc_key` is given.
    """
    owner = "save_checkpoint"
    _refuse_key("enc_key", enc_key, owner)
    _validate.of_type("ckpt_file_name", ckpt_file_name, str, owner)
    _validate.boolean("integrated_save", integrated_save, owner)
    _validate.boolean("async_save", async_save, owner)
    _validate.one_of("format", format, ("ckpt", "safetensors"), owner)
    path = Path(ckpt_file_name).absolute()
    if path.is_dir():
        raise IsADirectoryError(f"For '{owner}', 'ckpt_file_name' {path} is a directory.")
    path = path if path.suffix in _SUFFIXES else path.with_name(f"{path.name}.{format}")
    arrays = _collected(save_obj, owner) | _appended(append_dict, owner)
    wait_for(path)
    if not async_save:
        checkpoint_file.write(path, arrays)
        return
    copies = {name: array.copy() for name, array in arrays.items()}
    _saving[path] = threading.Thread(target=_write_in_background, args=(path, copies), name=f"saving {path.name}")
    _saving[path].start()


def load_checkpoint(
    ckpt_file_name: str,
    net: Cell | None = None,
    strict_load: bool = False,
    filter_prefix: str | list[str] | tuple[str, ...] | None = None,
    dec_key: bytes | None = None,
    dec_mode: str = "AES-GCM",
    specify_prefix: str | list[str] | tuple[str, ...] | None = None,
) -> dict[str, Parameter]:
    """The parameters of a file, by name. Nothing in the file is executed.

    Args:
        ckpt_file_name: a `.ckpt` or `.safetensors` file.
        net: where the parameters are loaded into, see `load_param_into_net`.
        strict_load: see `load_param_into_net`.
        filter_prefix: parameters of these names, or below them, are left out.
        dec_key, dec_mode: MindSpore's encryption, which cellc does not have.
        specify_prefix: only parameters of these names, or below them.

    Raises:
        TypeError: an argument has another type.
        ValueError: the file does not exist or is damaged (CheckpointError), has another suffix, or nothing is left of
            it.
        NotImplementedError: `dec_key` is given.
    """
    owner = "load_checkpoint"
    _refuse_key("dec_key", dec_key, owner)
    path = Path(_validate.of_type("ckpt_file_name", ckpt_file_name, str, owner)).absolute()
    if path.suffix not in _SUFFIXES:
        message = f"For '{owner}', 'ckpt_file_name' must end in '.ckpt' or '.safetensors', but got {ckpt_file_name}."
        raise bad_argument(ValueError, message)
    left_out = _prefixes("filter_prefix", filter_prefix, owner)
    chosen = _prefixes("specify_prefix", specify_prefix, owner)
    wait_for(path)
    if not path.exists():
        raise bad_argument(ValueError, f"For '{owner}', 'ckpt_file_name' {path} does not exist.")
    arrays = checkpoint_file.read(path)
    kept = [name for name in arrays if not _is_below(name, left_out) and (not chosen or _is_below(name, chosen))]
    if not kept:
        raise CheckpointError(f"{path}: no parameter is left of {len(arrays)}, see 'filter_prefix'")
    found = {name: Parameter(Tensor(_known(arrays[name])), name=name) for name in kept}
    if net is not None:
        load_param_into_net(net, found, strict_load)
    return found


def load_param_into_net(net: Cell, parameter_dict: dict[str, Parameter], strict_load: bool = False) -> list[str]:
    """Gives the parameters of `net` the values of those with their names.

    Where some are missing and `strict_load` is False, names in `parameter_dict` may have a prefix more. A `net` with
    an optimizer takes the state of random ops too, where there is one.

    Args:
        net: the Cell.
        parameter_dict: what `load_checkpoint` returned.
        strict_load: whether a parameter must have the same dtype; otherwise floats are converted to floats and
            integers to integers.

    Returns:
        The names of the parameters of `net` that were not loaded.

    Raises:
        TypeError: an argument has another type.
        RuntimeError: a shape differs, by more than ones at its end, or a dtype; nothing has been loaded then.
    """
    owner = "load_param_into_net"
    _validate.of_type("net", net, Cell, owner)
    _validate.of_type("parameter_dict", parameter_dict, dict, owner)
    for name, value in parameter_dict.items():
        if not isinstance(name, str) or not isinstance(value, Parameter):
            kinds = f"{type(name).__name__} and {type(value).__name__}"
            raise bad_argument(
                TypeError, f"For '{owner}', 'parameter_dict' must map str to Parameter, but got {kinds}."
            )
    _validate.boolean("strict_load", strict_load, owner)
    parameters = {parameter.name: parameter for _, parameter in net.parameters_and_names()}
    sources = {name: parameter_dict[name] for name in parameters if name in parameter_dict}
    missing = [name for name in parameters if name not in sources]
    if missing and not strict_load:
        sources |= _with_prefix(missing, parameter_dict)
    values = {name: _fitting(parameters[name], source, strict_load) for name, source in sources.items()}
    for name, value in values.items():
        parameters[name].set_data(value)
    if RANDOM_STATE in parameter_dict and _is_training_step(net):
        seed.random_state().set_data(parameter_dict[RANDOM_STATE])
    missing = [name for name in parameters if name not in sources]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        warnings.warn(f"{len(missing)} parameters of the network are not in the checkpoint: {shown}", stacklevel=2)
    return missing


def _collected(save_obj: Any, owner: str) -> dict[str, np.ndarray]:
    if isinstance(save_obj, Cell):
        arrays = {parameter.name: parameter.asnumpy() for _, parameter in save_obj.parameters_and_names()}
        if _is_training_step(save_obj):
            arrays[RANDOM_STATE] = seed.random_state().asnumpy()
        return arrays
    _validate.of_type("save_obj", save_obj, (Cell, list), owner)
    arrays = {}
    for entry in save_obj:
        named = isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("data"), Tensor)
        if not named:
            wanted = "dicts of 'name' and 'data', a str and a Tensor"
            message = f"For '{owner}', 'save_obj' must hold {wanted}, but got {entry!r}."
            raise bad_argument(TypeError, message)
        arrays[entry["name"]] = entry["data"].asnumpy()
    return arrays


def _appended(append_dict: Any, owner: str) -> dict[str, np.ndarray]:
    if append_dict is None:
        return {}
    _validate.of_type("append_dict", append_dict, dict, owner)
    for name, value in append_dict.items():
        if not isinstance(name, str) or not isinstance(value, int | float | bool):
            message = f"For '{owner}', 'append_dict' must map str to int, float or bool, but got {name!r}: {value!r}."
            raise bad_argument(TypeError, message)
    return {name: Tensor(value).asnumpy() for name, value in append_dict.items()}


def _write_in_background(path: Path, arrays: dict[str, np.ndarray]) -> None:
    try:
        checkpoint_file.write(path, arrays)
    except OSError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)


def wait_for(path: Path) -> None:
    """Waits until a thread that writes the file is done."""
    thread = _saving.pop(path, None)
    if thread is not None:
        thread.join()


def _refuse_key(name: str, key: Any, owner: str) -> None:
    if key is not None:
        raise NotImplementedError(f"For '{owner}', '{name}': cellc does not encrypt checkpoints.")


def _prefixes(name: str, value: Any, owner: str) -> tuple[str, ...]:
    if value is None:
        return ()
    _validate.of_type(name, value, (str, list, tuple), owner)
    prefixes = (value,) if isinstance(value, str) else tuple(value)
    if not prefixes:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must not be empty.")
    for prefix in prefixes:
        _validate.of_type(name, prefix, str, owner)
    return prefixes


def _is_below(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix.rstrip('.')}.") for prefix in prefixes)


def _known(array: np.ndarray) -> np.ndarray:
    """The array in a type that tensors have: MindSpore's unsigned ones become wider signed ones."""
    wider = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}.get(array.dtype.name)
    return array.astype(wider) if wider else array


def _is_training_step(net: Cell) -> bool:
    return any(isinstance(cell, Optimizer) for _, cell in net.cells_and_names())


def _with_prefix(missing: list[str], parameter_dict: dict[str, Parameter]) -> dict[str, Parameter]:
    """Values for missing names under the first prefix that fits one of them."""
    for name in missing:
        for given in parameter_dict:
            if given != name and given.endswith(f".{name}"):
                prefix = given.removesuffix(name)
                return {other: parameter_dict[prefix + other] for other in missing if prefix + other in parameter_dict}
    return {}


def _fitting(parameter: Parameter, source: Parameter, strict: bool) -> Tensor:
    """The value of `source` in the shape and dtype of `parameter`."""
    shape, given = parameter.shape, source.shape
    same = given == shape or (given[: len(shape)] == shape and set(given[len(shape) :]) == {1})
    if not same and not (source.size == 1 and parameter.size == 1):
        message = f"For 'load_param_into_net', {parameter.name} has shape {shape}, but {given} in 'parameter_dict'."
        raise bad_argument(RuntimeError, message)
    wanted, dtype = parameter.dtype, source.dtype
    alike = (wanted.is_float and dtype.is_float) or (wanted.is_integer and dtype.is_integer)
    if wanted is not dtype and (strict or not alike):
        message = f"For 'load_param_into_net', {parameter.name} is {wanted}, but {dtype} in 'parameter_dict'."
        raise bad_argument(RuntimeError, message)
    return Tensor(source.asnumpy().reshape(shape), dtypes.dtype_of(wanted))
