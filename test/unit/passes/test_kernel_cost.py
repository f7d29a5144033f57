"""Flops and bytes of kernels, against counts by hand."""

import pytest
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.kernel_cost import KernelCost, kernel_cost

MATMUL = """
func.func private @kernel_0_matmul(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) -> tensor<4x16xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>,
      affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) {
    ^bb0(%x: f32, %y: f32, %s: f32):
      %p = arith.mulf %x, %y : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
  } -> tensor<4x16xf32>
  func.return %r : tensor<4x16xf32>
}
"""
RELU_MASK = """
func.func private @kernel_1_max(%a: tensor<32xbf16>) -> (tensor<32xbf16>, tensor<32xi1>)
    attributes {cellc.kind = "elementwise"} {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<32xbf16>
  %e1 = tensor.empty() : tensor<32xi1>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} ins(%a : tensor<32xbf16>) outs(%e0, %e1 : tensor<32xbf16>, tensor<32xi1>) {
    ^bb0(%x: bf16, %o0: bf16, %o1: i1):
      %w = arith.extf %x : bf16 to f32
      %m = arith.maximumf %w, %zero : f32
      %c = arith.cmpf ogt, %w, %zero : f32
      %n = arith.truncf %m : f32 to bf16
      linalg.yield %n, %c : bf16, i1
  } -> tensor<32xbf16>, tensor<32xi1>
  func.return %r#0, %r#1 : tensor<32xbf16>, tensor<32xi1>
}
"""
TAKE = """
func.func private @kernel_2_take(%table: tensor<1000x4xf32>, %i: tensor<6xi32>) -> tensor<6x4xf32>
    attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<6x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%i : tensor<6xi32>) outs(%e : tensor<6x4xf32>) {
    ^bb0(%row: i32, %o: f32):
      %at = arith.index_cast %row : i32 to index
      %j = linalg.index 1 : index
      %v = tensor.extract %table[%at, %j] : tensor<1000x4xf32>
      linalg.yield %v : f32
  } -> tensor<6x4xf32>
  func.return %r : tensor<6x4xf32>
}
"""


@pytest.mark.parametrize(
    ("text", "flops", "bytes"),
    [
        (MATMUL, 2 * 4 * 16 * 8, 4 * (4 * 8 + 8 * 16 + 4 * 16)),
        (RELU_MASK, 2 * 32, 32 * 2 + 32 * 2 + 32),  # casts are free, a bool takes a byte
        (TAKE, 0, 6 * 4 * 4 + 6 * 4 + 6 * 4 * 4),  # the gathered rows, the indices, the result
    ],
    ids=["matmul", "relu", "take"],
)
def test_costs_are_those_counted_by_hand(text: str, flops: int, bytes: int) -> None:
    (kernel,) = (op for op in Parser(make_context(), text).parse_module().ops if isinstance(op, FuncOp))
    assert kernel_cost(kernel) == KernelCost(flops, bytes)
