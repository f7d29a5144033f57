// RUN: %cellc-opt %s -p fuse-padded-reads | %FileCheck %s

// Nothing else reads %p: the kernel pads %x itself. %q is read twice, so it stays. Two calls share a kernel.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[A:.*]] = func.call @shift_padding_0(%x) : (tensor<8x4x40xf32>) -> tensor<8x4x40xf32>
// CHECK-NEXT: %[[Q:.*]] = func.call @pad(%y) : (tensor<8x4x40xf32>) -> tensor<8x4x42xf32>
// CHECK-NEXT: %[[B:.*]] = func.call @shift(%[[Q]])
// CHECK-NEXT: %[[C:.*]] = func.call @shift(%[[Q]])
// CHECK-NEXT: %[[D:.*]] = func.call @shift_padding_0(%y)
// CHECK-NEXT: return %[[A]], %[[B]], %[[C]], %[[D]]
func.func @main(%x: tensor<8x4x40xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<8x4x40xf32> {cellc.name = "y", cellc.kind = "input"})
    -> (tensor<8x4x40xf32>, tensor<8x4x40xf32>, tensor<8x4x40xf32>, tensor<8x4x40xf32>) {
  %p = func.call @pad(%x) : (tensor<8x4x40xf32>) -> tensor<8x4x42xf32>
  %a = func.call @shift(%p) : (tensor<8x4x42xf32>) -> tensor<8x4x40xf32>
  %q = func.call @pad(%y) : (tensor<8x4x40xf32>) -> tensor<8x4x42xf32>
  %b = func.call @shift(%q) : (tensor<8x4x42xf32>) -> tensor<8x4x40xf32>
  %c = func.call @shift(%q) : (tensor<8x4x42xf32>) -> tensor<8x4x40xf32>
  %r = func.call @pad(%y) : (tensor<8x4x40xf32>) -> tensor<8x4x42xf32>
  %d = func.call @shift(%r) : (tensor<8x4x42xf32>) -> tensor<8x4x40xf32>
  return %a, %b, %c, %d : tensor<8x4x40xf32>, tensor<8x4x40xf32>, tensor<8x4x40xf32>, tensor<8x4x40xf32>
}

// CHECK: func.func private @pad(
func.func private @pad(%x: tensor<8x4x40xf32>) -> tensor<8x4x42xf32> attributes {cellc.kind = "copy"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4x42xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4x42xf32>) -> tensor<8x4x42xf32>
  %p = tensor.insert_slice %x into %f[0, 0, 1] [8, 4, 40] [1, 1, 1] : tensor<8x4x40xf32> into tensor<8x4x42xf32>
  return %p : tensor<8x4x42xf32>
}

// The first two dimensions are not padded: they become the shared loops of a chain.
// CHECK: func.func private @shift_padding_0(%[[X:.*]]: tensor<8x4x40xf32>) -> tensor<8x4x40xf32>
// CHECK-SAME: attributes {cellc.kind = "reduction", cellc.outer = 2 : i64}
// CHECK: %[[F:.*]] = linalg.fill
// CHECK-NEXT: %[[P:.*]] = tensor.insert_slice %[[X]] into %[[F]][0, 0, 1] [8, 4, 40] [1, 1, 1]
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[P]], %[[P]] : tensor<8x4x42xf32>, tensor<8x4x42xf32>)
// CHECK: func.func private @shift(
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
func.func private @shift(%x: tensor<8x4x42xf32>) -> tensor<8x4x40xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<8x4x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2 + 1)>,
      affine_map<(d0, d1, d2) -> (d0, d1, d2 + 2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %x : tensor<8x4x42xf32>, tensor<8x4x42xf32>) outs(%e : tensor<8x4x40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x4x40xf32>
  return %r : tensor<8x4x40xf32>
}
