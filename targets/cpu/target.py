"""The CPU target: each kernel kind to its writer."""

from collections.abc import Callable, Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.linalg import ops as linalg

from cellc.targets.cpu.attention import write_attention_kernel
from cellc.targets.cpu.attention_gradient import write_attention_gradient_kernel
from cellc.targets.cpu.chain import write_reduction_kernel
from cellc.targets.cpu.collective import collective_code
from cellc.targets.cpu.contraction import write_contraction_kernel
from cellc.targets.cpu.copy import write_copy_kernel
from cellc.targets.cpu.elementwise import write_elementwise
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, single
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.padded_results import write_borders
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.recurrent import write_recurrent_kernel
from cellc.targets.cpu.scan import write_scan_kernel
from cellc.targets.cpu.scatter import write_scatter_kernel
from cellc.targets.target import KernelCode, UnsupportedKernelError


def _write_elementwise_kernel(kernel: KernelWriter) -> None:
    op = single(kernel.ops, linalg.GenericOp, kernel.name)
    assert isinstance(op, linalg.GenericOp)
    nest = kernel.nest_of(op)
    kernel.blocks = write_elementwise(open_nest(kernel.writer, nest, kernel.lanes(nest)), BLOCK)


_KINDS: dict[str, Callable[[KernelWriter], None]] = {
    "elementwise": _write_elementwise_kernel,
    "contraction": write_contraction_kernel,
    "attention": write_attention_kernel,
    "attention_gradient": write_attention_gradient_kernel,
    "reduction": write_reduction_kernel,
    "copy": write_copy_kernel,
    "recurrent": write_recurrent_kernel,
    "scan": write_scan_kernel,
    "scatter": write_scatter_kernel,
}


class CpuTarget:
    """Writes kernels as vector code of one CPU level."""

    def __init__(self, level: CpuLevel) -> None:
        self.level = level
        self.name = f"cpu-{level.name}"

    def emit(self, kernels: Sequence[func.FuncOp]) -> list[KernelCode]:
        """Returns the MLIR text of each kernel. Raises UnsupportedKernelError."""
        return [self.emit_kernel(kernel) for kernel in kernels]

    def emit_kernel(self, kernel: func.FuncOp) -> KernelCode:
        """Returns the MLIR text of one kernel. Raises UnsupportedKernelError."""
        if kernel.attributes.get("cellc.kind") == StringAttr("collective"):
            return collective_code(kernel)
        writer = KernelWriter(kernel, self.level)
        kind = writer.attribute("kind")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise UnsupportedKernelError(f"kernel {writer.name}: unknown kind {kind}")
        _KINDS[kind](writer)
        if kind != "reduction":  # a chain fills borders itself, of what it is about to write
            write_borders(writer)
        return writer.code()
