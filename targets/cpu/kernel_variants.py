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
from cellc.passes.linalg_analysis import iterator_attributes, main_function, map_attributes
from cellc.passes.rewriting import set_location


class ProgramKernels:
    """The kernels of a module by name, while a pass replaces calls in `main`."""

    def __init__(self, module: ModuleOp) -> None:
        self.main = main_function(module)
        self._module = module
        self._by_name = {kernel.sym_name.data: kernel for kernel in kernels_of(module)}

    def __getitem__(self, name: str) -> func.FuncOp:
        return self._by_name[name]

    def calls(self) -> list[func.CallOp]:
        """The calls that `main` holds now, in order."""
        return [op for op in self.main.body.block.ops if isinstance(op, func.CallOp)]

    def called(self, call: func.CallOp) -> func.FuncOp:
        """The kernel that is called."""
        return self._by_name[call.callee.root_reference.data]

    def add(self, kernel: func.FuncOp, like: func.FuncOp) -> None:
        """Puts a kernel made from `like`, or for it, before that."""
        set_location(kernel, like.location)
        self._by_name[kernel.sym_name.data] = kernel
        insert_before(kernel, like)

    def erase_uncalled(self) -> None:
        """Erases the kernels that nothing calls any more."""
        called = {op.callee.root_reference.data for op in self.main.walk() if isinstance(op, func.CallOp)}
        for kernel in kernels_of(self._module):
            if kernel.sym_name.data not in called:
                erase(kernel)


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
