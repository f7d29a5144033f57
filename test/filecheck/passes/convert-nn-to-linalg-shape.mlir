// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// CHECK-LABEL: func.func @reads
func.func @reads(%x : tensor<2x3xf32>, %b : tensor<3x1xf32>)
    -> (tensor<3x2xf32>, tensor<4x3x5xf32>, tensor<2x3xf32>) {
  // CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]
  %0 = nn.transpose %x {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  // CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
  %1 = nn.broadcast_to %b {shape = [4, 3, 5], dimensions = [1, 2]} : (tensor<3x1xf32>) -> tensor<4x3x5xf32>
  // CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, ((d1 * -1) + 2))>, affine_map<(d0, d1) -> (d0, d1)>]
  %2 = nn.reverse %x {axes = [1]} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %0, %1, %2 : tensor<3x2xf32>, tensor<4x3x5xf32>, tensor<2x3xf32>
}

// A bare loop in a map runs over the whole axis, so a prefix is read with an extra loop of one iteration.
// CHECK-LABEL: func.func @slices
func.func @slices(%x : tensor<4x8xf32>) -> (tensor<4x3xf32>, tensor<2x8xf32>) {
  // CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, ((d1 * 2) + 1))>, affine_map<(d0, d1) -> (d0, d1)>]
  %0 = nn.slice %x {starts = [0, 1], limits = [4, 7], strides = [1, 2]} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> ((d1 + d0), d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
  // CHECK:      } -> tensor<1x2x8xf32>
  // CHECK-NEXT: tensor.collapse_shape {{.*}} into tensor<2x8xf32>
  %1 = nn.slice %x {starts = [0, 0], limits = [2, 8], strides = [1, 1]} : (tensor<4x8xf32>) -> tensor<2x8xf32>
  func.return %0, %1 : tensor<4x3xf32>, tensor<2x8xf32>
}

// CHECK-LABEL: func.func @reshapes
func.func @reshapes(%x : tensor<2x3x4xf32>) -> (tensor<6x4xf32>, tensor<2x4x3xf32>, tensor<2x3x4xf32>) {
  // CHECK: tensor.collapse_shape %x {{.*}} : tensor<2x3x4xf32> into tensor<6x4xf32>
  %0 = nn.reshape %x {shape = [6, 4]} : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  // CHECK:      tensor.collapse_shape %x {{.*}} : tensor<2x3x4xf32> into tensor<2x12xf32>
  // CHECK-NEXT: tensor.expand_shape {{.*}} : tensor<2x12xf32> into tensor<2x4x3xf32>
  %1 = nn.reshape %x {shape = [2, 4, 3]} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  // CHECK: func.return {{.*}}, {{.*}}, %x
  %2 = nn.identity %x : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return %0, %1, %2 : tensor<6x4xf32>, tensor<2x4x3xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @insertions
func.func @insertions(%x : tensor<2x3xf32>, %y : tensor<2x1xf32>) -> (tensor<3x7xf32>, tensor<2x4xf32>) {
  %zero = nn.full {shape = [], dtype = f32, value = 0.0} : () -> tensor<f32>
  // CHECK:      [[F:%.*]] = linalg.fill {{.*}} -> tensor<3x7xf32>
  // CHECK-NEXT: tensor.insert_slice %x into [[F]][1, 0] [2, 3] [1, 2] : tensor<2x3xf32> into tensor<3x7xf32>
  %0 = nn.pad %x, %zero {low = [1, 0], high = [0, 2], interior = [0, 1]} : (tensor<2x3xf32>, tensor<f32>) -> tensor<3x7xf32>
  // CHECK:      [[E:%.*]] = tensor.empty() : tensor<2x4xf32>
  // CHECK-NEXT: [[P:%.*]] = tensor.insert_slice %x into [[E]][0, 0] [2, 3] [1, 1]
  // CHECK-NEXT: tensor.insert_slice %y into [[P]][0, 3] [2, 1] [1, 1]
  %1 = nn.concat %x, %y {axis = 1} : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  func.return %0, %1 : tensor<3x7xf32>, tensor<2x4xf32>
}
