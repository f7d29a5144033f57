"""random_uniform: Philox-4x32-10 in integer arithmetic, every element from its place alone.

The generator, its constants and how a number is made of its words are those of
`cellc.dialects.nn.random`; no element depends on another, so any target, block
size or thread count gives the same numbers. A target that computes elements side by side may compute the words
that they share once: every fourth run of them reads the same counters.
"""

from __future__ import annotations

from collections.abc import Sequence

from cellc.dialects.nn.definition import TensorType
from cellc.dialects.nn.random import FRACTION_BITS, PHILOX_KEY_STEPS, PHILOX_MULTIPLIERS, PHILOX_ROUNDS, RUN, RUN_BITS
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Body, Scalar
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder

_LOW_HALF = 0xFFFFFFFF
_WORD = 32


@lowering_of("random_uniform")
def _random_uniform(
    b: TensorBuilder, result: TensorType, state: Tensor, *, shape: Sequence[int], dtype: str, stream: int
) -> Tensor:
    # Rows of whole runs let a target find out which elements share words; else all elements are one row.
    whole = not shape or shape[-1] % (4 * RUN) == 0
    flat = result if whole else TensorType((result.size,), dtype)

    def body(seed: Scalar, step: Scalar) -> Scalar:
        element, bits = _element(seed.body, flat.shape), FRACTION_BITS[dtype]
        number = element if bits > _WORD else (element >> RUN_BITS + 2) * RUN + (element & RUN - 1)
        counter = (cast(number, "u64"), *_words(step), seed.body.constant(stream, "u64"))
        words = _philox(counter, _words(seed))
        if bits > _WORD:
            return _fraction_of_two(words[0], words[1], bits)
        return _fraction(_chosen(words, element >> RUN_BITS), bits)

    return reshape(b, b.elementwise(body, [Read(state, (0,)), Read(state, (1,))], flat), shape)


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


def _philox(counter: tuple[Scalar, ...], key: tuple[Scalar, Scalar]) -> list[Scalar]:
    """Four random words.

    Words are the low halves of 64 bits throughout: vector units multiply those, and need no conversions then.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        low0, high0 = _words((c0 & _LOW_HALF) * PHILOX_MULTIPLIERS[0])
        low1, high1 = _words((c2 & _LOW_HALF) * PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + PHILOX_KEY_STEPS[0], k1 + PHILOX_KEY_STEPS[1]
    return [cast(word, "u32") for word in (c0, c1, c2, c3)]


def _chosen(words: Sequence[Scalar], number: Scalar) -> Scalar:
    """The word that the low two bits of `number` name."""
    odd, late = (number & 1).ne(0), (number & 2).ne(0)
    return late.select(odd.select(words[3], words[2]), odd.select(words[1], words[0]))


def _fraction(word: Scalar, bits: int) -> Scalar:
    """The leading bits as a number in [0, 1); they are no more than the float's, so nothing is rounded."""
    return cast(cast(word >> (_WORD - bits), "i32"), "f32") * 2.0**-bits


def _fraction_of_two(first: Scalar, second: Scalar, bits: int) -> Scalar:
    both = (cast(first, "u64") << 32) | cast(second, "u64")
    return cast(cast(both >> (64 - bits), "i64"), "f64") * 2.0**-bits
