"""Maxima and minima of many terms: in the loop comparisons alone, and NaN is looked for beside them.

Where either operand is NaN `arith.maximumf` is, which takes three instructions on x86. A comparison that keeps what it
has where the term is NaN takes one, and one more finds a NaN among two terms.
"""

from __future__ import annotations

from collections.abc import Sequence

from cellc.targets.cpu.combiner import Combiner
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors

_PREDICATES = {"arith.maximumf": "ogt", "arith.minimumf": "olt"}


class Extremes:
    """Writes the parts of the maximum or minimum that `combiner` is, of vectors.

    Beside its accumulators a loop carries what was seen, as integers: 0, or -1 in a lane of which some term was NaN, of
    any accumulator.
    """

    def __init__(self, vectors: Vectors, combiner: Combiner) -> None:
        self._vectors, self._combiner = vectors, combiner
        self._integer = f"i{8 * ITEM_BYTES[combiner.element]}"
        self._kind, self._mask = vectors.type(combiner.element), vectors.type("i1")

    @staticmethod
    def suit(combiners: Sequence[Combiner]) -> bool:
        """Whether a reduction has one combiner, which gives NaN where either operand is."""
        return len(combiners) == 1 and combiners[0].name in _PREDICATES

    def pick(self, accumulator: str, term: str) -> str:
        """The larger (smaller) of each two lanes; the accumulator where the term is NaN."""
        predicate = _PREDICATES[self._combiner.name]
        better = self._pure(f"arith.cmpf {predicate}, {term}, {accumulator} : {self._kind}")
        return self._pure(f"arith.select {better}, {term}, {accumulator} : {self._mask}, {self._kind}")

    def unseen(self) -> str:
        """What was seen before the first term."""
        return self._vectors.constant(0, self._integer)

    @property
    def seen_type(self) -> str:
        """The type of what was seen."""
        return self._vectors.type(self._integer)

    def look(self, terms: Sequence[str], seen: str) -> str:
        """What was seen when these terms were, too: one comparison for two of them."""
        pairs = zip(terms[::2], [*terms[1::2], terms[-1]], strict=False)
        found = [self._pure(f"arith.cmpf uno, {first}, {second} : {self._kind}") for first, second in pairs]
        total = found[0]
        for each in found[1:]:
            total = self._pure(f"arith.ori {total}, {each} : {self._mask}")
        lanes = self._pure(f"arith.extsi {total} : {self._mask} to {self.seen_type}")
        return self._pure(f"arith.ori {seen}, {lanes} : {self.seen_type}")

    def of_few(self, terms: Sequence[str]) -> str:
        """That of some terms, lane by lane; NaN in lanes where one is."""
        best = terms[0]
        for term in terms[1:]:
            best = self.pick(best, term)
        numbers = self._all_numbers(terms)
        return self._pure(f"arith.select {numbers}, {best}, {self._nan()} : {self._mask}, {self._kind}")

    def _all_numbers(self, terms: Sequence[str]) -> str:
        """In which lanes no term is NaN: a chain, as AVX-512 compares under a mask at no cost."""
        pairs = zip(terms[::2], [*terms[1::2], terms[-1]], strict=False)
        total = None
        for first, second in pairs:
            both = self._pure(f"arith.cmpf ord, {first}, {second} : {self._kind}")
            total = both if total is None else self._pure(f"arith.andi {total}, {both} : {self._mask}")
        assert total is not None
        return total

    def _nan(self) -> str:
        return self._vectors.constant(float("nan"), self._combiner.element)

    def with_seen(self, result: str, seen: str) -> str:
        """The result in all lanes; NaN in all if one was seen in any."""
        lanes = self._pure(f"arith.cmpi ne, {seen}, {self.unseen()} : {self.seen_type}")
        some = self._pure(f"vector.reduction <or>, {lanes} : {self._mask} into i1")
        return self._pure(f"arith.select {some}, {self._nan()}, {result} : {self._kind}")

    def _pure(self, text: str) -> str:
        return self._vectors.writer.pure(text)
