"""A small writer of MLIR text. Building xDSL objects for code of this size would take ten times as long."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

LoopBody = Callable[[str, list[str]], Sequence[str]]


class Writer:
    """Collects the lines of one function body.

    `value` writes an op and returns the name of its result. `pure` does the same for an op without
    memory effects, and returns the earlier name where the same op is already available.

    Attributes:
        functions: the text of private functions that are called, by name.
        at_end: lines that end the body.
        past_cache: the names of buffers that may be stored past the cache (`streaming.py`).
        read_on: those that may be read behind what was stored just before. Tails are stored there in parts without
            masks: a load from where lanes were masked off would wait until the store has reached the cache.
    """

    def __init__(self) -> None:
        self.past_cache: frozenset[str] = frozenset()
        self.read_on: frozenset[str] = frozenset()
        self._lines: list[str] = []
        self._available: list[dict[str, str]] = [{}]
        self._names = 0
        self.functions: dict[str, str] = {}
        self.at_end: dict[str, None] = {}

    def line(self, text: str) -> None:
        """Writes an op without results."""
        self._lines.append("  " * len(self._available) + text)

    def name(self) -> str:
        """A fresh SSA name."""
        self._names += 1
        return f"%{self._names}"

    def value(self, text: str) -> str:
        """Writes an op with one result and returns the result's name."""
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def pure(self, text: str) -> str:
        """As `value`, but written once per scope."""
        for scope in self._available:
            if text in scope:
                return scope[text]
        name = self._available[-1][text] = self.value(text)
        return name

    def index(self, value: int) -> str:
        """An index constant."""
        return self.pure(f"arith.constant {value} : index")

    def add(self, lhs: str, rhs: str) -> str:
        """The sum of two index values."""
        return self.pure(f"arith.addi {lhs}, {rhs} : index")

    def linear(self, offset: int, terms: Sequence[tuple[str, int]]) -> str:
        """The index value offset + sum(coefficient * value)."""
        total = None
        for value, coefficient in terms:
            if coefficient == 0:
                continue
            scaled = value if coefficient == 1 else self.pure(f"arith.muli {value}, {self.index(coefficient)} : index")
            total = scaled if total is None else self.add(total, scaled)
        if total is None:
            return self.index(offset)
        return self.add(total, self.index(offset)) if offset else total

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Ops written inside are not reused outside."""
        self._available.append({})
        yield
        self._available.pop()

    def loop(
        self,
        bounds: tuple[str, str, int],
        body: LoopBody,
        initial: Sequence[str] = (),
        types: Sequence[str] = (),
    ) -> list[str]:
        """An scf.for over (lower, upper, step); `body(index, carried)` returns the next carried values."""
        lower, upper, step = bounds
        index, step_name = self.name(), self.index(step)
        carried = [self.name() for _ in initial]
        header = f"scf.for {index} = {lower} to {upper} step {step_name}"
        results: list[str] = []
        if carried:
            result = self.name()
            pairs = ", ".join(f"{c} = {i}" for c, i in zip(carried, initial, strict=True))
            header = f"{result}:{len(carried)} = {header} iter_args({pairs}) -> ({', '.join(types)})"
            results = [f"{result}#{i}" for i in range(len(carried))]
        self.line(header + " {")
        with self.scope():
            yielded = body(index, carried)
            if carried:
                self.line(f"scf.yield {', '.join(yielded)} : {', '.join(types)}")
        self.line("}")
        return results

    def branch(self, condition: str, body: Callable[[], None]) -> None:
        """An scf.if without results."""
        self.line(f"scf.if {condition} {{")
        with self.scope():
            body()
        self.line("}")

    def body_text(self) -> str:
        """All lines so far, and those of `at_end`."""
        return "\n".join([*self._lines, *(f"  {line}" for line in self.at_end)])
