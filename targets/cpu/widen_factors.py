"""`widen-factors`: half-precision factors that a contraction would widen element by element are widened beforehand.

A product reads one factor in vectors, which are widened as they are packed, and the other one element by element. Rows
of that one are copied to scratch where they are rows; a window over an image is not, and reads each element many times.
It then gets the image in f32 from a kernel of its own, shared by all that read it (a convolution and its gradients).
"""

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType, bf16, f16, f32
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import erase
from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.kernel_variants import (
    ProgramKernels,
    call_before,
    contraction_of,
    kind_of,
    move_kernel,
    replace_call,
)
from cellc.targets.cpu.level import CpuLevel, level_named
from cellc.targets.cpu.nest import volume
from cellc.targets.cpu.product import product_of
from cellc.targets.cpu.tiling import choose_tiling

# How many times an element must be read for a copy of the whole factor to pay.
_MANY_READS = 64
HALF = (f16, bf16)
"""Elements that are widened before they are multiplied."""


@dataclass(frozen=True)
class WidenFactorsPass(ModulePass):
    """Gives contractions the factor in f32 that the CPU level's tiling would widen at each read."""

    name = "widen-factors"

    level: str = "v4"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Widening(kernels, level_named(self.level)).visit)


@dataclass
class _Widening:
    """What has been widened so far: the kernels, the argument each has too narrow, its variant, and the values."""

    kernels: ProgramKernels
    level: CpuLevel
    narrow: dict[str, int | None] = field(default_factory=dict)
    readers: dict[tuple[str, int], str] = field(default_factory=dict)
    wideners: dict[TensorType, str] = field(default_factory=dict)
    widened: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def visit(self, call: func.CallOp) -> None:
        """A variant may read its other factor element by element: then that is widened too."""
        name = call.callee.root_reference.data
        if name not in self.narrow:
            self.narrow[name] = narrow_argument(self.kernels[name], self.level)
        argument = self.narrow[name]
        if argument is None:
            return
        operands = list(call.operands)
        operands[argument] = self._wide(call, operands[argument])
        reader = self._reader(name, argument)
        reading = call_before(call, reader, operands, self.kernels[reader])
        replace_call(call, reading.results)
        self.visit(reading)

    def _wide(self, call: func.CallOp, value: SSAValue) -> SSAValue:
        """The value in f32, made before `call`."""
        if value not in self.widened:
            assert isinstance(value.type, TensorType)
            name = self._widener(value.type, self.kernels.called(call))
            self.widened[value] = call_before(call, name, [value], self.kernels[name]).results[0]
        return self.widened[value]

    def _widener(self, source: TensorType, like: func.FuncOp) -> str:
        if source not in self.wideners:
            self.wideners[source] = name = self.kernels.fresh("widen")
            target = TensorType(f32, source.get_shape())
            self.kernels.add(move_kernel(name, source, target, AffineMap.identity(source.get_num_dims())), like)
        return self.wideners[source]

    def _reader(self, name: str, argument: int) -> str:
        if (name, argument) not in self.readers:
            self.readers[name, argument] = reader = f"{name}_wide{argument}"
            kernel = self.kernels[name].clone()
            kernel.properties["sym_name"] = StringAttr(reader)
            read_wide(kernel, argument)
            self.kernels.add(kernel, self.kernels[name])
        return self.readers[name, argument]


def _is_half(type_: Attribute) -> bool:
    return isinstance(type_, TensorType) and type_.element_type in HALF


def narrow_argument(kernel: func.FuncOp, level: CpuLevel) -> int | None:
    """The argument of a contraction kernel whose elements are widened where they are read, many times each."""
    if kind_of(kernel) != "contraction" or not any(_is_half(argument.type) for argument in kernel.body.block.args):
        return None
    writer = KernelWriter(kernel, level)
    generics = [op for op in writer.ops if isinstance(op, GenericOp)]
    product = product_of(writer, generics)
    tiling = choose_tiling(product, level) if product is not None else None
    if product is None or tiling is None or tiling.dot_dim is not None:
        return None
    number = 1 - tiling.vector_factor
    factor, value = product.factors[number], contraction_of(kernel).inputs[number]
    if factor.extension != arith.ExtFOp.name or choose_blocking(product, tiling).rows is not None:
        return None
    if value.owner is not kernel.body.block or len(list(value.uses)) != 1:
        return None
    if volume(product.nest) < _MANY_READS * factor.access.buffer.size:
        return None
    return kernel.body.block.args.index(value)


def read_wide(kernel: func.FuncOp, argument: int) -> None:
    """Lets the contraction of a kernel read an argument in f32."""
    block = kernel.body.block
    contraction = contraction_of(kernel)
    number, old = list(contraction.inputs).index(block.args[argument]), block.args[argument]
    assert isinstance(old.type, TensorType)
    new = block.insert_arg(TensorType(f32, old.type.get_shape()), argument)
    old.replace_all_uses_with(new)
    block.erase_arg(old)
    body = contraction.body.block
    element = body.args[number]
    (extension,) = [use.operation for use in element.uses]
    assert isinstance(extension, Operation)
    wide = body.insert_arg(f32, number)
    extension.results[0].replace_all_uses_with(wide)
    erase(extension)
    body.erase_arg(element)
    types = FunctionType.from_lists([a.type for a in block.args], list(kernel.function_type.outputs))
    kernel.properties["function_type"] = types
