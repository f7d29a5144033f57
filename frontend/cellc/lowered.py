"""`net.lower(x)`: every stage of a compilation, as text with the user's lines."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING

from cellc.graph import Graph
from cellc.listing import Listing, annotate, readable_location

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from cellc.lowering import LoweredForCpu


class Lowered:
    """A traced network, and what the compiler makes of it.

    Each property is text (`cellc.listing.Listing`): it prints as it is, and as a block in a notebook.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph = graph
        self._name = name
        self._after: dict[str, str] = {}

    @cached_property
    def nn(self) -> Listing:
        """The `nn` dialect as it was traced."""
        from cellc.build_ir import build_module
        from cellc.passes.pipelines import print_module

        return annotate(print_module(build_module(self._graph)))

    @cached_property
    def linalg(self) -> Listing:
        """linalg on tensors: after differentiation and conversion, before fusion."""
        return self._stage("convert-nn-to-linalg")

    @cached_property
    def kernels(self) -> Listing:
        """The kernels, and the host function that calls them."""
        return self._stage("fuse-attention")

    @cached_property
    def host(self) -> Listing:
        """The host program: buffers and commands."""
        from cellc.passes.pipelines import print_module

        text = annotate(print_module(self._lowered.module))
        return Listing(text[text.index("  host.program") : text.rindex("}")])

    @cached_property
    def asm(self) -> Listing:
        """The assembly of each kernel, for the CPU level in use."""
        from cellc.cpu_backend import selected_level
        from cellc.passes.mlir import lower_to_llvm_ir
        from cellc.targets.cpu.emit_object import assembly_from_ir

        level = selected_level()
        return Listing(
            "\n".join(
                f"# {kernel.name}: {kernel.blocks} block(s), {kernel.scratch_bytes} bytes of scratch\n"
                + assembly_from_ir(lower_to_llvm_ir(kernel.text, kernel.name), level)
                for kernel in self._lowered.kernels
            )
        )

    @cached_property
    def memory(self) -> Listing:
        """The plan of buffers: where each lies, how large it is, and from which to which command it is used."""
        from cellc.passes.plan_buffers import memory_table

        table = memory_table(self._lowered.host_program)
        return Listing("\n".join(map(readable_location, table.splitlines())) + "\n")

    @cached_property
    def _lowered(self) -> LoweredForCpu:
        from cellc.cpu_backend import selected_level
        from cellc.lowering import lower_for_cpu
        from cellc.passes.pipelines import PIPELINES, print_module

        def keep(name: str, module: ModuleOp) -> None:
            self._after[name] = print_module(module)

        return lower_for_cpu(self._graph, selected_level(), keep, PIPELINES["cpu-prepared"])

    def _stage(self, name: str) -> Listing:
        assert self._lowered is not None
        return annotate(self._after[name])

    def __repr__(self) -> str:
        count = len(self._graph.nodes)
        return f"Lowered<{self._name}: {count} ops; .nn .linalg .kernels .host .asm .memory>"

    def _repr_html_(self) -> str:
        """The stages, folded; the assembly is left out because it takes the whole compilation."""
        stages = ("nn", "linalg", "kernels", "host", "memory")
        parts = [f"<details><summary>{name}</summary>{getattr(self, name)._repr_html_()}</details>" for name in stages]
        return f"<div><code>{html.escape(repr(self))}</code>{''.join(parts)}</div>"
