// RUN: %cellc-opt %s -p fuse-attention | %FileCheck %s

// The quotient of a softmax is taken of the second product's results: the epilogue that there is reads the sums of their
// rows too.
// CHECK-LABEL: func.func private @attention_0
// CHECK-SAME: (%[[Q:.*]]: tensor<2x19x16xf32>, %[[K:.*]]: tensor<2x12x16xf32>, %[[V:.*]]: tensor<2x12x20xf32>, %[[X:.*]]: tensor<2x19x20xf32>)
// CHECK: arith.maximumf
// CHECK: %[[E:.*]] = linalg.generic
// CHECK: math.exp
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[E]] :
// CHECK-NOT: arith.divf
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[E]], %[[V]] :
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>,
// CHECK-SAME: ins(%[[X]], %[[P]], %[[T]] :
// CHECK: %[[D:.*]] = arith.divf
// CHECK-NEXT: arith.addf %[[D]]
// CHECK-NOT: linalg.generic
// CHECK: func.return
func.func @main(%q: tensor<2x19x16xf32> {cellc.name = "q", cellc.kind = "input"},
                %k: tensor<2x12x16xf32> {cellc.name = "k", cellc.kind = "input"},
                %v: tensor<2x12x20xf32> {cellc.name = "v", cellc.kind = "input"},
                %x: tensor<2x19x20xf32> {cellc.name = "x", cellc.kind = "input"})
    -> tensor<2x19x20xf32> {
  %s = func.call @scores(%q, %k) : (tensor<2x19x16xf32>, tensor<2x12x16xf32>) -> tensor<2x19x12xf32>
  %p = func.call @softmax(%s) : (tensor<2x19x12xf32>) -> tensor<2x19x12xf32>
  %r = func.call @mixed(%p, %v, %x)
      : (tensor<2x19x12xf32>, tensor<2x12x20xf32>, tensor<2x19x20xf32>) -> tensor<2x19x20xf32>
  return %r : tensor<2x19x20xf32>
}

func.func private @scores(%q: tensor<2x19x16xf32>, %k: tensor<2x12x16xf32>) -> tensor<2x19x12xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x19x12xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x19x12xf32>) -> tensor<2x19x12xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, n, d) -> (b, m, d)>, affine_map<(b, m, n, d) -> (b, n, d)>,
      affine_map<(b, m, n, d) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x19x16xf32>, tensor<2x12x16xf32>) outs(%f : tensor<2x19x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x19x12xf32>
  return %r : tensor<2x19x12xf32>
}

func.func private @softmax(%x: tensor<2x19x12xf32>) -> tensor<2x19x12xf32> attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %low = arith.constant 0xff800000 : f32
  %zero = arith.constant 0.0 : f32
  %em = tensor.empty() : tensor<2x19xf32>
  %fm = linalg.fill ins(%low : f32) outs(%em : tensor<2x19xf32>) -> tensor<2x19xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<2x19x12xf32>) outs(%fm : tensor<2x19xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.maximumf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<2x19xf32>
  %ee = tensor.empty() : tensor<2x19x12xf32>
  %e = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<2x19x12xf32>, tensor<2x19xf32>) outs(%ee : tensor<2x19x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<2x19x12xf32>
  %et = tensor.empty() : tensor<2x19xf32>
  %ft = linalg.fill ins(%zero : f32) outs(%et : tensor<2x19xf32>) -> tensor<2x19xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%e : tensor<2x19x12xf32>) outs(%ft : tensor<2x19xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<2x19xf32>
  %ew = tensor.empty() : tensor<2x19x12xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %t : tensor<2x19x12xf32>, tensor<2x19xf32>) outs(%ew : tensor<2x19x12xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x19x12xf32>
  return %w : tensor<2x19x12xf32>
}

func.func private @mixed(%p: tensor<2x19x12xf32>, %v: tensor<2x12x20xf32>, %x: tensor<2x19x20xf32>) -> tensor<2x19x20xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x19x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x19x20xf32>) -> tensor<2x19x20xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, e, n) -> (b, m, n)>, affine_map<(b, m, e, n) -> (b, n, e)>,
      affine_map<(b, m, e, n) -> (b, m, e)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x19x12xf32>, tensor<2x12x20xf32>) outs(%f : tensor<2x19x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x19x20xf32>
  %g = tensor.empty() : tensor<2x19x20xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, e) -> (b, m, e)>, affine_map<(b, m, e) -> (b, m, e)>,
      affine_map<(b, m, e) -> (b, m, e)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %x : tensor<2x19x20xf32>, tensor<2x19x20xf32>) outs(%g : tensor<2x19x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x19x20xf32>
  return %t : tensor<2x19x20xf32>
}
