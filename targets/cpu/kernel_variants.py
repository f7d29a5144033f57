"""Kernels that get their operands in another form: calls of the variant, and kernels that convert."""

from collections.abc import Sequence

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.kernel_form import kernels_of
from cellc.passes.linalg_analysis import iterator_attributes, map_attributes


def call_before(op: func.CallOp, name: str, operands: Sequence[SSAValue], kernel: func.FuncOp) -> func.CallOp:
    """A call of `kernel`, called `name`, with the location of `op` and before it."""
    call = func.CallOp(name, operands, list(kernel.function_type.outputs))
    call.location = op.location
    insert_before(call, op)
    return call


def replace_call(before: func.CallOp, after: func.CallOp) -> None:
    """Lets the users of a call read another's results."""
    for old, new in zip(before.results, after.results, strict=True):
        old.replace_all_uses_with(new)
        new.name_hint = old.name_hint
    erase(before)


def erase_uncalled(module: ModuleOp, main: func.FuncOp) -> None:
    """Erases the kernels that nothing calls any more."""
    called = {inner.callee.root_reference.data for inner in main.walk() if isinstance(inner, func.CallOp)}
    for kernel in kernels_of(module):
        if kernel.sym_name.data not in called:
            erase(kernel)


def move_kernel(name: str, source: TensorType, target: TensorType, moved: AffineMap) -> func.FuncOp:
    """A kernel of kind elementwise: result[i] = argument[moved(i)], widened where the result's elements are wider."""
    block = Block(arg_types=[source])
    body = Block(arg_types=[source.element_type, target.element_type])
    value = body.args[0]
    if source.element_type != target.element_type:
        widened = arith.ExtFOp(value, target.element_type)
        body.add_op(widened)
        value = widened.result
    body.add_op(YieldOp(value))
    empty = tensor.EmptyOp((), target)
    maps = map_attributes([moved, AffineMap.identity(target.get_num_dims())])
    loops = iterator_attributes([IteratorType.PARALLEL] * target.get_num_dims())
    move = GenericOp([block.args[0]], [empty.tensor], Region(body), maps, loops, [target])
    block.add_ops([empty, move, func.ReturnOp(*move.results)])
    kernel = func.FuncOp(name, FunctionType.from_lists([source], [target]), Region(block), visibility="private")
    kernel.attributes["cellc.kind"] = StringAttr("elementwise")
    return kernel
