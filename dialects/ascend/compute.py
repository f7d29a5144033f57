"""The cube unit's matrix product and the vector unit's whole-buffer instructions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerAttr, MemRefType, StringAttr, UnitAttr, f16, f32, i1, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
)
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.ascend.memory import element_of, expect_space, fractals, shape_of

# m, k and n of one product are 12-bit fields of the instruction.
EXTENT_LIMIT = 4095

UNARY: dict[str, Callable] = {
    "exp": np.exp,
    "ln": np.log,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "rec": np.reciprocal,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}
BINARY: dict[str, Callable] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}
SCALAR_KINDS = ("add", "mul", "max", "min")


@irdl_op_definition
class MmadL1Op(IRDLOperation):
    """acc = A B, or acc += A B where `clear` is false; f16 operands in L1, f32 accumulators in L0C.

    `transpose_b` says that B is stored n x k, `transpose_a` that A is stored k x m.
    Constraints: (1) memories; (2) f16 operands and f32 accumulators; (3) 1 <= m, k, n <= 4095; (4) fractals of the
    stored shapes.

    `ascend.mmad_l1 %a, %b into %acc clear %c m 100 k 72 n 40 : memref<...>, memref<...>, memref<...>`
    """

    name = "ascend.mmad_l1"
    lhs = operand_def(MemRefType)
    rhs = operand_def(MemRefType)
    accumulator = operand_def(MemRefType)
    clear = operand_def(i1)
    m = prop_def(IntegerAttr)
    k = prop_def(IntegerAttr)
    n = prop_def(IntegerAttr)
    transpose_a = opt_prop_def(UnitAttr)
    transpose_b = opt_prop_def(UnitAttr)
    assembly_format = (
        "$lhs `,` $rhs `into` $accumulator `clear` $clear `m` $m `k` $k `n` $n "
        "(`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? "
        "attr-dict `:` type($lhs) `,` type($rhs) `,` type($accumulator)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        accumulator: SSAValue,
        clear: SSAValue,
        extents: tuple[int, int, int],
        transpose_a: bool = False,
        transpose_b: bool = False,
    ):
        m, k, n = (IntegerAttr(extent, i64) for extent in extents)
        properties: dict[str, Attribute] = {"m": m, "k": k, "n": n}
        if transpose_a:
            properties["transpose_a"] = UnitAttr()
        if transpose_b:
            properties["transpose_b"] = UnitAttr()
        super().__init__(operands=[lhs, rhs, accumulator, clear], properties=properties)

    @property
    def extents(self) -> tuple[int, int, int]:
        return self.m.value.data, self.k.value.data, self.n.value.data

    def verify_(self) -> None:
        for role, value, space, element in (
            ("lhs", self.lhs, "l1", f16),
            ("rhs", self.rhs, "l1", f16),
            ("accumulator", self.accumulator, "l0c", f32),
        ):
            expect_space(self, role, value, space)
            if element_of(value) != element:
                raise VerifyException(f"ascend.mmad_l1: {role} must be {element}, is {element_of(value)}")
        m, k, n = self.extents
        if not all(1 <= extent <= EXTENT_LIMIT for extent in (m, k, n)):
            raise VerifyException(f"ascend.mmad_l1: m, k, n = {m}, {k}, {n} must lie in 1..{EXTENT_LIMIT}")
        for role, value, stored in (
            ("lhs", self.lhs, (k, m) if self.transpose_a else (m, k)),
            ("rhs", self.rhs, (n, k) if self.transpose_b else (k, n)),
            ("accumulator", self.accumulator, (m, n)),
        ):
            if shape_of(value) != fractals(*stored):
                raise VerifyException(
                    f"ascend.mmad_l1: {role} {value.type} does not have the fractals of {stored[0]}x{stored[1]}"
                )


class VectorOperation(IRDLOperation):
    """An instruction over whole buffers in the unified buffer."""

    def verify_buffers(self, same_element: bool = True) -> None:
        target = self.operands[-1]
        for value in self.operands:
            if not isinstance(value.type, MemRefType):
                continue
            expect_space(self, "operand", value, "ub")
            if shape_of(value) != shape_of(target) or (same_element and element_of(value) != element_of(target)):
                raise VerifyException(f"{self.name}: operand {value.type} does not match the target {target.type}")


@irdl_op_definition
class VUnaryOp(VectorOperation):
    """target = kind(source), element by element.

    Constraints: (1) a known kind; (2) equal shapes and element types, in ub.

    `ascend.vunary "exp" %a to %b : memref<64xf32, #ascend.space<"ub">>`
    """

    name = "ascend.vunary"
    kind = prop_def(StringAttr)
    source = operand_def(MemRefType)
    target = operand_def(MemRefType)
    assembly_format = "$kind $source `to` $target attr-dict `:` type($source) `,` type($target)"

    def __init__(self, kind: str, source: SSAValue, target: SSAValue):
        super().__init__(operands=[source, target], properties={"kind": StringAttr(kind)})

    def verify_(self) -> None:
        if self.kind.data not in UNARY:
            raise VerifyException(f"ascend.vunary: no kind '{self.kind.data}' (one of {', '.join(UNARY)})")
        self.verify_buffers()


@irdl_op_definition
class VBinaryOp(VectorOperation):
    """target = kind(lhs, rhs), element by element; rhs may be a scalar for add, mul, max and min.

    Constraints: (1) a known kind; (2) a scalar only where the hardware takes one; (3) equal shapes and element
    types, in ub.

    `ascend.vbinary "add" %a, %b to %c : memref<...>, memref<...>, memref<...>`
    """

    name = "ascend.vbinary"
    kind = prop_def(StringAttr)
    lhs = operand_def(MemRefType)
    rhs = operand_def(AnyAttr())
    target = operand_def(MemRefType)
    assembly_format = "$kind $lhs `,` $rhs `to` $target attr-dict `:` type($lhs) `,` type($rhs) `,` type($target)"

    def __init__(self, kind: str, lhs: SSAValue, rhs: SSAValue, target: SSAValue):
        super().__init__(operands=[lhs, rhs, target], properties={"kind": StringAttr(kind)})

    def verify_(self) -> None:
        kind = self.kind.data
        if kind not in BINARY:
            raise VerifyException(f"ascend.vbinary: no kind '{kind}' (one of {', '.join(BINARY)})")
        if not isinstance(self.rhs.type, MemRefType):
            if kind not in SCALAR_KINDS:
                raise VerifyException(f"ascend.vbinary: '{kind}' takes no scalar")
            if self.rhs.type != element_of(self.target):
                raise VerifyException(f"ascend.vbinary: scalar {self.rhs.type} for a target of {self.target.type}")
        self.verify_buffers()


@irdl_op_definition
class VCastOp(VectorOperation):
    """target = source converted to the target's float type, rounding to nearest even.

    Constraints: (1) equal shapes, in ub; (2) floats of different width.

    `ascend.vcast %a to %b : memref<64xf32, #ascend.space<"ub">>, memref<64xf16, #ascend.space<"ub">>`
    """

    name = "ascend.vcast"
    source = operand_def(MemRefType)
    target = operand_def(MemRefType)
    assembly_format = "$source `to` $target attr-dict `:` type($source) `,` type($target)"

    def __init__(self, source: SSAValue, target: SSAValue):
        super().__init__(operands=[source, target])

    def verify_(self) -> None:
        source, target = element_of(self.source), element_of(self.target)
        if not isinstance(source, AnyFloat) or not isinstance(target, AnyFloat) or source == target:
            raise VerifyException(f"ascend.vcast: cannot convert {source} to {target}")
        self.verify_buffers(same_element=False)


@irdl_op_definition
class VBrcOp(VectorOperation):
    """Fills the target with a scalar, or repeats a 1 x n buffer along its rows.

    Constraints: (1) the source is a scalar of the target's element type, or (2) a 1 x n buffer for an m x n target.

    `ascend.vbrc %row to %full : memref<1x10xf32, #ascend.space<"ub">>, memref<7x10xf32, #ascend.space<"ub">>`
    """

    name = "ascend.vbrc"
    source = operand_def(AnyAttr())
    target = operand_def(MemRefType)
    assembly_format = "$source `to` $target attr-dict `:` type($source) `,` type($target)"

    def __init__(self, source: SSAValue, target: SSAValue):
        super().__init__(operands=[source, target])

    def verify_(self) -> None:
        expect_space(self, "target", self.target, "ub")
        if not isinstance(self.source.type, MemRefType):
            if self.source.type != element_of(self.target):
                raise VerifyException(f"ascend.vbrc: scalar {self.source.type} for a target of {self.target.type}")
            return
        expect_space(self, "source", self.source, "ub")
        shape = shape_of(self.target)
        if len(shape) != 2 or shape_of(self.source) != (1, shape[1]):
            raise VerifyException(f"ascend.vbrc: cannot repeat {self.source.type} along the rows of {self.target.type}")
