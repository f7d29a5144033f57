"""`#nn.array`: the value of a constant, exact in every syntax.

Builtin `dense` will not do: xDSL prints infinities, NaNs and some large f32 as bit
patterns and reads those back as integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import BytesAttr
from xdsl.dialects.builtin import TensorType as IRTensorType
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.nn.arrays import dtype_name, is_float, numpy_dtype, wide
from cellc.dialects.nn.element_types import dtype_of, element_type

_MOST_LISTED = 64
# A few characters of text must not become any number of bytes.
_MOST_BYTES = 1 << 30


@irdl_attr_definition
class NNArrayAttr(ParametrizedAttribute):
    """A typed array: its elements in row-major order, one for all if they are equal, or its bytes.

    `#nn.array<tensor<2xf32>, [1.0, -0.5]>`, `#nn.array<tensor<9x9xi32>, [7]>`,
    `#nn.array<tensor<1xf32>, "0x0000807F">`
    """

    name = "nn.array"

    type: IRTensorType[Attribute] = param_def()
    data: BytesAttr = param_def()

    @staticmethod
    def of(array: np.ndarray) -> NNArrayAttr:
        type_ = IRTensorType(element_type(dtype_name(array.dtype)), array.shape)
        return NNArrayAttr(type_, BytesAttr(np.ascontiguousarray(array).tobytes()))

    @property
    def array(self) -> np.ndarray:
        """The (read-only) array."""
        dtype = numpy_dtype(dtype_of(self.type.element_type))
        return np.frombuffer(self.data.data, dtype).reshape(self.type.get_shape())

    def verify(self) -> None:
        if not self.type.has_static_shape():
            raise VerifyException(f"an array needs a static shape, got {self.type}")
        dtype = numpy_dtype(dtype_of(self.type.element_type))
        expected = dtype.itemsize * int(np.prod(self.type.get_shape(), dtype=object))
        if len(self.data.data) != expected:
            raise VerifyException(f"{self.type} holds {expected} bytes, got {len(self.data.data)}")
        if dtype == np.bool_ and not set(self.data.data) <= {0, 1}:
            raise VerifyException("a bool is the byte 0 or 1")

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.type)
            printer.print_string(f", {_elements_text(self.array)}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            type_ = parser.parse_type()
            if not isinstance(type_, IRTensorType) or not type_.has_static_shape():
                parser.raise_error(f"an array needs a tensor type of static shape, got {type_}")
            parser.parse_punctuation(",")
            if (text := parser.parse_optional_str_literal()) is not None:
                return type_, BytesAttr(_bytes_of(parser, text))
            numbers = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: parser.parse_number(allow_boolean=True)
            )
        return type_, BytesAttr(_packed(parser, type_, numbers))


def _elements_text(array: np.ndarray) -> str:
    flat = array.reshape(-1)
    if flat.size > 1 and flat.tobytes() == flat[:1].tobytes() * flat.size:
        flat = flat[:1]
    if flat.size > _MOST_LISTED or (is_float(flat) and not np.isfinite(wide(flat)).all()):
        return f'"0x{array.tobytes().hex().upper()}"'
    return f"[{', '.join(_number_text(number) for number in flat.tolist())}]"


def _number_text(number: float | int | bool) -> str:
    """The shortest text that reads back as the number; MLIR wants a point in every float."""
    text = repr(number).lower()
    return text if not isinstance(number, float) or "." in text else text.replace("e", ".0e")


def _bytes_of(parser: AttrParser, text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        parser.raise_error("an array's bytes are hexadecimal digits")


def _packed(parser: AttrParser, type_: IRTensorType[Any], numbers: Sequence[float | int]) -> bytes:
    size = int(np.prod(type_.get_shape(), dtype=object))
    if len(numbers) not in (1, size):
        parser.raise_error(f"{type_} has {size} elements, got {len(numbers)}")
    try:
        listed = np.array(numbers, numpy_dtype(dtype_of(type_.element_type))).tobytes()
    except (OverflowError, VerifyException) as error:
        parser.raise_error(str(error))
    if len(numbers) != size and len(listed) * size > _MOST_BYTES:
        parser.raise_error(f"{type_} is too large for one repeated number (up to {_MOST_BYTES} bytes)")
    return listed if len(numbers) == size else listed * size
