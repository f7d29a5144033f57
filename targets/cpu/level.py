"""CPU levels: the vector width and LLVM features that kernels are written for.

A level, not the host, fixes vector width and the order of every sum, so that one level gives the
same bits on every machine that runs it.
"""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class CpuLevel:
    """One ISA level: `vector_bytes` per register, `registers` of them, and LLVM's names for it."""

    name: str
    vector_bytes: int
    registers: int
    llvm_cpu: str
    llvm_features: str
    triple: str

    @property
    def is_x86(self) -> bool:
        """Whether the level is one of x86-64."""
        return self.triple.startswith("x86_64")

    def lanes(self, element_bytes: int) -> int:
        """Elements of `element_bytes` bytes in one register."""
        return self.vector_bytes // element_bytes


# x86-64-v4 carries a tuning flag that splits 512-bit vectors; kernels choose their width themselves.
LEVELS = {
    level.name: level
    for level in (
        CpuLevel("v4", 64, 32, "x86-64-v4", "-prefer-256-bit", "x86_64-unknown-linux-gnu"),
        CpuLevel("v3", 32, 16, "x86-64-v3", "", "x86_64-unknown-linux-gnu"),
        CpuLevel("v2", 16, 16, "x86-64-v2", "", "x86_64-unknown-linux-gnu"),
        CpuLevel("neon", 16, 32, "generic", "+neon", "aarch64-unknown-linux-gnu"),
    )
}

_V3_FEATURES = ("avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe")
_V4_FEATURES = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")


@cache
def native_level() -> CpuLevel:
    """The widest level that this machine runs."""
    if os.uname().machine in ("aarch64", "arm64"):
        return LEVELS["neon"]
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if not all(features.get(name) for name in _V3_FEATURES):
        return LEVELS["v2"]
    return LEVELS["v4" if all(features.get(name) for name in _V4_FEATURES) else "v3"]


def portable_levels() -> tuple[CpuLevel, ...]:
    """The levels that a binary for other machines of this architecture has kernels for, the widest first."""
    names = ("neon",) if native_level().name == "neon" else ("v4", "v3")
    return tuple(LEVELS[name] for name in names)


def level_named(name: str) -> CpuLevel:
    """The level called `name`: v4, v3, v2, neon, or native. Raises ValueError for another name."""
    if name == "native":
        return native_level()
    if name not in LEVELS:
        raise ValueError(f"unknown CPU level '{name}'; known: {', '.join(LEVELS)}, native")
    return LEVELS[name]


def runnable_level(name: str) -> CpuLevel:
    """The level called `name`, for use in this process. Raises ValueError for one that this machine does not run."""
    level, native = level_named(name), native_level()
    if level.triple != native.triple or _rank(level) > _rank(native):
        raise ValueError(f"CPU level {name} does not run on this machine, which has {native.name}")
    return level


def _rank(level: CpuLevel) -> int:
    """LEVELS names the widest first."""
    return -list(LEVELS).index(level.name)
