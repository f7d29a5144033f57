"""Random numbers as a pure function of a state: the same step gives the same numbers on every target and thread."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import numpy_dtype
from cellc.dialects.nn.checks import require_known_dtype, require_shape, require_type
from cellc.dialects.nn.definition import FLOATS, InferenceError, OpDefinition, TensorType, nn_op

# Philox-4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
PHILOX_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

# How many leading random bits a dtype's fraction takes, so that no value rounds up to 1.
FRACTION_BITS = {"f16": 11, "bf16": 8, "f32": 24, "f64": 53}


def philox(counter: list[np.ndarray], key: tuple[int, int]) -> list[np.ndarray]:
    """Four words of 32 random bits per counter of four; words are held in uint64 so that products fit."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        p0, p1 = c0 * np.uint64(PHILOX_MULTIPLIERS[0]), c2 * np.uint64(PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _32) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + PHILOX_KEY_STEPS[0]) % 2**32, (k1 + PHILOX_KEY_STEPS[1]) % 2**32
    return [c0, c1, c2, c3]


@nn_op
class RandomUniform(OpDefinition):
    """Uniform numbers in [0, 1): multiples of 2^-11, 2^-8, 2^-24, 2^-53 for f16, bf16, f32, f64.

    The state is (seed, step). Philox's key is the seed (low word, high word), its counter
    (element, step's low word, step's high word, stream), element counting in row-major order.
    The number is made of the leading bits of the first word, for f64 of the first two.
    Streams keep apart the random ops of one step.
    `%r = nn.random_uniform %s {shape = [2, 3], dtype = f32, stream = 0}
    : (tensor<2xi64>) -> tensor<2x3xf32>`
    """

    name = "random_uniform"
    operands = ("state",)
    attributes: ClassVar = {"shape": "ints", "dtype": "dtype", "stream": "int"}

    @staticmethod
    def infer(state: TensorType, *, shape: tuple[int, ...], dtype: str, stream: int) -> TensorType:
        op = "random_uniform"
        require_type(op, "state", state, TensorType((2,), "i64"), "it is a seed and a step")
        require_shape(op, "shape", shape)
        require_known_dtype(op, dtype, FLOATS)
        result = TensorType(tuple(shape), dtype)
        if not 0 <= stream < 2**32:
            raise InferenceError(f"{op}: stream must fit 32 bits, got {stream}")
        if result.size > 2**32:
            raise InferenceError(f"{op}: {result} has more than 2^32 elements")
        return result

    @staticmethod
    def evaluate(state: np.ndarray, *, shape: tuple[int, ...], dtype: str, stream: int) -> np.ndarray:
        seed, step = (int(word) % 2**64 for word in state)
        element = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64)
        words = [np.full_like(element, word) for word in (step % 2**32, step >> 32, stream)]
        first, second, *_ = philox([element, *words], (seed % 2**32, seed >> 32))
        bits = FRACTION_BITS[dtype]
        fraction = ((first << _32) | second) >> np.uint64(64 - bits)
        return (fraction.astype(np.float64) * 2.0**-bits).astype(numpy_dtype(dtype)).reshape(shape)
