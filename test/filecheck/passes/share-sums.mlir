// RUN: %cellc-opt %s -p share-sums,canonicalize-nn --split-input-file | %FileCheck %s

// A factor of each channel, negated: the sum of %x is there, and stands further down. A factor of each element stays.
// CHECK-LABEL: func.func @main
// CHECK-DAG:   %[[S:.*]] = nn.reduce_sum %x {axes = [0, 2], keep_dims = false}
// CHECK-DAG:   %[[K:.*]] = nn.reshape %[[S]] {shape = [1, 3, 1]}
// CHECK:       %[[F:.*]] = nn.reshape %c {shape = [1, 3, 1]}
// CHECK-NEXT:  %[[P:.*]] = nn.mul %[[K]], %[[F]]
// CHECK-NEXT:  %[[N:.*]] = nn.neg %[[P]]
// CHECK:       %[[O:.*]] = nn.reduce_sum
// CHECK:       return %[[N]], %[[S]], %[[O]]
func.func @main(%x: tensor<2x3x4xf32> {cellc.name = "x", cellc.kind = "input"},
                %c: tensor<3x1xf32> {cellc.name = "c", cellc.kind = "input"},
                %w: tensor<3x4xf32> {cellc.name = "w", cellc.kind = "input"})
    -> (tensor<1x3x1xf32>, tensor<3xf32>, tensor<3xf32>) {
  %b = nn.broadcast_to %c {shape = [2, 3, 4], dimensions = [1, 2]} : (tensor<3x1xf32>) -> tensor<2x3x4xf32>
  %p = nn.mul %x, %b : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %n = nn.neg %p : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %r = nn.reduce_sum %n {axes = [0, 2], keep_dims = true} : (tensor<2x3x4xf32>) -> tensor<1x3x1xf32>
  %s = nn.reduce_sum %x {axes = [0, 2], keep_dims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  %d = nn.broadcast_to %w {shape = [2, 3, 4], dimensions = [1, 2]} : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %q = nn.mul %d, %x : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %t = nn.reduce_sum %q {axes = [0, 2], keep_dims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  return %r, %s, %t : tensor<1x3x1xf32>, tensor<3xf32>, tensor<3xf32>
}

// -----

// Differences from the mean of the same elements sum to 0; those from a sum divided by another number do not.
// CHECK-LABEL: func.func @main
// CHECK:     nn.reduce_sum %x
// CHECK:     %[[Z:.*]] = nn.full {shape = [3], dtype = f32, value = -0.0}
// CHECK:     %t = nn.reduce_sum %f
// CHECK:     return %[[Z]], %t
func.func @main(%x: tensor<2x3x4xf32> {cellc.name = "x", cellc.kind = "input"}) -> (tensor<3xf32>, tensor<3xf32>) {
  %s = nn.reduce_sum %x {axes = [0, 2], keep_dims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  %n = nn.full {shape = [3], dtype = f32, value = 8.0} : () -> tensor<3xf32>
  %m = nn.div %s, %n : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b = nn.broadcast_to %m {shape = [2, 3, 4], dimensions = [1]} : (tensor<3xf32>) -> tensor<2x3x4xf32>
  %d = nn.sub %x, %b : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %e = nn.add %d, %d : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %r = nn.reduce_sum %e {axes = [0, 2], keep_dims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  %k = nn.full {shape = [3], dtype = f32, value = 7.0} : () -> tensor<3xf32>
  %l = nn.div %s, %k : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %c = nn.broadcast_to %l {shape = [2, 3, 4], dimensions = [1]} : (tensor<3xf32>) -> tensor<2x3x4xf32>
  %f = nn.sub %x, %c : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %t = nn.reduce_sum %f {axes = [0, 2], keep_dims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  return %r, %t : tensor<3xf32>, tensor<3xf32>
}

// -----

// Without a factor they stay: of an x that is not finite the sum is NaN.
// CHECK-LABEL: func.func @main
// CHECK:     %r = nn.reduce_sum %d
// CHECK:     return %r
func.func @main(%x: tensor<2x4xf32> {cellc.name = "x", cellc.kind = "input"}) -> tensor<2xf32> {
  %s = nn.reduce_sum %x {axes = [1], keep_dims = false} : (tensor<2x4xf32>) -> tensor<2xf32>
  %n = nn.full {shape = [2], dtype = f32, value = 4.0} : () -> tensor<2xf32>
  %m = nn.div %s, %n : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %b = nn.broadcast_to %m {shape = [2, 4], dimensions = [0]} : (tensor<2xf32>) -> tensor<2x4xf32>
  %d = nn.sub %x, %b : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %r = nn.reduce_sum %d {axes = [1], keep_dims = false} : (tensor<2x4xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// Sums of 16 bits keep their terms: without the factor they may overflow. Nothing else sums %x over the same axes here.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-4: nn.reduce_sum
func.func @main(%h: tensor<2x3xf16> {cellc.name = "h", cellc.kind = "input"},
                %x: tensor<2x3xf32> {cellc.name = "x", cellc.kind = "input"})
    -> (tensor<3xf16>, tensor<3xf16>, tensor<3xf32>, tensor<2xf32>) {
  %n = nn.neg %h : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %a = nn.reduce_sum %n {axes = [0], keep_dims = false} : (tensor<2x3xf16>) -> tensor<3xf16>
  %b = nn.reduce_sum %h {axes = [0], keep_dims = false} : (tensor<2x3xf16>) -> tensor<3xf16>
  %m = nn.neg %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %c = nn.reduce_sum %m {axes = [0], keep_dims = false} : (tensor<2x3xf32>) -> tensor<3xf32>
  %d = nn.reduce_sum %x {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %a, %b, %c, %d : tensor<3xf16>, tensor<3xf16>, tensor<3xf32>, tensor<2xf32>
}

// -----

// What a difference from a mean is added to has the sum of both; of two other terms each keeps its part of the sum.
// CHECK-LABEL: func.func @main
// CHECK:       %[[S:.*]] = nn.reduce_sum %y {axes = [1], keep_dims = false}
// CHECK:       %[[N:.*]] = nn.neg %[[S]]
// CHECK:       %[[A:.*]] = nn.add %x, %y
// CHECK:       %[[T:.*]] = nn.reduce_sum %[[A]] {axes = [1], keep_dims = false}
// CHECK:       return %[[S]], %[[N]], %[[T]]
func.func @main(%x: tensor<3x4xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<3x4xf32> {cellc.name = "y", cellc.kind = "input"})
    -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %s = nn.reduce_sum %y {axes = [1], keep_dims = false} : (tensor<3x4xf32>) -> tensor<3xf32>
  %t = nn.reduce_sum %x {axes = [1], keep_dims = false} : (tensor<3x4xf32>) -> tensor<3xf32>
  %n = nn.full {shape = [3], dtype = f32, value = 4.0} : () -> tensor<3xf32>
  %m = nn.div %t, %n : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b = nn.broadcast_to %m {shape = [3, 4], dimensions = [0]} : (tensor<3xf32>) -> tensor<3x4xf32>
  %d = nn.sub %x, %b : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %a = nn.add %y, %d : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %neg = nn.neg %a : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %r = nn.reduce_sum %neg {axes = [1], keep_dims = false} : (tensor<3x4xf32>) -> tensor<3xf32>
  %c = nn.add %x, %y : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %u = nn.reduce_sum %c {axes = [1], keep_dims = false} : (tensor<3x4xf32>) -> tensor<3xf32>
  return %s, %r, %u, %t : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
