"""Scripts written for MindSpore: `import mindspore` gives cellc.

`cellc run script.py` does this for a script; in a notebook, `import cellc.compat` before `import mindspore`. Nothing of
an installed MindSpore is imported then. What cellc does not have raises an ImportError or AttributeError that names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

FOREIGN = "mindspore"
_ELSEWHERE = {
    "nn.cell": "nn",
    "nn.layer": "nn",
    "nn.loss": "nn",
    "nn.optim": "nn",
    "nn.wrap": "nn",
    "nn.grad": "nn",
    "amp": "train.amp",
    "common.seed": "common",
    "common.sparse_tensor": "",
    "ops.primitive": "ops",
    "ops.function": "ops",
    "dataset.engine": "dataset",
    "dataset.vision.utils": "dataset.vision",
}
"""Modules of MindSpore, and what is below them, whose names are in another module here."""

_GATHERED = ("nn.metrics", "ops.composite", "ops.operations", "train.callback")
"""Packages of MindSpore: the names of their modules are also in the package's namesake here."""


class _Finder(MetaPathFinder):
    """Finds `mindspore.x.y` as `cellc.x.y`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != FOREIGN and not fullname.startswith(f"{FOREIGN}."):
            return None
        ours = _our_name(fullname)
        if _exists(ours):
            return ModuleSpec(fullname, _Loader(ours), is_package=True)
        raise ModuleNotFoundError(f"{fullname}: cellc has no {ours}", name=fullname)


class _Loader(Loader):
    """Gives a module of cellc under its foreign name."""

    def __init__(self, ours: str) -> None:
        self._ours = ours

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._ours)
        self._attributes = {name: getattr(module, name, None) for name in ("__spec__", "__loader__", "__package__")}
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Executes nothing; takes back what the import system wrote into the module."""
        vars(module).update(self._attributes)


def install() -> None:
    """Makes `import mindspore` give cellc, from now on.

    Raises:
        RuntimeError: MindSpore itself has been imported already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    present = sys.modules.get(FOREIGN)
    if present is not None and present is not sys.modules["cellc"]:
        raise RuntimeError("cellc.compat must be imported before mindspore")
    sys.meta_path.insert(0, _Finder())


def _our_name(foreign: str) -> str:
    """The name of cellc's module for one of MindSpore's."""
    path = foreign.removeprefix(FOREIGN).lstrip(".")
    for theirs, ours in _ELSEWHERE.items():
        if path == theirs or path.startswith(f"{theirs}."):
            path = ours
    for package in _GATHERED:
        if path.startswith(f"{package}.") and not _exists(f"cellc.{path}"):
            path = package
    return f"cellc.{path}" if path else "cellc"


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("cellc"), name)


install()
