"""Types of buffers: their bytes, and which go together."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import FixedBitwidthType, IntegerType, MemRefType, TensorType, i1
from xdsl.ir import Attribute


def byte_size(type_: Attribute) -> int:
    """Bytes of the elements of a static memref or tensor type; an i1 takes one."""
    assert isinstance(type_, MemRefType | TensorType)
    element = type_.element_type
    assert isinstance(element, FixedBitwidthType)
    size = 1 if element == i1 else element.size
    return prod(type_.get_shape()) * size


def same_type(one: Attribute, two: Attribute) -> bool:
    """Whether shapes and element types are equal."""
    assert isinstance(one, TensorType | MemRefType)
    assert isinstance(two, TensorType | MemRefType)
    return one.element_type == two.element_type and one.get_shape() == two.get_shape()


def fits(one: Attribute, two: Attribute) -> bool:
    """Whether the size in bytes and, signedness aside, the element types are equal."""
    assert isinstance(one, TensorType | MemRefType)
    assert isinstance(two, TensorType | MemRefType)
    return _signless(one.element_type) == _signless(two.element_type) and byte_size(one) == byte_size(two)


def _signless(element: Attribute) -> Attribute:
    """A buffer of u8 is ui8 to the caller and i8 to kernels."""
    return IntegerType(element.width.data) if isinstance(element, IntegerType) else element
