"""Loads object files into this process, without a linker."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Mapping
from functools import cache

from llvmlite import binding as llvm

from cellc.runtime.collectives import Collective, is_note

# Where objects for CPU levels without an instruction for it find rounding (libm) and f16 conversions (libgcc).
_LIBRARIES = ("libm.so.6", "libgcc_s.so.1")
_ELF_MACHINES = {"x86_64": 62, "AMD64": 62, "aarch64": 183, "arm64": 183}

_library_numbers = itertools.count()
# Code lives as long as the process: compiled programs hold bare addresses.
_loaded: list[llvm.ResourceTracker] = []


class LoadError(Exception):
    """An object file that cannot be linked into the process."""


@cache
def _linker() -> llvm.LLJIT:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for library in _LIBRARIES:
        with contextlib.suppress(RuntimeError):
            llvm.load_library_permanently(library)
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return llvm.create_lljit_compiler(target.create_target_machine(reloc="pic", jit=True), use_jit_link=True)


def _check_machine(name: str, data: bytes) -> None:
    """The linker loads objects for another machine without a word, so the ELF header is looked at first."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        raise LoadError(f"the object of kernel {name} is damaged: not an ELF file")
    machine = int.from_bytes(data[18:20], "little")
    if machine != _ELF_MACHINES.get(os.uname().machine):
        raise LoadError(f"the object of kernel {name} is for another machine (ELF machine {machine})")


def load(objects: Mapping[str, bytes]) -> dict[str, int]:
    """Loads object files, each defining the function it is listed under; the functions' addresses.

    Names are local to one call, and may be used again in the next. The note of a collective stands for a function of
    the runtime.

    Raises:
        LoadError: A symbol is missing, or an object is damaged or for another machine.
    """
    notes = {name: data for name, data in objects.items() if is_note(data)}
    if notes:
        found = {name: Collective.from_text(data.decode()).address() for name, data in notes.items()}
        return found | load({name: data for name, data in objects.items() if name not in notes})
    if not objects:
        return {}
    library = llvm.JITLibraryBuilder()
    for name, data in objects.items():
        _check_machine(name, data)
        library.add_object_img(data).export_symbol(name)
    library.add_current_process()
    try:
        tracker = library.link(_linker(), f"cellc.{next(_library_numbers)}")
    except RuntimeError as error:
        raise LoadError(f"cannot load the kernels {', '.join(objects)}: {error}") from error
    _loaded.append(tracker)
    return {name: tracker[name] for name in objects}
