"""`hoist-constants`: takes what depends on parameters alone out of `@main`, into a function `@prepare`.

A parameter that the program does not write keeps its value from run to run, and so does all that is computed of such
parameters and constants: packed weights, the scale of a batch norm. `@prepare` computes those values, and `@main`
takes them as further arguments (`cellc.prepared`); who runs the program runs `@prepare` once for each value of the
parameters. This is IREE's hoisting into initializers, with parameters that may change between runs. What processes
compute together stays: they must all do it, and a parameter may have changed in one of them only.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.host import byte_size
from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.linalg_analysis import Reshape, behind_reshapes, main_function, values_read
from cellc.passes.rewriting import fused_location

PREPARE = "prepare"
_MOST_GROWTH = 4096
"""Bytes that hoisted results may have more than twice the operands they come from: they stay in memory between runs.
Twice as many have 16-bit weights that were widened."""


@dataclass(frozen=True)
class HoistConstantsPass(ModulePass):
    """Moves kernel calls on read-only parameters and constants into `@prepare`; without any, there is none."""

    name = "hoist-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = main_function(op)
        calls = _hoistable(main)
        if calls:
            _hoist(main, calls)


def is_constant(main: func.FuncOp, value: SSAValue) -> bool:
    """Whether a value of the host function is a parameter that no run changes, or a view of one."""
    value = behind_reshapes(value)
    return isinstance(value, BlockArgument) and _is_read_only(main, value)


def constant_values(main: func.FuncOp) -> set[SSAValue]:
    """The values that do not change from run to run: `@prepare` will make them.

    Before kernels are formed they are those of generics.
    """
    known: set[SSAValue] = set(read_only_parameters(main))
    collectives = _collectives(main)
    for op in main.body.block.ops:
        if isinstance(op, func.CallOp):
            constant = op.callee.string_value() not in collectives and _is_kept(op)
        else:
            constant = isinstance(op, Reshape | arith.ConstantOp | tensor.EmptyOp | FillOp | GenericOp)
        if constant and known.issuperset(values_read(op)):
            known.update(op.results)
    return known


def read_only_parameters(main: func.FuncOp) -> list[BlockArgument]:
    """The arguments that are parameters no run changes."""
    return [argument for argument in main.body.block.args if _is_read_only(main, argument)]


def _is_read_only(main: func.FuncOp, argument: BlockArgument) -> bool:
    attributes = main.arg_attrs.data[argument.index].data if main.arg_attrs is not None else {}
    return attributes.get("cellc.kind") == StringAttr("parameter") and "cellc.updated_by" not in attributes


def _hoistable(main: func.FuncOp) -> list[func.CallOp]:
    """The calls whose operands do not change from run to run, and whose results are worth keeping."""
    known = constant_values(main)
    calls = (op for op in main.body.block.ops if isinstance(op, func.CallOp))
    return [call for call in calls if call.results and known.issuperset(call.results)]


def _collectives(main: func.FuncOp) -> set[str]:
    """The names of the kernels that exchange data with other processes."""
    module = main.parent_op()
    assert isinstance(module, ModuleOp)
    kernels = (op for op in module.ops if isinstance(op, func.FuncOp))
    return {op.sym_name.data for op in kernels if op.attributes.get("cellc.kind") == StringAttr("collective")}


def _is_kept(call: func.CallOp) -> bool:
    """Results that are returned would only be copied; those much larger than their operands are cheap to make again."""
    read, made = (sum(byte_size(value.type) for value in values) for values in (call.operands, call.results))
    returned = any(isinstance(use.operation, func.ReturnOp) for result in call.results for use in result.uses)
    return made <= 2 * read + _MOST_GROWTH and not returned


def _hoist(main: func.FuncOp, calls: Sequence[func.CallOp]) -> None:
    inside = set(calls)
    kept = [r for c in calls for r in c.results if any(_is_read_outside(use.operation, inside) for use in r.uses)]
    prepare = _prepare_function(main, calls, kept)
    insert_before(prepare, main)
    block = main.body.block
    for value in kept:
        argument = block.insert_arg(value.type, len(block.args))
        argument.location = value.owner.location  # pyright: ignore[reportAttributeAccessIssue]
        value.replace_uses_with_if(argument, lambda use: use.operation not in inside)
    for op in reversed(list(block.ops)):
        if op in inside or (isinstance(op, Reshape) and op.result.first_use is None):
            erase(op)
    main.properties["function_type"] = FunctionType.from_lists(
        [a.type for a in block.args], list(main.function_type.outputs)
    )
    assert main.arg_attrs is not None
    names = {attributes.data.get("cellc.name") for attributes in main.arg_attrs.data}
    more = [_prepared(i, names) for i in range(len(kept))]
    main.properties["arg_attrs"] = ArrayAttr([*main.arg_attrs.data, *more])


def _is_read_outside(op: Operation, inside: set[func.CallOp]) -> bool:
    """Whether an op, or one that reads the view it makes, stays in `@main`."""
    if isinstance(op, Reshape):
        return any(_is_read_outside(use.operation, inside) for use in op.result.uses)
    return op not in inside


def _prepared(number: int, names: Container[Attribute | None]) -> DictionaryAttr:
    """The attributes of the argument for result `number` of `@prepare`."""
    name = StringAttr(f"prepared{number}")
    while name in names:
        name = StringAttr(f"{name.data}_")
    kind = StringAttr("parameter")
    return DictionaryAttr({"cellc.name": name, "cellc.kind": kind, "cellc.prepared": IntegerAttr(number, i64)})


def _prepare_function(main: func.FuncOp, calls: Sequence[func.CallOp], kept: Sequence[SSAValue]) -> func.FuncOp:
    """`@prepare`: copies of the calls, and of the views and constants that they read."""
    needed = _needed(calls)
    arguments = [a for a in main.body.block.args if any(a in op.operands for op in needed)]
    block = Block(arg_types=[a.type for a in arguments])
    mapping: dict[SSAValue, SSAValue] = dict(zip(arguments, block.args, strict=True))
    for old, new in zip(arguments, block.args, strict=True):
        new.location = old.location
    for op in needed:
        block.add_op(op.clone(mapping))
    block.add_op(end := func.ReturnOp(*(mapping[value] for value in kept)))
    end.location = fused_location(call.location for call in calls)
    types = FunctionType.from_lists([a.type for a in arguments], [value.type for value in kept])
    assert main.arg_attrs is not None
    attributes = ArrayAttr([main.arg_attrs.data[a.index] for a in arguments])
    function = func.FuncOp(PREPARE, types, Region(block), arg_attrs=attributes)
    function.location = main.location
    return function


def _needed(calls: Sequence[func.CallOp]) -> list[Operation]:
    """The calls and what they read, in the order of the host function."""
    found: set[Operation] = set()
    pending: list[Operation] = list(calls)
    while pending:
        op = pending.pop()
        if op not in found:
            found.add(op)
            pending += [value.owner for value in op.operands if isinstance(value.owner, Operation)]
    block = calls[0].parent
    assert block is not None
    return [op for op in block.ops if op in found]
