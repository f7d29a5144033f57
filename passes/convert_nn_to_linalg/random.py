"""random_uniform: Philox-4x32-10 in integer arithmetic, every element from its own counter.

The generator, its constants and how a number is made of its words are those of
`cellc.dialects.nn.random`; no element depends on another, so any target, block
size or thread count gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from cellc.dialects.nn.definition import TensorType
from cellc.dialects.nn.random import FRACTION_BITS, PHILOX_KEY_STEPS, PHILOX_MULTIPLIERS, PHILOX_ROUNDS
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Body, Scalar
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder

_LOW_HALF = 0xFFFFFFFF


@lowering_of("random_uniform")
def _random_uniform(
    b: TensorBuilder, result: TensorType, state: Tensor, *, shape: Sequence[int], dtype: str, stream: int
) -> Tensor:
    def body(seed: Scalar, step: Scalar) -> Scalar:
        element = _element(seed.body, result.shape)
        counter = (cast(element, "u64"), *_words(step), seed.body.constant(stream, "u64"))
        return _fraction(*_philox(counter, _words(seed)), FRACTION_BITS[dtype])

    return b.elementwise(body, [Read(state, (0,)), Read(state, (1,))], result)


def _element(body: Body, shape: Sequence[int]) -> Scalar:
    """The element's number in row-major order."""
    number = body.constant(0, "index")
    for loop, extent in enumerate(shape):
        number = body.index(loop) if loop == 0 else number * extent + body.index(loop)
    return cast(number, "u32")


def _words(value: Scalar) -> tuple[Scalar, Scalar]:
    """The low and the high 32 bits, each the low half of 64 whose high half does not count."""
    bits = cast(value, "u64")
    return bits, bits >> 32


def _philox(counter: tuple[Scalar, ...], key: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
    """The first two words of the four.

    Words are the low halves of 64 bits throughout: vector units multiply those, and need no conversions then.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        low0, high0 = _words((c0 & _LOW_HALF) * PHILOX_MULTIPLIERS[0])
        low1, high1 = _words((c2 & _LOW_HALF) * PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + PHILOX_KEY_STEPS[0], k1 + PHILOX_KEY_STEPS[1]
    return cast(c0, "u32"), cast(c1, "u32")


def _fraction(first: Scalar, second: Scalar, bits: int) -> Scalar:
    """The leading bits as a number in [0, 1); they are fewer than the float's, so nothing is rounded."""
    if bits <= 24:
        return cast(cast(first >> (32 - bits), "i32"), "f32") * 2.0**-bits
    both = (cast(first, "u64") << 32) | cast(second, "u64")
    return cast(cast(both >> (64 - bits), "i64"), "f64") * 2.0**-bits
