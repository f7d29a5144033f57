"""The reference backend with gradients: differentiated by the compiler's pass, then evaluated by the ops' meanings."""

from __future__ import annotations

import numpy as np

from cellc.dialects.nn.gradient import DERIVATIVES
from cellc.graph import Graph
from support import interpret_nn, reference


class MeaningsBackend(reference.ReferenceBackend):
    """Pass to `cellc.compile.set_backend`."""

    def compile(self, graph: Graph, key: str) -> reference._Executable:
        executable = super().compile(graph, key)
        return _Differentiated(graph) if any(node.op in DERIVATIVES for node in graph.nodes) else executable


class _Differentiated(reference._Executable):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        from cellc.build_ir import build_module
        from cellc.passes.context import make_context
        from cellc.passes.pipelines import run_pipeline

        self.module = run_pipeline(build_module(graph), ("differentiate",), make_context())

    def evaluate(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return interpret_nn.interpret(self.module, arrays)
