// RUN: cellc-opt %s | cellc-opt | filecheck %s

// Every op once, family by family: what is printed is what was read.

// CHECK-LABEL: func.func @unary
func.func @unary(%a: tensor<2x3xf32>, %b: tensor<2xi1>) {
  // CHECK: nn.neg %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = nn.neg %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.abs %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.abs %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.sign %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = nn.sign %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.exp %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.exp %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.log %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.log %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.log1p %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %5 = nn.log1p %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.expm1 %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %6 = nn.expm1 %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.sqrt %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %7 = nn.sqrt %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.rsqrt %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %8 = nn.rsqrt %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.reciprocal %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %9 = nn.reciprocal %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.sin %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %10 = nn.sin %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.cos %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %11 = nn.cos %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.tanh %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %12 = nn.tanh %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.sigmoid %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %13 = nn.sigmoid %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.erf %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %14 = nn.erf %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.relu %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %15 = nn.relu %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.floor %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %16 = nn.floor %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.ceil %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %17 = nn.ceil %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.round %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %18 = nn.round %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.isnan %a : (tensor<2x3xf32>) -> tensor<2x3xi1>
  %19 = nn.isnan %a : (tensor<2x3xf32>) -> tensor<2x3xi1>
  // CHECK: nn.isfinite %a : (tensor<2x3xf32>) -> tensor<2x3xi1>
  %20 = nn.isfinite %a : (tensor<2x3xf32>) -> tensor<2x3xi1>
  // CHECK: nn.logical_not %b : (tensor<2xi1>) -> tensor<2xi1>
  %21 = nn.logical_not %b : (tensor<2xi1>) -> tensor<2xi1>
  func.return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%a: tensor<2xf32>, %b: tensor<2xf32>, %c: tensor<2xi1>, %d: tensor<2xi1>) {
  // CHECK: nn.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %0 = nn.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.sub %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = nn.sub %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %2 = nn.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.div %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %3 = nn.div %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.pow %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %4 = nn.pow %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.maximum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %5 = nn.maximum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.minimum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %6 = nn.minimum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.mod %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %7 = nn.mod %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.floor_div %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %8 = nn.floor_div %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.logical_and %c, %d : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  %9 = nn.logical_and %c, %d : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  // CHECK: nn.logical_or %c, %d : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  %10 = nn.logical_or %c, %d : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  // CHECK: nn.compare %a, %b {predicate = "lt"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
  %11 = nn.compare %a, %b {predicate = "lt"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
  // CHECK: nn.select %c, %a, %b : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %12 = nn.select %c, %a, %b : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.cast %a {dtype = bf16} : (tensor<2xf32>) -> tensor<2xbf16>
  %13 = nn.cast %a {dtype = bf16} : (tensor<2xf32>) -> tensor<2xbf16>
  // CHECK: nn.cast %a {dtype = u8} : (tensor<2xf32>) -> tensor<2xui8>
  %14 = nn.cast %a {dtype = u8} : (tensor<2xf32>) -> tensor<2xui8>
  // CHECK: nn.cast %a {dtype = bool} : (tensor<2xf32>) -> tensor<2xi1>
  %15 = nn.cast %a {dtype = bool} : (tensor<2xf32>) -> tensor<2xi1>
  func.return
}

// CHECK-LABEL: func.func @contraction
func.func @contraction(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) {
  // CHECK: nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = true} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  %0 = nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = true} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  func.return
}

// CHECK-LABEL: func.func @convolution
func.func @convolution(%a: tensor<1x1x8x8xf32>, %b: tensor<6x1x5x5xf32>, %c: tensor<1x6x8x3xf32>) {
  // CHECK: nn.conv2d %a, %b {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x8x3xf32>
  %0 = nn.conv2d %a, %b {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x8x3xf32>
  // CHECK: nn.conv2d_input_gradient %c, %b {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1, input_shape = [1, 1, 8, 8]} : (tensor<1x6x8x3xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x8x8xf32>
  %1 = nn.conv2d_input_gradient %c, %b {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1, input_shape = [1, 1, 8, 8]} : (tensor<1x6x8x3xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x8x8xf32>
  // CHECK: nn.conv2d_weight_gradient %a, %c {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1, weight_shape = [6, 1, 5, 5]} : (tensor<1x1x8x8xf32>, tensor<1x6x8x3xf32>) -> tensor<6x1x5x5xf32>
  %2 = nn.conv2d_weight_gradient %a, %c {strides = [1, 2], padding = [2, 2, 1, 1], dilation = [1, 1], groups = 1, weight_shape = [6, 1, 5, 5]} : (tensor<1x1x8x8xf32>, tensor<1x6x8x3xf32>) -> tensor<6x1x5x5xf32>
  func.return
}

// CHECK-LABEL: func.func @convolution_in_space
func.func @convolution_in_space(%a: tensor<1x2x4x8x8xf32>, %b: tensor<6x2x3x3x3xf32>, %c: tensor<1x6x4x4x8xf32>) {
  // CHECK: nn.conv3d %a, %b {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1} : (tensor<1x2x4x8x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x6x4x4x8xf32>
  %0 = nn.conv3d %a, %b {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1} : (tensor<1x2x4x8x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x6x4x4x8xf32>
  // CHECK: nn.conv3d_input_gradient %c, %b {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1, input_shape = [1, 2, 4, 8, 8]} : (tensor<1x6x4x4x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x2x4x8x8xf32>
  %1 = nn.conv3d_input_gradient %c, %b {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1, input_shape = [1, 2, 4, 8, 8]} : (tensor<1x6x4x4x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x2x4x8x8xf32>
  // CHECK: nn.conv3d_weight_gradient %a, %c {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1, weight_shape = [6, 2, 3, 3, 3]} : (tensor<1x2x4x8x8xf32>, tensor<1x6x4x4x8xf32>) -> tensor<6x2x3x3x3xf32>
  %2 = nn.conv3d_weight_gradient %a, %c {strides = [1, 2, 1], padding = [1, 1, 1, 1, 2, 0], dilation = [1, 1, 1], groups = 1, weight_shape = [6, 2, 3, 3, 3]} : (tensor<1x2x4x8x8xf32>, tensor<1x6x4x4x8xf32>) -> tensor<6x2x3x3x3xf32>
  func.return
}

// CHECK-LABEL: func.func @pooling
func.func @pooling(%a: tensor<1x6x8x8xf32>, %b: tensor<1x6x4x4xf32>, %c: tensor<1x6x4x4xi32>) {
  // CHECK: nn.max_pool2d %a {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]} : (tensor<1x6x8x8xf32>) -> (tensor<1x6x4x4xf32>, tensor<1x6x4x4xi32>)
  %m0_0, %m0_1 = nn.max_pool2d %a {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]} : (tensor<1x6x8x8xf32>) -> (tensor<1x6x4x4xf32>, tensor<1x6x4x4xi32>)
  // CHECK: nn.max_pool2d_gradient %b, %c {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], input_shape = [1, 6, 8, 8]} : (tensor<1x6x4x4xf32>, tensor<1x6x4x4xi32>) -> tensor<1x6x8x8xf32>
  %1 = nn.max_pool2d_gradient %b, %c {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], input_shape = [1, 6, 8, 8]} : (tensor<1x6x4x4xf32>, tensor<1x6x4x4xi32>) -> tensor<1x6x8x8xf32>
  // CHECK: nn.max_pool2d_gather %a, %c {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]} : (tensor<1x6x8x8xf32>, tensor<1x6x4x4xi32>) -> tensor<1x6x4x4xf32>
  %2 = nn.max_pool2d_gather %a, %c {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]} : (tensor<1x6x8x8xf32>, tensor<1x6x4x4xi32>) -> tensor<1x6x4x4xf32>
  // CHECK: nn.avg_pool2d %a {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = false} : (tensor<1x6x8x8xf32>) -> tensor<1x6x4x4xf32>
  %3 = nn.avg_pool2d %a {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = false} : (tensor<1x6x8x8xf32>) -> tensor<1x6x4x4xf32>
  // CHECK: nn.avg_pool2d_gradient %b {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 6, 8, 8]} : (tensor<1x6x4x4xf32>) -> tensor<1x6x8x8xf32>
  %4 = nn.avg_pool2d_gradient %b {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 6, 8, 8]} : (tensor<1x6x4x4xf32>) -> tensor<1x6x8x8xf32>
  func.return
}

// CHECK-LABEL: func.func @normalization
func.func @normalization(%a: tensor<2x3xf32>) {
  // CHECK: nn.softmax %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = nn.softmax %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.log_softmax %a {axis = 0} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.log_softmax %a {axis = 0} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return
}

// CHECK-LABEL: func.func @reduction
func.func @reduction(%a: tensor<2x3xf32>, %b: tensor<2x3xi1>) {
  // CHECK: nn.reduce_sum %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  %0 = nn.reduce_sum %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  // CHECK: nn.reduce_prod %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  %1 = nn.reduce_prod %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  // CHECK: nn.reduce_max %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  %2 = nn.reduce_max %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  // CHECK: nn.reduce_min %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  %3 = nn.reduce_min %a {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  // CHECK: nn.reduce_any %b {axes = [0, 1], keep_dims = true} : (tensor<2x3xi1>) -> tensor<1x1xi1>
  %4 = nn.reduce_any %b {axes = [0, 1], keep_dims = true} : (tensor<2x3xi1>) -> tensor<1x1xi1>
  // CHECK: nn.reduce_all %b {axes = [0, 1], keep_dims = true} : (tensor<2x3xi1>) -> tensor<1x1xi1>
  %5 = nn.reduce_all %b {axes = [0, 1], keep_dims = true} : (tensor<2x3xi1>) -> tensor<1x1xi1>
  // CHECK: nn.argmax %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>
  %6 = nn.argmax %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>
  // CHECK: nn.cumsum %a {axis = 1, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %cumsum = nn.cumsum %a {axis = 1, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.argmin %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>
  %7 = nn.argmin %a {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>
  func.return
}

// CHECK-LABEL: func.func @shape
func.func @shape(%a: tensor<2x3xf32>, %b: tensor<3xf32>, %c: tensor<5xf32>, %d: tensor<f32>, %e: tensor<2xf32>, %f: tensor<2xf32>, %g: tensor<2xf32>) {
  // CHECK: nn.reshape %a {shape = [6]} : (tensor<2x3xf32>) -> tensor<6xf32>
  %0 = nn.reshape %a {shape = [6]} : (tensor<2x3xf32>) -> tensor<6xf32>
  // CHECK: nn.transpose %a {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = nn.transpose %a {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  // CHECK: nn.broadcast_to %b {shape = [2, 3], dimensions = [1]} : (tensor<3xf32>) -> tensor<2x3xf32>
  %2 = nn.broadcast_to %b {shape = [2, 3], dimensions = [1]} : (tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.slice %c {starts = [1], limits = [4], strides = [2]} : (tensor<5xf32>) -> tensor<2xf32>
  %3 = nn.slice %c {starts = [1], limits = [4], strides = [2]} : (tensor<5xf32>) -> tensor<2xf32>
  // CHECK: nn.pad %b, %d {low = [1], high = [0], interior = [1]} : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  %4 = nn.pad %b, %d {low = [1], high = [0], interior = [1]} : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  // CHECK: nn.concat %e, %f, %g {axis = 0} : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<6xf32>
  %5 = nn.concat %e, %f, %g {axis = 0} : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<6xf32>
  // CHECK: nn.reverse %a {axes = [0, 1]} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %6 = nn.reverse %a {axes = [0, 1]} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.identity %e : (tensor<2xf32>) -> tensor<2xf32>
  %7 = nn.identity %e : (tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.stop_gradient %e : (tensor<2xf32>) -> tensor<2xf32>
  %8 = nn.stop_gradient %e : (tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.after %e, %8 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %after = nn.after %e, %8 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// CHECK-LABEL: func.func @indexing
func.func @indexing(%a: tensor<9x4xf32>, %b: tensor<2x3xi32>, %c: tensor<2x3x4xf32>, %d: tensor<5x2x4xf32>, %e: tensor<2xi32>) {
  // CHECK: nn.constant {value = #nn.array<tensor<2xf32>, [1.5, -0.0]>} : () -> tensor<2xf32>
  %0 = nn.constant {value = #nn.array<tensor<2xf32>, [1.5, -0.0]>} : () -> tensor<2xf32>
  // CHECK: nn.constant {value = #nn.array<tensor<9x9xi1>, [false]>} : () -> tensor<9x9xi1>
  %1 = nn.constant {value = #nn.array<tensor<9x9xi1>, [false]>} : () -> tensor<9x9xi1>
  // CHECK: nn.constant {value = #nn.array<tensor<1xf32>, "0x0000807F">} : () -> tensor<1xf32>
  %2 = nn.constant {value = #nn.array<tensor<1xf32>, "0x0000807F">} : () -> tensor<1xf32>
  // CHECK: nn.full {shape = [2], dtype = f32, value = 0.1} : () -> tensor<2xf32>
  %3 = nn.full {shape = [2], dtype = f32, value = 0.1} : () -> tensor<2xf32>
  // CHECK: nn.full {shape = [], dtype = f32, value = 0x7ff0000000000000 : f64} : () -> tensor<f32>
  %4 = nn.full {shape = [], dtype = f32, value = 0x7ff0000000000000 : f64} : () -> tensor<f32>
  // CHECK: nn.iota {shape = [3], dtype = i32, axis = 0} : () -> tensor<3xi32>
  %5 = nn.iota {shape = [3], dtype = i32, axis = 0} : () -> tensor<3xi32>
  // CHECK: nn.take %a, %b : (tensor<9x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %6 = nn.take %a, %b : (tensor<9x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  // CHECK: nn.scatter_add %b, %c {rows = 9} : (tensor<2x3xi32>, tensor<2x3x4xf32>) -> tensor<9x4xf32>
  %7 = nn.scatter_add %b, %c {rows = 9} : (tensor<2x3xi32>, tensor<2x3x4xf32>) -> tensor<9x4xf32>
  // CHECK: nn.reverse_sequence %d, %e {time_axis = 0, batch_axis = 1} : (tensor<5x2x4xf32>, tensor<2xi32>) -> tensor<5x2x4xf32>
  %8 = nn.reverse_sequence %d, %e {time_axis = 0, batch_axis = 1} : (tensor<5x2x4xf32>, tensor<2xi32>) -> tensor<5x2x4xf32>
  func.return
}

// CHECK-LABEL: func.func @recurrent
func.func @recurrent(%a: tensor<5x2x12xf32>, %b: tensor<12x3xf32>, %c: tensor<2x3xf32>, %d: tensor<2x3xf32>, %e: tensor<2xi32>, %f: tensor<5x2x3xf32>, %g: tensor<5x2x3xf32>, %h: tensor<5x2x3xf32>) {
  // CHECK: nn.lstm %a, %b, %c, %d, %e : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  %m0_0, %m0_1, %m0_2 = nn.lstm %a, %b, %c, %d, %e : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  // CHECK: nn.lstm_gradient %a, %f, %b, %c, %e, %g, %h : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>) -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  %m1_0, %m1_1, %m1_2 = nn.lstm_gradient %a, %f, %b, %c, %e, %g, %h : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>) -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  func.return
}

// CHECK-LABEL: func.func @gru
func.func @gru(%x: tensor<5x2x9xf32>, %w: tensor<9x3xf32>, %b: tensor<9xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>, %g: tensor<5x2x12xf32>, %s: tensor<5x2x3xf32>) {
  // CHECK: nn.gru %x, %w, %b, %h, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<9xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  %m0_0, %m0_1 = nn.gru %x, %w, %b, %h, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<9xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  // CHECK: nn.gru_gradient %g, %s, %w, %h, %l, %s : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<9x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<5x2x9xf32>, tensor<2x3xf32>)
  %m1_0, %m1_1, %m1_2 = nn.gru_gradient %g, %s, %w, %h, %l, %s : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<9x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<5x2x9xf32>, tensor<2x3xf32>)
  func.return
}

// CHECK-LABEL: func.func @rnn
func.func @rnn(%x: tensor<5x2x3xf32>, %w: tensor<3x3xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>) {
  // CHECK: nn.rnn %x, %w, %h, %l {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> tensor<5x2x3xf32>
  %0 = nn.rnn %x, %w, %h, %l {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> tensor<5x2x3xf32>
  // CHECK: nn.rnn_gradient %x, %w, %l, %x {nonlinearity = "relu"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>)
  %m1_0, %m1_1 = nn.rnn_gradient %x, %w, %l, %x {nonlinearity = "relu"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>)
  func.return
}

// CHECK-LABEL: func.func @random
func.func @random(%a: tensor<2xi64>) {
  // CHECK: nn.random_uniform %a {shape = [2, 3], dtype = f32, stream = 0} : (tensor<2xi64>) -> tensor<2x3xf32>
  %0 = nn.random_uniform %a {shape = [2, 3], dtype = f32, stream = 0} : (tensor<2xi64>) -> tensor<2x3xf32>
  func.return
}

// CHECK-LABEL: func.func @gradient
func.func @gradient(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<2xf32>, %d: tensor<3xf32>) {
  // CHECK: nn.gradient %a, %b, %c, %d : (tensor<f32>, tensor<f32>, tensor<2xf32>, tensor<3xf32>) -> (tensor<2xf32>, tensor<3xf32>)
  %m0_0, %m0_1 = nn.gradient %a, %b, %c, %d : (tensor<f32>, tensor<f32>, tensor<2xf32>, tensor<3xf32>) -> (tensor<2xf32>, tensor<3xf32>)
  // CHECK: nn.tangent %a, %c, %c {outputs = 1} : (tensor<f32>, tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  %m1 = nn.tangent %a, %c, %c {outputs = 1} : (tensor<f32>, tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  func.return
}

// CHECK-LABEL: func.func @collective
func.func @collective(%a: tensor<2x3xf32>) {
  // CHECK: nn.all_reduce %a {reduction = "max", group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = nn.all_reduce %a {reduction = "max", group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.reduce %a {reduction = "sum", root = 1, group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.reduce %a {reduction = "sum", root = 1, group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.reduce_scatter %a {reduction = "min", processes = 2, group = "two"} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  %2 = nn.reduce_scatter %a {reduction = "min", processes = 2, group = "two"} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  // CHECK: nn.all_gather %a {processes = 2, group = "two"} : (tensor<2x3xf32>) -> tensor<4x3xf32>
  %3 = nn.all_gather %a {processes = 2, group = "two"} : (tensor<2x3xf32>) -> tensor<4x3xf32>
  // CHECK: nn.broadcast %a {root = 1, group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.broadcast %a {root = 1, group = "two"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return
}
