// RUN: %cellc-opt %s -p share-filters | %FileCheck %s

// Three convolutions read taps of %w, one of them with the filters in groups: one copy with channels last serves them.
// %v's taps are read by one convolution alone, and %p does not change from run to run.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[T:.*]] = func.call @taps_0(%w) : (tensor<8x16x3x3xf32>) -> tensor<8x3x3x16xf32>
// CHECK-NEXT: %[[A:.*]] = func.call @conv_taps_0(%x, %[[T]])
// CHECK-NEXT: %[[B:.*]] = func.call @conv_taps_1(%x, %[[T]])
// CHECK-NEXT: %[[G:.*]] = tensor.expand_shape %[[T]] {{\[}}[0 : i64, 1 : i64], [2 : i64], [3 : i64], [4 : i64]] output_shape [2, 4, 3, 3, 16]
// CHECK-NEXT: %[[C:.*]] = func.call @grouped_taps_2(%g, %[[G]])
// CHECK-NEXT: %[[V:.*]] = func.call @evens(%v)
// CHECK-NEXT: %[[D:.*]] = func.call @conv(%x, %[[V]])
// CHECK-NEXT: %[[P:.*]] = func.call @evens(%p)
// CHECK-NEXT: %[[Q:.*]] = func.call @ends(%p)
// CHECK-NEXT: %[[E:.*]] = func.call @conv(%x, %[[P]])
// CHECK-NEXT: %[[F:.*]] = func.call @conv(%x, %[[Q]])
// CHECK-NEXT: return %[[A]], %[[B]], %[[C]], %[[D]], %[[E]], %[[F]]
func.func @main(%x: tensor<1x8x5x5xf32> {cellc.name = "x", cellc.kind = "input"},
                %g: tensor<1x2x4x5x5xf32> {cellc.name = "g", cellc.kind = "input"},
                %w: tensor<8x16x3x3xf32> {cellc.name = "w", cellc.kind = "input"},
                %v: tensor<8x16x3x3xf32> {cellc.name = "v", cellc.kind = "input"},
                %p: tensor<8x16x3x3xf32> {cellc.name = "p", cellc.kind = "parameter"})
    -> (tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x2x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>) {
  %0 = func.call @evens(%w) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %a = func.call @conv(%x, %0) : (tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
  %1 = func.call @ends(%w) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %b = func.call @conv(%x, %1) : (tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
  %2 = func.call @ends(%w) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %3 = tensor.expand_shape %2 [[0, 1], [2], [3], [4]] output_shape [2, 4, 16, 2, 2] : tensor<8x16x2x2xf32> into tensor<2x4x16x2x2xf32>
  %c = func.call @grouped(%g, %3) : (tensor<1x2x4x5x5xf32>, tensor<2x4x16x2x2xf32>) -> tensor<1x2x16x4x4xf32>
  %4 = func.call @evens(%v) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %d = func.call @conv(%x, %4) : (tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
  %5 = func.call @evens(%p) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %6 = func.call @ends(%p) : (tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32>
  %e = func.call @conv(%x, %5) : (tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
  %f = func.call @conv(%x, %6) : (tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
  return %a, %b, %c, %d, %e, %f : tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x2x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>
}

// CHECK: func.func private @taps_0
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
// CHECK: affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>
// CHECK: func.func private @evens
func.func private @evens(%w: tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<8x16x2x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 * 2, d3 * 2)>,
      affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%w : tensor<8x16x3x3xf32>) outs(%e : tensor<8x16x2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x16x2x2xf32>
  return %r : tensor<8x16x2x2xf32>
}

func.func private @ends(%w: tensor<8x16x3x3xf32>) -> tensor<8x16x2x2xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<8x16x2x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 + 1, d3 + 1)>,
      affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%w : tensor<8x16x3x3xf32>) outs(%e : tensor<8x16x2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x16x2x2xf32>
  return %r : tensor<8x16x2x2xf32>
}

// CHECK: func.func private @conv_taps_0(%{{.*}}: tensor<1x8x5x5xf32>, %[[W:.*]]: tensor<8x3x3x16xf32>)
// CHECK-NEXT: %[[S:.*]] = tensor.extract_slice %[[W]][0, 0, 0, 0] [8, 2, 2, 16] [1, 2, 2, 1] : tensor<8x3x3x16xf32> to tensor<8x2x2x16xf32>
// CHECK: affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5, d6, d1)>
// CHECK-SAME: ins(%{{.*}}, %[[S]] :
// CHECK: func.func private @conv_taps_1
// CHECK-NEXT: tensor.extract_slice %{{.*}}[0, 1, 1, 0] [8, 2, 2, 16] [1, 1, 1, 1]
func.func private @conv(%x: tensor<1x8x5x5xf32>, %w: tensor<8x16x2x2xf32>) -> tensor<1x16x4x4xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d1, d5, d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x8x5x5xf32>, tensor<8x16x2x2xf32>) outs(%f : tensor<1x16x4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x16x4x4xf32>
  return %r : tensor<1x16x4x4xf32>
}

// CHECK: func.func private @grouped_taps_2(%{{.*}}: tensor<1x2x4x5x5xf32>, %{{.*}}: tensor<2x4x3x3x16xf32>)
// CHECK-NEXT: tensor.extract_slice %{{.*}}[0, 0, 1, 1, 0] [2, 4, 2, 2, 16] [1, 1, 1, 1, 1]
// CHECK: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d1, d5, d6, d7, d2)>
func.func private @grouped(%x: tensor<1x2x4x5x5xf32>, %w: tensor<2x4x16x2x2xf32>) -> tensor<1x2x16x4x4xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x16x4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x16x4x4xf32>) -> tensor<1x2x16x4x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d5, d3 + d6, d4 + d7)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d1, d5, d2, d6, d7)>, affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x4x5x5xf32>, tensor<2x4x16x2x2xf32>) outs(%f : tensor<1x2x16x4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x2x16x4x4xf32>
  return %r : tensor<1x2x16x4x4xf32>
}
