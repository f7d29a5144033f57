"""The builder that gradient rules are written with: `b.mul(x, y)` makes any nn op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint

from cellc.dialects.nn import TensorType, definitions
from cellc.dialects.nn.ir import NNOperation, create, tensor_type
from cellc.passes.rewriting import LocatedBuilder


class GradientBuilder:
    """Makes nn ops before one op, at the location of the forward op being differentiated.

    `b.<op>(*operands, **attributes)` infers the type, inserts the op and returns its result,
    or the tuple of its results where it has several.
    """

    def __init__(self, before: Operation) -> None:
        self._builder = LocatedBuilder(InsertPoint.before(before), before)
        self.inserted: list[NNOperation] = []

    def work_for(self, op: Operation) -> None:
        """From here on, new ops differentiate this one."""
        self._builder.work_for(op)

    def insert(self, op: NNOperation) -> None:
        """Inserts an op that is made already."""
        self._builder.insert(op)
        self.inserted.append(op)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in definitions():
            raise AttributeError(f"there is no nn op {name!r}")
        return lambda *operands, **attributes: self._build(name, operands, attributes)

    def _build(self, name: str, operands: tuple[SSAValue, ...], attributes: dict[str, Any]) -> Any:
        op = create(name, operands, attributes)
        self.insert(op)
        return op.results[0] if len(op.results) == 1 else tuple(op.results)

    def type_of(self, x: SSAValue) -> TensorType:
        return tensor_type(x.type)

    def shape_of(self, x: SSAValue) -> tuple[int, ...]:
        return tensor_type(x.type).shape

    def filled(self, value: float, type_: TensorType) -> SSAValue:
        return self.full(shape=type_.shape, dtype=type_.dtype, value=value)

    def like(self, x: SSAValue, value: float) -> SSAValue:
        """A tensor of x's type with one value everywhere."""
        return self.filled(value, self.type_of(x))

    def scaled(self, x: SSAValue, factor: float) -> SSAValue:
        """x times a number."""
        return self.mul(x, self.like(x, factor))

    def remove_unused(self) -> None:
        """Erases the inserted ops that nothing uses, last first."""
        for op in reversed(self.inserted):
            if all(result.first_use is None for result in op.results):
                op.detach()
                op.erase()
        self.inserted.clear()
