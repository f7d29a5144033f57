"""Recurrences through the whole pipeline to machine code, on every level of this machine, and how they are cut."""

import numpy as np
import pytest
from xdsl.dialects.func import FuncOp

from cellc.dialects.nn import TensorType, definition_of
from cellc.passes.context import make_context
from cellc.passes.pipelines import PIPELINES, run_pipeline
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.target import CpuTarget
from cellc.targets.target import KernelCode
from support.check_lowering import values
from support.compiled_op import check_compiled
from support.lowering import module_of

LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", native_level().name)]

SIZES = [
    *[(3, 1, 5, "f32"), (4, 24, 20, "f32"), (2, 13, 33, "f32"), (1, 3, 4, "f32"), (2, 9, 1, "f32")],
    *[(3, 9, 20, "bf16"), (3, 9, 800, "f32")],
]
"""24 rows are 3 blocks, 13 are blocks of 7 and 6; sums over 800 are made in pieces."""


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(("steps", "batch", "hidden", "dtype"), SIZES)
def test_lstm_and_its_gradient(steps: int, batch: int, hidden: int, dtype: str, level: str) -> None:
    gates_x, w = (
        values((steps, batch, 4 * hidden), dtype, scale=0.5),
        values((4 * hidden, hidden), dtype, scale=0.3 / hidden**0.5),
    )
    h0, c0 = (values((batch, hidden), dtype, seed=i, scale=0.5) for i in range(2))
    lengths = np.arange(batch, dtype=np.int32) % (steps + 1)
    check_compiled("lstm", gates_x, w, h0, c0, lengths, level=LEVELS[level])
    _, c, gates = definition_of("lstm").evaluate(gates_x, w, h0, c0, lengths)
    dh, dc = (values(c.shape, dtype, seed=i, scale=0.5) for i in range(2, 4))
    check_compiled("lstm_gradient", gates, c, w, c0, lengths, dh, dc, level=LEVELS[level])


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(("steps", "batch", "hidden", "dtype"), SIZES)
def test_gru_and_its_gradient(steps: int, batch: int, hidden: int, dtype: str, level: str) -> None:
    gates_x, w = (
        values((steps, batch, 3 * hidden), dtype, scale=0.5),
        values((3 * hidden, hidden), dtype, scale=0.3 / hidden**0.5),
    )
    b, h0 = values((3 * hidden,), dtype, scale=0.5), values((batch, hidden), dtype, seed=1, scale=0.5)
    lengths = np.arange(batch, dtype=np.int32) % (steps + 1)
    check_compiled("gru", gates_x, w, b, h0, lengths, level=LEVELS[level])
    h, gates = definition_of("gru").evaluate(gates_x, w, b, h0, lengths)
    check_compiled("gru_gradient", gates, h, w, h0, lengths, values(h.shape, dtype, scale=0.5), level=LEVELS[level])


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(("steps", "batch", "hidden", "dtype"), SIZES)
def test_rnn_and_its_gradient(steps: int, batch: int, hidden: int, dtype: str, level: str, nonlinearity: str) -> None:
    kind = {"nonlinearity": nonlinearity, "level": LEVELS[level]}
    x, w = values((steps, batch, hidden), dtype, scale=0.5), values((hidden, hidden), dtype, scale=0.3 / hidden**0.5)
    h0, lengths = values((batch, hidden), dtype, seed=1, scale=0.5), np.arange(batch, dtype=np.int32) % (steps + 1)
    check_compiled("rnn", x, w, h0, lengths, **kind)
    h = definition_of("rnn").evaluate(x, w, h0, lengths, nonlinearity=nonlinearity)
    check_compiled("rnn_gradient", h, w, lengths, values(h.shape, dtype, seed=2, scale=0.5), **kind)


def lstm_kernel(steps: int, batch: int, hidden: int) -> KernelCode:
    shapes = [(steps, batch, 4 * hidden), (4 * hidden, hidden), (batch, hidden), (batch, hidden)]
    module = module_of("lstm", [*(TensorType(shape, "f32") for shape in shapes), TensorType((batch,), "i32")], {})
    run_pipeline(module, PIPELINES["cpu"], make_context())
    codes = CpuTarget(LEVELS["v3"]).emit([op for op in module.ops if isinstance(op, FuncOp)])
    (code,) = (code for code in codes if "recurrent" in code.name)
    return code


@pytest.mark.parametrize(
    ("batch", "hidden", "blocks"),
    [(1, 8, 1), (8, 8, 1), (37, 8, 5), (64, 8, 8), (32, 256, 2), (67, 256, 5), (2, 256, 1)],
)
def test_blocks_of_the_batch(batch: int, hidden: int, blocks: int) -> None:
    """A prime batch is several blocks too; long weights are read by few of them."""
    assert lstm_kernel(2, batch, hidden).blocks == blocks


def test_a_step_neither_packs_nor_copies() -> None:
    """Before the loop the weights are packed; scratch has their panels, the product, and the two states, h twice."""
    steps, rows, hidden = 7, 8, 16
    code = lstm_kernel(steps, rows, hidden)
    panels, product, state = 4 * hidden * hidden, rows * 4 * hidden, rows * hidden
    assert code.scratch_bytes == 4 * (panels + product + 2 * state)
    before, step = code.text.split(f"arith.constant {steps} : index\n")
    assert before.count("vector.shuffle") == 24  # one turn of 8x8 elements, in loops
    assert "vector.shuffle" not in step
