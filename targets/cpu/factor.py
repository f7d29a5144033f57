"""Factors: how the elements of one side of a product are read, widened, or made by ops of the product's own."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from xdsl.ir import Block

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.vectors import vector_type
from cellc.targets.cpu.writer import Writer

# Reduction steps that are written out one after the other, in long loops of whole tiles: counting and the addresses of
# prefetches take instructions from the multiply-adds.
GROUP = 4


@dataclass(frozen=True)
class Asking:
    """Writes prefetches: `step` those of a reduction step, or `group`, where they are few, those of `GROUP` steps."""

    step: Callable[[], None]
    group: Callable[[], None] | None = None


@dataclass(frozen=True)
class Prologue:
    """Ops that make the elements of a factor from what `inputs` read (None where the ops do not use an argument)."""

    body: Block
    inputs: tuple[Access | None, ...]

    def moved(self, change: Callable[[Access], Access]) -> "Prologue":
        """The same elsewhere."""
        return replace(self, inputs=tuple(a if a is None else change(a) for a in self.inputs))


@dataclass(frozen=True)
class Factor:
    """One of the two factors: where it lies, and the op that widens its elements (or None).

    With a `prologue` its elements are made as they are read; `access` is then that of an input which has all loops.

    `panel` is the width of the panels that a factor is stored in: [column / panel][reduction step][column % panel].
    Its stride along the columns is then 1, and holds within a panel. `streamed`: a panel that is read from its start to
    its end again and again, and does not stay in the L1 cache. `following` asks, in each reduction step, for a part of
    what will be read after this panel. `kept` is where what is read along lanes is stored too.
    """

    access: Access
    extension: str | None
    panel: int | None = None
    streamed: bool = False
    following: Asking | None = None
    kept: Access | None = None
    prologue: Prologue | None = None

    @property
    def is_computed(self) -> bool:
        """Whether reading an element takes more than a load."""
        return self.extension is not None or self.prologue is not None

    @property
    def accesses(self) -> list[Access]:
        """Everything that is read for an element."""
        return [self.access] if self.prologue is None else [a for a in self.prologue.inputs if a is not None]

    def moved(self, change: Callable[[Access], Access]) -> "Factor":
        """The factor elsewhere."""
        prologue = self.prologue and self.prologue.moved(change)
        return replace(self, access=change(self.access), prologue=prologue)

    def shifted(self, dim: int, by: int) -> "Factor":
        """The factor with the constant `by` added to the index of loop `dim`."""
        return self.moved(lambda access: access.shifted(dim, by))

    def widened(self, writer: Writer, value: str, lanes: int, target: str) -> str:
        """A vector of the factor's elements in type `target`."""
        if self.extension is None:
            return value
        source = self.access.buffer.element if self.prologue is None else str(self.prologue.body.args[-1].type)
        return writer.pure(f"{self.extension} {value} : {vector_type(lanes, source)} to {vector_type(lanes, target)}")
