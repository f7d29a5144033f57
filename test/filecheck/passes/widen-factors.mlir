// RUN: %cellc-opt %s -p 'widen-factors{level=v4}' | %FileCheck %s

// A convolution reads windows of the image element by element: it gets the image in f32, made once for both; the
// filters, which are packed in vectors, stay as they are.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[X:.*]] = func.call @widen_0(%x) : (tensor<2x32x18x18xf16>) -> tensor<2x32x18x18xf32>
// CHECK-NEXT: %[[R:.*]] = func.call @conv_wide0(%[[X]], %v)
// CHECK-NEXT: %[[S:.*]] = func.call @conv_wide0(%[[X]], %w)
// CHECK-NEXT: return %[[R]], %[[S]]
func.func @main(%x: tensor<2x32x18x18xf16> {cellc.name = "x", cellc.kind = "input"},
                %v: tensor<64x32x3x3xf16> {cellc.name = "v", cellc.kind = "input"},
                %w: tensor<64x32x3x3xf16> {cellc.name = "w", cellc.kind = "input"})
    -> (tensor<2x64x16x16xf32>, tensor<2x64x16x16xf32>) {
  %r = func.call @conv(%x, %v) : (tensor<2x32x18x18xf16>, tensor<64x32x3x3xf16>) -> tensor<2x64x16x16xf32>
  %s = func.call @conv(%x, %w) : (tensor<2x32x18x18xf16>, tensor<64x32x3x3xf16>) -> tensor<2x64x16x16xf32>
  return %r, %s : tensor<2x64x16x16xf32>, tensor<2x64x16x16xf32>
}

// CHECK: func.func private @widen_0
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
// CHECK: arith.extf {{.*}} : f16 to f32
// CHECK: func.func private @conv_wide0({{.*}}tensor<2x32x18x18xf32>, {{.*}}tensor<64x32x3x3xf16>)
// CHECK: ^{{.*}}(%[[A:.*]]: f32, %[[B:.*]]: f16, %{{.*}}: f32):
// CHECK-NEXT: %[[W:.*]] = arith.extf %[[B]] : f16 to f32
// CHECK-NEXT: arith.mulf %[[A]], %[[W]]
// CHECK-NOT: func.func private @conv(
func.func private @conv(%x: tensor<2x32x18x18xf16>, %w: tensor<64x32x3x3xf16>) -> tensor<2x64x16x16xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x64x16x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x64x16x16xf32>) -> tensor<2x64x16x16xf32>
  %r = linalg.generic {indexing_maps = [
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<2x32x18x18xf16>, tensor<64x32x3x3xf16>) outs(%f : tensor<2x64x16x16xf32>) {
  ^bb0(%a: f16, %b: f16, %c: f32):
    %x0 = arith.extf %a : f16 to f32
    %x1 = arith.extf %b : f16 to f32
    %p = arith.mulf %x0, %x1 : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x64x16x16xf32>
  return %r : tensor<2x64x16x16xf32>
}
