"""Random state: `set_seed`, the seeds of initializers, and the state that random ops read.

Random ops are pure: they take a state `i64[2] = (seed, step)`. The state is a parameter; each program that drew
from it assigns `(seed, step + 1)`, so the next run draws anew. Draws of one program differ by their `stream`.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc.trace import apply, current

if TYPE_CHECKING:
    from cellc.dtype import DType
    from cellc.parameter import Parameter
    from cellc.tensor import Tensor
    from cellc.trace import Trace

_seed: int | None = None
_initializers = 0
_state: Parameter | None = None


def set_seed(seed: int) -> None:
    """Makes everything random from here on repeatable: initializers, Dropout, random ops.

    Raises:
        TypeError: `seed` is not an int.
        ValueError: `seed` is negative.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an int, got {seed!r} of type {type(seed).__name__}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    global _seed, _initializers
    _seed, _initializers = seed, 0
    np.random.seed(seed % 2**32)
    if _state is not None:
        _state.set_data(_fresh_state())


def get_seed() -> int | None:
    """The seed given to `set_seed`, or None."""
    return _seed


def initializer_generator() -> np.random.Generator:
    """A generator for one initializer, different for each: (seed, how many came before)."""
    global _initializers
    _initializers += 1
    entropy = secrets.randbits(63) if _seed is None else _seed
    return np.random.default_rng([entropy, _initializers])


def _fresh_state() -> Any:
    from cellc.tensor import Tensor

    seed = secrets.randbits(63) if _seed is None else _seed
    return Tensor(np.array([seed, 0], np.int64))


def random_state() -> Parameter:
    """The parameter that random ops draw from."""
    global _state
    if _state is None:
        from cellc.parameter import Parameter

        _state = Parameter(_fresh_state(), name="random_state", requires_grad=False)
    return _state


def uniform(shape: tuple[int, ...], dtype: DType) -> Tensor:
    """Numbers drawn uniformly from [0, 1): new ones at each run of the program that holds this op."""
    trace = current()
    stream = trace.random_streams
    trace.random_streams += 1
    return apply("random_uniform", random_state(), shape=tuple(shape), dtype=dtype.code, stream=stream)


def advance(trace: Trace) -> None:
    """Records the step to the next random state; `Trace.finish` calls it where something was drawn."""
    state = random_state()
    step = apply("constant", value=np.array([0, 1], np.int64))
    trace.assign(state, apply("add", state, step))
