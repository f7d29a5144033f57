"""The GPU as a `Target`: one PTX module a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects import func, gpu
from xdsl.dialects.builtin import ModuleOp

from cellc.targets.gpu.emit_ptx import emit_ptx, grid_of
from cellc.targets.gpu.map_kernels import MapKernelsToGPUPass
from cellc.targets.target import KernelCode


class GpuTarget:
    """Emits PTX for NVIDIA GPUs of an architecture such as `sm_90`."""

    name = "gpu"

    def __init__(self, architecture: str = "sm_90") -> None:
        self.architecture = architecture

    def emit(self, kernels: Sequence[func.FuncOp]) -> list[KernelCode]:
        return [self._emit(kernel) for kernel in kernels]

    def _emit(self, kernel: func.FuncOp) -> KernelCode:
        module = ModuleOp([kernel.clone()])
        MapKernelsToGPUPass().apply(Context(), module)
        blocks = next(grid_of(op)[0] for op in module.walk() if isinstance(op, gpu.FuncOp))
        return KernelCode(kernel.sym_name.data, blocks, 0, emit_ptx(module, self.architecture))
