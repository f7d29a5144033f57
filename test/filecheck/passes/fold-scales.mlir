// RUN: %cellc-opt --split-input-file %s -p fold-scales | %FileCheck %s

// A batch normalization in inference. What is computed of parameters alone does not belong to the run any more.
// CHECK:      %[[F:.*]] = nn.broadcast_to %{{[0-9]+}} {shape = [64, 32, 3, 3], dimensions = [0]}
// CHECK-NEXT: %[[W:.*]] = nn.mul %w, %[[F]]
// CHECK-NEXT: %[[C:.*]] = nn.conv2d %x, %[[W]] {strides = [1, 1], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1}
// CHECK-NEXT: %[[B:.*]] = nn.broadcast_to %{{[0-9]+}} {shape = [2, 64, 8, 8], dimensions = [1]}
// CHECK-NEXT: %[[A:.*]] = nn.add %[[C]], %[[B]]
// CHECK-NEXT: nn.relu %[[A]]
func.func @main(
    %x: tensor<2x32x8x8xf32> {cellc.name = "x", cellc.kind = "input"},
    %w: tensor<64x32x3x3xf32> {cellc.name = "w", cellc.kind = "parameter"},
    %mean: tensor<64x1x1xf32> {cellc.name = "mean", cellc.kind = "parameter"},
    %scale: tensor<1x64x1x1xf32> {cellc.name = "scale", cellc.kind = "parameter"},
    %beta: tensor<64xf32> {cellc.name = "beta", cellc.kind = "parameter"}) -> tensor<2x64x8x8xf32> {
  %c = nn.conv2d %x, %w {strides = [1, 1], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1}
    : (tensor<2x32x8x8xf32>, tensor<64x32x3x3xf32>) -> tensor<2x64x8x8xf32>
  %m = nn.broadcast_to %mean {shape = [2, 64, 8, 8], dimensions = [1, 2, 3]} : (tensor<64x1x1xf32>) -> tensor<2x64x8x8xf32>
  %d = nn.sub %c, %m : (tensor<2x64x8x8xf32>, tensor<2x64x8x8xf32>) -> tensor<2x64x8x8xf32>
  %s = nn.broadcast_to %scale {shape = [2, 64, 8, 8], dimensions = [0, 1, 2, 3]} : (tensor<1x64x1x1xf32>) -> tensor<2x64x8x8xf32>
  %n = nn.mul %s, %d : (tensor<2x64x8x8xf32>, tensor<2x64x8x8xf32>) -> tensor<2x64x8x8xf32>
  %b = nn.broadcast_to %beta {shape = [2, 64, 8, 8], dimensions = [1]} : (tensor<64xf32>) -> tensor<2x64x8x8xf32>
  %a = nn.add %n, %b : (tensor<2x64x8x8xf32>, tensor<2x64x8x8xf32>) -> tensor<2x64x8x8xf32>
  %r = nn.relu %a : (tensor<2x64x8x8xf32>) -> tensor<2x64x8x8xf32>
  func.return %r : tensor<2x64x8x8xf32>
}

// -----

// Columns of a product, either way it is written; a divisor divides the filters. Depthwise filters are scaled alike.
// CHECK:      nn.mul %w, %{{.*}} : (tensor<16x8xf32>, tensor<16x8xf32>)
// CHECK-NEXT: nn.matmul %x, %{{.*}} {transpose_lhs = false, transpose_rhs = true}
// CHECK:      %[[Q:.*]] = nn.reciprocal %{{.*}} : (tensor<16xf32>)
// CHECK:      nn.broadcast_to %[[Q]] {shape = [8, 16], dimensions = [1]}
// CHECK:      nn.matmul %x, %{{.*}} {transpose_lhs = false, transpose_rhs = false}
// CHECK:      nn.mul %own, %{{.*}} : (tensor<16x1x3x3xf32>, tensor<16x1x3x3xf32>)
func.func @main(
    %x: tensor<4x8xf32> {cellc.name = "x", cellc.kind = "input"},
    %y: tensor<1x16x5x5xf32> {cellc.name = "y", cellc.kind = "input"},
    %w: tensor<16x8xf32> {cellc.name = "w", cellc.kind = "parameter"},
    %v: tensor<8x16xf32> {cellc.name = "v", cellc.kind = "parameter"},
    %own: tensor<16x1x3x3xf32> {cellc.name = "own", cellc.kind = "parameter"},
    %scale: tensor<16xf32> {cellc.name = "scale", cellc.kind = "parameter"})
    -> (tensor<4x16xf32>, tensor<4x16xf32>, tensor<1x16x3x3xf32>) {
  %s = nn.broadcast_to %scale {shape = [4, 16], dimensions = [1]} : (tensor<16xf32>) -> tensor<4x16xf32>
  %p = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  %a = nn.mul %p, %s : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %q = nn.matmul %x, %v {transpose_lhs = false, transpose_rhs = false} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %b = nn.div %q, %s : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %d = nn.conv2d %y, %own {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 16}
    : (tensor<1x16x5x5xf32>, tensor<16x1x3x3xf32>) -> tensor<1x16x3x3xf32>
  %t = nn.broadcast_to %scale {shape = [1, 16, 3, 3], dimensions = [1]} : (tensor<16xf32>) -> tensor<1x16x3x3xf32>
  %c = nn.mul %d, %t : (tensor<1x16x3x3xf32>, tensor<1x16x3x3xf32>) -> tensor<1x16x3x3xf32>
  func.return %a, %b, %c : tensor<4x16xf32>, tensor<4x16xf32>, tensor<1x16x3x3xf32>
}

// -----

// Nothing is folded: sums alone, a scale of the run, one along another axis, a product that others read too, filters
// that the run changes, a number divided by the product.
// CHECK:         cellc.updated_by
// CHECK-COUNT-6: nn.matmul %x, %{{[wu]}}
// CHECK-NOT:     nn.matmul
func.func @main(
    %x: tensor<4x4xf32> {cellc.name = "x", cellc.kind = "input"},
    %w: tensor<4x4xf32> {cellc.name = "w", cellc.kind = "parameter"},
    %u: tensor<4x4xf32> {cellc.name = "u", cellc.kind = "parameter", cellc.updated_by = 0 : i64},
    %scale: tensor<4xf32> {cellc.name = "scale", cellc.kind = "parameter"},
    %given: tensor<4xf32> {cellc.name = "given", cellc.kind = "input"})
    -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %s = nn.broadcast_to %scale {shape = [4, 4], dimensions = [1]} : (tensor<4xf32>) -> tensor<4x4xf32>
  %rows = nn.broadcast_to %scale {shape = [4, 4], dimensions = [0]} : (tensor<4xf32>) -> tensor<4x4xf32>
  %g = nn.broadcast_to %given {shape = [4, 4], dimensions = [1]} : (tensor<4xf32>) -> tensor<4x4xf32>
  %p0 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = nn.add %p0, %s : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %p1 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = nn.mul %p1, %g : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %p2 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %c = nn.mul %p2, %rows : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %p3 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %d = nn.mul %p3, %s : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %p4 = nn.matmul %x, %u {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e = nn.mul %p4, %s : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %p5 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %f = nn.div %s, %p5 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %e, %a, %b, %c, %d, %p3, %f
    : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
