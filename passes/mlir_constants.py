"""Float constants as loads of integer globals: LLVM 22 cannot read the float literals that LLVM 24 writes.

Optimisation folds the loads back to constants, bit for bit.
"""

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


class IntegerConstants:
    """Replaces the float constants of one module, in the LLVM dialect, inside its context and a location."""

    def __init__(self, ir: Any, module: Any) -> None:
        self._ir = ir
        self._module = module
        self._symbols: dict[tuple[str, str], str] = {}

    def replace(self, op: Any) -> None:
        """Replaces a float constant; gives a global of floats integers. Raises ValueError for other float types."""
        ir = self._ir
        if op.name == "llvm.mlir.constant":
            form = integer_form(ir, op.attributes["value"], op.results[0].type)
            if form is not None:
                self._replace_by_load(op, form)
        elif op.name == "llvm.mlir.global" and "value" in op.attributes:
            form = integer_form(ir, op.attributes["value"], ir.TypeAttr(op.attributes["global_type"]).value)
            if form is not None:
                op.attributes["global_type"] = ir.TypeAttr.get(form.type)
                op.attributes["value"] = form.value

    def _replace_by_load(self, op: Any, form: IntegerForm) -> None:
        ir, result = self._ir, op.results[0]
        symbol = ir.FlatSymbolRefAttr.get(self._symbol(form))
        pointer = ir.Type.parse("!llvm.ptr")
        with ir.InsertionPoint(op):
            address = ir.Operation.create("llvm.mlir.addressof", [pointer], attributes={"global_name": symbol})
            load = ir.Operation.create("llvm.load", [result.type], [address.result])
        result.replace_all_uses_with(load.result)
        op.erase()

    def _symbol(self, form: IntegerForm) -> str:
        """The global that holds the integers; equal ones are one."""
        key = (str(form.type), str(form.value))
        if key not in self._symbols:
            self._symbols[key] = f"cellc.constant.{len(self._symbols)}"
            self._module.body.append(_global(self._ir, self._symbols[key], form))
        return self._symbols[key]


def _global(ir: Any, symbol: str, form: IntegerForm) -> Any:
    attributes = {
        "sym_name": ir.StringAttr.get(symbol),
        "global_type": ir.TypeAttr.get(form.type),
        "linkage": ir.Attribute.parse("#llvm.linkage<private>"),
        "constant": ir.UnitAttr.get(),
        "addr_space": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0),
        "value": form.value,
    }
    return ir.Operation.create("llvm.mlir.global", attributes=attributes, regions=1)


def integer_form(ir: Any, value: Any, llvm_type: Any) -> IntegerForm | None:
    """The integer form of a constant, or None when it holds no floats.

    Args:
        ir: The `ir` module of the bindings, in whose context this runs.
        value: A scalar or dense attribute.
        llvm_type: f16, bf16, f32, f64, vectors of these, and LLVM arrays of either.

    Raises:
        ValueError: Floats of another type.
    """
    dense = value
    if isinstance(value, ir.FloatAttr):
        dense = ir.DenseElementsAttr.get_splat(ir.VectorType.get([1], value.type), value)
    elif not isinstance(value, ir.DenseFPElementsAttr):
        return None
    element = str(ir.ShapedType(dense.type).element_type)
    if element not in _INTEGER_OF:
        raise ValueError(f"a constant of {element} has no integer form")

    def with_integers(kind: Any) -> Any:
        return ir.Type.parse(str(kind).replace(element, _INTEGER_OF[element]))

    # A tensor stays a tensor: the translation takes dense vectors in an array for nested vectors, and aborts.
    bits = ir.DenseElementsAttr.get(_bits(dense, element), type=with_integers(dense.type))
    return IntegerForm(bits.get_splat_value() if dense is not value else bits, with_integers(llvm_type))


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
