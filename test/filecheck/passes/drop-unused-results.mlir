// RUN: %cellc-opt %s -p drop-unused-results --split-input-file | %FileCheck %s

// The position of a maximum goes when nobody reads it; the maximum does not depend on it.

// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%x : tensor<4x8xf32>) outs(%{{[a-z0-9]*}} : tensor<4xf32>) {
// CHECK-NEXT: ^bb0(%{{[a-z0-9]+}}: f32, %{{[a-z0-9]+}}: f32):
// CHECK-NOT: linalg.index
// CHECK: linalg.yield %{{[a-z0-9]*}} : f32
func.func @main(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %low = arith.constant -1.0 : f32
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4xf32>
  %best = linalg.fill ins(%low : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %ei = tensor.empty() : tensor<4xi32>
  %where = linalg.fill ins(%zero : i32) outs(%ei : tensor<4xi32>) -> tensor<4xi32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>,
      affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%best, %where : tensor<4xf32>, tensor<4xi32>) {
  ^bb0(%a: f32, %b: f32, %i: i32):
    %more = arith.cmpf ogt, %a, %b : f32
    %j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i32
    %value = arith.select %more, %a, %b : f32
    %at = arith.select %more, %k, %i : i32
    linalg.yield %value, %at : f32, i32
  } -> tensor<4xf32>, tensor<4xi32>
  func.return %r#0 : tensor<4xf32>
}

// -----

// Here the second accumulator decides the first: both stay.

// CHECK: outs(%{{.*}}, %{{.*}} : tensor<f32>, tensor<i32>)
func.func @main(%x: tensor<8xf32>) -> tensor<f32> {
  %low = arith.constant -1.0 : f32
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<f32>
  %sum = linalg.fill ins(%low : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %ei = tensor.empty() : tensor<i32>
  %count = linalg.fill ins(%zero : i32) outs(%ei : tensor<i32>) -> tensor<i32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>,
      affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<8xf32>) outs(%sum, %count : tensor<f32>, tensor<i32>) {
  ^bb0(%a: f32, %s: f32, %n: i32):
    %one = arith.constant 1 : i32
    %next = arith.addi %n, %one : i32
    %few = arith.cmpi slt, %n, %next : i32
    %added = arith.addf %s, %a : f32
    %value = arith.select %few, %added, %s : f32
    linalg.yield %value, %next : f32, i32
  } -> tensor<f32>, tensor<i32>
  func.return %r#0 : tensor<f32>
}
