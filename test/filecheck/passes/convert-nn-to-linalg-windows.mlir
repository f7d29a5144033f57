// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// The input is padded in memory; the window slides through the map.
// CHECK-LABEL: func.func @conv2d
func.func @conv2d(%x : tensor<2x3x8x8xf32>, %w : tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32> {
  // CHECK:      linalg.fill {{.*}} -> tensor<2x3x10x10xf32>
  // CHECK-NEXT: [[P:%.*]] = tensor.insert_slice %x into {{.*}}[0, 0, 1, 1] [2, 3, 8, 8] [1, 1, 1, 1]
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, ((d2 * 2) + d5), ((d3 * 2) + d6))>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins([[P]], %w
  %0 = nn.conv2d %x, %w {strides = [2, 2], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1}
    : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32>
  func.return %0 : tensor<2x4x4x4xf32>
}

// One more axis is two more loops: one sum of products, and no copy for each place in depth.
// CHECK-LABEL: func.func @conv3d
func.func @conv3d(%x : tensor<2x3x4x8x8xf32>, %w : tensor<4x3x2x3x3xf32>) -> tensor<2x4x3x3x6xf32> {
  // CHECK-NOT:  tensor.insert_slice
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d0, d5, (d2 + d6), ((d3 * 2) + d7), (d4 + d8))>, {{.*}} -> (d1, d5, d6, d7, d8)>, {{.*}} -> (d0, d1, d2, d3, d4)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]} ins(%x, %w
  %0 = nn.conv3d %x, %w {strides = [1, 2, 1], padding = [0, 0, 0, 0, 0, 0], dilation = [1, 1, 1], groups = 1}
    : (tensor<2x3x4x8x8xf32>, tensor<4x3x2x3x3xf32>) -> tensor<2x4x3x3x6xf32>
  func.return %0 : tensor<2x4x3x3x6xf32>
}

// A group is a loop of its own.
// CHECK-LABEL: func.func @grouped
func.func @grouped(%x : tensor<1x4x4x4xf32>, %w : tensor<2x2x2x2xf32>) -> tensor<1x2x3x3xf32> {
  // CHECK:      tensor.expand_shape %x {{.*}} into tensor<1x2x2x4x4xf32>
  // CHECK:      tensor.expand_shape %w {{.*}} into tensor<2x1x2x2x2xf32>
  // CHECK:      linalg.generic {{.*}} -> (d0, d1, d5, (d3 + d6), (d4 + d7))>, {{.*}} -> (d1, d2, d5, d6, d7)>, {{.*}} -> (d0, d1, d2, d3, d4)>]
  // CHECK:      tensor.collapse_shape {{.*}} into tensor<1x2x3x3xf32>
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 2}
    : (tensor<1x4x4x4xf32>, tensor<2x2x2x2xf32>) -> tensor<1x2x3x3xf32>
  func.return %0 : tensor<1x2x3x3xf32>
}

// Depthwise, the channel is the group: no loops over the channels of a group.
// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x : tensor<1x2x4x4xf32>, %w : tensor<2x1x2x2xf32>) -> tensor<1x2x3x3xf32> {
  // CHECK-NOT:  tensor.expand_shape
  // CHECK:      tensor.collapse_shape %w {{.*}} into tensor<2x2x2xf32>
  // CHECK:      linalg.generic {{.*}} -> (d0, d1, (d2 + d4), (d3 + d5))>, {{.*}} -> (d1, d4, d5)>, {{.*}} -> (d0, d1, d2, d3)>]
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 2}
    : (tensor<1x2x4x4xf32>, tensor<2x1x2x2xf32>) -> tensor<1x2x3x3xf32>
  func.return %0 : tensor<1x2x3x3xf32>
}

// With stride 2 even and odd rows meet taps of their own: one sum for each phase, and no zeros between the elements.
// CHECK-LABEL: func.func @input_gradient
func.func @input_gradient(%g : tensor<2x4x4x4xf32>, %w : tensor<4x3x3x3xf32>) -> tensor<2x3x8x8xf32> {
  // CHECK:      tensor.insert_slice %g into {{.*}}[0, 0, 0, 0] [2, 4, 4, 4] [1, 1, 1, 1] : tensor<2x4x4x4xf32> into tensor<2x4x5x5xf32>
  // CHECK:      linalg.generic {{.*}} -> (d0, d1, ((d2 * 2) + 1), ((d3 * 2) + 1))>
  // CHECK:      linalg.generic {{.*}} -> (d0, d4, (d2 + (d5 * -1)), (d3 + (d6 * -1)))>
  // CHECK:      tensor.insert_slice {{.*}}[0, 0, 0, 0] [2, 3, 4, 4] [1, 1, 2, 2] : tensor<2x3x4x4xf32> into tensor<2x3x8x8xf32>
  // CHECK:      tensor.insert_slice {{.*}}[0, 0, 0, 1] [2, 3, 4, 4] [1, 1, 2, 2]
  // CHECK:      tensor.insert_slice {{.*}}[0, 0, 1, 0] [2, 3, 4, 4] [1, 1, 2, 2]
  // CHECK:      linalg.generic {{.*}} -> (d0, d4, ((d2 + (d5 * -1)) + 1), ((d3 + (d6 * -1)) + 1))>
  // CHECK:      tensor.insert_slice {{.*}}[0, 0, 1, 1] [2, 3, 4, 4] [1, 1, 2, 2]
  %0 = nn.conv2d_input_gradient %g, %w
    {strides = [2, 2], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1, input_shape = [2, 3, 8, 8]}
    : (tensor<2x4x4x4xf32>, tensor<4x3x3x3xf32>) -> tensor<2x3x8x8xf32>
  func.return %0 : tensor<2x3x8x8xf32>
}

// The window's operand is only a shape. The first maximum wins, NaN is the largest.
// CHECK-LABEL: func.func @max_pool
func.func @max_pool(%x : tensor<1x2x4x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi32>) {
  // CHECK:      [[W:%.*]] = tensor.empty() : tensor<2x2xf32>
  // CHECK:      linalg.generic {{.*}} -> (d0, d1, ((d2 * 2) + d4), ((d3 * 2) + d5))>, {{.*}} -> (d4, d5)>, {{.*}} ins(%x, [[W]] :
  // CHECK:        arith.cmpf ole
  // CHECK:        arith.cmpf oeq
  // CHECK-COUNT-2: arith.select
  // CHECK:      } -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi32>)
  %0, %1 = nn.max_pool2d %x {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]}
    : (tensor<1x2x4x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi32>)
  func.return %0, %1 : tensor<1x2x2x2xf32>, tensor<1x2x2x2xi32>
}

// Windows that tile the input: the gradient is elementwise on the split result, which is joined for free.
// CHECK-LABEL: func.func @max_pool_gradient
func.func @max_pool_gradient(%g : tensor<1x2x2x2xf32>, %i : tensor<1x2x2x2xi32>) -> tensor<1x2x4x4xf32> {
  // CHECK-NOT:  linalg.fill
  // CHECK:      } -> tensor<1x2x2x2x2x2xf32>
  // CHECK-NEXT: tensor.collapse_shape {{.*}} into tensor<1x2x4x4xf32>
  %0 = nn.max_pool2d_gradient %g, %i {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], input_shape = [1, 2, 4, 4]}
    : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi32>) -> tensor<1x2x4x4xf32>
  func.return %0 : tensor<1x2x4x4xf32>
}

// Windows that overlap at a stride: rows and columns by remainder, a read for each window that has them.
// CHECK-LABEL: func.func @strided_avg_pool_gradient
func.func @strided_avg_pool_gradient(%g : tensor<1x2x3x3xf32>) -> tensor<1x2x8x8xf32> {
  // CHECK:      tensor.insert_slice {{.*}}[0, 0, 2, 2] [1, 2, 3, 3] [1, 1, 1, 1] : tensor<1x2x3x3xf32> into tensor<1x2x6x6xf32>
  // CHECK:      linalg.generic {{.*}}(d0, d1, (d2 + 2), (d4 + 2))>, {{.*}}(d0, d1, (d2 + 2), (d4 + 1))>, {{.*}}(d0, d1, (d2 + 1), (d4 + 1))>
  // CHECK:      } -> tensor<1x2x4x2x4x2xf32>
  // CHECK-NEXT: tensor.collapse_shape {{.*}} into tensor<1x2x8x8xf32>
  %0 = nn.avg_pool2d_gradient %g
    {kernel = [3, 3], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 2, 8, 8]}
    : (tensor<1x2x3x3xf32>) -> tensor<1x2x8x8xf32>
  func.return %0 : tensor<1x2x8x8xf32>
}

// One window over all of the input, at the stride 1 that is MindSpore's default.
// CHECK-LABEL: func.func @global_max_pool_gradient
func.func @global_max_pool_gradient(%g : tensor<1x2x1x1xf32>, %i : tensor<1x2x1x1xi32>) -> tensor<1x2x4x5xf32> {
  // CHECK-NOT:  linalg.fill
  // CHECK-NOT:  "reduction"
  // CHECK:      } -> tensor<1x2x1x4x1x5xf32>
  %0 = nn.max_pool2d_gradient %g, %i {kernel = [4, 5], strides = [1, 1], padding = [0, 0, 0, 0], input_shape = [1, 2, 4, 5]}
    : (tensor<1x2x1x1xf32>, tensor<1x2x1x1xi32>) -> tensor<1x2x4x5xf32>
  func.return %0 : tensor<1x2x4x5xf32>
}

// The number of elements divides the sum over windows, not each of its terms, so that nothing comes before it.
// CHECK-LABEL: func.func @avg_pool_gradient
func.func @avg_pool_gradient(%g : tensor<1x2x2x2xf32>) -> tensor<1x2x4x4xf32> {
  // CHECK-NOT:  arith.divf
  // CHECK:      arith.addf
  // CHECK:      } -> tensor<1x2x4x4xf32>
  // CHECK:      arith.divf
  // CHECK:      } -> tensor<1x2x4x4xf32>
  %0 = nn.avg_pool2d_gradient %g
    {kernel = [3, 3], strides = [1, 1], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 2, 4, 4]}
    : (tensor<1x2x2x2xf32>) -> tensor<1x2x4x4xf32>
  func.return %0 : tensor<1x2x4x4xf32>
}

// A quarter, which is exact, as the windows are written side by side.
// CHECK-LABEL: func.func @avg_pool_gradient_of_tiles
func.func @avg_pool_gradient_of_tiles(%g : tensor<1x2x2x2xf32>) -> tensor<1x2x4x4xf32> {
  // CHECK:      linalg.generic
  // CHECK:        [[C:%.*]] = arith.constant 2.500000e-01 : f32
  // CHECK-NEXT:   arith.mulf {{.*}}, [[C]]
  // CHECK:      } -> tensor<1x2x2x2x2x2xf32>
  // CHECK-NOT:  linalg.generic
  %0 = nn.avg_pool2d_gradient %g
    {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 2, 4, 4]}
    : (tensor<1x2x2x2xf32>) -> tensor<1x2x4x4xf32>
  func.return %0 : tensor<1x2x4x4xf32>
}
