"""`cellc doctor`: what is installed here, and what each part of it makes possible."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path

import cellc


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the tool."""
    parser = commands.add_parser("doctor", help="check the installation and say what is missing for what")
    parser.add_argument("--api", action="store_true", help="print the names of the nn API and their state by target")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints one row a check; 0 when everything that is required is there."""
    if options.api:
        from cellc.tools.api_table import print_table

        print_table()
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("part", "state", "needed for")
    healthy = True
    for name, check, purpose, required in _CHECKS:
        try:
            state = check()
        except Exception as error:
            state = f"[red]missing[/red]: {error}" if required else f"not installed ({error})"
            healthy = healthy and not required
        table.add_row(name, state, purpose)
    Console().print(table)
    return 0 if healthy else 1


def _cellc() -> str:
    return cellc.__version__


def _package(name: str) -> Callable[[], str]:
    return lambda: metadata.version(name)


def _runtime() -> str:
    from cellc.runtime import find_library

    return str(find_library().stat().st_size // 1024) + " KiB"


def _level() -> str:
    from cellc.targets.cpu.level import native_level

    return native_level().name


def _mlir() -> str:
    from cellc.passes import mlir

    mlir.verify("module {}")
    return metadata.version("torch-mlir")


def _compiler() -> str:
    command = (shlex.split(os.environ.get("CC", "")) or ["cc"])[0]
    found = shutil.which(command)
    if found is None:
        raise FileNotFoundError(f"no {command}")
    return found


def _ptxas() -> str:
    package = util.find_spec("nvidia")
    for folder in package.submodule_search_locations or () if package else ():
        for path in Path(folder).glob("**/bin/ptxas"):
            return f"{metadata.version('nvidia-cuda-nvcc')} ({path.name})"
    raise FileNotFoundError("pip install 'cellc[gpu]'")


def _bishengir() -> str:
    try:
        return metadata.version("ascendnpu-ir")
    except metadata.PackageNotFoundError:
        raise FileNotFoundError("pip install 'cellc[ascend]'") from None


_CHECKS: tuple[tuple[str, Callable[[], str], str, bool], ...] = (
    ("cellc", _cellc, "everything", True),
    ("Python", platform.python_version, "everything", True),
    ("C runtime", _runtime, "running compiled programs", True),
    ("CPU level", _level, "code for this machine", True),
    ("xDSL", _package("xdsl"), "compiling", True),
    ("MLIR", _mlir, "compiling", True),
    ("llvmlite", _package("llvmlite"), "compiling and loading", True),
    ("cc", _compiler, "cellc compile -o: linking binaries", False),
    ("ptxas", _ptxas, "checking --emit=ptx", False),
    ("bishengir-opt", _bishengir, "checking --emit=hivm", False),
)
