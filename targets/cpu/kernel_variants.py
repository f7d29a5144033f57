"""What passes that replace kernel calls share: calls, variants and kernels that are joined or convert."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.kernel_form import kernels_of, verify_kernel_form
from cellc.passes.linalg_analysis import Reshape, is_contraction, iterator_attributes, main_function, map_attributes
from cellc.passes.rewriting import set_location


class ProgramKernels:
    """The kernels of a module by name, while a pass replaces calls in `main`."""

    def __init__(self, module: ModuleOp) -> None:
        self.main = main_function(module)
        self._module = module
        self._by_name = {kernel.sym_name.data: kernel for kernel in kernels_of(module)}

    def __getitem__(self, name: str) -> func.FuncOp:
        return self._by_name[name]

    def fresh(self, hint: str) -> str:
        """A name that no kernel has: the hint and a number."""
        return next(name for number in count() if (name := f"{hint}_{number}") not in self._by_name)

    def rewrite_calls(self, visit: Callable[[func.CallOp], None]) -> None:
        """Visits the calls that `main` holds now, in order; erases the kernels that nothing calls in the end."""
        for call in [op for op in self.main.body.block.ops if isinstance(op, func.CallOp)]:
            visit(call)
        called = {op.callee.root_reference.data for op in self.main.walk() if isinstance(op, func.CallOp)}
        for kernel in kernels_of(self._module):
            if kernel.sym_name.data not in called:
                erase(kernel)

    def called(self, call: func.CallOp) -> func.FuncOp:
        """The kernel that is called."""
        return self._by_name[call.callee.root_reference.data]

    def add(self, kernel: func.FuncOp, like: func.FuncOp) -> None:
        """Puts a kernel made from `like`, or for it, before that."""
        set_location(kernel, like.location)
        self._by_name[kernel.sym_name.data] = kernel
        insert_before(kernel, like)


# Makes the variant of a kernel with a number, or None.
Make = Callable[[func.FuncOp, int], func.FuncOp | None]


class Variants:
    """Kernels that are others in another form, by name and form; made once, and None where there is none."""

    def __init__(self, kernels: ProgramKernels) -> None:
        self._kernels = kernels
        self._names: dict[tuple[object, ...], str | None] = {}

    def of(
        self, name: str, form: tuple[object, ...], make: Callable[[func.FuncOp, int], func.FuncOp | None]
    ) -> str | None:
        """The name of kernel `name` in a form, which `make` gives that kernel and the variant's number."""
        key = (name, *form)
        if key not in self._names:
            kernel = self._kernels[name]
            variant = make(kernel, len(self._names))
            self._names[key] = None if variant is None else variant.sym_name.data
            if variant is not None:
                verify_kernel_form(variant)
                self._kernels.add(variant, kernel)
        return self._names[key]


def call_before(op: func.CallOp, name: str, operands: Sequence[SSAValue], kernel: func.FuncOp) -> func.CallOp:
    """A call of `kernel`, called `name`, with the location of `op` and before it."""
    call = func.CallOp(name, operands, list(kernel.function_type.outputs))
    call.location = op.location
    insert_before(call, op)
    return call


def kind_of(kernel: func.FuncOp) -> str:
    """Its `cellc.kind`."""
    kind = kernel.attributes["cellc.kind"]
    assert isinstance(kind, StringAttr)
    return kind.data


def contraction_of(kernel: func.FuncOp) -> GenericOp:
    """The contraction of a kernel of that kind."""
    return next(op for op in kernel.body.block.ops if is_contraction(op))


def is_read_once(value: SSAValue) -> bool:
    """Whether one operand is this value."""
    return len(list(value.uses)) == 1


def maker_of(value: SSAValue) -> tuple[func.CallOp, tuple[Reshape, ...]] | None:
    """The call that makes a value, and the reshapes behind it, of which nothing else reads any; else None."""
    reshapes: list[Reshape] = []
    while isinstance(owner := value.owner, Reshape) and is_read_once(value):
        reshapes.append(owner)
        value = owner.src
    return (owner, tuple(reshapes)) if isinstance(owner, func.CallOp) and is_read_once(value) else None


def inline(
    kernel: func.FuncOp, call: func.CallOp, known: Mapping[SSAValue, SSAValue], block: Block
) -> Sequence[SSAValue]:
    """Adds the ops of the kernel that is called to the block, where the call's operands are `known`; its results."""
    *body, end = kernel.body.block.ops
    arguments = zip(kernel.body.block.args, call.arguments, strict=True)
    mapping: dict[SSAValue, SSAValue] = {argument: known[value] for argument, value in arguments}
    for op in body:
        block.add_op(op.clone(mapping))
    return [mapping[value] for value in end.operands]


def replace_call(before: func.CallOp, results: Sequence[SSAValue]) -> None:
    """Lets the users of a call read these results."""
    for old, new in zip(before.results, results, strict=True):
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
