// RUN: %cellc-opt %s -p fuse-pads | %FileCheck %s

// Nothing else reads %r: the padded tensor takes its place. %s stays, as a result of its own. Two calls share a kernel.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[P:.*]] = func.call @relu_padded_0(%x) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
// CHECK-NEXT: %[[S:.*]], %[[Q:.*]] = func.call @relu_padded_1(%y) : (tensor<2x40x40xf32>) -> (tensor<2x40x40xf32>, tensor<2x42x41xf32>)
// CHECK-NEXT: %[[T:.*]] = func.call @relu_padded_0(%[[S]])
// CHECK-NEXT: %[[U:.*]] = func.call @pad(%x)
// CHECK-NEXT: return %[[P]], %[[Q]], %[[T]], %[[U]]
func.func @main(%x: tensor<2x40x40xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<2x40x40xf32> {cellc.name = "y", cellc.kind = "input"})
    -> (tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>) {
  %r = func.call @relu(%x) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %p = func.call @pad(%r) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %s = func.call @relu(%y) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %q = func.call @pad(%s) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %t = func.call @relu(%s) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %v = func.call @pad(%t) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %u = func.call @pad(%x) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  return %p, %q, %v, %u : tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>
}

// The unpadded result alone may have the argument's memory.
// CHECK: func.func private @relu_padded_0
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
// CHECK: %[[R:.*]] = linalg.generic
// CHECK: %[[F:.*]] = linalg.fill
// CHECK-NEXT: %[[I:.*]] = tensor.insert_slice %[[R]] into %[[F]][0, 1, 0] [2, 40, 40] [1, 1, 1]
// CHECK-NEXT: return %[[I]]
// CHECK: func.func private @relu_padded_1
// CHECK-SAME: attributes {cellc.kind = "elementwise", cellc.in_place = {{\[}}[0 : i64, 0 : i64]]}
// CHECK: linalg.yield %[[M:.*]], %[[M]] : f32, f32
// CHECK-NOT: func.func private @relu(
func.func private @relu(%x: tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
    attributes {cellc.kind = "elementwise", cellc.in_place = [[0, 0]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x40x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x40x40xf32>) outs(%e : tensor<2x40x40xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.constant 0.0 : f32
    %m = arith.maximumf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<2x40x40xf32>
  return %r : tensor<2x40x40xf32>
}

// CHECK: func.func private @pad(
func.func private @pad(%x: tensor<2x40x40xf32>) -> tensor<2x42x41xf32> attributes {cellc.kind = "copy"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x42x41xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x42x41xf32>) -> tensor<2x42x41xf32>
  %p = tensor.insert_slice %x into %f[0, 1, 0] [2, 40, 40] [1, 1, 1] : tensor<2x40x40xf32> into tensor<2x42x41xf32>
  return %p : tensor<2x42x41xf32>
}
