"""What a traced graph means in NumPy float64, and how much rounding may change that.

The graph is differentiated by the compiler's pass and evaluated by the meanings of the `nn` ops; nothing of the
compiled path is used. To know what difference is justified, the graph is evaluated again with noise of the size of a
rounding error in the operands and the result of each op: near a kink, after a cancellation or through a steep
function the result moves, and the tolerance with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects import func

from cellc.build_ir import build_module
from cellc.dialects.nn import FLOATS
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.graph import Graph
from cellc.passes.context import make_context
from cellc.passes.pipelines import run_pipeline

EPSILON = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53}
"""Largest relative error of one rounding."""

# Results of these are elements of their operands or exact functions of them.
_EXACT = {
    "select", "compare", "maximum", "minimum", "relu", "neg", "abs", "sign", "floor", "ceil", "round", "reshape",
    "transpose", "broadcast_to", "slice", "pad", "concat", "reverse", "identity", "stop_gradient", "constant", "full",
    "iota", "take", "reverse_sequence", "max_pool2d", "max_pool2d_gather", "reduce_max", "reduce_min", "argmax",
    "argmin", "isnan", "isfinite", "logical_not", "logical_and", "logical_or", "reduce_any", "reduce_all",
    "random_uniform",
}  # fmt: skip


class Oracle:
    """Evaluates a graph, again and again with updated parameters.

    Args:
        graph: as it was traced.
        noise: None for the exact values, else a generator of the rounding errors.
        like: an oracle of the same graph, whose gradients need not be derived again.
    """

    def __init__(self, graph: Graph, noise: np.random.Generator | None = None, like: Oracle | None = None) -> None:
        self._graph = graph
        self._noise = noise
        self._body = like._body if like else run_pipeline(build_module(graph), ("differentiate",), make_context())
        self._kept = {
            value.name: _wide(np.array(value.source.asnumpy())) for value in graph.inputs if value.kind != "input"
        }

    def parameter(self, name: str) -> np.ndarray:
        """The present value of a parameter."""
        return self._kept[name]

    def move(self, name: str, by: np.ndarray) -> None:
        """Adds to a parameter."""
        self._kept[name] = self._kept[name] + by

    def knows(self, name: str) -> bool:
        """Whether the graph reads a parameter of this name."""
        return name in self._kept

    def run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs that are not new values of parameters; those are kept for the next run."""
        given = iter(arrays)
        inputs = [_wide(next(given)) if v.kind == "input" else self._kept[v.name] for v in self._graph.inputs]
        outputs = self._evaluate(inputs)
        updated = {v.updated_by: v.name for v in self._graph.inputs if v.updated_by is not None}
        self._kept.update({name: outputs[number] for number, name in updated.items()})
        return [output for number, output in enumerate(outputs) if number not in updated]

    def _evaluate(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        (main,) = (op for op in self._body.ops if isinstance(op, func.FuncOp))
        block = main.body.block
        values: dict[Any, np.ndarray] = dict(zip(block.args, inputs, strict=True))
        for op in block.ops:
            if isinstance(op, func.ReturnOp):
                return [values[operand] for operand in op.operands]
            assert isinstance(op, NNOperation)
            values.update(self._results(op, [values[operand] for operand in op.operands]))
        raise AssertionError("@main does not return")

    def _results(self, op: NNOperation, operands: list[np.ndarray]) -> dict[Any, np.ndarray]:
        types = [tensor_type(result.type).dtype for result in op.results]
        if op.mnemonic not in _EXACT:
            operands = [self._rounded(array, types[0]) for array in operands]
        with np.errstate(all="ignore"):
            found = op.definition.evaluate(*operands, **_attributes(op))
        results = [_wide(np.asarray(array)) for array in (found if isinstance(found, tuple) else (found,))]
        if op.mnemonic not in _EXACT:
            results = [self._rounded(array, dtype) for array, dtype in zip(results, types, strict=True)]
        return dict(zip(op.results, results, strict=True))

    def _rounded(self, array: np.ndarray, dtype: str) -> np.ndarray:
        if self._noise is None or array.dtype != np.float64 or dtype not in EPSILON:
            return array
        return array * (1 + EPSILON[dtype] * self._noise.uniform(-1, 1, array.shape))


def _wide(array: np.ndarray) -> np.ndarray:
    is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    return array.astype(np.float64) if is_float else array


def _attributes(op: NNOperation) -> dict[str, Any]:
    """Float dtypes become f64, but the random numbers stay those of their dtype."""
    if op.mnemonic == "random_uniform":
        return op.attribute_values
    return {name: _attribute(value) for name, value in op.attribute_values.items()}


def _attribute(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _wide(value)
    return "f64" if isinstance(value, str) and value in FLOATS else value
