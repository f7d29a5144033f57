"""Kernels, how the host starts them, and the dialect."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    FlatSymbolRefAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Dialect, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import IsolatedFromAbove, NoTerminator, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.ascend.compute import MmadL1Op, VBinaryOp, VBrcOp, VCastOp, VectorOperation, VUnaryOp
from cellc.dialects.ascend.memory import (
    CAPACITY,
    AllocOp,
    FixpipeOp,
    LoadOp,
    Nd2NzOp,
    SpaceAttr,
    StoreOp,
    element_of,
    nbytes,
    space_of,
)

CORES = ("aic", "aiv")
_CUBE_OPS = (MmadL1Op, Nd2NzOp, FixpipeOp)
_VECTOR_OPS = (VectorOperation, LoadOp, StoreOp)


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A function that runs on `block_dim` cores at once; each takes its share by `ascend.block_idx`.

    Constraints: (1) core is aic or aiv; (2) arguments are buffers in gm; (3) cube ops only on aic, vector ops only on
    aiv; (4) the on-chip buffers fit together; (5) block_dim is positive.

    `ascend.kernel @k core "aiv" blocks 40 { ^bb0(%x : memref<...>): ... }`
    """

    name = "ascend.kernel"
    sym_name = prop_def(SymbolNameConstraint())
    core = prop_def(StringAttr)
    blocks = prop_def(IntegerAttr)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), NoTerminator(), SymbolOpInterface())
    assembly_format = "$sym_name `core` $core `blocks` $blocks $body attr-dict"

    def __init__(self, name: str, core: str, blocks: int, arguments: Sequence[Attribute]):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "core": StringAttr(core),
                "blocks": IntegerAttr(blocks, i64),
            },
            regions=[Region(Block(arg_types=arguments))],
        )

    def verify_(self) -> None:
        if self.core.data not in CORES:
            raise VerifyException(f"ascend.kernel: core must be aic or aiv, is '{self.core.data}'")
        if self.blocks.value.data < 1:
            raise VerifyException("ascend.kernel: blocks must be positive")
        for argument in self.body.block.args:
            if space_of(argument) != "gm":
                raise VerifyException(f"ascend.kernel: argument {argument.type} must be in gm")
        foreign = _VECTOR_OPS if self.core.data == "aic" else _CUBE_OPS
        for op in self.body.walk():
            if isinstance(op, foreign):
                raise VerifyException(f"ascend.kernel: {op.name} does not run on an {self.core.data} core")
        for space, capacity in CAPACITY.items():
            used = bytes_at_once(self.body, space)
            if used > capacity:
                raise VerifyException(f"ascend.kernel: buffers of {used} bytes do not fit {space} ({capacity} bytes)")


def bytes_at_once(region: Region, space: str) -> int:
    """Bytes of one memory that a region needs: its own buffers, and those of the hungriest loop in it."""
    own, nested = 0, 0
    for op in region.block.ops:
        if isinstance(op, AllocOp) and space_of(op.buffer) == space:
            own += nbytes(op.buffer)
        nested = max(nested, *(bytes_at_once(inner, space) for inner in op.regions), 0)
    return own + nested


@irdl_op_definition
class BlockIdxOp(IRDLOperation):
    """The number of this core among the kernel's blocks.

    `%i = ascend.block_idx`
    """

    name = "ascend.block_idx"
    index = result_def(IndexType)
    assembly_format = "attr-dict"

    def __init__(self):
        super().__init__(result_types=[IndexType()])


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Starts a kernel on the stream; launches of one stream run in order.

    A launch passes addresses: a buffer may be seen by the kernel in another shape.
    Constraints: (1) the kernel exists; (2) the arguments have its element types and sizes.

    `ascend.launch @k(%x, %y) : memref<...>, memref<...>`
    """

    name = "ascend.launch"
    kernel = prop_def(FlatSymbolRefAttr)
    arguments = var_operand_def(MemRefType)
    assembly_format = "$kernel `(` $arguments `)` attr-dict `:` type($arguments)"

    def __init__(self, kernel: str, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments], properties={"kernel": SymbolRefAttr(kernel)})

    def verify_(self) -> None:
        kernel = SymbolTable.lookup_symbol(self, self.kernel)
        if not isinstance(kernel, KernelOp):
            raise VerifyException(f"ascend.launch: no kernel @{self.kernel.string_value()}")
        expected = [(element_of(value), nbytes(value)) for value in kernel.body.block.args]
        if [(element_of(value), nbytes(value)) for value in self.arguments] != expected:
            raise VerifyException(f"ascend.launch: the arguments do not fit @{self.kernel.string_value()}")


Ascend = Dialect(
    "ascend",
    [
        AllocOp, BlockIdxOp, FixpipeOp, KernelOp, LaunchOp, LoadOp, MmadL1Op, Nd2NzOp, StoreOp, VBinaryOp, VBrcOp,
        VCastOp, VUnaryOp,
    ],
    [SpaceAttr],
)  # fmt: skip
