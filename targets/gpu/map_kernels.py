"""`map-kernels-to-gpu`: each linalg kernel becomes a `gpu.func` with blocks and threads.

Two mappings. A product of two matrices takes a 64 x 64 tile of the result a block, staged through shared
memory (`matmul.py`). Everything else takes one element of the result a thread, with the reduction, if
there is one, as a loop in the thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import func, gpu
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, UnitAttr, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from cellc.passes.linalg_analysis import (
    bare_dims,
    is_all_parallel,
    loop_extents,
    output_maps,
    reduction_loops,
    result_index,
)
from cellc.passes.rewriting import set_location
from cellc.targets.gpu.copy import is_copy, map_copy
from cellc.targets.gpu.matmul import map_matmul, matrix_product, shared_tiles
from cellc.targets.gpu.scalar_code import (
    THREADS,
    ThreadBuilder,
    block_count,
    global_thread,
    initial_value,
    memory_type,
    zero,
)
from cellc.targets.target import UnsupportedKernelError


@dataclass(frozen=True)
class MapKernelsToGPUPass(ModulePass):
    """Replaces every private function with `cellc.kind` by a `gpu.func` in the module @kernels.

    Accepts the kinds `elementwise`, `contraction`, `copy`, and `reduction` with one reduction; raises
    UnsupportedKernelError, which names the kernel, for the others.
    """

    name = "map-kernels-to-gpu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = [f for f in op.ops if isinstance(f, func.FuncOp) and "cellc.kind" in f.attributes]
        contents: list[Operation] = []
        for kernel in kernels:
            new = _map_kernel(kernel)
            for part in new:
                set_location(part, kernel.location)
            contents += new
        # A symbol's name is a StringAttr; xDSL annotates a reference to it.
        name = StringAttr("kernels")
        mapped = gpu.ModuleOp(name, Region(Block(contents)))  # pyright: ignore[reportArgumentType]
        for kernel in kernels:
            kernel.detach()
            kernel.erase(safe_erase=False)
        op.body.block.add_op(mapped)
        op.attributes["gpu.container_module"] = UnitAttr()


def _map_kernel(kernel: func.FuncOp) -> list[Operation]:
    """The kernel's function, and the shared memory it uses."""
    types = [memory_type(type) for type in (*kernel.function_type.inputs, *kernel.function_type.outputs)]
    block = Block(arg_types=types)
    builder = ThreadBuilder(block)
    count = len(kernel.function_type.inputs)
    builder.memory = dict(zip(kernel.body.block.args, block.args, strict=False))
    outputs = list(block.args[count:])
    shared: list[Operation] = []
    if is_copy(kernel):
        threads, blocks = THREADS, map_copy(builder, kernel, outputs[0])
        return [_function(kernel, builder, block, threads, blocks)]
    parts = _Parts(kernel)
    product = matrix_product(parts.root)
    if product is not None and prod(product.extents):
        shared += shared_tiles(parts.name)
        threads, blocks = map_matmul(builder, parts.name, parts.root, product, parts.epilogue, outputs)
    else:
        threads, blocks = _map_elements(builder, parts, parts.returned(kernel), outputs)
    return [*shared, _function(kernel, builder, block, threads, blocks)]


def _function(kernel: func.FuncOp, builder: ThreadBuilder, block: Block, threads: int, blocks: int) -> gpu.FuncOp:
    """The `gpu.func` of a block of code, with its grid."""
    builder.insert(gpu.ReturnOp([]))
    types = (list(block.arg_types), [])
    mapped = gpu.FuncOp(kernel.sym_name.data, types, Region(block), kernel=True, known_block_size=[threads, 1, 1])
    mapped.attributes["cellc.blocks"] = IntegerAttr(blocks, i64)
    return mapped


class _Parts:
    """What a kernel consists of: a root generic, and the epilogue that reads its result."""

    def __init__(self, kernel: func.FuncOp):
        self.name = kernel.sym_name.data
        generics = [op for op in kernel.body.block.ops if isinstance(op, GenericOp)]
        known = ("tensor.empty", "arith.constant", "linalg.fill", "linalg.generic", "func.return")
        foreign = [op.name for op in kernel.body.block.ops if op.name not in known]
        if foreign or not 1 <= len(generics) <= 2:
            raise UnsupportedKernelError(f"gpu: kernel @{self.name} is of a kind that is not supported yet")
        self.root = generics[0]
        self.epilogue = generics[1] if len(generics) == 2 else None
        if self.epilogue is not None and (
            not is_all_parallel(self.epilogue) or self.root.results[0] not in self.epilogue.inputs
        ):
            raise UnsupportedKernelError(f"gpu: kernel @{self.name} is of a kind that is not supported yet")

    def returned(self, kernel: func.FuncOp) -> list[int]:
        """The numbers of the last generic's results that the kernel returns; others are of use inside alone."""
        end = kernel.body.block.last_op
        last = self.root if self.epilogue is None else self.epilogue
        if end is None or any(value.owner is not last for value in end.operands):
            raise UnsupportedKernelError(f"gpu: kernel @{self.name} is of a kind that is not supported yet")
        return [result_index(value) for value in end.operands]


def _map_elements(
    builder: ThreadBuilder, parts: _Parts, returned: Sequence[int], outputs: Sequence[SSAValue]
) -> tuple[int, int]:
    """One thread an element of the results with the numbers `returned`, in row-major order; threads and blocks."""
    root = parts.root
    written = bare_dims(output_maps(root)[0])
    if written is None:
        raise UnsupportedKernelError(f"gpu: kernel @{parts.name} writes through the map {output_maps(root)[0]}")
    extents = loop_extents(root)
    shape = [extents[loop] for loop in written]
    flat = global_thread(builder)

    def element() -> None:
        at = builder.delinearize(flat, shape)
        dims: list[SSAValue] = [flat] * len(extents)
        for loop, index in zip(written, at, strict=True):
            dims[loop] = index
        values = _reduce(builder, root, dims, extents)
        if parts.epilogue is not None:
            values = builder.consume(parts.epilogue, root.results[0], values[0], at)
        for number, target in zip(returned, outputs, strict=True):
            builder.store(values[number], target, at)

    builder.when(builder.less(flat, builder.index(prod(shape))), element)
    return THREADS, block_count(prod(shape))


def _reduce(builder: ThreadBuilder, op: GenericOp, dims: list[SSAValue], extents: list[int]) -> list[SSAValue]:
    """The results of one element: the body, in a nest of loops over the reduction."""
    loops = reduction_loops(op)
    count = len(op.inputs)

    def point(carried: list[SSAValue]) -> list[SSAValue]:
        given = [builder.read(op, number, dims) for number in range(count)]
        return builder.body(op, [*given, *carried], dims)

    def nest(depth: int, carried: list[SSAValue]) -> list[SSAValue]:
        if depth == len(loops):
            return point(carried)

        def one(index: SSAValue, inner: list[SSAValue]) -> list[SSAValue]:
            dims[loops[depth]] = index
            return nest(depth + 1, inner)

        return builder.loop(extents[loops[depth]], carried, one)

    if not loops:
        # The outs of an all-parallel generic are never read: any value of the type will do.
        return point([zero(builder, value.type) for value in op.body.block.args[count:]])
    return nest(0, [initial_value(builder, value) for value in op.outputs])
