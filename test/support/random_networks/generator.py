"""Random valid networks: the state of a network under construction, and the rules' registry."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from cellc.dtype import dtype_of, promote
from support.random_networks.network import Input, Network, Shape, Step

EXTENTS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33)
LARGEST = 3000  # elements of a value
_GROWN = 12.0  # values beyond this size are squashed before they grow further
HALVES = ("f16", "bf16")


@dataclass(frozen=True)
class Value:
    """A value of the network so far.

    Attributes:
        name, shape, dtype: as in a Step.
        size: a rough guess of how large its elements are.
        batched: whether row i depends on row i of the inputs only, and no code names the number of rows.
    """

    name: str
    shape: Shape
    dtype: str
    size: float = 1.0
    batched: bool = True

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        return dtype_of(self.dtype).is_float


@dataclass(frozen=True)
class Rule:
    """A way to add steps: `apply` adds some for a value of which `when` holds, or finds that it cannot."""

    apply: Callable[[Generator, Value], Value | None]
    when: Callable[[Value], bool]
    weight: float


RULES: list[Rule] = []


def rule(weight: float, when: Callable[[Value], bool] = lambda x: True) -> Callable:
    """Registers a rule; no value without elements is given to it unless it is shape-independent."""

    def register(function: Callable[[Generator, Value], Value | None]) -> Callable:
        RULES.append(Rule(function, when, weight))
        return function

    return register


class Generator:
    """Adds random steps. All choices come from `random`, so a seed gives one network."""

    def __init__(self, seed: int, extents: tuple[int, ...] = EXTENTS) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.dtype = self.random.choices(("f32", "f64", "f16", "bf16"), (70, 16, 7, 7))[0]
        self.inputs: list[Input] = []
        self.steps: list[Step] = []
        self.values: dict[str, Value] = {}
        self._extents = extents
        self._used: set[str] = set()

    # Choices

    def extent(self, largest: int = 33) -> int:
        """An extent, small ones more often."""
        fitting = [extent for extent in self._extents if extent <= largest]
        return self.random.choices(fitting, [1 / (2 + extent**0.5) for extent in fitting])[0]

    def axis(self, x: Value) -> int:
        return self.random.randrange(x.rank)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def number(self, low: float, high: float) -> float:
        """A number with two digits, so that the source is readable."""
        return round(self.random.uniform(low, high), 2)

    def floats(self) -> list[Value]:
        return [value for value in self.values.values() if value.is_float]

    def partner(self, fits: Callable[[Value], bool]) -> Value | None:
        """A value that fits, rather a new or unused one."""
        fitting = [value for value in self.floats() if fits(value)]
        if not fitting:
            return None
        weights = [(1 + i) * (3 if value.name not in self._used else 1) for i, value in enumerate(fitting)]
        return self.random.choices(fitting, weights)[0]

    # Growth

    def add_input(self, shape: Shape, dtype: str = "", below: int = 0, batched: bool = True) -> Value:
        """A new argument."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(Input(name, shape, dtype or self.dtype, below))
        self.values[name] = Value(name, shape, dtype or self.dtype, 1.0, batched)
        return self.values[name]

    def add(
        self, expression: str, operands: list[Value], shape: Shape, *, dtype: str = "", layer: str = "",
        size: float | None = None, batched: bool = True,
    ) -> Value:  # fmt: skip
        """A new step; its dtype is that in which the operands meet unless it is given."""
        name = f"v{len(self.steps)}"
        met = dtype or _met(operands)
        names = tuple(operand.name for operand in operands)
        self.steps.append(Step(name, expression, names, shape, met, layer))
        self._used.update(names)
        grown = max(operand.size for operand in operands) if size is None else size
        batched = batched and all(operand.batched for operand in operands)
        self.values[name] = Value(name, shape, met, grown, batched)
        return self.values[name]

    def parameter(self, shape: Shape) -> str:
        """Code of a parameter as a step's layer."""
        return f'cellc.Parameter(initializer("ones", {list(shape)!r}), name="w{len(self.steps)}")'

    def meet(self, x: Value) -> str:
        """The dtype of an op on x and a parameter, which has the network's."""
        return promote(dtype_of(x.dtype), dtype_of(self.dtype)).code

    def in_network_dtype(self, x: Value) -> Value:
        """x in the dtype of the parameters, which products ask for."""
        if x.dtype == self.dtype:
            return x
        return self.add(f'{{0}}.astype("{self.dtype}")', [x], x.shape, dtype=self.dtype)

    def squashed(self, x: Value) -> Value:
        """x, through tanh when it may be large."""
        if x.size <= _GROWN:
            return x
        return self.add("ops.tanh({0})", [x], x.shape, size=1.0)

    def grow(self) -> None:
        """Applies one rule to the newest value, or sometimes to another."""
        newest = list(self.values.values())[-1]
        x = newest if newest.is_float and self.chance(0.8) else self.partner(lambda value: True)
        assert x is not None
        x = self.squashed(x)
        fitting = [each for each in RULES if each.when(x)]
        for _ in range(10):
            chosen = self.random.choices(fitting, [each.weight for each in fitting])[0]
            if chosen.apply(self, x) is not None:
                return

    def joined(self) -> Value:
        """One float value that depends on the newest value and on some that nothing used."""
        result = self.floats()[-1]
        unused = [value for value in self.floats() if value.name not in self._used and value is not result]
        for value in unused[:3]:
            if value.elements:
                result = self.add("{0} + ops.reduce_mean({1})", [result, value], result.shape, batched=False)
        return result

    def network(self, output: Value, **settings: object) -> Network:
        """What was made so far, with its training."""
        return Network(tuple(self.inputs), tuple(self.steps), output.name, self.dtype, seed=self.seed, **settings)


def _met(operands: list[Value]) -> str:
    met = dtype_of(operands[0].dtype)
    for operand in operands[1:]:
        met = promote(met, dtype_of(operand.dtype))
    return met.code
