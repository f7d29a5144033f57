// RUN: %cellc-opt %s -p merge-sums | %FileCheck %s

// Two sums over %dy become one generic, in the place of the second.
// CHECK: func.func private @gradient(%[[DY:.*]]: tensor<4x8x6xf32>, %[[X:.*]]: tensor<4x8x6xf32>, %[[M:.*]]: tensor<8xf32>)
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[DY]], %[[X]], %[[M]] :
// CHECK-NEXT: ^{{.*}}(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32, %[[S:.*]]: f32, %[[T:.*]]: f32):
// CHECK-NEXT:   %[[SUM:.*]] = arith.addf %[[S]], %[[A]]
// CHECK-NEXT:   %[[D:.*]] = arith.subf %[[B]], %[[C]]
// CHECK-NEXT:   %[[P:.*]] = arith.mulf %[[A]], %[[D]]
// CHECK-NEXT:   %[[DOT:.*]] = arith.addf %[[T]], %[[P]]
// CHECK-NEXT:   linalg.yield %[[SUM]], %[[DOT]] : f32, f32
func.func private @gradient(%dy: tensor<4x8x6xf32>, %x: tensor<4x8x6xf32>, %m: tensor<8xf32>)
    -> (tensor<8xf32>, tensor<8xf32>) attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, n, i) -> (n, c, i)>, affine_map<(c, n, i) -> (c)>],
      iterator_types = ["parallel", "reduction", "reduction"]} ins(%dy : tensor<4x8x6xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %o, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(c, n, i) -> (n, c, i)>, affine_map<(c, n, i) -> (n, c, i)>,
      affine_map<(c, n, i) -> (c)>, affine_map<(c, n, i) -> (c)>],
      iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%dy, %x, %m : tensor<4x8x6xf32>, tensor<4x8x6xf32>, tensor<8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %d = arith.subf %b, %c : f32
    %p = arith.mulf %a, %d : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  func.return %s, %t : tensor<8xf32>, tensor<8xf32>
}

// The sum of squares needs the sum before it, and a maximum is no sum: nothing changes.
// CHECK: func.func private @others
// CHECK-COUNT-3: linalg.generic
func.func private @others(%x: tensor<8x6xf32>) -> (tensor<8xf32>, tensor<8xf32>)
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x6xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %o, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x6xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %o, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c)>,
      affine_map<(c, i) -> (c)>], iterator_types = ["parallel", "reduction"]}
      ins(%x, %s : tensor<8x6xf32>, tensor<8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %p = arith.mulf %d, %d : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  func.return %h, %q : tensor<8xf32>, tensor<8xf32>
}

// %y may lie where %x is: the sum of %x stays before it.
// CHECK: func.func private @overwritten
// CHECK: linalg.yield %{{[^,]*}} : f32
// CHECK: arith.negf
// CHECK: linalg.yield %{{[^,]*}} : f32
// CHECK: linalg.yield %{{[^,]*}} : f32
func.func private @overwritten(%x: tensor<8x6xf32>, %z: tensor<8x6xf32>)
    -> (tensor<8x6xf32>, tensor<8xf32>, tensor<8xf32>)
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64, cellc.in_place = [[0, 0]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c, i)>,
      affine_map<(c, i) -> (c)>], iterator_types = ["parallel", "reduction"]}
      ins(%x, %z : tensor<8x6xf32>, tensor<8x6xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %g = tensor.empty() : tensor<8x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c, i)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x6xf32>) outs(%g : tensor<8x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<8x6xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(c, i) -> (c, i)>, affine_map<(c, i) -> (c, i)>,
      affine_map<(c, i) -> (c)>], iterator_types = ["parallel", "reduction"]}
      ins(%y, %z : tensor<8x6xf32>, tensor<8x6xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  func.return %y, %s, %t : tensor<8x6xf32>, tensor<8xf32>, tensor<8xf32>
}
