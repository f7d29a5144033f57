"""Kernels in the kernel form (docs/architecture.md), as text, for the tests of targets."""

from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from cellc.passes.context import make_context


def after_pass(text: str, step: ModulePass) -> ModuleOp:
    """The module of a text after one pass."""
    context = make_context()
    module = Parser(context, text).parse_module()
    module.verify()
    step.apply(context, module)
    module.verify()
    return module


def dense(m, k, n, b_map="d1, d2", element="f32", activation="arith.maximumf %c, %q"):
    """A dense layer with bias and an activation, one kernel."""
    b_shape = f"{n}x{k}" if b_map == "d1, d2" else f"{k}x{n}"
    return f"""
    func.func private @dense(%a: tensor<{m}x{k}x{element}>, %b: tensor<{b_shape}x{element}>, %bias: tensor<{n}xf32>)
        -> tensor<{m}x{n}xf32> attributes {{cellc.kind = "contraction"}} {{
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<{m}x{n}xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
      %p = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>,
          affine_map<(d0, d1, d2) -> ({b_map})>, affine_map<(d0, d1, d2) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel", "reduction"]}}
          ins(%a, %b : tensor<{m}x{k}x{element}>, tensor<{b_shape}x{element}>) outs(%f : tensor<{m}x{n}xf32>) {{
      ^bb0(%x: {element}, %y: {element}, %s: f32):
        {"" if element == "f32" else f"%x32 = arith.extf %x : {element} to f32"}
        {"" if element == "f32" else f"%y32 = arith.extf %y : {element} to f32"}
        %q = arith.mulf {"%x, %y" if element == "f32" else "%x32, %y32"} : f32
        %r = arith.addf %s, %q : f32
        linalg.yield %r : f32
      }} -> tensor<{m}x{n}xf32>
      %e2 = tensor.empty() : tensor<{m}x{n}xf32>
      %o = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>,
          affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}
          ins(%p, %bias : tensor<{m}x{n}xf32>, tensor<{n}xf32>) outs(%e2 : tensor<{m}x{n}xf32>) {{
      ^bb0(%x: f32, %y: f32, %z: f32):
        %c = arith.constant 0.0 : f32
        %q = arith.addf %x, %y : f32
        %r = {activation} : f32
        linalg.yield %r : f32
      }} -> tensor<{m}x{n}xf32>
      return %o : tensor<{m}x{n}xf32>
    }}"""


def row_sum(m, n):
    """The sum of each row, one kernel."""
    return f"""
    func.func private @row_sum(%x: tensor<{m}x{n}xf32>) -> tensor<{m}xf32>
        attributes {{cellc.kind = "reduction", cellc.outer = 1 : i64}} {{
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<{m}xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{m}xf32>) -> tensor<{m}xf32>
      %o = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
          iterator_types = ["parallel", "reduction"]}}
          ins(%x : tensor<{m}x{n}xf32>) outs(%f : tensor<{m}xf32>) {{
      ^bb0(%a: f32, %s: f32):
        %r = arith.addf %s, %a : f32
        linalg.yield %r : f32
      }} -> tensor<{m}xf32>
      return %o : tensor<{m}xf32>
    }}"""


def column_argmax(m, n):
    """The position of the maximum of each column, one kernel: the maximum is of use inside alone."""
    return f"""
    func.func private @column_argmax(%x: tensor<{m}x{n}xf32>) -> tensor<{n}xi32>
        attributes {{cellc.kind = "reduction", cellc.outer = 1 : i64}} {{
      %least = arith.constant 0xff800000 : f32
      %e = tensor.empty() : tensor<{n}xf32>
      %f = linalg.fill ins(%least : f32) outs(%e : tensor<{n}xf32>) -> tensor<{n}xf32>
      %zero = arith.constant 0 : i32
      %e2 = tensor.empty() : tensor<{n}xi32>
      %f2 = linalg.fill ins(%zero : i32) outs(%e2 : tensor<{n}xi32>) -> tensor<{n}xi32>
      %o, %p = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>,
          affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}}
          ins(%x : tensor<{m}x{n}xf32>) outs(%f, %f2 : tensor<{n}xf32>, tensor<{n}xi32>) {{
      ^bb0(%a: f32, %best: f32, %at: i32):
        %better = arith.cmpf ogt, %a, %best : f32
        %row = linalg.index 1 : index
        %here = arith.index_cast %row : index to i32
        %value = arith.select %better, %a, %best : f32
        %position = arith.select %better, %here, %at : i32
        linalg.yield %value, %position : f32, i32
      }} -> tensor<{n}xf32>, tensor<{n}xi32>
      return %p : tensor<{n}xi32>
    }}"""


def conv2d(n, c, h, w, k, r, s):
    """A convolution of stride 1 without padding, one kernel."""
    x, weight, out = f"{n}x{c}x{h}x{w}xf32", f"{k}x{c}x{r}x{s}xf32", f"{n}x{k}x{h - r + 1}x{w - s + 1}xf32"
    return f"""
    func.func private @conv2d(%x: tensor<{x}>, %w: tensor<{weight}>) -> tensor<{out}>
        attributes {{cellc.kind = "contraction"}} {{
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<{out}>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{out}>) -> tensor<{out}>
      %o = linalg.generic {{indexing_maps = [
          affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)>,
          affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>,
          affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>],
          iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}}
          ins(%x, %w : tensor<{x}>, tensor<{weight}>) outs(%f : tensor<{out}>) {{
      ^bb0(%a: f32, %b: f32, %acc: f32):
        %p = arith.mulf %a, %b : f32
        %q = arith.addf %acc, %p : f32
        linalg.yield %q : f32
      }} -> tensor<{out}>
      return %o : tensor<{out}>
    }}"""


def pad(h, w):
    """A border of one 7 around every second element: a pad with interior, one kernel."""
    out = f"{2 * h + 1}x{2 * w + 2}xf32"
    return f"""
    func.func private @pad(%x: tensor<{h}x{w}xf32>) -> tensor<{out}> attributes {{cellc.kind = "copy"}} {{
      %seven = arith.constant 7.0 : f32
      %e = tensor.empty() : tensor<{out}>
      %f = linalg.fill ins(%seven : f32) outs(%e : tensor<{out}>) -> tensor<{out}>
      %o = tensor.insert_slice %x into %f[1, 2] [{h}, {w}] [2, 2] : tensor<{h}x{w}xf32> into tensor<{out}>
      return %o : tensor<{out}>
    }}"""
