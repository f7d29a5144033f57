// RUN: %cellc-opt %s -p split-k --split-input-file | %FileCheck %s

// The weight gradient of few channels: each of four images has sums of its own, then they are added.

// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} -> tensor<4x32x16x3x3xf32>
// CHECK: %[[EACH:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d2, (d5 + d3), (d6 + d4))>,
// CHECK-SAME: affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d5, d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d4)>]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
// CHECK-SAME: outs(%[[FILL]] : tensor<4x32x16x3x3xf32>)
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d4, d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[EACH]] :
// CHECK-SAME: outs(%{{.*}} : tensor<32x16x3x3xf32>)
// CHECK: arith.addf
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 + d3)>
#dy = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d0, d5, d6)>
#weight = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<4x16x58x58xf32>, %dy: tensor<4x32x56x56xf32>) -> tensor<32x16x3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x16x3x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<32x16x3x3xf32>) -> tensor<32x16x3x3xf32>
  %r = linalg.generic {indexing_maps = [#image, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %dy : tensor<4x16x58x58xf32>, tensor<4x32x56x56xf32>) outs(%f : tensor<32x16x3x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<32x16x3x3xf32>
  func.return %r : tensor<32x16x3x3xf32>
}

// -----

// A matrix of few results: its rows are cut into parts by a view of a factor, of the one that no transposition makes.

// CHECK: %[[T:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64x8192xf32>)
// CHECK: %[[CUT:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0 : i64, 1 : i64], [2 : i64]] output_shape [8, 1024, 64] : tensor<8192x64xf32> into tensor<8x1024x64xf32>
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, ((d0 * 1024) + d3))>, affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>,
// CHECK-SAME: affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>]{{.*}} ins(%[[T]], %[[CUT]] :
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d2, d1)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%x: tensor<8192x64xf32>, %y: tensor<8192x64xf32>) -> tensor<64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %t = tensor.empty() : tensor<64x8192xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8192x64xf32>) outs(%t : tensor<64x8192xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<64x8192xf32>
  %e = tensor.empty() : tensor<64x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%m, %y : tensor<64x8192xf32>, tensor<8192x64xf32>) outs(%f : tensor<64x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  func.return %r : tensor<64x64xf32>
}

// -----

// A square has blocks enough; a short sum is soon made.

// CHECK-NOT: tensor.expand_shape
// CHECK-NOT: tensor<{{[0-9]+}}x512x512xf32>
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d2, d1)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%x: tensor<512x4096xf32>, %y: tensor<4096x512xf32>) -> tensor<512x512xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<512x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<512x512xf32>) -> tensor<512x512xf32>
  %r = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<512x4096xf32>, tensor<4096x512xf32>) outs(%f : tensor<512x512xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<512x512xf32>
  func.return %r : tensor<512x512xf32>
}
func.func @short(%x: tensor<64x1024xf32>, %y: tensor<1024x64xf32>) -> tensor<64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<64x1024xf32>, tensor<1024x64xf32>) outs(%f : tensor<64x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  func.return %r : tensor<64x64xf32>
}
