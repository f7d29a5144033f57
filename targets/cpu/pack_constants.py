"""`pack-constants`: contractions read parameters that a program does not write from panels, laid out by a kernel.

A contraction copies one factor to scratch panel by panel, [step of the reduction][column of the panel], in every
call. Where that factor is such a parameter, this pass makes the copy a kernel of its own,

    %panels = call @pack_0(%w) : (tensor<3072x768xf32>) -> tensor<48x768x64xf32>

and the contraction reads column d1 at (d1 floordiv 64, d2, d1 mod 64). `hoist-constants` then takes the packing
out of the program. This is IREE's data tiling, for one operand.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp, StringAttr, TensorType, f32
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.passes import ModulePass

from cellc.passes.hoist_constants import constant_values
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    loop_extents,
    map_attributes,
    maps_of,
    parallel_count,
)
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
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.tiling import choose_panel, choose_tiling
from cellc.targets.cpu.widen_factors import HALF, read_wide

_FEWEST_ROWS, _MOST_ROWS = 5, 1024
"""With more rows the time for packing is lost in that of the product, and a copy of the weights would stay; fewer are
bound by reading the factor once, however it lies."""
_BETTER = 1.15
"""How much better the tiles of a constant in panels must be where the tiling reads lanes from the other factor."""


@dataclass(frozen=True)
class Panels:
    """Factor `factor` of a contraction, argument `argument` of its kernel, in panels of `width` columns of `loop`."""

    factor: int
    argument: int
    loop: int
    width: int


@dataclass(frozen=True)
class PackConstantsPass(ModulePass):
    """Gives contractions their constant factor in panels, where the CPU level's tiling would pack it."""

    name = "pack-constants"

    level: str = "v4"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Packing(kernels, level_named(self.level), constant_values(kernels.main)).visit)


@dataclass
class _Packing:
    """What has been packed so far: the kernels, the panels each wants for which constants, the values in panels.

    `known`: the values that do not change from run to run.
    """

    kernels: ProgramKernels
    level: CpuLevel
    known: Container[SSAValue]
    wanted: dict[tuple[str, tuple[int, ...]], Panels | None] = field(default_factory=dict)
    readers: dict[tuple[str, Panels], str] = field(default_factory=dict)
    packers: dict[tuple[str, AffineMap], str] = field(default_factory=dict)
    packed: dict[tuple[SSAValue, str], SSAValue] = field(default_factory=dict)

    def visit(self, call: func.CallOp) -> None:
        constants = tuple(i for i, value in enumerate(call.arguments) if value in self.known)
        name = call.callee.root_reference.data
        key = (name, constants)
        if constants and key not in self.wanted:
            self.wanted[key] = wanted_panels(self.kernels[name], self.level, constants)
        panels = self.wanted.get(key)
        if panels is None:
            return
        operands = list(call.operands)
        operands[panels.argument] = self._in_panels(call, self.kernels[name], panels)
        reader = self._reader(self.kernels[name], panels)
        replace_call(call, call_before(call, reader, operands, self.kernels[reader]).results)

    def _in_panels(self, call: func.CallOp, kernel: func.FuncOp, panels: Panels) -> SSAValue:
        """The operand in panels, made by a call before `call`."""
        value, name = call.arguments[panels.argument], self._packer(kernel, panels)
        if (value, name) not in self.packed:
            self.packed[value, name] = call_before(call, name, [value], self.kernels[name]).results[0]
        return self.packed[value, name]

    def _packer(self, kernel: func.FuncOp, panels: Panels) -> str:
        """The name of the kernel that copies the factor into panels."""
        source, contraction = _argument_type(kernel, panels), contraction_of(kernel)
        shape, moved = _layout(contraction, panels)
        key = (str((source, shape)), moved)
        if key not in self.packers:
            self.packers[key] = name = f"pack_{len(self.packers)}"
            element = f32 if source.element_type in HALF else source.element_type
            self.kernels.add(move_kernel(name, source, TensorType(element, shape), moved), kernel)
        return self.packers[key]

    def _reader(self, kernel: func.FuncOp, panels: Panels) -> str:
        """The name of the contraction that reads the panels."""
        key = (kernel.sym_name.data, panels)
        if key not in self.readers:
            self.readers[key] = name = f"{kernel.sym_name.data}_packed{'' if panels.factor else '_left'}"
            reader = kernel.clone()
            reader.properties["sym_name"] = StringAttr(name)
            if _argument_type(reader, panels).element_type in HALF:
                read_wide(reader, panels.argument)
            _read_panels(reader, panels)
            self.kernels.add(reader, kernel)
        return self.readers[key]


def wanted_panels(kernel: func.FuncOp, level: CpuLevel, constants: Sequence[int]) -> Panels | None:
    """The panels for one of the arguments `constants` of a contraction kernel, if it is a factor that pays for them."""
    if kind_of(kernel) != "contraction":
        return None
    if not any(kernel.body.block.args[i] in contraction_of(kernel).operands for i in constants):
        return None
    writer = KernelWriter(kernel, level)
    product = product_of(writer, [op for op in writer.ops if isinstance(op, GenericOp)])
    tiling = choose_tiling(product, level) if product is not None else None
    if product is None or tiling is None:
        return None
    packed = tiling.vector_factor if choose_blocking(product, tiling).packed else None
    found = (_panels_of(kernel, product, factor, factor == packed, level) for factor in (0, 1))
    return next((panels for panels in found if panels is not None and panels.argument in constants), None)


def _panels_of(kernel: func.FuncOp, product: Product, factor: int, is_packed: bool, level: CpuLevel) -> Panels | None:
    """Panels for a factor that the tiling packs in every call, or whose lanes would pay but for the packing."""
    contraction, block = contraction_of(kernel), kernel.body.block
    value, loops = contraction.inputs[factor], bare_dims(input_maps(contraction)[factor])
    columns = [d for d in loops or () if d < parallel_count(contraction)]
    along = [d for d in product.nest.parallel if product.factors[factor].access.strides[d] != 0]
    if len(columns) != 1 or len(along) != 1 or len(list(value.uses)) != 1 or value.owner is not block:
        return None
    rows = prod(product.nest.extents[d] for d in product.shared(factor, along[0]))
    chosen = choose_panel(product, factor, along[0], level)
    if not _FEWEST_ROWS <= rows <= _MOST_ROWS or chosen is None or not (is_packed or chosen[1] > _BETTER):
        return None
    return Panels(factor, block.args.index(value), columns[0], chosen[0])


def _argument_type(kernel: func.FuncOp, panels: Panels) -> TensorType:
    type_ = kernel.body.block.args[panels.argument].type
    assert isinstance(type_, TensorType)
    return type_


def _layout(contraction: GenericOp, panels: Panels) -> tuple[list[int], AffineMap]:
    """The shape [panel, reduction loops..., column of a panel], and where in the factor its elements come from."""
    extents = loop_extents(contraction)
    reduced = [d for d in range(parallel_count(contraction), len(extents)) if d in _loops(contraction, panels)]
    rank = len(reduced) + 2
    column = AffineExpr.dimension(0) * panels.width + AffineExpr.dimension(rank - 1)
    index = {d: AffineExpr.dimension(1 + i) for i, d in enumerate(reduced)} | {panels.loop: column}
    shape = [extents[panels.loop] // panels.width, *(extents[d] for d in reduced), panels.width]
    return shape, AffineMap(rank, 0, tuple(index[d] for d in _loops(contraction, panels)))


def _loops(contraction: GenericOp, panels: Panels) -> Sequence[int]:
    return bare_dims(input_maps(contraction)[panels.factor]) or ()


def _read_panels(kernel: func.FuncOp, panels: Panels) -> None:
    """Lets the contraction of a kernel read its factor from panels."""
    contraction, block = contraction_of(kernel), kernel.body.block
    shape, _ = _layout(contraction, panels)
    old = block.args[panels.argument]
    assert isinstance(old.type, TensorType)
    new = block.insert_arg(TensorType(old.type.element_type, shape), panels.argument)
    old.replace_all_uses_with(new)
    block.erase_arg(old)
    maps, column = maps_of(contraction), AffineExpr.dimension(panels.loop)
    steps = (AffineExpr.dimension(d) for d in sorted(_loops(contraction, panels)) if d != panels.loop)
    results = (column // panels.width, *steps, column % panels.width)
    maps[panels.factor] = AffineMap(len(contraction.iterator_types), 0, results)
    contraction.properties["indexing_maps"] = ArrayAttr(map_attributes(maps))
    types = FunctionType.from_lists([a.type for a in block.args], list(kernel.function_type.outputs))
    kernel.properties["function_type"] = types
