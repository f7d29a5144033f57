"""Running sums as reductions of blocks have the meaning of `nn.cumsum`."""

from __future__ import annotations

import numpy as np
import pytest

from cellc.dialects.nn import TensorType, definition_of
from cellc.passes.context import make_context
from cellc.passes.pipelines import run_pipeline
from support.interpret_nn import interpret
from support.lowering import module_of


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((16, 3), 0), ((17,), 0), ((3, 129, 2), 1), ((600, 2), 0), ((2, 0), 1)])
@pytest.mark.parametrize("dtype", ["f32", "f16", "i32"])
def test_numbers(shape: tuple[int, ...], axis: int, dtype: str, reverse: bool) -> None:
    attributes = {"axis": axis, "reverse": reverse}
    module = module_of("cumsum", [TensorType(shape, dtype)], attributes)
    run_pipeline(module, ("expand-cumsum",), make_context(), verify_each=True)
    assert "nn.cumsum" not in {op.name for op in module.walk()}
    names = {"f32": np.float32, "f16": np.float16, "i32": np.int32}
    x = np.random.default_rng(5).integers(-3, 4, shape).astype(names[dtype])
    (found,) = interpret(module, [x])
    assert found.dtype == x.dtype
    assert np.array_equal(found, definition_of("cumsum").evaluate(x, **attributes))
