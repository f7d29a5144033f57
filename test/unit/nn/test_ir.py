"""The derived dialect: round trips of ops and exact attributes through text, verifiers, locations."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

from cellc.dialects.nn import DTYPES, ITEMSIZE, InferenceError, TensorType, definitions
from cellc.dialects.nn.arrays import numpy_dtype
from cellc.dialects.nn.ir import OPERATIONS, create, ir_type, location_attribute, tensor_type
from cellc.passes.context import make_context
from support.nn_module import OpBuilder, make_module

SYNTAXES = pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])


def _text(module: ModuleOp, generic: bool) -> str:
    stream = StringIO()
    Printer(stream=stream, print_generic_format=generic, print_debuginfo=True).print_op(module)
    return stream.getvalue()


def _through_text(module: ModuleOp, generic: bool) -> ModuleOp:
    """The module printed and parsed again; its text is the same again."""
    text = _text(module, generic)
    again = Parser(make_context(), text).parse_module()
    again.verify()
    assert _text(again, generic) == text
    return again


def _attribute_values(module: ModuleOp) -> list[dict[str, Any]]:
    return [op.attribute_values for op in module.walk() if op.name.startswith("nn.")]


def _sources(values: list[dict[str, Any]], name: str) -> ModuleOp:
    def body(b: OpBuilder) -> list:
        return [getattr(b, name)(**attributes) for attributes in values]

    return make_module([], body)


def test_every_definition_has_an_operation() -> None:
    assert OPERATIONS.keys() == definitions().keys()
    for name, operation in OPERATIONS.items():
        assert operation.name == f"nn.{name}"
        assert f"nn.{name} " in (operation.__doc__ or ""), "the docstring shows a line of assembly"


@SYNTAXES
def test_float_attributes_are_exact(generic: bool) -> None:
    rng = np.random.default_rng(0)
    listed = [0.0, -0.0, 1.0, -1.0, 0.1, 1e300, -1e300, 1e-5, 5e-324, 1 / 3, 2.0**70, np.inf, -np.inf, np.nan]
    values = np.concatenate([listed, np.frombuffer(rng.bytes(8 * 200), np.float64)])
    module = _sources([{"shape": (2,), "dtype": "f64", "value": float(value)} for value in values], "full")
    again = np.array([entry["value"] for entry in _attribute_values(_through_text(module, generic))])
    numbers = ~np.isnan(values)
    assert again[numbers].tobytes() == values[numbers].tobytes()
    assert np.isnan(again[~numbers]).all()


@SYNTAXES
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_are_exact(dtype: str, generic: bool) -> None:
    """Random bits, so NaNs, infinities, denormals and the largest values, in lists and as bytes."""
    rng = np.random.default_rng(1)
    arrays = [np.ones(shape, numpy_dtype(dtype)) for shape in [(), (0,), (2, 0, 3), (2, 3, 2)]]
    for size in [1, 2, 7, 64, 65, 200]:
        bits = rng.integers(0, 2, size, np.uint8).tobytes() if dtype == "bool" else rng.bytes(size * ITEMSIZE[dtype])
        arrays.append(np.frombuffer(bits, numpy_dtype(dtype)))
    module = _through_text(_sources([{"value": array} for array in arrays], "constant"), generic)
    for array, entry in zip(arrays, _attribute_values(module), strict=True):
        again = entry["value"]
        assert (again.shape, again.dtype, again.tobytes()) == (array.shape, array.dtype, array.tobytes())


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_every_half_is_exact(dtype: str) -> None:
    bits = np.arange(2**16, dtype=np.uint16).view(numpy_dtype(dtype)).reshape(-1, 64)
    module = _through_text(_sources([{"value": row} for row in bits], "constant"), generic=False)
    assert b"".join(entry["value"].tobytes() for entry in _attribute_values(module)) == bits.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_there_and_back(dtype: str) -> None:
    for shape in [(), (0,), (2, 3)]:
        assert tensor_type(ir_type(TensorType(shape, dtype))) == TensorType(shape, dtype)


@pytest.mark.parametrize("text", ["f32", "tensor<?xf32>", "tensor<*xf32>", "tensor<2xi4>", "memref<2xf32>"])
def test_other_types_are_refused(text: str) -> None:
    with pytest.raises(VerifyException, match="nn"):
        tensor_type(Parser(make_context(), text).parse_type())


def test_create_checks_and_locates() -> None:
    block = Block(arg_types=[ir_type(TensorType((2, 3), "f32"))])
    location = location_attribute("net.py", 12, 8, "net.fc1")
    op = create("transpose", block.args, {"permutation": (1, 0)}, location)
    assert tensor_type(op.results[0].type) == TensorType((3, 2), "f32")
    assert op.location == location
    with pytest.raises(InferenceError, match="does not permute"):
        create("transpose", block.args, {"permutation": (0, 0)})
    with pytest.raises(InferenceError, match="attribute"):
        create("transpose", block.args, {})
    with pytest.raises(InferenceError, match="1 operand"):
        create("neg", [*block.args, *block.args], {})


@pytest.mark.parametrize(("array", "message"), [
    ("#nn.array<tensor<2xf32>, [1.0, 2.0, 3.0]>", "2 elements, got 3"),
    ('#nn.array<tensor<2xf32>, "0x00">', "holds 8 bytes, got 1"),
    ('#nn.array<tensor<1xi1>, "0x02">', "0 or 1"),
    ('#nn.array<tensor<1xf32>, "zz">', "hexadecimal"),
    ("#nn.array<tensor<1xi8>, [300]>", "300"),
    ("#nn.array<tensor<?xi8>, [3]>", "static shape"),
    ("#nn.array<f32, [3]>", "tensor type"),
    ("#nn.array<tensor<1xi4>, [3]>", "element type"),
])  # fmt: skip
def test_damaged_arrays_are_errors(array: str, message: str) -> None:
    context = make_context()
    context.get_optional_op("nn.constant")
    with pytest.raises((ParseError, VerifyException), match=message):
        Parser(context, array).parse_attribute()


def test_definitions_need_no_xdsl() -> None:
    """The tracer imports them for every cell, compiled or not."""
    script = "import sys, cellc.dialects.nn; sys.exit('xdsl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
