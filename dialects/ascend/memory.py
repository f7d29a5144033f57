"""Memories, buffers and the copies between them."""

from __future__ import annotations

from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, StringAttr, f16
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    param_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

SPACES = ("gm", "l1", "l0c", "ub")
# Bytes a core has of each on-chip memory (910B1, 910B3 and 910B4 alike).
CAPACITY = {"l1": 512 << 10, "l0c": 128 << 10, "ub": 192 << 10}
FRACTAL = 16
# Elements of a 32-byte block, the unit in which the unified buffer is addressed.
BLOCK_BYTES = 32


@irdl_attr_definition
class SpaceAttr(ParametrizedAttribute):
    """Which memory a buffer is in: `#ascend.space<"ub">`."""

    name = "ascend.space"

    space: StringAttr = param_def()

    def verify(self) -> None:
        if self.space.data not in SPACES:
            raise VerifyException(f"no memory is called '{self.space.data}' (one of {', '.join(SPACES)})")


def buffer_type(shape: tuple[int, ...], element: Attribute, space: str) -> MemRefType:
    return MemRefType(element, shape, memory_space=SpaceAttr(StringAttr(space)))


def space_of(value: SSAValue) -> str:
    """The memory of a buffer; verification fails for a memref that says none."""
    if not isinstance(value.type, MemRefType) or not isinstance(value.type.memory_space, SpaceAttr):
        raise VerifyException(f"expected a memref with an #ascend.space, got {value.type}")
    return value.type.memory_space.space.data


def shape_of(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, MemRefType)
    return value.type.get_shape()


def element_of(value: SSAValue) -> Attribute:
    assert isinstance(value.type, MemRefType)
    return value.type.element_type


def expect_space(op: Operation, role: str, value: SSAValue, space: str) -> None:
    if space_of(value) != space:
        raise VerifyException(f"{op.name}: {role} must be in {space}, is in {space_of(value)}")


def fractals(rows: int, columns: int) -> tuple[int, int, int, int]:
    """The shape of a rows x columns matrix in L1 or L0C."""
    return (-(-columns // FRACTAL), -(-rows // FRACTAL), FRACTAL, FRACTAL)


@irdl_op_definition
class AllocOp(IRDLOperation):
    """A buffer: on the core inside a kernel, in global memory in the host function.

    Constraints: (1) the shape is static; (2) an on-chip buffer fits its memory.

    `%u = ascend.alloc : memref<64xf32, #ascend.space<"ub">>`
    """

    name = "ascend.alloc"
    buffer = result_def(MemRefType)
    assembly_format = "attr-dict `:` type($buffer)"

    def __init__(self, type: MemRefType):
        super().__init__(result_types=[type])

    def verify_(self) -> None:
        shape, space = shape_of(self.buffer), space_of(self.buffer)
        if DYNAMIC_INDEX in shape:
            raise VerifyException("ascend.alloc: the shape must be static")
        if space in CAPACITY and nbytes(self.buffer) > CAPACITY[space]:
            raise VerifyException(
                f"ascend.alloc: {nbytes(self.buffer)} bytes do not fit {space} ({CAPACITY[space]} bytes)"
            )


def nbytes(value: SSAValue) -> int:
    size = element_of(value).size  # pyright: ignore[reportAttributeAccessIssue]
    for extent in shape_of(value):
        size *= extent
    return size


class CopyOperation(IRDLOperation):
    """Copies a buffer between two memories; shapes and element types are equal."""

    source = operand_def(MemRefType)
    target = operand_def(MemRefType)
    assembly_format = "$source `to` $target attr-dict `:` type($source) `to` type($target)"

    def __init__(self, source: SSAValue, target: SSAValue):
        super().__init__(operands=[source, target])

    def verify_spaces(self, source: str, target: str) -> None:
        expect_space(self, "source", self.source, source)
        expect_space(self, "target", self.target, target)

    def verify_same_shape(self) -> None:
        if shape_of(self.source) != shape_of(self.target) or element_of(self.source) != element_of(self.target):
            raise VerifyException(f"{self.name}: copies {self.source.type} to {self.target.type}")


@irdl_op_definition
class LoadOp(CopyOperation):
    """Global memory to the unified buffer.

    Constraints: (1) source in gm, target in ub; (2) equal shapes and element types.

    `ascend.load %x to %u : memref<..., #ascend.space<"gm">> to memref<..., #ascend.space<"ub">>`
    """

    name = "ascend.load"

    def verify_(self) -> None:
        self.verify_spaces("gm", "ub")
        self.verify_same_shape()


@irdl_op_definition
class StoreOp(CopyOperation):
    """The unified buffer to global memory.

    Constraints: (1) source in ub, target in gm; (2) equal shapes and element types.

    `ascend.store %u to %y : memref<..., #ascend.space<"ub">> to memref<..., #ascend.space<"gm">>`
    """

    name = "ascend.store"

    def verify_(self) -> None:
        self.verify_spaces("ub", "gm")
        self.verify_same_shape()


@irdl_op_definition
class Nd2NzOp(CopyOperation):
    """A row-major f16 matrix in global memory to fractals in L1; what lies past its edge is undefined.

    Constraints: (1) source in gm, target in l1; (2) f16; (3) the target has the fractals of the source's shape.

    `ascend.nd2nz %a to %l1 : memref<100x72xf16, #ascend.space<"gm">> to memref<5x7x16x16xf16, #ascend.space<"l1">>`
    """

    name = "ascend.nd2nz"

    def verify_(self) -> None:
        self.verify_spaces("gm", "l1")
        if element_of(self.source) != f16 or element_of(self.target) != f16:
            raise VerifyException("ascend.nd2nz: both sides must be f16")
        verify_fractals(self, self.source, self.target)


@irdl_op_definition
class FixpipeOp(CopyOperation):
    """Accumulators in L0C to a row-major f32 matrix in global memory.

    Constraints: (1) source in l0c, target in gm; (2) equal element types; (3) the source has the fractals of the
    target's shape.

    `ascend.fixpipe %acc to %c : memref<3x7x16x16xf32, #ascend.space<"l0c">> to memref<100x40xf32, ...>`
    """

    name = "ascend.fixpipe"

    def verify_(self) -> None:
        self.verify_spaces("l0c", "gm")
        if element_of(self.source) != element_of(self.target):
            raise VerifyException(f"ascend.fixpipe: copies {self.source.type} to {self.target.type}")
        verify_fractals(self, self.target, self.source)


def verify_fractals(op: Operation, matrix: SSAValue, tiled: SSAValue) -> None:
    shape = shape_of(matrix)
    if len(shape) != 2 or shape_of(tiled) != fractals(*shape):
        raise VerifyException(f"{op.name}: {matrix.type} does not have the fractals {tiled.type}")
