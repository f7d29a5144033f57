"""cellc: compiles neural networks written with a `mindspore.nn`-compatible API.

Everything here is imported when it is first used, so `import cellc` is quick and a compiler is loaded only when
something must be compiled.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = {name: f"cellc.{name}" for name in (
    "common", "communication", "compat", "context", "dataset", "dialects", "dtype", "initializer", "log", "nn", "ops",
    "passes", "runtime", "targets", "tools", "trace", "train",
)} | {"amp": "cellc.train.amp"}  # fmt: skip

_DTYPES = (
    "bool_", "int8", "int16", "int32", "int64", "uint8", "float16", "bfloat16", "float32", "float64", "half", "single",
    "double", "float_", "int_", "byte", "ubyte", "short", "intc", "intp", "dtype_to_nptype", "pytype_to_dtype",
)  # fmt: skip

_NAMES = {
    **dict.fromkeys(_DTYPES, "cellc.dtype"),
    "Tensor": "cellc.tensor",
    "Parameter": "cellc.parameter",
    "ParameterTuple": "cellc.parameter",
    "set_context": "cellc.context",
    "get_context": "cellc.context",
    "GRAPH_MODE": "cellc.context",
    "PYNATIVE_MODE": "cellc.context",
    "set_seed": "cellc.seed",
    "get_seed": "cellc.seed",
    "ms_function": "cellc.compiled_function",
    "ms_class": "cellc.compiled_function",
    "jit": "cellc.compiled_function",
    "export": "cellc.cellir",
    "load": "cellc.cellir",
    "save_checkpoint": "cellc.checkpoint",
    "load_checkpoint": "cellc.checkpoint",
    "load_param_into_net": "cellc.checkpoint",
    "Model": "cellc.train",
    "Callback": "cellc.train",
    "RunContext": "cellc.train",
    "LossMonitor": "cellc.train",
    "TimeMonitor": "cellc.train",
    "ModelCheckpoint": "cellc.train",
    "CheckpointConfig": "cellc.train",
    "LearningRateScheduler": "cellc.train",
    "EarlyStopping": "cellc.train",
    "FixedLossScaleManager": "cellc.train",
    "DynamicLossScaleManager": "cellc.train",
    "LossScaleManager": "cellc.train",
    "build_train_network": "cellc.train",
    "auto_mixed_precision": "cellc.train",
    "ParallelMode": "cellc.communication",
    "set_auto_parallel_context": "cellc.communication",
    "get_auto_parallel_context": "cellc.communication",
    "reset_auto_parallel_context": "cellc.communication",
    "profile": "cellc.profiling",
    "COOTensor": "cellc.sparse_tensor",
    "CSRTensor": "cellc.sparse_tensor",
    "RowTensor": "cellc.sparse_tensor",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'cellc' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_MODULES})
