// RUN: %cellc-opt %s -p fuse-attention | %FileCheck %s

// The scores and the weights of the first three calls are read by nothing else: one kernel. Its call stands where
// the last of them did. Weights that are returned too stay, and so does a product with a constant K.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[R:.*]] = func.call @attention_0(%q, %k, %v, %x)
// CHECK-NEXT: %[[S:.*]] = func.call @scores(%q, %k)
// CHECK-NEXT: %[[P:.*]] = func.call @softmax(%[[S]])
// CHECK-NEXT: %[[T:.*]] = func.call @mixed(%[[P]], %v, %x)
// CHECK-NEXT: %[[C:.*]] = func.call @scores(%q, %w)
// CHECK-NEXT: %[[D:.*]] = func.call @softmax(%[[C]])
// CHECK-NEXT: %[[U:.*]] = func.call @mixed(%[[D]], %v, %x)
// CHECK-NEXT: func.return %[[R]], %[[P]], %[[T]], %[[U]]
func.func @main(%q: tensor<2x9x16xf32> {cellc.name = "q", cellc.kind = "input"},
                %k: tensor<2x12x16xf32> {cellc.name = "k", cellc.kind = "input"},
                %v: tensor<2x12x20xf32> {cellc.name = "v", cellc.kind = "input"},
                %x: tensor<2x9x20xf32> {cellc.name = "x", cellc.kind = "input"},
                %w: tensor<2x12x16xf32> {cellc.name = "w", cellc.kind = "parameter"})
    -> (tensor<2x9x20xf32>, tensor<2x9x12xf32>, tensor<2x9x20xf32>, tensor<2x9x20xf32>) {
  %s = func.call @scores(%q, %k) : (tensor<2x9x16xf32>, tensor<2x12x16xf32>) -> tensor<2x9x12xf32>
  %p = func.call @softmax(%s) : (tensor<2x9x12xf32>) -> tensor<2x9x12xf32>
  %r = func.call @mixed(%p, %v, %x)
      : (tensor<2x9x12xf32>, tensor<2x12x20xf32>, tensor<2x9x20xf32>) -> tensor<2x9x20xf32>
  %s1 = func.call @scores(%q, %k) : (tensor<2x9x16xf32>, tensor<2x12x16xf32>) -> tensor<2x9x12xf32>
  %p1 = func.call @softmax(%s1) : (tensor<2x9x12xf32>) -> tensor<2x9x12xf32>
  %r1 = func.call @mixed(%p1, %v, %x)
      : (tensor<2x9x12xf32>, tensor<2x12x20xf32>, tensor<2x9x20xf32>) -> tensor<2x9x20xf32>
  %s2 = func.call @scores(%q, %w) : (tensor<2x9x16xf32>, tensor<2x12x16xf32>) -> tensor<2x9x12xf32>
  %p2 = func.call @softmax(%s2) : (tensor<2x9x12xf32>) -> tensor<2x9x12xf32>
  %r2 = func.call @mixed(%p2, %v, %x)
      : (tensor<2x9x12xf32>, tensor<2x12x20xf32>, tensor<2x9x20xf32>) -> tensor<2x9x20xf32>
  return %r, %p1, %r1, %r2 : tensor<2x9x20xf32>, tensor<2x9x12xf32>, tensor<2x9x20xf32>, tensor<2x9x20xf32>
}

func.func private @scores(%q: tensor<2x9x16xf32>, %k: tensor<2x12x16xf32>) -> tensor<2x9x12xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x9x12xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x9x12xf32>) -> tensor<2x9x12xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, n, d) -> (b, m, d)>, affine_map<(b, m, n, d) -> (b, n, d)>,
      affine_map<(b, m, n, d) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x9x16xf32>, tensor<2x12x16xf32>) outs(%f : tensor<2x9x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x9x12xf32>
  return %r : tensor<2x9x12xf32>
}

func.func private @softmax(%x: tensor<2x9x12xf32>) -> tensor<2x9x12xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x9xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x9xf32>) -> tensor<2x9xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x9x12xf32>) outs(%f : tensor<2x9xf32>) {
  ^bb0(%a: f32, %c: f32):
    %t = arith.addf %c, %a : f32
    linalg.yield %t : f32
  } -> tensor<2x9xf32>
  %g = tensor.empty() : tensor<2x9x12xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<2x9x12xf32>, tensor<2x9xf32>) outs(%g : tensor<2x9x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %t = arith.divf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<2x9x12xf32>
  return %r : tensor<2x9x12xf32>
}

// The joined kernel: all of their ops; what an epilogue reads where it writes may lie there still.
// CHECK: func.func private @attention_0(%[[Q:.*]]: tensor<2x9x16xf32>, %[[K:.*]]: tensor<2x12x16xf32>, %[[V:.*]]: tensor<2x12x20xf32>,
// CHECK-SAME: cellc.kind = "attention", cellc.outer = 2 : i64, cellc.in_place = {{\[\[}}0 : i64, 3 : i64]]
// CHECK: ins(%[[Q]], %[[K]] : tensor<2x9x16xf32>, tensor<2x12x16xf32>)
// CHECK: arith.divf
// CHECK: ins(%{{.*}}, %[[V]] : tensor<2x9x12xf32>, tensor<2x12x20xf32>)
// CHECK: arith.addf
// CHECK: func.return
// CHECK: func.func private @mixed
func.func private @mixed(%p: tensor<2x9x12xf32>, %v: tensor<2x12x20xf32>, %x: tensor<2x9x20xf32>) -> tensor<2x9x20xf32>
    attributes {cellc.kind = "contraction", cellc.in_place = [[0, 2]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x9x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x9x20xf32>) -> tensor<2x9x20xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, e, n) -> (b, m, n)>, affine_map<(b, m, e, n) -> (b, n, e)>,
      affine_map<(b, m, e, n) -> (b, m, e)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x9x12xf32>, tensor<2x12x20xf32>) outs(%f : tensor<2x9x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x9x20xf32>
  %g = tensor.empty() : tensor<2x9x20xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, e) -> (b, m, e)>, affine_map<(b, m, e) -> (b, m, e)>,
      affine_map<(b, m, e) -> (b, m, e)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %x : tensor<2x9x20xf32>, tensor<2x9x20xf32>) outs(%g : tensor<2x9x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x9x20xf32>
  return %t : tensor<2x9x20xf32>
}
