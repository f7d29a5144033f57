"""Arrays for tests, and the comparison of a lowering with the op's own meaning."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.dialects.nn import FLOATS, definition_of
from cellc.dialects.nn.arrays import numpy_dtype
from cellc.passes.mlir import verify
from support.interpret_linalg import interpret
from support.lowering import lowered, text_of

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 3e-6, "float64": 1e-12}


def check_lowering(name: str, *arrays: np.ndarray, **attributes: Any) -> None:
    """The lowering is valid upstream and gives what `evaluate` does: bits for integers and bool, else nearly.

    Of an op with several results also where only one of them is used.
    """
    expected = definition_of(name).evaluate(*arrays, **attributes)
    expected = expected if isinstance(expected, tuple) else (expected,)
    numbers = range(len(expected))
    for used in [None] if len(expected) == 1 else [None, *([number] for number in numbers)]:
        module = lowered(name, arrays, attributes, used)
        if "linalg_ext" not in (text := text_of(module)):
            verify(text)
        results = interpret(module, *arrays)
        for result, number in zip(results, numbers if used is None else used, strict=True):
            assert result.shape == expected[number].shape
            _compare(result, expected[number])


def _compare(result: np.ndarray, wanted: np.ndarray) -> None:
    if wanted.dtype.name not in TOLERANCE:
        np.testing.assert_array_equal(result.view(wanted.dtype), wanted)
        return
    assert result.dtype == wanted.dtype
    tolerance = TOLERANCE[wanted.dtype.name]
    np.testing.assert_allclose(result.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance)


def values(shape: tuple[int, ...], dtype: str = "f32", seed: int = 0, scale: float = 2.0) -> np.ndarray:
    """Normal floats; integers of both signs where there are; coin flips."""
    rng = np.random.default_rng([seed, *shape])
    if dtype in FLOATS:
        return (rng.standard_normal(shape) * scale).astype(numpy_dtype(dtype))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(0 if dtype == "u8" else -9, 10, shape).astype(numpy_dtype(dtype))
