"""Builds modules of nn ops for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue

from cellc.dialects.nn import TensorType
from cellc.dialects.nn.ir import create, ir_type, location_attribute
from cellc.passes.rewriting import set_location

LOCATION = location_attribute("net.py", 1, 1, "net")


class OpBuilder:
    """`b.mul(x, y)` appends `nn.mul` and returns its result, or all of its results where there are several."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def build(*operands: SSAValue, **attributes: Any) -> Any:
            op = create(name, operands, attributes, LOCATION)
            self._block.add_op(op)
            return op.results[0] if len(op.results) == 1 else tuple(op.results)

        return build


def make_module(inputs: Sequence[TensorType], body: Callable[..., Sequence[SSAValue]]) -> ModuleOp:
    """A verified module whose `@main` takes the inputs and returns what `body(b, *arguments)` does."""
    block = Block(arg_types=[ir_type(type_) for type_ in inputs])
    results = body(OpBuilder(block), *block.args)
    block.add_op(func.ReturnOp(*results))
    signature = ([argument.type for argument in block.args], [result.type for result in results])
    module = ModuleOp([func.FuncOp("main", signature, Region(block))])
    set_location(module, LOCATION)
    module.verify()
    return module


def op_names(module: ModuleOp) -> list[str]:
    """The mnemonics of `@main`'s nn ops in order."""
    return [op.name.removeprefix("nn.") for op in module.walk() if op.name.startswith("nn.")]
