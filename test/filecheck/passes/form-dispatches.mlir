// RUN: %cellc-opt %s -p form-dispatches --split-input-file | %FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>

// Two equal layers share one kernel: product and epilogue.
// CHECK: func.func private @kernel_0_matmul_relu(%{{.*}}: tensor<4x8xf32>, %{{.*}}: tensor<8x8xf32>, %{{.*}}: tensor<8xf32>)
// CHECK-SAME: attributes {cellc.kind = "contraction"}
// CHECK: linalg.fill
// CHECK: arith.mulf
// CHECK: arith.maximumf
// CHECK-NOT: func.func private
// CHECK: func.func @main
// CHECK-NEXT: func.call @kernel_0_matmul_relu
// CHECK-NEXT: func.call @kernel_0_matmul_relu
// CHECK-NEXT: func.return
func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %a = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.addf %i, %j : f32
    %s = arith.maximumf %p, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %m2 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %a2 = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m2, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.addf %i, %j : f32
    %s = arith.maximumf %p, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %a2 : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Softmax is one kernel, a row a block.
// CHECK: func.func private @kernel_0_softmax
// CHECK-SAME: cellc.kind = "reduction", cellc.outer = 1 : i64
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK-NOT: func.func private
// CHECK: func.func @main
// CHECK-NEXT: func.call @kernel_0_softmax
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -3.0e38 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %r = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%low : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.maximumf %i, %o : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %d = arith.subf %i, %j : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %g = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<4x8xf32>) outs(%g : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.addf %i, %o : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %div = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.divf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %div : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// An elementwise result may take its operand's place; a padded copy is a kernel; nothing is left of empty tensors.
// CHECK: func.func private @kernel_0_add(%{{.*}}: tensor<4xf32>, %{{.*}}: tensor<1xf32>)
// CHECK-SAME: {cellc.kind = "elementwise", cellc.in_place = {{\[\[}}0 : i64, 0 : i64]]}
// CHECK: func.func private @kernel_1_pad
// CHECK-SAME: {cellc.kind = "copy"}
// CHECK: tensor.insert_slice
// CHECK: func.func @main
// CHECK-NEXT: func.call @kernel_0_add
// CHECK-NEXT: func.call @kernel_1_pad
// CHECK-NEXT: arith.constant dense<> : tensor<0xf32>
// CHECK-NEXT: func.return
func.func @main(%x: tensor<4xf32>, %y: tensor<1xf32>, %z: tensor<0xf32>) -> (tensor<6xf32>, tensor<0xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#id, affine_map<(d0) -> (0)>, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<4xf32>, tensor<1xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.addf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<4xf32>
  %e1 = tensor.empty() : tensor<6xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %p = tensor.insert_slice %s into %f1[1] [4] [1] : tensor<4xf32> into tensor<6xf32>
  %e0 = tensor.empty() : tensor<0xf32>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%z : tensor<0xf32>) outs(%e0 : tensor<0xf32>) {
  ^bb0(%i: f32, %o: f32):
    %a = arith.addf %i, %i : f32
    linalg.yield %a : f32
  } -> tensor<0xf32>
  return %p, %n : tensor<6xf32>, tensor<0xf32>
}

// -----

// A long sum to one element is one of partial sums, as many as the shape says, each in blocks of its own.
// CHECK: func.func private @kernel_0_{{.*}} tensor<4x128x512xf32>) -> tensor<4xf32> attributes {cellc.kind = "reduction", cellc.outer = 1 : i64}
// CHECK: iterator_types = ["parallel", "reduction", "reduction"]
// CHECK: arith.negf
// CHECK: func.func private @kernel_1_{{.*}} tensor<4xf32>) -> tensor<f32>
// CHECK-NOT: arith.negf
// CHECK: func.func @main
// CHECK-NEXT: tensor.expand_shape %x
// CHECK-NEXT: func.call @kernel_0
// CHECK-NEXT: func.call @kernel_1
func.func @main(%x: tensor<512x512xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ()>],
      iterator_types = ["reduction", "reduction"]} ins(%x : tensor<512x512xf32>) outs(%f : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    %t = arith.addf %o, %n : f32
    linalg.yield %t : f32
  } -> tensor<f32>
  func.return %s : tensor<f32>
}

// -----

// A reduction over processes begins as early, and is waited for as late, as it can be.
// CHECK: func.func private @kernel_0_all_reduce_start({{.*}}) -> tensor<4xf32> attributes {cellc.kind = "collective", cellc.in_place = {{\[\[}}0 : i64, 0 : i64]]}
// CHECK: func.func private @kernel_2_collective_wait({{.*}}) -> tensor<4xf32> attributes {cellc.kind = "collective", cellc.in_place = {{\[\[}}0 : i64, 0 : i64]]}
// CHECK: func.func @main
// CHECK-NEXT: func.call @kernel_0_all_reduce_start
// CHECK-NEXT: func.call @kernel_1_exp
// CHECK-NEXT: func.call @kernel_2_collective_wait
#line = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<4xf32>, %y: tensor<9xf32>) -> (tensor<4xf32>, tensor<9xf32>) {
  %p = linalg_ext.all_reduce_start "sum" of "world" %x : tensor<4xf32> -> tensor<4xf32>
  %r = linalg_ext.collective_wait %p : tensor<4xf32> -> tensor<4xf32>
  %e = tensor.empty() : tensor<9xf32>
  %z = linalg.generic {indexing_maps = [#line, #line], iterator_types = ["parallel"]}
      ins(%y : tensor<9xf32>) outs(%e : tensor<9xf32>) {
  ^bb0(%i: f32, %o: f32):
    %a = math.exp %i : f32
    linalg.yield %a : f32
  } -> tensor<9xf32>
  func.return %r, %z : tensor<4xf32>, tensor<9xf32>
}

// -----

// The result of a reduction that is cut has a buffer of its own: it is smaller than what is exchanged.
// CHECK: func.func private @kernel_0_reduce_scatter_start({{.*}}) -> tensor<4xf32> attributes {cellc.kind = "collective", cellc.in_place = {{\[\[}}0 : i64, 0 : i64]]}
// CHECK: func.func private @kernel_1_collective_wait({{.*}}) -> tensor<2xf32> attributes {cellc.kind = "collective"}
func.func @main(%x: tensor<4xf32>) -> tensor<2xf32> {
  %p = linalg_ext.reduce_scatter_start "sum" by 2 of "world" %x : tensor<4xf32> -> tensor<4xf32>
  %r = linalg_ext.collective_wait %p : tensor<4xf32> -> tensor<2xf32>
  func.return %r : tensor<2xf32>
}

// -----

// The quotient of two sums belongs to what makes the rows' sum; what only labels make stays apart, so that rows that are
// multiplied by it are done where they are made.
// CHECK: func.func private @kernel_0{{.*}}(%{{.*}}: tensor<64xf32>) -> (tensor<f32>, tensor<f32>)
// CHECK: func.func private @kernel_1{{.*}}(%{{.*}}: tensor<64x512xf32>, %{{.*}}: tensor<f32>) -> (tensor<64xf32>, tensor<64x512xf32>)
// CHECK-SAME: cellc.outer = 1
// CHECK: func.func private @kernel_2{{.*}}(%{{.*}}: tensor<64xf32>, %{{.*}}: tensor<f32>) -> tensor<f32>
// CHECK-NOT: func.func private
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> ()>
#line = affine_map<(d0) -> (d0)>
#total = affine_map<(d0) -> ()>
#one = affine_map<() -> ()>
func.func @main(%x: tensor<64x512xf32>, %labels: tensor<64xf32>) -> (tensor<f32>, tensor<64x512xf32>) {
  %zero = arith.constant 0.0 : f32
  %rows = tensor.empty() : tensor<64xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%rows : tensor<64xf32>) -> tensor<64xf32>
  %none = tensor.empty() : tensor<f32>
  %start = linalg.fill ins(%zero : f32) outs(%none : tensor<f32>) -> tensor<f32>
  %e = tensor.empty() : tensor<64x512xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x512xf32>) outs(%fill : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %losses = linalg.generic {indexing_maps = [#line, #total], iterator_types = ["reduction"]}
      ins(%sum : tensor<64xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %count = linalg.generic {indexing_maps = [#line, #total], iterator_types = ["reduction"]}
      ins(%labels : tensor<64xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %mean = linalg.generic {indexing_maps = [#one, #one, #one], iterator_types = []}
      ins(%losses, %count : tensor<f32>, tensor<f32>) outs(%none : tensor<f32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<f32>
  %share = linalg.generic {indexing_maps = [#one, #one], iterator_types = []}
      ins(%count : tensor<f32>) outs(%none : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.rsqrt %a : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %result = linalg.generic {indexing_maps = [#id, #row, #all, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %share : tensor<64x512xf32>, tensor<64xf32>, tensor<f32>) outs(%e : tensor<64x512xf32>) {
  ^bb0(%a: f32, %s: f32, %c: f32, %o: f32):
    %d = arith.subf %a, %s : f32
    %p = arith.mulf %d, %c : f32
    linalg.yield %p : f32
  } -> tensor<64x512xf32>
  func.return %mean, %result : tensor<f32>, tensor<64x512xf32>
}
