"""Random linalg programs mean the same after fusion, after dispatch formation, and as host programs on one arena."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.kernel_form import kernels_of, verify_kernel_form
from cellc.passes.linalg_analysis import main_function
from cellc.passes.pipelines import run_pipeline
from support.interpret_host import run_program
from support.interpret_linalg import interpret
from support.random_linalg import RandomProgram

SEEDS = range(60)


def _parse(seed: int) -> tuple[ModuleOp, list[np.ndarray]]:
    module = Parser(make_context(), RandomProgram(seed).text()).parse_module()
    module.verify()
    generator = np.random.default_rng(seed)
    types = [argument.type for argument in main_function(module).body.block.args]
    return module, [generator.uniform(-1, 1, t.get_shape()).astype(np.float32) for t in types]


@pytest.mark.parametrize("seed", SEEDS)
def test_meaning_is_kept(seed: int) -> None:
    module, arguments = _parse(seed)
    expected = interpret(module, *arguments)
    before = sum(isinstance(op, GenericOp) for op in module.walk())
    for step in ("fuse-elementwise", "form-dispatches"):
        run_pipeline(module, [step], make_context(), verify_each=True)
        for got, wanted in zip(interpret(module, *arguments), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-5, err_msg=step)
    calls = sum(op.name == "func.call" for op in main_function(module).body.block.ops)
    assert calls <= before + _pads(module)
    for kernel in kernels_of(module):
        verify_kernel_form(kernel)

    updated = [d.data.get("cellc.updated_by") for d in main_function(module).arg_attrs.data]
    run_pipeline(module, ["plan-buffers"], make_context(), verify_each=True)
    outputs, parameters = run_program(module, {f"a{i}": array for i, array in enumerate(arguments)})
    results = {u.value.data: f"a{i}" for i, u in enumerate(updated) if u is not None}
    plain = iter(outputs)
    for number, wanted in enumerate(expected):
        got = parameters[results[number]] if number in results else next(plain)
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-5, err_msg=f"host program, result {number}")


def _pads(module: ModuleOp) -> int:
    return sum(op.name == "tensor.insert_slice" for op in module.walk())
