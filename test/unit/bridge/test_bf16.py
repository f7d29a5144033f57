"""bf16 in kernels: it is moved and converted without functions that only compiler-rt has."""

import numpy as np

import cellc
from cellc import nn, ops
from cellc.passes.mlir import lower_to_llvm_ir
from cellc.trace import gradient
from support.kernel_calls import jit

ONE_LANE = """
func.func @k(%in: memref<16xbf16>, %out: memref<1xbf16>, %block: index, %scratch: memref<0xi8>) {
  %zero = arith.constant 0 : index
  %narrow = vector.load %in[%zero] : memref<16xbf16>, vector<16xbf16>
  %mask = vector.constant_mask [1] : vector<16xi1>
  vector.maskedstore %out[%zero], %mask, %narrow : memref<1xbf16>, vector<16xi1>, vector<16xbf16>
  return
}
"""


def test_lanes_are_moved_as_integers():
    assert "bf" not in lower_to_llvm_ir(ONE_LANE, "k")
    values = np.arange(3, 19, dtype=np.float32).astype(cellc.bfloat16.numpy)
    result = np.zeros(1, cellc.bfloat16.numpy)
    jit(ONE_LANE)(values, result)
    assert result[0] == 3


class SineOfLeast(nn.Cell):
    """The minimum stays in a register across the branches of the sine, and is stored for the gradient."""

    def construct(self, x, label):
        least = ops.reduce_min(x).astype("f32")
        loss = ops.squared_difference(ops.sin(least), label)
        return (loss, *gradient(loss, ops.ones((), cellc.float32), [x]))


def test_one_lane_that_waits_across_branches():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2, 8, 5)).astype(cellc.bfloat16.numpy)
    loss, slope = SineOfLeast()(cellc.Tensor(values), cellc.Tensor(np.float32(0.25)))
    least = float(values.astype(np.float64).min())
    np.testing.assert_allclose(loss.asnumpy(), (np.sin(least) - 0.25) ** 2, rtol=1e-6)
    expected = 2 * (np.sin(least) - 0.25) * np.cos(least)
    np.testing.assert_allclose(slope.asnumpy().astype(np.float64).sum(), expected, rtol=1e-2)
