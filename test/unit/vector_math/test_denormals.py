"""Vector math as programs run it: numbers below the smallest normal one count as 0, at every level alike."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from cellc.runtime import Buffer, Kernel, Launch, Module, Program
from cellc.targets.cpu import vector_math
from cellc.targets.cpu.emit_object import compile_kernel
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import LEVELS, CpuLevel, native_level
from support.kernel_calls import elementwise_text

COUNT = 4096
DTYPES = {"f32": np.float32, "f64": np.float64}
UNARY = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos")
BOUND = 2.5  # units in the last place, the largest of test_accuracy.py
WIDE = {"f32": np.float64, "f64": np.longdouble}


@functools.cache
def program(op: str, arity: int, dtype: str, level: CpuLevel) -> Module:
    """The function on COUNT elements, as a program of one launch."""
    lanes = level.lanes(DTYPES[dtype]().itemsize)
    text = elementwise_text(vector_math.call(f"math.{op}", lanes, dtype), arity, COUNT, lanes, dtype)
    addresses = load({"k": compile_kernel(text, "k", level)})
    buffers = [Buffer("input", f"x{i}", dtype, (COUNT,)) for i in range(arity)]
    buffers.append(Buffer("output", "y", dtype, (COUNT,)))
    commands = [Launch(0, tuple(range(arity + 1)))]
    return Module(Program(buffers, [Kernel("k", 1, 0)], commands).to_bytes(), addresses)


def run(op: str, *inputs: np.ndarray, level: CpuLevel | None = None) -> np.ndarray:
    """The function of COUNT elements, through the runtime."""
    dtype = {4: "f32", 8: "f64"}[inputs[0].itemsize]
    module = program(op, len(inputs), dtype, level or native_level())
    result = np.empty(COUNT, inputs[0].dtype)
    pointers = module.pointer_array()
    for i, array in enumerate([*inputs, result]):
        pointers[i] = array.ctypes.data
    module.run(pointers)
    return result


def small_numbers(dtype: str, signed: bool) -> np.ndarray:
    """Denormal and normal numbers around the smallest normal one, every other of each sign."""
    info = np.finfo(DTYPES[dtype])
    exponents = np.random.default_rng(3).uniform(info.minexp - info.nmant, info.minexp + 12, COUNT)
    x = np.exp2(exponents.astype(np.longdouble)).astype(DTYPES[dtype])
    x[:4] = [info.smallest_subnormal, info.tiny, np.nextafter(info.tiny, DTYPES[dtype](0)), 0]
    x[1::2] *= -1 if signed else 1
    return x


def flushed(x: np.ndarray) -> np.ndarray:
    """Zeros of the same sign where x is denormal."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.copysign(x.dtype.type(0), x), x)


def check(found: np.ndarray, wanted: np.ndarray) -> None:
    """Normal results are exact to BOUND units; where the exact one is smaller, so is what was found."""
    tiny = np.finfo(found.dtype).tiny
    small = np.abs(wanted) < tiny
    assert (np.abs(found[small]) <= tiny).all()
    finite = ~small & np.isfinite(wanted)
    np.testing.assert_array_equal(found[~small & ~finite], wanted[~small & ~finite].astype(found.dtype))
    distance = np.abs(found[finite] - wanted[finite]) / np.spacing(np.abs(wanted[finite]).astype(found.dtype))
    assert distance.size == 0 or distance.max() <= BOUND


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_functions_of_small_numbers(op: str, dtype: str) -> None:
    x = small_numbers(dtype, signed=op != "log")
    with np.errstate(all="ignore"):
        if op == "erf":
            wanted = flushed(x).astype(WIDE[dtype]) * (2 / np.sqrt(WIDE[dtype](np.pi)))
        else:
            wanted = getattr(np, op)(flushed(x).astype(WIDE[dtype]))
        check(run(op, x), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_results(dtype: str) -> None:
    """exp and powers that come out denormal are 0, and right above."""
    info = np.finfo(DTYPES[dtype])
    ends = np.log(2.0) * (info.minexp - 30), np.log(2.0) * (info.minexp + 10)
    x = np.linspace(*ends, COUNT).astype(DTYPES[dtype])
    check(run("exp", x), np.exp(x.astype(WIDE[dtype])))
    base, exponent = np.full(COUNT, 2, DTYPES[dtype]), np.linspace(info.minexp - 30, info.minexp + 10, COUNT)
    exponent = exponent.astype(DTYPES[dtype])
    check(run("powf", base, exponent), np.exp2(exponent.astype(WIDE[dtype])))


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_small_numbers(dtype: str) -> None:
    """C's rules for 0 where the base is denormal; roots of normal numbers as ever."""
    x = small_numbers(dtype, signed=False)
    for power in (-1.0, -0.5, 0.0, 0.5, 1 / 3, 2.0):
        y = np.full(COUNT, power, DTYPES[dtype])
        with np.errstate(all="ignore"):
            wanted = np.power(flushed(x).astype(np.longdouble), y.astype(np.longdouble))
            rounded = wanted.astype(DTYPES[dtype])
        check(run("powf", x, y), np.where(np.isinf(rounded), rounded, wanted))


@pytest.mark.skipif(native_level().name not in ("v3", "v4"), reason="runs code of the x86-64 levels")
@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_agree_on_small_results(dtype: str) -> None:
    """Of which one scales with an instruction and the other multiplies twice."""
    low = np.log(2.0) * np.finfo(DTYPES[dtype]).minexp
    x = np.linspace(low - 40, low + 40, COUNT).astype(DTYPES[dtype])
    found = [run("exp", x, level=LEVELS[name]) for name in ("v2", "v3", native_level().name)]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].view(np.uint8), other.view(np.uint8))
