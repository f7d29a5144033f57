"""The xDSL context in which all IR of ours can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect
from xdsl.parser import Parser

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


_SEVERAL_RESULTS = re.compile(r"(?m)^(\s*\} -> )\((tensor<[^()]*>)\)")


def parse_module(text: str, name: str = "<unknown>", context: Context | None = None) -> ModuleOp:
    """The module of a text that xDSL or MLIR printed; raises xDSL's ParseError.

    xDSL prints the types of a `linalg.generic` with several results in parentheses, as MLIR does, but reads
    them only without: they are taken off first.
    """
    text = _SEVERAL_RESULTS.sub(r"\1\2", text)
    return Parser(context or make_context(), text, name).parse_module()
