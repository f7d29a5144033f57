"""Sums of one term in front of a longer sum, as in the gradient of weights that a batch of rows shares."""

import numpy as np
import pytest

from support.cpu_kernels import compile_text

TEXT = """
func.func private @k(%x: tensor<31x6x1x{n}xf32>, %d: tensor<31x6xf32>) -> tensor<{n}x1xf32>
    attributes {{cellc.kind = "reduction", cellc.outer = 0 : i64}} {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<31x6x{n}x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<31x6x{n}x1xf32>) -> tensor<31x6x{n}x1xf32>
  %p = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d4, d2)>,
      affine_map<(d0, d1, d2, d3, d4) -> (d0, d1)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}}
      ins(%x, %d : tensor<31x6x1x{n}xf32>, tensor<31x6xf32>) outs(%f : tensor<31x6x{n}x1xf32>) {{
  ^bb0(%a: f32, %b: f32, %s: f32):
    %q = arith.mulf %a, %b : f32
    %r = arith.addf %s, %q : f32
    linalg.yield %r : f32
  }} -> tensor<31x6x{n}x1xf32>
  %e2 = tensor.empty() : tensor<{n}x1xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<{n}x1xf32>) -> tensor<{n}x1xf32>
  %o = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d2, d3, d0, d1)>,
      affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}}
      ins(%p : tensor<31x6x{n}x1xf32>) outs(%f2 : tensor<{n}x1xf32>) {{
  ^bb0(%a: f32, %s: f32):
    %r = arith.addf %s, %a : f32
    linalg.yield %r : f32
  }} -> tensor<{n}x1xf32>
  return %o : tensor<{n}x1xf32>
}}"""


@pytest.mark.parametrize("columns", [2, 4, 5, 8, 16, 17])
def test_columns_times_one_number_each(columns: int) -> None:
    rng = np.random.default_rng(0)
    x, d = (rng.standard_normal(shape).astype(np.float32) for shape in ((31, 6, 1, columns), (31, 6)))
    (result,) = compile_text(TEXT.format(n=columns))(x, d)
    expected = np.einsum("abij,ab->ji", x.astype(np.float64), d.astype(np.float64))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
