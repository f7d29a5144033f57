// RUN: %python -m cellc.targets.cpu --level v4 %s | %FileCheck %s

// Rows of 3 pieces of 40000 elements: blocks of 1024 and a rest of 64, whose sum and mean come before their squares.
// Then the sum of all blocks; m; and from what was kept of each block, without %b0, the squares about m.
// CHECK-LABEL: func.func @long(
// CHECK: %[[B:.*]] = memref.view
// CHECK: scf.for
// CHECK: vector.load %b0
// CHECK-NOT: memref.prefetch
// CHECK: arith.divf {{.*}} : f32
// CHECK: memref.prefetch %b0{{.*}}, read, locality<3>
// CHECK: vector.load %b0
// CHECK: arith.mulf %[[D:[0-9]+]], %[[D]] : vector<16xf32>
// CHECK: arith.divf {{.*}} : vector<
// CHECK-NOT: %b0
// CHECK: return
func.func private @long(%x: tensor<3x8x40000xf32>) -> (tensor<8xf32>, tensor<8xf32>)
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, n, i) -> (n, c, i)>, affine_map<(c, n, i) -> (c)>],
      iterator_types = ["parallel", "reduction", "reduction"]} ins(%x : tensor<3x8x40000xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %o, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(c) -> (c)>, affine_map<(c) -> (c)>],
      iterator_types = ["parallel"]} ins(%s : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.constant 120000.0 : f32
    %r = arith.divf %a, %n : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(c, n, i) -> (n, c, i)>, affine_map<(c, n, i) -> (c)>,
      affine_map<(c, n, i) -> (c)>], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x, %m : tensor<3x8x40000xf32>, tensor<8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %p = arith.mulf %d, %d : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  func.return %m, %q : tensor<8xf32>, tensor<8xf32>
}
