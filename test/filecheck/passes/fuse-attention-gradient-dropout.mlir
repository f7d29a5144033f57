// RUN: %cellc-opt %s -p fuse-attention-gradient | %FileCheck %s

// What dropout keeps follows from places and a state: both kernels have an op for it, whether the numbers are made with
// the softmax or by a kernel of their own. What scales weights scales results. Where others read what is kept, it stays.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[O:.*]], %[[M:.*]], %[[T:.*]] = func.call @attention_0(%q, %k, %state, %v)
// CHECK-NEXT: %[[G:.*]] = func.call @loss(%[[O]])
// CHECK-NEXT: func.call @attention_gradient_0(%q, %k, %state, %[[G]], %v, %[[O]], %[[M]], %[[T]])
// CHECK-NEXT: %[[O:.*]], %[[M:.*]], %[[T:.*]] = func.call @attention_1(%p, %k, %state, %v)
// CHECK-NEXT: %[[G:.*]] = func.call @loss(%[[O]])
// CHECK-NEXT: func.call @attention_gradient_1(%p, %k, %state, %[[G]], %v, %[[O]], %[[M]], %[[T]])
// CHECK-NEXT: func.call @scores(%o, %k)
// CHECK-NEXT: func.call @softmax_and_numbers
// CHECK-NOT: func.call @attention
// CHECK: func.return
func.func @main(%q: tensor<4x128x8xf32> {cellc.name = "q", cellc.kind = "input"}, %p: tensor<4x128x8xf32> {cellc.name = "p", cellc.kind = "input"},
                %o: tensor<4x128x8xf32> {cellc.name = "o", cellc.kind = "input"}, %k: tensor<4x112x8xf32> {cellc.name = "k", cellc.kind = "input"},
                %v: tensor<4x112x8xf32> {cellc.name = "v", cellc.kind = "input"},
                %state: tensor<2xi32> {cellc.name = "state", cellc.kind = "input"})
    -> (tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xi1>) {
  %s0 = func.call @scores(%q, %k) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %e0, %t0, %b0, %w0 = func.call @softmax_and_numbers(%s0, %state) : (tensor<4x128x112xf32>, tensor<2xi32>) -> (tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xi1>, tensor<4x128x112xf32>)
  %o0 = func.call @mixed(%w0, %v) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %do0 = func.call @loss(%o0) : (tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %dw0 = func.call @dweights_of_kept(%do0, %v, %b0) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xi1>) -> tensor<4x128x112xf32>
  %ds0 = func.call @dscores(%dw0, %e0, %t0) : (tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>) -> tensor<4x128x112xf32>
  %dv0 = func.call @keys(%w0, %do0) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dk0 = func.call @keys(%ds0, %q) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dq0 = func.call @mixed(%ds0, %k) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %s1 = func.call @scores(%p, %k) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %f1 = func.call @numbers(%state) : (tensor<2xi32>) -> tensor<57344xi32>
  %b1 = tensor.expand_shape %f1 [[0, 1, 2]] output_shape [4, 128, 112] : tensor<57344xi32> into tensor<4x128x112xi32>
  %e1, %t1, %w1 = func.call @softmax(%s1, %b1) : (tensor<4x128x112xf32>, tensor<4x128x112xi32>) -> (tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xf32>)
  %o1 = func.call @mixed(%w1, %v) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %do1 = func.call @loss(%o1) : (tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %dw1 = func.call @dweights(%do1, %v, %b1) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xi32>) -> tensor<4x128x112xf32>
  %ds1 = func.call @dscores(%dw1, %e1, %t1) : (tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>) -> tensor<4x128x112xf32>
  %dv1 = func.call @keys(%w1, %do1) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dk1 = func.call @keys(%ds1, %p) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dq1 = func.call @mixed(%ds1, %k) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %s2 = func.call @scores(%o, %k) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>) -> tensor<4x128x112xf32>
  %e2, %t2, %b2, %w2 = func.call @softmax_and_numbers(%s2, %state) : (tensor<4x128x112xf32>, tensor<2xi32>) -> (tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xi1>, tensor<4x128x112xf32>)
  %o2 = func.call @mixed(%w2, %v) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  %do2 = func.call @loss(%o2) : (tensor<4x128x8xf32>) -> tensor<4x128x8xf32>
  %dw2 = func.call @dweights_of_kept(%do2, %v, %b2) : (tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xi1>) -> tensor<4x128x112xf32>
  %ds2 = func.call @dscores(%dw2, %e2, %t2) : (tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>) -> tensor<4x128x112xf32>
  %dv2 = func.call @keys(%w2, %do2) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dk2 = func.call @keys(%ds2, %o) : (tensor<4x128x112xf32>, tensor<4x128x8xf32>) -> tensor<4x112x8xf32>
  %dq2 = func.call @mixed(%ds2, %k) : (tensor<4x128x112xf32>, tensor<4x112x8xf32>) -> tensor<4x128x8xf32>
  return %dq0, %dk0, %dv0, %dq1, %dk1, %dv1, %dq2, %dk2, %dv2, %b2 : tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x8xf32>, tensor<4x112x8xf32>, tensor<4x112x8xf32>, tensor<4x128x112xi1>
}

// CHECK: func.func private @attention_0(%[[Q:.*]]: tensor<4x128x8xf32>, %[[K:.*]]: tensor<4x112x8xf32>, %[[S:.*]]: tensor<2xi32>, %[[V:.*]]: tensor<4x112x8xf32>)
// CHECK: arith.maximumf
// CHECK: %[[E:.*]] = linalg.generic
// CHECK: math.exp
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[E]] :
// CHECK: %[[KEEP:.*]] = linalg.generic {{.*}} ins(%[[S]] :
// CHECK: linalg.index
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[KEEP]], %[[E]] :
// CHECK-NOT: arith.divf
// CHECK: arith.select
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[V]] :
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[T]] :
// CHECK: arith.divf
// CHECK: arith.divf

// CHECK: func.func private @attention_gradient_0(%[[Q:.*]]: tensor<4x128x8xf32>, %[[K:.*]]: tensor<4x112x8xf32>, %[[S:.*]]: tensor<2xi32>,
// CHECK-SAME: cellc.kind = "attention_gradient"
// CHECK: %[[KEEP:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<2xi32>) outs(%{{.*}} : tensor<4x128x112xi1>)
// CHECK: linalg.generic {{.*}} %[[KEEP]]{{.*}} outs(%{{.*}} : tensor<4x128x112xf32>, tensor<4x128x112xf32>)
// CHECK: math.exp

// CHECK: func.func private @attention_1
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<2xi32>) outs(%{{.*}} : tensor<4x128x112xi1>)
// CHECK: func.func private @attention_gradient_1
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<2xi32>) outs(%{{.*}} : tensor<4x128x112xi1>)
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

func.func private @softmax_and_numbers(%x: tensor<4x128x112xf32>, %state0: tensor<2xi32>) -> (tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xi1>, tensor<4x128x112xf32>) attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %mz = arith.constant 0xff800000 : f32
  %m0 = tensor.empty() : tensor<4x128xf32>
  %m1 = linalg.fill ins(%mz : f32) outs(%m0 : tensor<4x128xf32>) -> tensor<4x128xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<4x128x112xf32>) outs(%m1 : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.maximumf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %e0 = tensor.empty() : tensor<4x128x112xf32>
  %e = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%e0 : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  %tz = arith.constant 0.0 : f32
  %t0 = tensor.empty() : tensor<4x128xf32>
  %t1 = linalg.fill ins(%tz : f32) outs(%t0 : tensor<4x128xf32>) -> tensor<4x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%e : tensor<4x128x112xf32>) outs(%t1 : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %k0 = tensor.empty() : tensor<4x128x112xi1>
  %w0 = tensor.empty() : tensor<4x128x112xf32>
  %kept, %weights = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (0)>, affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %t, %state0 : tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<2xi32>) outs(%k0, %w0 : tensor<4x128x112xi1>, tensor<4x128x112xf32>) {
  ^bb0(%x0: f32, %x1: f32, %state: i32, %y0: i1, %y1: f32):
    %ib = linalg.index 0 : index
    %im = linalg.index 1 : index
    %in = linalg.index 2 : index
    %rows = arith.constant 128 : index
    %keys = arith.constant 112 : index
    %pb = arith.muli %ib, %rows : index
    %pm = arith.addi %pb, %im : index
    %pk = arith.muli %pm, %keys : index
    %place = arith.addi %pk, %in : index
    %number = arith.index_cast %place : index to i32
    %word = arith.muli %number, %state : i32
    %limit = arith.constant 1000 : i32
    %keep = arith.cmpi ult, %word, %limit : i32
    %w = arith.divf %x0, %x1 : f32
    %p = arith.constant 0.75 : f32
    %scaled = arith.divf %w, %p : f32
    %zero = arith.constant 0.0 : f32
    %r = arith.select %keep, %scaled, %zero : f32
    linalg.yield %keep, %r : i1, f32
  } -> (tensor<4x128x112xi1>, tensor<4x128x112xf32>)
  return %e, %t, %kept, %weights : tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xi1>, tensor<4x128x112xf32>
}

func.func private @softmax(%x: tensor<4x128x112xf32>, %u: tensor<4x128x112xi32>) -> (tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xf32>) attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %mz = arith.constant 0xff800000 : f32
  %m0 = tensor.empty() : tensor<4x128xf32>
  %m1 = linalg.fill ins(%mz : f32) outs(%m0 : tensor<4x128xf32>) -> tensor<4x128xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<4x128x112xf32>) outs(%m1 : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.maximumf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %e0 = tensor.empty() : tensor<4x128x112xf32>
  %e = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%e0 : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<4x128x112xf32>
  %tz = arith.constant 0.0 : f32
  %t0 = tensor.empty() : tensor<4x128xf32>
  %t1 = linalg.fill ins(%tz : f32) outs(%t0 : tensor<4x128xf32>) -> tensor<4x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%e : tensor<4x128x112xf32>) outs(%t1 : tensor<4x128xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4x128xf32>
  %w0 = tensor.empty() : tensor<4x128x112xf32>
  %weights = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>,
      affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %t, %u : tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xi32>) outs(%w0 : tensor<4x128x112xf32>) {
  ^bb0(%x0: f32, %x1: f32, %word: i32, %y: f32):
    %limit = arith.constant 1000 : i32
    %keep = arith.cmpi ult, %word, %limit : i32
    %w = arith.divf %x0, %x1 : f32
    %p = arith.constant 0.75 : f32
    %scaled = arith.divf %w, %p : f32
    %zero = arith.constant 0.0 : f32
    %r = arith.select %keep, %scaled, %zero : f32
    linalg.yield %r : f32
  } -> tensor<4x128x112xf32>
  return %e, %t, %weights : tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128x112xf32>
}

func.func private @numbers(%state0: tensor<2xi32>) -> tensor<57344xi32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<57344xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%state0 : tensor<2xi32>) outs(%e : tensor<57344xi32>) {
  ^bb0(%state: i32, %y: i32):
    %place = linalg.index 0 : index
    %number = arith.index_cast %place : index to i32
    %word = arith.muli %number, %state : i32
    linalg.yield %word : i32
  } -> tensor<57344xi32>
  return %r : tensor<57344xi32>
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

func.func private @dweights_of_kept(%a: tensor<4x128x8xf32>, %b: tensor<4x112x8xf32>, %u: tensor<4x128x112xi1>) -> tensor<4x128x112xf32> attributes {cellc.kind = "contraction"} {
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
  %e1 = tensor.empty() : tensor<4x128x112xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %u : tensor<4x128x112xf32>, tensor<4x128x112xi1>) outs(%e1 : tensor<4x128x112xf32>) {
  ^bb0(%x: f32, %keep: i1, %c: f32):
    %zero1 = arith.constant 0.0 : f32
    %p = arith.constant 0.75 : f32
    %s = arith.select %keep, %x, %zero1 : f32
    %d = arith.divf %s, %p : f32
    linalg.yield %d : f32
  } -> tensor<4x128x112xf32>
  return %g : tensor<4x128x112xf32>
}

func.func private @dweights(%a: tensor<4x128x8xf32>, %b: tensor<4x112x8xf32>, %u: tensor<4x128x112xi32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "contraction"} {
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
  %e1 = tensor.empty() : tensor<4x128x112xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %u : tensor<4x128x112xf32>, tensor<4x128x112xi32>) outs(%e1 : tensor<4x128x112xf32>) {
  ^bb0(%x: f32, %word: i32, %c: f32):
    %limit = arith.constant 1000 : i32
    %keep = arith.cmpi ult, %word, %limit : i32
    %zero1 = arith.constant 0.0 : f32
    %p = arith.constant 0.75 : f32
    %s = arith.select %keep, %x, %zero1 : f32
    %d = arith.divf %s, %p : f32
    linalg.yield %d : f32
  } -> tensor<4x128x112xf32>
  return %g : tensor<4x128x112xf32>
}

func.func private @dscores(%g: tensor<4x128x112xf32>, %e: tensor<4x128x112xf32>, %t: tensor<4x128xf32>) -> tensor<4x128x112xf32> attributes {cellc.kind = "reduction", cellc.outer = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %s0 = tensor.empty() : tensor<4x128xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<4x128xf32>) -> tensor<4x128xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%g, %e, %t : tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>) outs(%s1 : tensor<4x128xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %c: f32):
    %w = arith.divf %b, %d : f32
    %p = arith.mulf %a, %w : f32
    %q = arith.addf %c, %p : f32
    linalg.yield %q : f32
  } -> tensor<4x128xf32>
  %r0 = tensor.empty() : tensor<4x128x112xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>,
      affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%g, %e, %t, %s : tensor<4x128x112xf32>, tensor<4x128x112xf32>, tensor<4x128xf32>, tensor<4x128xf32>) outs(%r0 : tensor<4x128x112xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %c: f32, %o: f32):
    %w = arith.divf %b, %d : f32
    %q = arith.subf %a, %c : f32
    %p = arith.mulf %w, %q : f32
    linalg.yield %p : f32
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
