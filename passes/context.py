"""The xDSL context in which all IR of ours can be read."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from xdsl.context import Context
from xdsl.ir import Dialect

_DIALECTS = {
    "builtin": "xdsl.dialects.builtin:Builtin",
    "func": "xdsl.dialects.func:Func",
    "arith": "xdsl.dialects.arith:Arith",
    "math": "xdsl.dialects.math:Math",
    "tensor": "xdsl.dialects.tensor:Tensor",
    "linalg": "xdsl.dialects.linalg:Linalg",
    "memref": "xdsl.dialects.memref:MemRef",
    "scf": "xdsl.dialects.scf:Scf",
    "gpu": "xdsl.dialects.gpu:GPU",
    "nn": "cellc.dialects.nn.ir:NN",
    "linalg_ext": "cellc.dialects.linalg_ext:LinalgExt",
    "host": "cellc.dialects.host:Host",
    "ascend": "cellc.dialects.ascend.kernel:Ascend",
}
"""Dialect -> "module:Dialect object", imported when IR that mentions the dialect is read."""


def _loader(path: str) -> Callable[[], Dialect]:
    module, _, name = path.partition(":")
    return lambda: getattr(import_module(module), name)


def make_context() -> Context:
    """A context with every dialect registered, loaded on demand."""
    context = Context()
    for name, path in _DIALECTS.items():
        context.register_dialect(name, _loader(path))
    context.load_registered_dialect("builtin")
    return context
