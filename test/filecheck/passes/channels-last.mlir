// RUN: %cellc-opt --split-input-file %s -p convert-nn-to-linalg,drop-unused-results,channels-last | %FileCheck %s

// Between the convolutions pixels are rows of channels; pads and elementwise ops follow. The input is moved once, for
// both who read it, and the result back. Filters stay as they are: panels are made of them in any case.
func.func @main(
    %x: tensor<1x64x28x28xf32> {cellc.name = "x", cellc.kind = "input"},
    %first: tensor<384x64x1x1xf32> {cellc.name = "first", cellc.kind = "parameter"},
    %own: tensor<384x1x3x3xf32> {cellc.name = "own", cellc.kind = "parameter"},
    %last: tensor<64x384x1x1xf32> {cellc.name = "last", cellc.kind = "parameter"}) -> tensor<1x64x28x28xf32> {
  // CHECK:      %[[X:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>]{{.*}} ins(%x : tensor<1x64x28x28xf32>) outs({{.*}} : tensor<1x28x28x64xf32>)
  // CHECK:      %[[E:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, (d1 + d4), (d2 + d5), d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d6, d4, d5)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>]{{.*}} ins(%[[X]], %first : tensor<1x28x28x64xf32>, tensor<384x64x1x1xf32>)
  // CHECK:      %[[R:.*]] = linalg.generic {{.*}} ins(%[[E]] : tensor<1x28x28x384xf32>)
  // CHECK:      tensor.insert_slice %[[R]] into {{.*}}[0, 1, 1, 0] [1, 28, 28, 384] [1, 1, 1, 1] : tensor<1x28x28x384xf32> into tensor<1x30x30x384xf32>
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, (d1 + d4), (d2 + d5), d3)>, affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d4, d5)>,
  // CHECK:      linalg.generic {{.*}}, %last : tensor<1x28x28x384xf32>, tensor<64x384x1x1xf32>)
  // CHECK:      %[[S:.*]] = linalg.generic {{.*}} ins({{.*}}, %[[X]] : tensor<1x28x28x64xf32>, tensor<1x28x28x64xf32>)
  // CHECK:      %[[B:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>]{{.*}} ins(%[[S]] : tensor<1x28x28x64xf32>) outs({{.*}} : tensor<1x64x28x28xf32>)
  // CHECK:      return %[[B]] : tensor<1x64x28x28xf32>
  %e = nn.conv2d %x, %first {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<1x64x28x28xf32>, tensor<384x64x1x1xf32>) -> tensor<1x384x28x28xf32>
  %r = nn.relu %e : (tensor<1x384x28x28xf32>) -> tensor<1x384x28x28xf32>
  %d = nn.conv2d %r, %own {strides = [1, 1], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 384}
    : (tensor<1x384x28x28xf32>, tensor<384x1x3x3xf32>) -> tensor<1x384x28x28xf32>
  %l = nn.conv2d %d, %last {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<1x384x28x28xf32>, tensor<64x384x1x1xf32>) -> tensor<1x64x28x28xf32>
  %s = nn.add %l, %x : (tensor<1x64x28x28xf32>, tensor<1x64x28x28xf32>) -> tensor<1x64x28x28xf32>
  func.return %s : tensor<1x64x28x28xf32>
}

// -----

// An image of three channels is read as it is. Places are joined in front of the channels, and a transpose of (c, places)
// moves nothing then; where one place is left nothing is to be moved either.
func.func @main(
    %x: tensor<1x3x64x64xf32> {cellc.name = "x", cellc.kind = "input"},
    %first: tensor<64x3x1x1xf32> {cellc.name = "first", cellc.kind = "parameter"},
    %last: tensor<64x64x64x64xf32> {cellc.name = "last", cellc.kind = "parameter"})
    -> (tensor<1x4096xf32>, tensor<1x64xf32>) {
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d6, (d1 + d4), (d2 + d5))>, {{.*}} ins(%x, %first : tensor<1x3x64x64xf32>,
  // CHECK:      %[[C:.*]] = tensor.collapse_shape {{.*}} {{\[\[}}0 : i64], [1 : i64, 2 : i64], [3 : i64]] : tensor<1x64x64x64xf32> into tensor<1x4096x64xf32>
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]{{.*}} ins(%[[C]] : tensor<1x4096x64xf32>)
  // CHECK:      %[[D:.*]] = tensor.collapse_shape {{.*}} {{\[\[}}0 : i64], [1 : i64, 2 : i64, 3 : i64]] : tensor<1x1x1x64xf32> into tensor<1x64xf32>
  // CHECK:      return %{{.*}}, %[[D]]
  %e = nn.conv2d %x, %first {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<1x3x64x64xf32>, tensor<64x3x1x1xf32>) -> tensor<1x64x64x64xf32>
  %f = nn.reshape %e {shape = [1, 64, 4096]} : (tensor<1x64x64x64xf32>) -> tensor<1x64x4096xf32>
  %t = nn.transpose %f {permutation = [0, 2, 1]} : (tensor<1x64x4096xf32>) -> tensor<1x4096x64xf32>
  %s = nn.reduce_sum %t {axes = [2], keep_dims = false} : (tensor<1x4096x64xf32>) -> tensor<1x4096xf32>
  %l = nn.conv2d %e, %last {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<1x64x64x64xf32>, tensor<64x64x64x64xf32>) -> tensor<1x64x1x1xf32>
  %g = nn.reshape %l {shape = [1, 64]} : (tensor<1x64x1x1xf32>) -> tensor<1x64xf32>
  func.return %s, %g : tensor<1x4096xf32>, tensor<1x64xf32>
}

// -----

// One convolution gains less than moving its image and its result takes.
// CHECK-NOT: x28x28x64xf32>
func.func @main(
    %x: tensor<1x64x28x28xf32> {cellc.name = "x", cellc.kind = "input"},
    %w: tensor<64x64x1x1xf32> {cellc.name = "w", cellc.kind = "parameter"}) -> tensor<1x64x28x28xf32> {
  %e = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<1x64x28x28xf32>, tensor<64x64x1x1xf32>) -> tensor<1x64x28x28xf32>
  func.return %e : tensor<1x64x28x28xf32>
}

// -----

// In training filters change, and images are multiplied by images.
// CHECK-NOT: tensor<8x28x28x
func.func @main(
    %x: tensor<8x3x28x28xf32> {cellc.name = "x", cellc.kind = "input"},
    %g: tensor<8x512x28x28xf32> {cellc.name = "g", cellc.kind = "input"},
    %first: tensor<256x3x3x3xf32> {cellc.name = "first", cellc.kind = "parameter", cellc.updated_by = 1 : i64},
    %second: tensor<512x256x1x1xf32> {cellc.name = "second", cellc.kind = "parameter"})
    -> (tensor<8x512x28x28xf32>, tensor<512x256x1x1xf32>) {
  %a = nn.conv2d %x, %first {strides = [1, 1], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1}
    : (tensor<8x3x28x28xf32>, tensor<256x3x3x3xf32>) -> tensor<8x256x28x28xf32>
  %b = nn.conv2d %a, %second {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1}
    : (tensor<8x256x28x28xf32>, tensor<512x256x1x1xf32>) -> tensor<8x512x28x28xf32>
  %s = nn.mul %b, %g : (tensor<8x512x28x28xf32>, tensor<8x512x28x28xf32>) -> tensor<8x512x28x28xf32>
  %d = nn.conv2d_weight_gradient %a, %s
    {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1, weight_shape = [512, 256, 1, 1]}
    : (tensor<8x256x28x28xf32>, tensor<8x512x28x28xf32>) -> tensor<512x256x1x1xf32>
  func.return %s, %d : tensor<8x512x28x28xf32>, tensor<512x256x1x1xf32>
}
