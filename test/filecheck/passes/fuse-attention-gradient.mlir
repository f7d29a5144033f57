// RUN: %cellc-opt %s -p fuse-attention-gradient | %FileCheck %s

// The backward kernel reads the maximum of each row and one over its sum, which the forward kernel returns, and O: what
// dscores need of a whole row is a sum of dO * O. Weights that are returned too stay, with all that is made of them.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[O:.*]], %[[M:.*]], %[[T:.*]] = func.call @attention_0(%q, %k, %v)
// CHECK-NEXT: %[[G:.*]] = func.call @loss(%[[O]])
// CHECK-NEXT: %[[DV:.*]], %[[DK:.*]], %[[DQ:.*]] = func.call @attention_gradient_0(%q, %k, %[[G]], %v, %[[O]], %[[M]], %[[T]])
// CHECK-NEXT: func.call @scores(%p, %k)
// CHECK-NEXT: %[[W:.*]] = func.call @softmax
// CHECK: func.call @dscores(%{{.*}}, %[[W]])
// CHECK: func.return %[[O]], %[[DQ]], %[[DK]], %[[DV]], %[[W]]
func.func @main(%q: tensor<4x128x8xf32> {cellc.name = "q", cellc.kind = "input"},
                %p: tensor<4x128x8xf32> {cellc.name = "p", cellc.kind = "input"},
                %k: tensor<4x112x8xf32> {cellc.name = "k", cellc.kind = "input"},
                %v: tensor<4x112x8xf32> {cellc.name = "v", cellc.kind = "input"})
    -> (tensor<4x128x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>) {
  %s0 = func.call @scores(%q, %k) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %w0 = func.call @softmax(%s0) : (tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %o0 = func.call @mixed(%w0, %v) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %do0 = func.call @loss(%o0) : (tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %dw0 = func.call @dweights(%do0, %v) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %ds0 = func.call @dscores(%dw0, %w0) : (tensor<4x128x112xf32>, tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %dv0 = func.call @keys(%w0, %do0) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dk0 = func.call @keys(%ds0, %q) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dq0 = func.call @mixed(%ds0, %k) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %s1 = func.call @scores(%p, %k) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %w1 = func.call @softmax(%s1) : (tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %o1 = func.call @mixed(%w1, %v) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %do1 = func.call @loss(%o1) : (tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %dw1 = func.call @dweights(%do1, %v) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %ds1 = func.call @dscores(%dw1, %w1) : (tensor<4x128x112xf32>, tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %dv1 = func.call @keys(%w1, %do1) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dk1 = func.call @keys(%ds1, %p) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dq1 = func.call @mixed(%ds1, %k) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  return %o0, %dq0, %dk0, %dv0, %w1, %dq1, %dk1, %dv1 : tensor<4x128x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>
}

// CHECK: func.func private @attention_gradient_0(%[[Q:.*]]: tensor<4x128x8xf32>, %[[K:.*]]: tensor<4x112x8xf32>, %[[G:.*]]: tensor<4x128x8xf32>, %[[V:.*]]: tensor<4x112x8xf32>, %[[O:.*]]: tensor<4x128x8xf32>, %[[M:.*]]: tensor<4x128xf32>, %[[T:.*]]: tensor<4x128xf32>)
// CHECK-SAME: cellc.kind = "attention_gradient", cellc.outer = 2 : i64
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[Q]], %[[K]] :
// CHECK: %[[DW:.*]] = linalg.generic {{.*}} ins(%[[G]], %[[V]] :
// CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%[[G]], %[[O]] :
// CHECK: %[[W:.*]], %[[DS:.*]] = linalg.generic {{.*}} ins(%[[DW]], %[[D]], %[[T]], %[[S]], %[[M]] :
// CHECK: math.exp
// CHECK: linalg.generic {{.*}} ins(%[[W]], %[[G]] :
// CHECK: linalg.generic {{.*}} ins(%[[DS]], %[[Q]] :
// CHECK: linalg.generic {{.*}} ins(%[[DS]], %[[K]] :
// CHECK-NOT: linalg.generic
// CHECK: func.return
func.func private @scores(%a: tensor<4x128x8xf32>, %b: tensor<4x112x8xf32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x128x112xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, j, k) -> (b, i, k)>, affine_map<(b, i, j, k) -> (b, j, k)>, affine_map<(b, i, j, k) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x128x8xf32>, tensor<4x112x8xf32>) outs(%f : tensor<4x128x112xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  return %r : tensor<4x128x112xf32>
}

func.func private @softmax(%x: tensor<4x128x112xf32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %low = arith.constant 0xff800000 : f32
  %zero = arith.constant 0.0 : f32
  %em = tensor.empty() : tensor<4x128xf32>
  %fm = linalg.fill ins(%low : f32) outs(%em : tensor<4x128xf32>) -> tensor<4x128xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<4x128x112xf32>) outs(%fm : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.maximumf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %ee = tensor.empty() : tensor<4x128x112xf32>
  %e = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%ee : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  %et = tensor.empty() : tensor<4x128xf32>
  %ft = linalg.fill ins(%zero : f32) outs(%et : tensor<4x128xf32>) -> tensor<4x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%e : tensor<4x128x112xf32>) outs(%ft : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %ew = tensor.empty() : tensor<4x128x112xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %t : tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%ew : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  return %w : tensor<4x128x112xf32>
}

func.func private @mixed(%a: tensor<4x128x112xf32>, %b: tensor<4x112x8xf32>) -> tensor<4x128x8xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x128x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, j, k) -> (b, i, k)>, affine_map<(b, i, j, k) -> (b, k, j)>, affine_map<(b, i, j, k) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x128x112xf32>, tensor<4x112x8xf32>) outs(%f : tensor<4x128x8xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x128x8xf32>
  return %r : tensor<4x128x8xf32>
}

func.func private @loss(%o: tensor<4x128x8xf32>) -> tensor<4x128x8xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<4x128x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, e) -> (b, m, e)>, affine_map<(b, m, e) -> (b, m, e)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%o : tensor<4x128x8xf32>) outs(%e : tensor<4x128x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128x8xf32>
  return %r : tensor<4x128x8xf32>
}

func.func private @dweights(%a: tensor<4x128x8xf32>, %b: tensor<4x112x8xf32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x128x112xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x128x112xf32>) -> tensor<4x128x112xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, j, k) -> (b, i, k)>, affine_map<(b, i, j, k) -> (b, j, k)>, affine_map<(b, i, j, k) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x128x8xf32>, tensor<4x112x8xf32>) outs(%f : tensor<4x128x112xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  return %r : tensor<4x128x112xf32>
}

func.func private @dscores(%g: tensor<4x128x112xf32>, %w: tensor<4x128x112xf32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %et = tensor.empty() : tensor<4x128xf32>
  %ft = linalg.fill ins(%zero : f32) outs(%et : tensor<4x128xf32>) -> tensor<4x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%g, %w : tensor<4x128x112xf32>, tensor<4x128x112xf32>) outs(%ft : tensor<4x128xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %e = tensor.empty() : tensor<4x128x112xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%g, %w, %t : tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%e : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %d = arith.subf %a, %c : f32
    %s = arith.mulf %b, %d : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  return %r : tensor<4x128x112xf32>
}

func.func private @keys(%a: tensor<4x128x112xf32>, %b: tensor<4x128x8xf32>) -> tensor<4x112x8xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x112x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x112x8xf32>) -> tensor<4x112x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, j, k) -> (b, k, i)>, affine_map<(b, i, j, k) -> (b, k, j)>, affine_map<(b, i, j, k) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x128x112xf32>, tensor<4x128x8xf32>) outs(%f : tensor<4x112x8xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x112x8xf32>
  return %r : tensor<4x112x8xf32>
}
