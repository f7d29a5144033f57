// RUN: %cellc-opt %s -p 'pack-constants{level=v4}' | %FileCheck %s --check-prefixes=CHECK,V4
// RUN: %cellc-opt %s -p 'pack-constants{level=v3}' | %FileCheck %s --check-prefixes=CHECK,V3

// A parameter is laid out in panels of the level's width, once for both products; a product of inputs stays.
// CHECK-LABEL: func.func @main
// V4-NEXT: %[[P:.*]] = func.call @pack_0(%w) : (tensor<128x96xf32>) -> tensor<2x96x64xf32>
// V3-NEXT: %[[P:.*]] = func.call @pack_0(%w) : (tensor<128x96xf32>) -> tensor<8x96x16xf32>
// CHECK-NEXT: %[[R:.*]] = func.call @matmul_packed(%x, %[[P]])
// CHECK-NEXT: %[[S:.*]] = func.call @matmul_packed(%y, %[[P]])
// CHECK-NEXT: %[[T:.*]] = func.call @matmul(%x, %v)
func.func @main(%x: tensor<72x96xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<72x96xf32> {cellc.name = "y", cellc.kind = "input"},
                %v: tensor<128x96xf32> {cellc.name = "v", cellc.kind = "input"},
                %w: tensor<128x96xf32> {cellc.name = "w", cellc.kind = "parameter"})
    -> (tensor<72x128xf32>, tensor<72x128xf32>, tensor<72x128xf32>) {
  %r = func.call @matmul(%x, %w) : (tensor<72x96xf32>, tensor<128x96xf32>) -> tensor<72x128xf32>
  %s = func.call @matmul(%y, %w) : (tensor<72x96xf32>, tensor<128x96xf32>) -> tensor<72x128xf32>
  %t = func.call @matmul(%x, %v) : (tensor<72x96xf32>, tensor<128x96xf32>) -> tensor<72x128xf32>
  return %r, %s, %t : tensor<72x128xf32>, tensor<72x128xf32>, tensor<72x128xf32>
}

// CHECK: func.func private @pack_0
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
// V4: affine_map<(d0, d1, d2) -> (((d0 * 64) + d2), d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK: func.func private @matmul_packed
// V4: affine_map<(d0, d1, d2) -> ((d1 floordiv 64), d2, (d1 mod 64))>
// CHECK: func.func private @matmul(
func.func private @matmul(%x: tensor<72x96xf32>, %w: tensor<128x96xf32>) -> tensor<72x128xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<72x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<72x128xf32>) -> tensor<72x128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>,
      affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<72x96xf32>, tensor<128x96xf32>) outs(%f : tensor<72x128xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<72x128xf32>
  return %r : tensor<72x128xf32>
}
