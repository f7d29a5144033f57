"""The arithmetic of running sums.

Sums of floats carry what rounding took from them along (Knuth's two-sum), so that their error does not grow with their
number.
"""

from collections.abc import Sequence

from cellc.dialects.linalg_ext import CumsumOp
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.body import rounded_to_bf16
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors


class RunningSums:
    """The arithmetic of vectors of running sums: `before` holds a sum and, of floats, what rounding took from it."""

    def __init__(self, kernel: KernelWriter, op: CumsumOp) -> None:
        stored = element_of(op.result)
        self._stored = stored
        self.element = "f32" if stored in ("f16", "bf16") else stored
        self.is_float = self.element[0] == "f"
        self.lanes = kernel.level.lanes(max(4, ITEM_BYTES[self.element]))
        self._writer = kernel.writer

    @property
    def types(self) -> list[str]:
        """Of what is carried."""
        return [f"vector<{self.lanes}x{self.element}>"] * (2 if self.is_float else 1)

    def load(self, vectors: Vectors, access: Access) -> str:
        """Elements as they are summed; masked-off lanes are 0."""
        loaded = vectors.load(access, 1)
        if self.element != self._stored:
            loaded = self._writer.pure(f"arith.extf {loaded} : {vectors.type(self._stored)} to {vectors.type('f32')}")
        if vectors.mask is None:
            return loaded
        zero, kind = vectors.constant(0, self.element), vectors.type(self.element)
        return self._writer.pure(f"arith.select {vectors.mask}, {loaded}, {zero} : {vectors.type('i1')}, {kind}")

    def store(self, vectors: Vectors, value: str, access: Access) -> None:
        """Stores sums as elements."""
        if self._stored == "bf16":
            value = self._writer.pure(rounded_to_bf16(vectors, value))
        elif self._stored == "f16":
            value = self._writer.pure(f"arith.truncf {value} : {vectors.type('f32')} to {vectors.type('f16')}")
        vectors.store(value, access, 1)

    def zero(self, vectors: Vectors) -> list[str]:
        """What is carried where nothing has been summed."""
        return [vectors.constant(0, self.element)] * len(self.types)

    def add(self, one: str, two: str) -> str:
        """The sum of two vectors."""
        return self._writer.pure(f"arith.add{self.element[0]} {one}, {two} : {self.types[0]}")

    def _subtract(self, one: str, two: str) -> str:
        return self._writer.pure(f"arith.subf {one}, {two} : {self.types[0]}")

    def after(self, before: Sequence[str], term: str) -> list[str]:
        """What is carried once `term` is added. Of sums that are not finite nothing is taken."""
        total = self.add(before[0], term)
        if not self.is_float:
            return [total]
        added = self._subtract(total, before[0])
        lost = self.add(self._subtract(before[0], self._subtract(total, added)), self._subtract(term, added))
        writer, (kind, _) = self._writer, self.types
        mask = f"vector<{self.lanes}xi1>"
        finite = writer.pure(f"arith.cmpf ord, {lost}, {lost} : {kind}")
        none = writer.pure(f"arith.constant dense<0.0> : {kind}")
        taken = writer.pure(f"arith.select {finite}, {lost}, {none} : {mask}, {kind}")
        return [total, self.add(before[1], taken)]

    def result(self, carried: Sequence[str], term: str | None = None) -> str:
        """The sum that is carried, and `term` beyond it."""
        if not self.is_float:
            return carried[0] if term is None else self.add(carried[0], term)
        return self.add(carried[0], carried[1] if term is None else self.add(carried[1], term))
