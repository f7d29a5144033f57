// RUN: %cellc-opt %s -p fuse-elementwise --split-input-file | %FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
#row = affine_map<(d0, d1) -> (d0)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// A broadcast and a chain become one generic; the constant stands in the body.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK: arith.addf
// CHECK: arith.constant 0.000000e+00 : f32
// CHECK-NEXT: arith.maximumf
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %broadcast = linalg.generic {indexing_maps = [#col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %broadcast : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %relu = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.maximumf %i, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %relu : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// A contraction takes the transpose into its map, but not the exponential into its body.
// CHECK-LABEL: func.func @main
// CHECK: math.exp
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>]
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4x8xf32>, %w: tensor<5x8xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %exp = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = math.exp %i : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<8x5xf32>
  %t = linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<5x8xf32>) outs(%e1 : tensor<8x5xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<8x5xf32>
  %e2 = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x5xf32>) -> tensor<4x5xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%exp, %t : tensor<4x8xf32>, tensor<8x5xf32>) outs(%f : tensor<4x5xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x5xf32>
  return %m : tensor<4x5xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// It takes the widening of a factor too, which stays as narrow in memory.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tensor<4x8xf32>
// CHECK: linalg.generic
// CHECK: ^bb0(%[[W:.*]]: f32, %[[X:.*]]: f16, %{{.*}}: f32):
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK-NEXT: arith.mulf %[[WIDE]], %[[W]] : f32
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4x8xf16>, %w: tensor<8x5xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf16>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f16, %o: f32):
    %s = arith.extf %i : f16 to f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %e2 = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x5xf32>) -> tensor<4x5xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%wide, %w : tensor<4x8xf32>, tensor<8x5xf32>) outs(%f : tensor<4x5xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x5xf32>
  return %m : tensor<4x5xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// A value that is also returned becomes a second result: Momentum's update is one generic.
// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]], %[[R2:.*]] = linalg.generic
// CHECK-SAME: ins({{.*}} : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
// CHECK: linalg.yield
// CHECK-NEXT: } -> (tensor<8xf32>, tensor<8xf32>)
// CHECK-NEXT: func.return %[[R]], %[[R2]]
func.func @main(%w: tensor<8xf32>, %m: tensor<8xf32>, %g: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %moment = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%m, %g : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %new = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%w, %moment : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.subf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %moment, %new : tensor<8xf32>, tensor<8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// An index of a reversed producer is the reversed index.
// CHECK-LABEL: func.func @main
// CHECK: linalg.index 0
// CHECK: arith.muli
// CHECK: arith.addi
// CHECK: arith.index_cast
// CHECK-NOT: linalg.generic
func.func @main() -> tensor<8xi32> {
  %e = tensor.empty() : tensor<8xi32>
  %iota = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%e : tensor<8xi32>) {
  ^bb0(%o: i32):
    %i = linalg.index 0 : index
    %s = arith.index_cast %i : index to i32
    linalg.yield %s : i32
  } -> tensor<8xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (7 - d0)>, #id], iterator_types = ["parallel"]}
      ins(%iota : tensor<8xi32>) outs(%e : tensor<8xi32>) {
  ^bb0(%i: i32, %o: i32):
    linalg.yield %i : i32
  } -> tensor<8xi32>
  return %r : tensor<8xi32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// The second op is computed in the shape of the first, so both fuse; the result is reshaped.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: arith.addf
// CHECK: } -> tensor<2x3x4xf32>
// CHECK-NEXT: tensor.collapse_shape
// CHECK-NEXT: func.return
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<2x12xf32> {
  %e = tensor.empty() : tensor<2x3x4xf32>
  %exp = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x3x4xf32>) outs(%e : tensor<2x3x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = math.exp %i : f32
    linalg.yield %s : f32
  } -> tensor<2x3x4xf32>
  %flat = tensor.collapse_shape %exp [[0], [1, 2]] : tensor<2x3x4xf32> into tensor<2x12xf32>
  %e1 = tensor.empty() : tensor<2x12xf32>
  %twice = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%flat : tensor<2x12xf32>) outs(%e1 : tensor<2x12xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.addf %i, %i : f32
    linalg.yield %s : f32
  } -> tensor<2x12xf32>
  return %twice : tensor<2x12xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// Two readers of one tensor become one generic with two results.
// CHECK-LABEL: func.func @main
// CHECK: %{{.*}}, %{{.*}} = linalg.generic
// CHECK-SAME: ins({{.*}} : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>, %z: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %b = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %z : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.mulf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %a, %b : tensor<8xf32>, tensor<8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// An expensive value of two readers is computed once; a cheap one is computed in each.
// CHECK-LABEL: func.func @main
// CHECK: math.exp
// CHECK: linalg.generic {{.*}}"reduction"
// CHECK-NOT: math.exp
// CHECK: arith.negf
// CHECK: linalg.generic {{.*}}"reduction"
// CHECK: arith.negf
func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>) -> (tensor<f32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %exp = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = math.exp %i : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %neg = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%y : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.negf %i : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #id, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%neg, %exp : tensor<8xf32>, tensor<8xf32>) outs(%f : tensor<f32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %t = arith.mulf %i, %j : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %max = linalg.generic {indexing_maps = [#id, #id, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%neg, %exp : tensor<8xf32>, tensor<8xf32>) outs(%f : tensor<f32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %t = arith.mulf %i, %j : f32
    %s = arith.maximumf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %sum, %max : tensor<f32>, tensor<f32>
}

// -----

// A loop of one iteration that indexes only the result goes: a statistic kept as 1x8x1 is 8 numbers, reshaped.
// CHECK-LABEL: func.func @main
// CHECK:      linalg.generic {{.*}} ins(%sum : tensor<8xf32>) outs(%{{.*}} : tensor<8xf32>)
// CHECK:        arith.divf
// CHECK:      tensor.expand_shape %{{.*}} tensor<8xf32> into tensor<1x8x1xf32>
// CHECK-NEXT: func.return
func.func @main(%sum: tensor<8xf32>) -> tensor<1x8x1xf32> {
  %count = arith.constant 4.0 : f32
  %e = tensor.empty() : tensor<1x8x1xf32>
  %mean = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (b)>, affine_map<(a, b, c) -> (a, b, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sum : tensor<8xf32>) outs(%e : tensor<1x8x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.divf %i, %count : f32
    linalg.yield %s : f32
  } -> tensor<1x8x1xf32>
  return %mean : tensor<1x8x1xf32>
}

// -----

// What is read after something else is not merged with what was read before, nor computed together with it.

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<64xf32>, %t: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  // CHECK: linalg.generic
  // CHECK: %[[AGAIN:.*]] = linalg_ext.after %x, %t
  // CHECK: linalg.generic {{.*}} ins(%[[AGAIN]]
  %e0 = tensor.empty() : tensor<64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e0 : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<64xf32>
  %again = linalg_ext.after %x, %t : tensor<64xf32>, tensor<64xf32> -> tensor<64xf32>
  %e1 = tensor.empty() : tensor<64xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%again : tensor<64xf32>) outs(%e1 : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<64xf32>
  func.return %0, %1 : tensor<64xf32>, tensor<64xf32>
}

// -----

// A sum of which only the term of a class counts is that term: of long rows, it is read where the label says.

// CHECK-LABEL: func.func @main
// CHECK:      linalg.generic {{.*}} iterator_types = ["parallel"]} ins(%{{.*}} : tensor<8xi32>) outs
// CHECK:        arith.cmpi sge
// CHECK:        arith.cmpi sle
// CHECK:        %[[AT:.*]] = arith.index_cast
// CHECK:        %[[ROW:.*]] = linalg.index 0
// CHECK:        tensor.extract %{{.*}}[%[[ROW]], %[[AT]]] : tensor<8x100xf32>
// CHECK:        arith.select
// CHECK-NOT:  reduction
func.func @main(%x: tensor<8x100xf32>, %label: tensor<8xi32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>, affine_map<(i, k) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x, %label : tensor<8x100xf32>, tensor<8xi32>) outs(%f : tensor<8xf32>) {
  ^bb0(%v: f32, %l: i32, %sum: f32):
    %k = linalg.index 1 : index
    %class = arith.index_cast %k : index to i32
    %hit = arith.cmpi eq, %class, %l : i32
    %none = arith.constant 0.0 : f32
    %term = arith.select %hit, %v, %none : f32
    %s = arith.addf %sum, %term : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

// A convolution along one row keeps the height of 1, over which it sums too: without it it would be no contraction.

// CHECK-LABEL: func.func @main
// CHECK:      %[[ROW:.*]] = tensor.expand_shape %x {{.*}} into tensor<2x4x1x9xf32>
// CHECK:      linalg.generic {{.*}}(d0, d4, (d2 + d5), (d3 + d6)){{.*}} ins(%[[ROW]], %w : tensor<2x4x1x9xf32>, tensor<5x4x1x3xf32>)
func.func @main(%x: tensor<2x4x9xf32>, %w: tensor<5x4x1x3xf32>) -> tensor<2x5x1x7xf32> {
  %row = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [2, 4, 1, 9] : tensor<2x4x9xf32> into tensor<2x4x1x9xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x5x1x7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x1x7xf32>) -> tensor<2x5x1x7xf32>
  %r = linalg.generic {indexing_maps = [
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%row, %w : tensor<2x4x1x9xf32>, tensor<5x4x1x3xf32>) outs(%f : tensor<2x5x1x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x5x1x7xf32>
  return %r : tensor<2x5x1x7xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// Columns are read in the table itself: the transpose that would make rows of them is not needed.

// CHECK-LABEL: func.func @main
// CHECK-NOT:  outs(%{{.*}} : tensor<90x8xf32>)
// CHECK:      linalg.generic {{.*}} ins(%at : tensor<50xi32>) outs(%{{.*}} : tensor<8x50xf32>)
// CHECK:        %[[COLUMN:.*]] = arith.index_cast
// CHECK:        %[[ROW:.*]] = linalg.index 0
// CHECK:        tensor.extract %x[%[[ROW]], %[[COLUMN]]] : tensor<8x90xf32>
func.func @main(%x: tensor<8x90xf32>, %at: tensor<50xi32>) -> tensor<8x50xf32> {
  %e = tensor.empty() : tensor<90x8xf32>
  %t = linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x90xf32>) outs(%e : tensor<90x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    linalg.yield %v : f32
  } -> tensor<90x8xf32>
  %f = tensor.empty() : tensor<8x50xf32>
  %r = linalg.generic {indexing_maps = [#col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%at : tensor<50xi32>) outs(%f : tensor<8x50xf32>) {
  ^bb0(%i: i32, %o: f32):
    %column = arith.index_cast %i : i32 to index
    %row = linalg.index 0 : index
    %v = tensor.extract %t[%column, %row] : tensor<90x8xf32>
    linalg.yield %v : f32
  } -> tensor<8x50xf32>
  func.return %r : tensor<8x50xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// Elements side by side that lie a row of the table apart, and more of them than it has: rows are made first.

// CHECK-LABEL: func.func @main
// CHECK:      ins(%x : tensor<8x90xf32>) outs(%{{.*}} : tensor<90x8xf32>)
// CHECK:        tensor.extract %{{.*}}[%{{.*}}, %{{.*}}] : tensor<90x8xf32>
func.func @main(%x: tensor<8x90xf32>, %at: tensor<500xi32>) -> tensor<500x8xf32> {
  %e = tensor.empty() : tensor<90x8xf32>
  %t = linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x90xf32>) outs(%e : tensor<90x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    linalg.yield %v : f32
  } -> tensor<90x8xf32>
  %f = tensor.empty() : tensor<500x8xf32>
  %r = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%at : tensor<500xi32>) outs(%f : tensor<500x8xf32>) {
  ^bb0(%i: i32, %o: f32):
    %row = arith.index_cast %i : i32 to index
    %column = linalg.index 1 : index
    %v = tensor.extract %t[%row, %column] : tensor<90x8xf32>
    linalg.yield %v : f32
  } -> tensor<500x8xf32>
  func.return %r : tensor<500x8xf32>
}
