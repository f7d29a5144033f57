"""The pass `convert-nn-to-linalg`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from cellc.dialects.nn.definition import TensorType
from cellc.dialects.nn.gradient import DERIVATIVES
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.convert_nn_to_linalg import (  # noqa: F401  (the families, imported to register their rules)
    collective,
    contraction,
    convolution,
    elementwise,
    gru,
    indexing,
    lstm,
    normalization,
    pooling,
    random,
    reduction,
    rnn,
    shape,
)
from cellc.passes.convert_nn_to_linalg.rules import rule_of
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder, ir_tensor_type


@dataclass(frozen=True)
class ConvertNNToLinalgPass(ModulePass):
    """Lowers every `nn` op of every function to the linalg form (docs/architecture.md, section 3).

    u8 is `ui8` before and `i8` after; a function's u8 arguments and results then carry `cellc.dtype = "u8"`.
    Raises DiagnosticException for `nn.gradient` and `nn.tangent`, which `differentiate` must have removed.
    """

    name = "convert-nn-to-linalg"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [each for each in op.ops if isinstance(each, func.FuncOp)]:
            if not function.is_declaration:
                _convert_function(function)


def _convert_function(function: func.FuncOp) -> None:
    """Builds the new body beside the old one, so that operands' `nn` types stay known, and swaps them."""
    old = function.body.block
    new = Block(arg_types=[_converted_type(arg.type) for arg in old.args])
    values: dict[SSAValue, SSAValue] = {}
    for before, after in zip(old.args, new.args, strict=True):
        after.name_hint, after.location = before.name_hint, before.location
        values[before] = after
    for op in list(old.ops):
        if isinstance(op, NNOperation):
            _convert_op(op, new, values)
        else:
            _move(op, new, values)
    _convert_signature(function)
    function.body.detach_block(old)
    for op in reversed(list(old.ops)):
        op.detach()
        op.drop_all_references()
    function.body.add_block(new)


def _convert_op(op: NNOperation, block: Block, values: dict[SSAValue, SSAValue]) -> None:
    if op.mnemonic in DERIVATIVES:
        raise DiagnosticException(f"{op.name} has no lowering: run the pass `differentiate` before this one")
    rule = rule_of(op.mnemonic)
    operands = [Tensor(values.get(operand, operand), tensor_type(operand.type)) for operand in op.operands]
    types = tuple(tensor_type(result.type) for result in op.results)
    builder = TensorBuilder(block, op.location, [bool(result.uses) for result in op.results])
    given = rule(builder, types[0] if len(types) == 1 else types, *operands, **op.attribute_values)
    tensors = (given,) if isinstance(given, Tensor) else given
    for result, type_, tensor in zip(op.results, types, tensors, strict=True):
        _check(op, type_, tensor)
        values[result] = tensor.value
        if tensor.value.name_hint is None:
            tensor.value.name_hint = result.name_hint


def _check(op: Operation, type_: TensorType, tensor: Tensor) -> None:
    if tensor.type != type_:
        raise AssertionError(f"the lowering of {op.name} gives {tensor.type}, not {type_}")


def _move(op: Operation, block: Block, values: dict[SSAValue, SSAValue]) -> None:
    """An op that is not ours to convert; it sees the converted values."""
    op.detach()
    op.operands = [values.get(operand, operand) for operand in op.operands]
    block.add_op(op)


def _converted_type(type_: Attribute) -> Attribute:
    return ir_tensor_type(tensor_type(type_))


def _convert_signature(function: func.FuncOp) -> None:
    inputs, outputs = function.function_type.inputs.data, function.function_type.outputs.data
    function.function_type = FunctionType.from_lists(
        [_converted_type(type_) for type_ in inputs], [_converted_type(type_) for type_ in outputs]
    )
    function.arg_attrs = _with_dtypes(function.arg_attrs, inputs)
    function.res_attrs = _with_dtypes(function.res_attrs, outputs)


def _with_dtypes(
    attributes: ArrayAttr[DictionaryAttr] | None, types: tuple[Attribute, ...]
) -> ArrayAttr[DictionaryAttr] | None:
    """Adds `cellc.dtype` where the converted type no longer tells the dtype."""
    unsigned = [tensor_type(type_).dtype == "u8" for type_ in types]
    if not any(unsigned):
        return attributes
    entries = [entry.data for entry in attributes.data] if attributes else [{} for _ in types]
    dtype = {"cellc.dtype": StringAttr("u8")}
    return ArrayAttr(
        DictionaryAttr({**entry, **(dtype if is_u8 else {})}) for entry, is_u8 in zip(entries, unsigned, strict=True)
    )
