// RUN: %cellc-opt %s -p sum-in-lanes --split-input-file | %FileCheck %s

// The weight gradient of a first layer: each place of a row (28 of 32 lanes) has sums of its own, then they are added.

// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} -> tensor<6x1x5x5x28xf32>
// CHECK: %[[EACH:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d5, d1, (d6 + d2), (d4 + d3))>,
// CHECK-SAME: affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d5, d0, d6, d4)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d4)>]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
// CHECK-SAME: outs(%[[FILL]] : tensor<6x1x5x5x28xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[EACH]] :
// CHECK-SAME: outs(%{{.*}} : tensor<6x1x5x5xf32>)
// CHECK: arith.addf
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 + d3)>
#dy = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d0, d5, d6)>
#weight = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<32x1x32x32xf32>, %dy: tensor<32x6x28x28xf32>) -> tensor<6x1x5x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x1x5x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x1x5x5xf32>) -> tensor<6x1x5x5xf32>
  %r = linalg.generic {indexing_maps = [#image, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %dy : tensor<32x1x32x32xf32>, tensor<32x6x28x28xf32>) outs(%f : tensor<6x1x5x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x1x5x5xf32>
  func.return %r : tensor<6x1x5x5xf32>
}

// -----

// 16 channels of images with 3x3 taps use each element 144 times: turning it pays.

// CHECK-NOT: tensor<16x16x3x3x28xf32>
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 + d3)>
#dy = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d0, d5, d6)>
#weight = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<32x16x30x30xf32>, %dy: tensor<32x16x28x28xf32>) -> tensor<16x16x3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x16x3x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x16x3x3xf32>) -> tensor<16x16x3x3xf32>
  %r = linalg.generic {indexing_maps = [#image, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %dy : tensor<32x16x30x30xf32>, tensor<32x16x28x28xf32>) outs(%f : tensor<16x16x3x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<16x16x3x3xf32>
  func.return %r : tensor<16x16x3x3xf32>
}

// -----

// A stride of 2 reads every second element of a row, which lanes would gather; 18 places would fill 56 % of two vectors.

// CHECK-NOT: tensor<6x1x5x5x28xf32>
// CHECK-NOT: tensor<6x1x5x5x18xf32>
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 * 2 + d3)>
#rows = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 + d3)>
#dy = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d0, d5, d6)>
#weight = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<32x1x32x60xf32>, %dy: tensor<32x6x28x28xf32>, %y: tensor<32x1x32x22xf32>,
    %dz: tensor<32x6x28x18xf32>) -> (tensor<6x1x5x5xf32>, tensor<6x1x5x5xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x1x5x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x1x5x5xf32>) -> tensor<6x1x5x5xf32>
  %r = linalg.generic {indexing_maps = [#image, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %dy : tensor<32x1x32x60xf32>, tensor<32x6x28x28xf32>) outs(%f : tensor<6x1x5x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x1x5x5xf32>
  %t = linalg.generic {indexing_maps = [#rows, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%y, %dz : tensor<32x1x32x22xf32>, tensor<32x6x28x18xf32>) outs(%f : tensor<6x1x5x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x1x5x5xf32>
  func.return %r, %t : tensor<6x1x5x5xf32>, tensor<6x1x5x5xf32>
}

// -----

// A row of whole vectors is cut: 16 places have sums of their own, and the parts of a row are added to them.

// CHECK: %[[CUT:.*]] = tensor.expand_shape %dy {{.*}} : tensor<8x6x32x32xf32> into tensor<8x6x32x2x16xf32>
// CHECK: %[[EACH:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d1, (d6 + d2), (((d7 * 16) + d4) + d3))>,
// CHECK-SAME: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d0, d6, d7, d4)>
// CHECK-SAME: ins(%x, %[[CUT]] :
// CHECK-SAME: tensor<6x1x5x5x16xf32>
// CHECK: linalg.generic {{.*}}"reduction"]} ins(%[[EACH]] :
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5 + d2, d6 + d3)>
#dy = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d0, d5, d6)>
#weight = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<8x1x36x36xf32>, %dy: tensor<8x6x32x32xf32>) -> tensor<6x1x5x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x1x5x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x1x5x5xf32>) -> tensor<6x1x5x5xf32>
  %r = linalg.generic {indexing_maps = [#image, #dy, #weight],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %dy : tensor<8x1x36x36xf32>, tensor<8x6x32x32xf32>) outs(%f : tensor<6x1x5x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x1x5x5xf32>
  func.return %r : tensor<6x1x5x5xf32>
}
