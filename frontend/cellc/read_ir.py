"""nn module -> Graph: how a loaded file becomes something that can be traced into a bigger Cell."""

from __future__ import annotations

from typing import Any

from xdsl.dialects import func
from xdsl.dialects.builtin import BytesAttr, FileLineColLoc, IntegerAttr, ModuleOp, NameLoc, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.graph import Graph, Input, Location, Node, Value


class ModuleFormError(ValueError):
    """The module is not one function `@main` of nn ops; the message names what is in the way."""


def _main(module: ModuleOp) -> func.FuncOp:
    functions = list(module.ops)
    if len(functions) != 1 or not isinstance(functions[0], func.FuncOp) or functions[0].sym_name.data != "main":
        raise ModuleFormError("module.mlir must hold exactly one function, @main")
    return functions[0]


def _location(op: Operation) -> Location:
    cell, place = "", op.location
    while True:
        if isinstance(place, NameLoc):
            cell, place = place.desc.data, place.location
        elif isinstance(place, FileLineColLoc):
            return Location(place.filename.data, place.line.data, max(place.column.data - 1, 0), cell)
        else:
            return Location("<loaded>", 1, 0, cell)


def _input(argument: SSAValue, attributes: dict[str, Any], number: int) -> Input:
    def text(key: str, default: str) -> str:
        found = attributes.get(f"cellc.{key}")
        if isinstance(found, BytesAttr):  # what xDSL's parser makes of a string that is not ASCII
            return found.data.decode()
        return found.data if isinstance(found, StringAttr) else default

    kind = text("kind", "input")
    if kind not in ("input", "parameter", "constant"):
        raise ModuleFormError(f"argument {number} of @main has the unknown cellc.kind {kind!r}")
    value = Input(tensor_type(argument.type), kind, text("name", f"input{number}"))
    updated_by = attributes.get("cellc.updated_by")
    if updated_by is not None:
        if not isinstance(updated_by, IntegerAttr):
            raise ModuleFormError(f"cellc.updated_by of argument {number} of @main must be an integer")
        value.updated_by = updated_by.value.data
    return value


def read_module(module: ModuleOp) -> Graph:
    """The graph of a module of nn ops (the inverse of `build_module`).

    Raises:
        ModuleFormError: an op that is not an nn op, or a function of another form.
    """
    main = _main(module)
    arguments = main.body.block.args
    dictionaries = main.arg_attrs.data if main.arg_attrs is not None else [None] * len(arguments)
    try:
        inputs = [
            _input(argument, dict(dictionary.data) if dictionary is not None else {}, number)
            for number, (argument, dictionary) in enumerate(zip(arguments, dictionaries, strict=True))
        ]
        return _body(main, inputs)
    except VerifyException as error:
        raise ModuleFormError(str(error)) from error


def _body(main: func.FuncOp, inputs: list[Input]) -> Graph:
    values: dict[SSAValue, Value] = dict(zip(main.body.block.args, inputs, strict=True))
    nodes: list[Node] = []
    for op in main.body.block.ops:
        if any(operand not in values for operand in op.operands):
            raise ModuleFormError(f"{op.name} uses a value that no op before it defines")
        if isinstance(op, func.ReturnOp):
            outputs = [values[value] for value in op.operands]
            _check_updates(inputs, outputs)
            return Graph(inputs, nodes, outputs)
        if not isinstance(op, NNOperation):
            raise ModuleFormError(f"@main holds {op.name}, which is not an nn op")
        types = [tensor_type(result.type) for result in op.results]
        operands = tuple([values[operand] for operand in op.operands])
        node = Node(op.mnemonic, operands, op.attribute_values, types, _location(op))
        nodes.append(node)
        values.update(zip(op.results, node.outputs, strict=True))
    raise ModuleFormError("@main does not return")


def _check_updates(inputs: list[Input], outputs: list[Value]) -> None:
    """Results that update arguments come after all others, one for each, of the argument's type."""
    updated = {value.updated_by: value for value in inputs if value.updated_by is not None}
    count = sum(value.updated_by is not None for value in inputs)
    first = len(outputs) - count
    if sorted(updated) != list(range(first, len(outputs))) or first < 0:
        raise ModuleFormError("cellc.updated_by must name the last results of @main, each once")
    for number, value in updated.items():
        if value.kind != "parameter" or outputs[number].type != value.type:
            raise ModuleFormError(f"'{value.name}' cannot be updated by result {number} of @main")
