"""A product whose epilogue has a result that nothing reads: it has no memory, and nothing is stored for it."""

import numpy as np
import pytest

from support.cpu_kernels import compile_text

TEXT = """
func.func private @k(%a: tensor<5x7xf32>, %b: tensor<7x19xf32>) -> tensor<5x19xf32>
    attributes {{cellc.kind = "contraction"}} {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x19xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<5x19xf32>) -> tensor<5x19xf32>
  %p = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
      affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : tensor<5x7xf32>, tensor<7x19xf32>) outs(%f : tensor<5x19xf32>) {{
  ^bb0(%x: f32, %y: f32, %s: f32):
    %q = arith.mulf %x, %y : f32
    %r = arith.addf %s, %q : f32
    linalg.yield %r : f32
  }} -> tensor<5x19xf32>
  %e2 = tensor.empty() : tensor<5x19xf32>
  %o:2 = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}
      ins(%p : tensor<5x19xf32>) outs(%e2, %e2 : tensor<5x19xf32>, tensor<5x19xf32>) {{
  ^bb0(%x: f32, %y: f32, %z: f32):
    %q = arith.addf %x, %x : f32
    %r = arith.mulf %x, %x : f32
    linalg.yield %q, %r : f32, f32
  }} -> tensor<5x19xf32>, tensor<5x19xf32>
  return %o#{used} : tensor<5x19xf32>
}}"""


@pytest.mark.parametrize("used", [0, 1])
def test_epilogue(used: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 7), (7, 19)))
    (result,) = compile_text(TEXT.format(used=used))(a, b)
    product = a.astype(np.float64) @ b
    np.testing.assert_allclose(result, product * product if used else product + product, rtol=1e-5, atol=1e-5)
