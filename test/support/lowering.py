"""Modules of one `nn` op and their lowering, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region
from xdsl.printer import Printer

from cellc.dialects.nn import TensorType
from cellc.dialects.nn.arrays import dtype_name
from cellc.dialects.nn.ir import create, ir_type, location_attribute
from cellc.passes.convert_nn_to_linalg import ConvertNNToLinalgPass
from cellc.passes.rewriting import without_location

LOCATION = location_attribute("model.py", 3, 8, "net.layer")


def module_of(
    name: str, types: Sequence[TensorType], attributes: Mapping[str, Any], results: Sequence[int] | None = None
) -> ModuleOp:
    """`@main` with one `nn` op on the arguments, whose results (all, or those of these numbers) it returns."""
    block = Block(arg_types=[ir_type(type_) for type_ in types])
    op = create(name, block.args, attributes, LOCATION)
    returned = op.results if results is None else [op.results[number] for number in results]
    block.add_ops([op, func.ReturnOp(*returned)])
    block.last_op.location = LOCATION
    function = func.FuncOp(
        "main", ([arg.type for arg in block.args], [value.type for value in returned]), Region(block)
    )
    function.location = LOCATION
    return ModuleOp([function])


def lowered(
    name: str, arrays: Sequence[np.ndarray], attributes: Mapping[str, Any], results: Sequence[int] | None = None
) -> ModuleOp:
    """The linalg form of one op on arrays of these types; verified, with a location on every op."""
    types = [TensorType(array.shape, dtype_name(array.dtype)) for array in arrays]
    module = module_of(name, types, attributes, results)
    module.verify()
    ConvertNNToLinalgPass().apply(Context(), module)
    module.verify()
    assert not without_location(module)
    assert not [op for op in module.walk() if op.name.startswith("nn.")]
    return module


def text_of(module: ModuleOp) -> str:
    stream = StringIO()
    Printer(stream).print_op(module)
    return stream.getvalue()
