"""`lower-kernels-to-ascend`: each linalg kernel becomes a host function that launches `ascend` kernels.

The cube unit multiplies f16 and accumulates in f32. The operands of an f32 product are therefore
converted by vector kernels first; the interface of the network stays f32, and every conversion is
reported (`cellc.casts` on the module), because the user must be able to see where precision went.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, ModuleOp, StringAttr, TensorType, f16, f32
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.ascend.kernel import KernelOp, LaunchOp
from cellc.dialects.ascend.memory import AllocOp, buffer_type
from cellc.passes.linalg_analysis import bare_dims, input_maps, is_contraction, output_maps, shape_of, size_of
from cellc.passes.rewriting import set_location
from cellc.targets.ascend.matmul import Product, matmul_kernel
from cellc.targets.ascend.vector import cast_kernel, vector_kernel
from cellc.targets.target import UnsupportedKernelError


@dataclass(frozen=True)
class LowerKernelsToAscendPass(ModulePass):
    """Replaces every private function with `cellc.kind` by ascend kernels and a host function that launches them.

    Accepts the kinds `elementwise` and `contraction` (of matrices). Raises UnsupportedKernelError, which names the
    kernel, for the others.
    """

    name = "lower-kernels-to-ascend"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        casts: list[str] = []
        for kernel in [f for f in op.ops if isinstance(f, func.FuncOp) and "cellc.kind" in f.attributes]:
            lowered = _Kernel(kernel)
            lowered.lower()
            for new in (*lowered.kernels, lowered.host):
                set_location(new, kernel.location)
                op.body.block.insert_op_before(new, kernel)
            kernel.detach()
            kernel.erase(safe_erase=False)
            casts += lowered.casts
        op.attributes["cellc.casts"] = ArrayAttr([StringAttr(text) for text in casts])


class _Kernel:
    """Lowers one kernel function."""

    def __init__(self, kernel: func.FuncOp):
        self.source = kernel
        self.name = kernel.sym_name.data
        self.kernels: list[KernelOp] = []
        self.casts: list[str] = []
        types = [self.global_type(type) for type in (*kernel.function_type.inputs, *kernel.function_type.outputs)]
        self.host = func.FuncOp(self.name, (types, []), Region(Block(arg_types=types)))
        arguments = self.host.body.block.args
        count = len(kernel.function_type.inputs)
        self.buffers: dict[SSAValue, SSAValue] = dict(zip(kernel.body.block.args, arguments, strict=False))
        returned = kernel.body.block.last_op
        assert isinstance(returned, func.ReturnOp)
        for value, buffer in zip(returned.arguments, arguments[count:], strict=True):
            self.buffers[value] = buffer

    def global_type(self, type: Attribute) -> Attribute:
        """The type of a tensor in global memory."""
        assert isinstance(type, TensorType)
        if not isinstance(type.element_type, AnyFloat):
            raise UnsupportedKernelError(
                f"ascend: kernel @{self.name}: tensors of {type.element_type} are not supported yet"
            )
        return buffer_type(type.get_shape(), type.element_type, "gm")

    def lower(self) -> None:
        if self.source.attributes["cellc.kind"] not in (StringAttr("elementwise"), StringAttr("contraction")):
            raise UnsupportedKernelError(f"ascend: kernel @{self.name} is of a kind that is not supported yet")
        for op in self.source.body.block.ops:
            if isinstance(op, GenericOp):
                self.contraction(op) if is_contraction(op) else self.elementwise(op)
            elif not isinstance(op, FillOp | func.ReturnOp) and op.name not in ("tensor.empty", "arith.constant"):
                raise UnsupportedKernelError(f"ascend: kernel @{self.name} contains {op.name}")
        self.host.body.block.add_op(func.ReturnOp())

    def elementwise(self, op: GenericOp) -> None:
        kernel = vector_kernel(self.fresh("vector"), op)
        self.launch(kernel, [self.buffer(value) for value in (*op.inputs, *op.results)])

    def contraction(self, op: GenericOp) -> None:
        product = _product(op)
        operands = [self.to_f16(value, role) for value, role in zip(op.inputs, ("left", "right"), strict=True)]
        kernel = matmul_kernel(self.fresh("cube"), product)
        self.launch(kernel, [*operands, self.buffer(op.results[0])])

    def to_f16(self, value: SSAValue, role: str) -> SSAValue:
        assert isinstance(value.type, TensorType)
        element = value.type.element_type
        if element == f16:
            return self.buffer(value)
        if element != f32:
            raise UnsupportedKernelError(f"ascend: the cube unit takes f16 or f32 operands here, not {element}")
        self.casts.append(f"@{self.name}: {role} operand {value.type} was cast from f32 to f16; sums stay f32")
        target = self.allocate(shape_of(value), f16)
        self.launch(cast_kernel(self.fresh("cast"), size_of(value), f32, f16), [self.buffer(value), target])
        return target

    def buffer(self, value: SSAValue) -> SSAValue:
        """The global buffer of a tensor; one of its own for a tensor inside the kernel."""
        if value not in self.buffers:
            assert isinstance(value.type, TensorType)
            self.buffers[value] = self.allocate(shape_of(value), value.type.element_type)
        return self.buffers[value]

    def allocate(self, shape: tuple[int, ...], element: Attribute) -> SSAValue:
        op = AllocOp(buffer_type(shape, element, "gm"))
        self.host.body.block.add_op(op)
        return op.buffer

    def launch(self, kernel: KernelOp, arguments: list[SSAValue]) -> None:
        self.kernels.append(kernel)
        self.host.body.block.add_op(LaunchOp(kernel.sym_name.data, arguments))

    def fresh(self, hint: str) -> str:
        return f"{self.name}_{len(self.kernels)}_{hint}"


def _product(op: GenericOp) -> Product:
    """Reads m, n, k and the storage of the operands off the maps of a contraction of two matrices."""
    lhs, rhs = (bare_dims(map_) for map_ in input_maps(op))
    out = bare_dims(output_maps(op)[0])
    if lhs is None or rhs is None or out is None or not len(lhs) == len(rhs) == len(out) == 2:
        raise UnsupportedKernelError("ascend: only products of two matrices run on the cube unit yet")
    m, n = out
    if m not in lhs or n not in rhs:
        raise UnsupportedKernelError("ascend: the product's result is stored transposed, which is not supported yet")
    (k,) = set(lhs) - {m}
    extents = dict(zip((*lhs, *rhs), (*shape_of(op.inputs[0]), *shape_of(op.inputs[1])), strict=True))
    return Product(extents[m], extents[k], extents[n], lhs == [k, m], rhs == [n, k])
