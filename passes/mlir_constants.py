"""Float attributes of MLIR as integer attributes of the same bits."""

from __future__ import annotations

import math
import re
import struct
from typing import Any, NamedTuple

_INTEGER_OF = {"f16": "i16", "bf16": "i16", "f32": "i32", "f64": "i64"}


class IntegerForm(NamedTuple):
    """An integer attribute with the bits of a float attribute, and its LLVM type."""

    value: Any
    type: Any


def integer_form(ir: Any, value: Any, llvm_type: Any) -> IntegerForm | None:
    """The integer form of a constant, or None when it holds no floats.

    Args:
        ir: The `ir` module of the bindings, in whose context this runs.
        value: A scalar or dense attribute.
        llvm_type: f16, bf16, f32, f64, vectors of these, and LLVM arrays of either.

    Raises:
        ValueError: Floats of another type.
    """
    if isinstance(value, ir.FloatAttr):
        element = str(value.type)
        shape = [1]
        dense = ir.DenseElementsAttr.get_splat(ir.VectorType.get(shape, value.type), value)
    elif isinstance(value, ir.DenseFPElementsAttr):
        shaped = ir.ShapedType(value.type)
        shape, element, dense = list(shaped.shape), str(shaped.element_type), value
    else:
        return None
    if element not in _INTEGER_OF:
        raise ValueError(f"a constant of {element} has no integer form")
    integer = ir.Type.parse(_INTEGER_OF[element])
    bits = ir.DenseElementsAttr.get(_bits(dense, element), type=ir.VectorType.get(shape, integer))
    if isinstance(value, ir.FloatAttr):
        bits = bits.get_splat_value()
    return IntegerForm(bits, ir.Type.parse(str(llvm_type).replace(element, str(integer))))


def _bits(dense: Any, element: str) -> bytes:
    # `tobytes` and not `bytes`: the strides of a splat's buffer are zero.
    return _bf16_bits(dense) if element == "bf16" else memoryview(dense).tobytes()


def _bf16_bits(dense: Any) -> bytes:
    """Read from the printed form, since the buffer protocol has no bf16."""
    body = re.fullmatch(r"dense<(.*)> : .*", str(dense), re.DOTALL)
    if body is None:
        raise ValueError(f"not a dense constant: {dense}")
    if body[1].startswith('"0x'):
        data = bytes.fromhex(body[1][3:-1])
    else:
        data = b"".join(map(_bf16_literal, re.findall(r"[-+.\w]+", body[1])))
    return data * math.prod(dense.type.shape) if dense.is_splat else data


def _bf16_literal(literal: str) -> bytes:
    """A decimal is within 1e-6 of a bf16, whose neighbours are 4e-3 apart, so rounding finds it."""
    if literal.startswith("0x"):
        return struct.pack("<H", int(literal, 16))
    (bits,) = struct.unpack("<I", struct.pack("<f", float(literal)))
    return struct.pack("<H", (bits + 0x8000) >> 16)
