"""Link a compiled program, its kernels and its weights: an executable, or an object for C programs.

A binary may hold several variants of one program, for CPU levels; it chooses when it starts.

This is the only place that needs a C compiler (``cc``, or ``CC`` of the environment).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cellc.runtime.embedded_source import (
    WEIGHTS_FILE,
    c_identifier,
    kernel_symbol,
    model_header,
    model_source,
    program_file,
    weight_offsets,
)
from cellc.runtime.library import STATIC_NAMES, find_file, include_folder
from cellc.runtime.program import Program

MAX_WEIGHT_BYTES = 1_900_000_000
"""Code addresses its data within 2 GiB."""

_LIBRARIES = ("-lm", "-lpthread")
# Objects from LLVM's JIT do not say that they need no executable stack; none does.
_LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,--as-needed", "-Wl,-z,noexecstack")


class LinkError(RuntimeError):
    """The binary could not be made; the message says what to do."""


class Variant(NamedTuple):
    """A program with its kernels for one CPU level ("" if any machine runs it).

    ``objects`` define each kernel under its name.
    """

    level: str
    program: Program
    objects: Sequence[Path]


def link_executable(
    variants: Sequence[Variant],
    weights: Mapping[str, bytes],
    output: Path,
    *,
    name: str = "",
    strip: bool = True,
) -> None:
    """Write an executable to ``output``: ``./net x.npy -o y.npy``, see its ``--help``.

    ``variants`` are of one program, the widest level first: the first that a machine can run is run.
    ``weights`` holds every parameter by name.
    Raises :class:`LinkError`: no compiler, weights that do not fit, an output that cannot be written.
    """
    compiler = _find_compiler()
    archives = [str(find_file(archive)) for archive in STATIC_NAMES]
    with tempfile.TemporaryDirectory(prefix="cellc-link-") as folder:
        source = _write_inputs(Path(folder), variants, weights, "cellc_model", name or output.stem)
        kernels = _link_kernels(compiler, variants, folder)
        flags = [*_LINK_FLAGS, *(["-s"] if strip else [])]
        inputs = [source, *kernels, *archives, *_LIBRARIES]
        _run([*compiler, "-O1", f"-I{include_folder()}", *flags, "-o", "linked", *inputs], folder)
        _install(Path(folder, "linked"), output)


def link_object(
    variants: Sequence[Variant],
    weights: Mapping[str, bytes],
    output: Path,
    *,
    name: str = "",
) -> Path:
    """Write a relocatable object (``.o``) or archive (``.a``) and, beside it, its header, which is returned.

    The only symbol it defines is ``<name>_module``, so several models fit into one program.
    ``name`` defaults to the stem of ``output``. Otherwise as :func:`link_executable`.
    """
    name = c_identifier(name or output.stem.removeprefix("lib" if output.suffix == ".a" else ""))
    compiler = _find_compiler()
    symbol = f"{name}_module"
    header = output.with_name(f"{name}.h")
    with tempfile.TemporaryDirectory(prefix="cellc-link-") as folder:
        source = _write_inputs(Path(folder), variants, weights, symbol, name)
        kernels = _link_kernels(compiler, variants, folder)
        _run([*compiler, "-O1", "-fPIC", f"-I{include_folder()}", "-c", "-o", "table.o", source], folder)
        _run([*compiler, "-r", "-nostdlib", "-o", "linked", "table.o", *kernels], folder)
        # The kernels of two models have the same names: hide them.
        _run([_tool(compiler, "objcopy"), f"--keep-global-symbol={symbol}", "linked", f"{name}.o"], folder)
        if output.suffix == ".a":
            _run([_tool(compiler, "ar"), "rcs", "archive", f"{name}.o"], folder)
        _install(Path(folder, "archive" if output.suffix == ".a" else f"{name}.o"), output)
        Path(folder, "header").write_text(model_header(variants[0].program, name))
        _install(Path(folder, "header"), header)
    return header


def _link_kernels(compiler: list[str], variants: Sequence[Variant], folder: str) -> list[str]:
    """One object for each variant, with its kernels under names of their own."""
    made = []
    for number, variant in enumerate(variants):
        if not variant.objects:
            continue
        names = (f"{kernel.name} {kernel_symbol(number, kernel.name)}\n" for kernel in variant.program.kernels)
        Path(folder, "names").write_text("".join(names))
        merged, renamed = f"merged_{number}.o", f"kernels_{number}.o"
        _run([*compiler, "-r", "-nostdlib", "-o", merged, *_absolute(variant.objects)], folder)
        _run([_tool(compiler, "objcopy"), "--redefine-syms=names", merged, renamed], folder)
        made.append(renamed)
    return made


def _find_compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(command[0]) is None:
        raise LinkError(
            f"no C compiler: {command[0]!r} was not found. It is needed only to link binaries; "
            "install one (such as gcc or clang) or name it in the variable CC."
        )
    return command


def _tool(compiler: list[str], tool: str) -> str:
    """The compiler's own binary utility."""
    found = subprocess.run([*compiler, f"-print-prog-name={tool}"], capture_output=True, text=True).stdout.strip()
    if shutil.which(found) is None:
        raise LinkError(f"{tool} was not found; it comes with the binutils of the C compiler.")
    return found


def _absolute(objects: Sequence[Path]) -> list[str]:
    return [str(Path(path).resolve()) for path in objects]


def _check_weights(program: Program, weights: Mapping[str, bytes]) -> None:
    parameters = {buffer.name: buffer.nbytes for buffer in program.buffers if buffer.kind == "parameter"}
    missing = [name for name in parameters if name not in weights]
    unknown = [name for name in weights if name not in parameters]
    if missing:
        raise LinkError(f"no weights for the parameters {', '.join(missing)}")
    if unknown:
        raise LinkError(f"the program has no parameters {', '.join(unknown)}")
    for name, size in parameters.items():
        if _nbytes(weights[name]) != size:
            raise LinkError(f"weight {name} has {_nbytes(weights[name])} bytes, the parameter {size}")
    if sum(parameters.values()) > MAX_WEIGHT_BYTES:
        raise LinkError(f"the weights have {sum(parameters.values())} bytes, a binary holds {MAX_WEIGHT_BYTES}")


def _nbytes(data: bytes) -> int:
    return memoryview(data).nbytes


def _write_inputs(
    folder: Path, variants: Sequence[Variant], weights: Mapping[str, bytes], symbol: str, name: str
) -> str:
    """Write the files that the compiler reads; the name of the C source."""
    for variant in variants:
        _check_weights(variant.program, weights)
    sizes = {key: _nbytes(value) for key, value in weights.items()}
    offsets, _ = weight_offsets(sizes)
    described = []
    try:
        for number, variant in enumerate(variants):
            size = (folder / program_file(number)).write_bytes(variant.program.to_bytes())
            described.append((variant.level, variant.program, size))
        with (folder / WEIGHTS_FILE).open("wb") as file:
            for key, value in weights.items():
                file.write(bytes(offsets[key] - file.tell()))
                file.write(value)
        (folder / "model.c").write_text(model_source(described, sizes, symbol, name))
    except OSError as error:
        raise LinkError(f"cannot write temporary files in {folder}: {error.strerror}") from None
    return "model.c"


def _run(command: list[str], folder: str) -> None:
    # Messages in English, so that they can be searched for.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode != 0:
        problem = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise LinkError(f"{command[0]} failed with status {done.returncode}:\n{problem}")


def _install(built: Path, output: Path) -> None:
    """Move a file into place under a temporary name first: a binary is there whole or not at all."""
    # What is no file, such as a device, must not be replaced by one.
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    target = output if output.exists() and not output.is_file() else partial
    try:
        shutil.copyfile(built, target)
        if target is partial:
            shutil.copymode(built, partial)
            partial.replace(output)
    except (OSError, shutil.SpecialFileError) as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise LinkError(f"cannot write {output}: {error.strerror or error}") from None
