"""Graph -> nn module: the first step of a compilation, and the first that needs xDSL."""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, LocationAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute, Block, Region, SSAValue

from cellc.dialects.nn.ir import create, ir_type, location_attribute
from cellc.graph import Graph, Input, Location
from cellc.passes.differentiate.regions import REGION


def _location(location: Location) -> LocationAttr:
    return location_attribute(location.file, location.line, location.column + 1, location.cell)


def _argument_attributes(value: Input) -> DictionaryAttr:
    attributes: dict[str, Attribute] = {"cellc.name": StringAttr(value.name), "cellc.kind": StringAttr(value.kind)}
    if value.updated_by is not None:
        attributes["cellc.updated_by"] = IntegerAttr(value.updated_by, i64)
    return DictionaryAttr(attributes)


def build_module(graph: Graph) -> ModuleOp:
    """A module whose `func.func @main` computes the graph; every op carries its user's location."""
    block = Block(arg_types=[ir_type(value.type) for value in graph.inputs])
    values: dict[int, SSAValue] = {id(v): arg for v, arg in zip(graph.inputs, block.args, strict=True)}
    anywhere: LocationAttr = location_attribute("<cell>", 1, 1)
    for node in graph.nodes:
        anywhere = _location(node.location)
        op = create(node.op, [values[id(value)] for value in node.inputs], node.attributes, anywhere)
        if node.region:
            op.attributes[REGION] = IntegerAttr(node.region, i64)
        block.add_op(op)
        values.update((id(value), result) for value, result in zip(node.outputs, op.results, strict=True))
    results = [values[id(value)] for value in graph.outputs]
    terminator = func.ReturnOp(*results)
    terminator.location = anywhere
    block.add_op(terminator)
    main = func.FuncOp(
        "main",
        ([arg.type for arg in block.args], [result.type for result in results]),
        Region(block),
        arg_attrs=ArrayAttr([_argument_attributes(value) for value in graph.inputs]),
    )
    main.location = anywhere
    return ModuleOp([main])
