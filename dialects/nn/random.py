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
# Up to 32 bits a number is one word. Elements that lie RUN apart, four of them, have the words of one counter: so all
# four words are used, and vectors of RUN elements each are whole words of RUN counters.
RUN_BITS = 3
RUN = 1 << RUN_BITS
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
    (number, step's low word, step's high word, stream). With e the element's place in row-major order, the result is
    the leading bits of word (e / 8) % 4 of number e / 32 * 8 + e % 8; for f64 of the first two words of number e.
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
        bits = FRACTION_BITS[dtype]
        number = element if bits > 32 else element // np.uint64(4 * RUN) * np.uint64(RUN) + element % np.uint64(RUN)
        rest = [np.full_like(element, word) for word in (step % 2**32, step >> 32, stream)]
        words = philox([number, *rest], (seed % 2**32, seed >> 32))
        if bits > 32:
            fraction = ((words[0] << _32) | words[1]) >> np.uint64(64 - bits)
        else:
            fraction = np.choose((element // np.uint64(RUN)).astype(np.intp) % 4, words) >> np.uint64(32 - bits)
        return (fraction.astype(np.float64) * 2.0**-bits).astype(numpy_dtype(dtype)).reshape(shape)
