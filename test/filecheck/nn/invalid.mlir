// RUN: cellc-opt %s --split-input-file --verify-diagnostics

// Every check of every op's inference, through the verifier.

// expected-error {{exp: x must have a float dtype, got i32[2]}}
func.func @unary(%a: tensor<2xi32>) {
  %0 = nn.exp %a : (tensor<2xi32>) -> tensor<2xi32>
  func.return
}

// -----

// expected-error {{exp: results are f32[3], must be f32[2]}}
func.func @result(%a: tensor<2xf32>) {
  %0 = nn.exp %a : (tensor<2xf32>) -> tensor<3xf32>
  func.return
}

// -----

// expected-error {{static shape, got tensor<?xf32>}}
func.func @dynamic(%a: tensor<?xf32>) {
  %0 = nn.exp %a : (tensor<?xf32>) -> tensor<?xf32>
  func.return
}

// -----

// expected-error {{f128 is not an element type of the nn dialect}}
func.func @element(%a: tensor<2xf128>) {
  %0 = nn.exp %a : (tensor<2xf128>) -> tensor<2xf128>
  func.return
}

// -----

// expected-error {{Expected 1 operand}}
func.func @arity(%a: tensor<2xf32>) {
  %0 = nn.exp %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{property 'axis' expected in operation 'nn.softmax'}}
func.func @missing(%a: tensor<2xf32>) {
  %0 = nn.softmax %a : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{attribute 'axis' must be of kind int, got 0 : i32}}
func.func @kind(%a: tensor<2xf32>) {
  %0 = "nn.softmax"(%a) <{axis = 0 : i32}> : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{logical_not: x must have bool, got f32[2]}}
func.func @logical_not(%a: tensor<2xf32>) {
  %0 = nn.logical_not %a : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{isnan: x must have a float dtype, got i32[2]}}
func.func @isnan(%a: tensor<2xi32>) {
  %0 = nn.isnan %a : (tensor<2xi32>) -> tensor<2xi1>
  func.return
}

// -----

// expected-error {{add: shapes of lhs and rhs differ (f32[2] and f32[3])}}
func.func @add(%a: tensor<2xf32>, %b: tensor<3xf32>) {
  %0 = nn.add %a, %b : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{add: dtypes of lhs and rhs differ (f32[2] and f16[2])}}
func.func @add(%a: tensor<2xf32>, %b: tensor<2xf16>) {
  %0 = nn.add %a, %b : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{compare: predicate must be one of eq, ne, lt, le, gt, ge, got 'less'}}
func.func @compare(%a: tensor<2xf32>) {
  %0 = nn.compare %a, %a {predicate = "less"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
  func.return
}

// -----

// expected-error {{select: condition must have bool, got f32[2]}}
func.func @select(%a: tensor<2xf32>) {
  %0 = nn.select %a, %a, %a : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{select: shapes of condition and on_true differ (bool[3] and f32[2])}}
func.func @select(%c: tensor<3xi1>, %a: tensor<2xf32>) {
  %0 = nn.select %c, %a, %a : (tensor<3xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{cast: dtype must be one of f16, bf16, f32, f64, i8, i16, i32, i64, u8, bool, got 'f8'}}
func.func @cast(%a: tensor<2xf32>) {
  %0 = nn.cast %a {dtype = f8} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{matmul: lhs must have rank >= 2, got f32[2]}}
func.func @matmul(%a: tensor<2xf32>) {
  %0 = nn.matmul %a, %a {transpose_lhs = false, transpose_rhs = false} : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{matmul: inner dimensions 2 and 3 differ (f32[3, 2] and f32[2, 3], rhs transposed)}}
func.func @matmul(%a: tensor<3x2xf32>, %b: tensor<2x3xf32>) {
  %0 = nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = true} : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x2xf32>
  func.return
}

// -----

// expected-error {{matmul: batch dimensions differ (f32[4, 2, 2] and f32[5, 2, 2])}}
func.func @matmul(%a: tensor<4x2x2xf32>, %b: tensor<5x2x2xf32>) {
  %0 = nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = false} : (tensor<4x2x2xf32>, tensor<5x2x2xf32>) -> tensor<4x2x2xf32>
  func.return
}

// -----

// expected-error {{conv2d: input has 3 channels, weight expects 1 (weight f32[6, 1, 5, 5])}}
func.func @conv2d(%x: tensor<1x3x8x8xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1} : (tensor<1x3x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: 6 output channels cannot be split into 4 groups}}
func.func @conv2d(%x: tensor<1x4x8x8xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 4} : (tensor<1x4x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: input must have rank 4, got f32[3, 8, 8]}}
func.func @conv2d(%x: tensor<3x8x8xf32>, %w: tensor<6x3x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1} : (tensor<3x8x8xf32>, tensor<6x3x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: the window reaches over 9 elements of H, the padded input has 8 (input [8, 8], kernel [5, 5], padding [0, 0, 0, 0], dilation [2, 1])}}
func.func @conv2d(%x: tensor<1x1x8x8xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [2, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: the kernel is empty (weight f32[6, 1, 0, 5])}}
func.func @conv2d(%x: tensor<1x1x8x8xf32>, %w: tensor<6x1x0x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x0x5xf32>) -> tensor<1x6x8x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: strides must be >= 1, got [0, 1]}}
func.func @conv2d(%x: tensor<1x1x8x8xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [0, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d: padding must have 4 entries, got [0, 0]}}
func.func @conv2d(%x: tensor<1x1x8x8xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d %x, %w {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x1x8x8xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x4x4xf32>
  func.return
}

// -----

// expected-error {{conv2d_input_gradient: gradient is f32[1, 6, 3, 4], expected f32[1, 6, 4, 4] (conv2d of f32[1, 1, 8, 8] and f32[6, 1, 5, 5])}}
func.func @conv2d_input_gradient(%g: tensor<1x6x3x4xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d_input_gradient %g, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1, input_shape = [1, 1, 8, 8]} : (tensor<1x6x3x4xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x8x8xf32>
  func.return
}

// -----

// expected-error {{conv2d_input_gradient: input_shape [1, 1, -8, 8] has a negative extent}}
func.func @conv2d_input_gradient(%g: tensor<1x6x4x4xf32>, %w: tensor<6x1x5x5xf32>) {
  %0 = nn.conv2d_input_gradient %g, %w {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1, input_shape = [1, 1, -8, 8]} : (tensor<1x6x4x4xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x8x8xf32>
  func.return
}

// -----

// expected-error {{conv2d_weight_gradient: input has 2 channels, weight expects 1 (weight f32[6, 1, 5, 5])}}
func.func @conv2d_weight_gradient(%x: tensor<1x2x8x8xf32>, %g: tensor<1x6x4x4xf32>) {
  %0 = nn.conv2d_weight_gradient %x, %g {strides = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1, weight_shape = [6, 1, 5, 5]} : (tensor<1x2x8x8xf32>, tensor<1x6x4x4xf32>) -> tensor<6x1x5x5xf32>
  func.return
}

// -----

// expected-error {{conv3d: the window reaches over 5 elements of D, the padded input has 4 (input [4, 8, 8], kernel [5, 3, 3], padding [0, 0, 0, 0, 0, 0], dilation [1, 1, 1])}}
func.func @conv3d(%x: tensor<1x1x4x8x8xf32>, %w: tensor<6x1x5x3x3xf32>) {
  %0 = nn.conv3d %x, %w {strides = [1, 1, 1], padding = [0, 0, 0, 0, 0, 0], dilation = [1, 1, 1], groups = 1} : (tensor<1x1x4x8x8xf32>, tensor<6x1x5x3x3xf32>) -> tensor<1x6x1x6x6xf32>
  func.return
}

// -----

// expected-error {{conv3d: strides must have 3 entries, got [1, 1]}}
func.func @conv3d(%x: tensor<1x1x4x8x8xf32>, %w: tensor<6x1x5x3x3xf32>) {
  %0 = nn.conv3d %x, %w {strides = [1, 1], padding = [0, 0, 0, 0, 0, 0], dilation = [1, 1, 1], groups = 1} : (tensor<1x1x4x8x8xf32>, tensor<6x1x5x3x3xf32>) -> tensor<1x6x1x6x6xf32>
  func.return
}

// -----

// expected-error {{conv3d_input_gradient: gradient is f32[1, 6, 2, 6, 5], expected f32[1, 6, 2, 6, 6] (conv3d of f32[1, 1, 4, 8, 8] and f32[6, 1, 3, 3, 3])}}
func.func @conv3d_input_gradient(%g: tensor<1x6x2x6x5xf32>, %w: tensor<6x1x3x3x3xf32>) {
  %0 = nn.conv3d_input_gradient %g, %w {strides = [1, 1, 1], padding = [0, 0, 0, 0, 0, 0], dilation = [1, 1, 1], groups = 1, input_shape = [1, 1, 4, 8, 8]} : (tensor<1x6x2x6x5xf32>, tensor<6x1x3x3x3xf32>) -> tensor<1x1x4x8x8xf32>
  func.return
}

// -----

// expected-error {{conv3d_weight_gradient: input must have rank 5, got f32[1, 1, 8, 8]}}
func.func @conv3d_weight_gradient(%x: tensor<1x1x8x8xf32>, %g: tensor<1x6x2x6x5xf32>) {
  %0 = nn.conv3d_weight_gradient %x, %g {strides = [1, 1, 1], padding = [0, 0, 0, 0, 0, 0], dilation = [1, 1, 1], groups = 1, weight_shape = [6, 1, 3, 3, 3]} : (tensor<1x1x8x8xf32>, tensor<1x6x2x6x5xf32>) -> tensor<6x1x3x3x3xf32>
  func.return
}

// -----

// expected-error {{max_pool2d: padding [2, 0, 0, 0] must be smaller than the kernel [2, 2]}}
func.func @max_pool2d(%x: tensor<1x1x4x4xf32>) {
  %0, %1 = nn.max_pool2d %x {kernel = [2, 2], strides = [2, 2], padding = [2, 0, 0, 0]} : (tensor<1x1x4x4xf32>) -> (tensor<1x1x3x2xf32>, tensor<1x1x3x2xi32>)
  func.return
}

// -----

// expected-error {{max_pool2d: input has no elements to pool over (f32[1, 1, 0, 4])}}
func.func @max_pool2d(%x: tensor<1x1x0x4xf32>) {
  %0, %1 = nn.max_pool2d %x {kernel = [2, 2], strides = [2, 2], padding = [1, 1, 0, 0]} : (tensor<1x1x0x4xf32>) -> (tensor<1x1x1x2xf32>, tensor<1x1x1x2xi32>)
  func.return
}

// -----

// expected-error {{max_pool2d_gradient: index is i64[1, 1, 2, 2], expected i32[1, 1, 2, 2] (max_pool2d of f32[1, 1, 4, 4])}}
func.func @max_pool2d_gradient(%g: tensor<1x1x2x2xf32>, %i: tensor<1x1x2x2xi64>) {
  %0 = nn.max_pool2d_gradient %g, %i {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], input_shape = [1, 1, 4, 4]} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xi64>) -> tensor<1x1x4x4xf32>
  func.return
}

// -----

// expected-error {{max_pool2d_gather: index is i32[1, 1, 2, 3], expected i32[1, 1, 2, 2] (max_pool2d of f32[1, 1, 4, 4])}}
func.func @max_pool2d_gather(%x: tensor<1x1x4x4xf32>, %i: tensor<1x1x2x3xi32>) {
  %0 = nn.max_pool2d_gather %x, %i {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]} : (tensor<1x1x4x4xf32>, tensor<1x1x2x3xi32>) -> tensor<1x1x2x2xf32>
  func.return
}

// -----

// expected-error {{avg_pool2d: kernel must have 2 entries, got [2]}}
func.func @avg_pool2d(%x: tensor<1x1x4x4xf32>) {
  %0 = nn.avg_pool2d %x {kernel = [2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true} : (tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32>
  func.return
}

// -----

// expected-error {{avg_pool2d_gradient: gradient is f32[1, 1, 3, 2], expected f32[1, 1, 2, 2] (avg_pool2d of f32[1, 1, 4, 4])}}
func.func @avg_pool2d_gradient(%g: tensor<1x1x3x2xf32>) {
  %0 = nn.avg_pool2d_gradient %g {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], count_include_pad = true, input_shape = [1, 1, 4, 4]} : (tensor<1x1x3x2xf32>) -> tensor<1x1x4x4xf32>
  func.return
}

// -----

// expected-error {{softmax: axis 2 is out of range for rank 2}}
func.func @softmax(%x: tensor<2x3xf32>) {
  %0 = nn.softmax %x {axis = 2} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return
}

// -----

// expected-error {{reduce_sum: [1, 1] repeats an axis}}
func.func @reduce_sum(%x: tensor<2x3xf32>) {
  %0 = nn.reduce_sum %x {axes = [1, 1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{reduce_any: x must have bool, got f32[2]}}
func.func @reduce_any(%x: tensor<2xf32>) {
  %0 = nn.reduce_any %x {axes = [0], keep_dims = false} : (tensor<2xf32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{cumsum: axis 2 is out of range}}
func.func @cumsum(%x: tensor<2x3xf32>) {
  %0 = nn.cumsum %x {axis = 2, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return
}

// -----

// expected-error {{argmax: axis 1 has no elements (f32[2, 0])}}
func.func @argmax(%x: tensor<2x0xf32>) {
  %0 = nn.argmax %x {axis = 1} : (tensor<2x0xf32>) -> tensor<2xi32>
  func.return
}

// -----

// expected-error {{reshape: f32[2, 3] has 6 elements, shape [5] has 5}}
func.func @reshape(%x: tensor<2x3xf32>) {
  %0 = nn.reshape %x {shape = [5]} : (tensor<2x3xf32>) -> tensor<5xf32>
  func.return
}

// -----

// expected-error {{transpose: [0, 0] does not permute the axes of f32[2, 3]}}
func.func @transpose(%x: tensor<2x3xf32>) {
  %0 = nn.transpose %x {permutation = [0, 0]} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  func.return
}

// -----

// expected-error {{broadcast_to: axis 0 of f32[3] cannot become 2 of [2, 3]}}
func.func @broadcast_to(%x: tensor<3xf32>) {
  %0 = nn.broadcast_to %x {shape = [2, 3], dimensions = [0]} : (tensor<3xf32>) -> tensor<2x3xf32>
  func.return
}

// -----

// expected-error {{broadcast_to: dimensions [1, 0] must be increasing (transpose first)}}
func.func @broadcast_to(%x: tensor<3x2xf32>) {
  %0 = nn.broadcast_to %x {shape = [2, 3], dimensions = [1, 0]} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  func.return
}

// -----

// expected-error {{slice: 1:6 is out of range for axis 0 of f32[5]}}
func.func @slice(%x: tensor<5xf32>) {
  %0 = nn.slice %x {starts = [1], limits = [6], strides = [1]} : (tensor<5xf32>) -> tensor<5xf32>
  func.return
}

// -----

// expected-error {{pad: value must have rank 0, got f32[1]}}
func.func @pad(%x: tensor<5xf32>, %v: tensor<1xf32>) {
  %0 = nn.pad %x, %v {low = [1], high = [0], interior = [0]} : (tensor<5xf32>, tensor<1xf32>) -> tensor<6xf32>
  func.return
}

// -----

// expected-error {{pad: low must be >= 0, got [-1]}}
func.func @pad(%x: tensor<5xf32>, %v: tensor<f32>) {
  %0 = nn.pad %x, %v {low = [-1], high = [0], interior = [0]} : (tensor<5xf32>, tensor<f32>) -> tensor<4xf32>
  func.return
}

// -----

// expected-error {{concat: values[0] and values[1] differ off axis 0 (f32[2, 3] and f32[2, 4])}}
func.func @concat(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  %0 = nn.concat %x, %y {axis = 0} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  func.return
}

// -----

// expected-error {{concat: needs at least one value}}
func.func @concat() {
  %0 = nn.concat {axis = 0} : () -> tensor<4x3xf32>
  func.return
}

// -----

// expected-error {{reverse: axis -1 is out of range for rank 1}}
func.func @reverse(%x: tensor<2xf32>) {
  %0 = nn.reverse %x {axes = [-1]} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{constant: results are f32[3], must be f32[2]}}
func.func @constant() {
  %0 = nn.constant {value = #nn.array<tensor<2xf32>, [1.0, 2.0]>} : () -> tensor<3xf32>
  func.return
}

// -----

// expected-error {{full: u8 cannot hold 256.0}}
func.func @full() {
  %0 = nn.full {shape = [2], dtype = u8, value = 256.0} : () -> tensor<2xui8>
  func.return
}

// -----

// expected-error {{full: i32 cannot hold 0.5}}
func.func @full() {
  %0 = nn.full {shape = [2], dtype = i32, value = 0.5} : () -> tensor<2xi32>
  func.return
}

// -----

// expected-error {{iota: dtype must be one of f16, bf16, f32, f64, i8, i16, i32, i64, u8, got 'bool'}}
func.func @iota() {
  %0 = nn.iota {shape = [2], dtype = bool, axis = 0} : () -> tensor<2xi1>
  func.return
}

// -----

// expected-error {{take: indices must have i8 or i16 or i32 or i64 or u8, got f32[2]}}
func.func @take(%t: tensor<9x4xf32>, %i: tensor<2xf32>) {
  %0 = nn.take %t, %i : (tensor<9x4xf32>, tensor<2xf32>) -> tensor<2x4xf32>
  func.return
}

// -----

// expected-error {{take: table must have rank >= 1, got f32[]}}
func.func @take(%t: tensor<f32>, %i: tensor<2xi32>) {
  %0 = nn.take %t, %i : (tensor<f32>, tensor<2xi32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{scatter_add: updates f32[3, 4] must begin with the shape of indices i32[2]}}
func.func @scatter_add(%i: tensor<2xi32>, %u: tensor<3x4xf32>) {
  %0 = nn.scatter_add %i, %u {rows = 9} : (tensor<2xi32>, tensor<3x4xf32>) -> tensor<9x4xf32>
  func.return
}

// -----

// expected-error {{reverse_sequence: lengths i32[3] must have one entry for axis 1 of f32[5, 2]}}
func.func @reverse_sequence(%x: tensor<5x2xf32>, %l: tensor<3xi32>) {
  %0 = nn.reverse_sequence %x, %l {time_axis = 0, batch_axis = 1} : (tensor<5x2xf32>, tensor<3xi32>) -> tensor<5x2xf32>
  func.return
}

// -----

// expected-error {{reverse_sequence: time_axis and batch_axis are both 0}}
func.func @reverse_sequence(%x: tensor<5x2xf32>, %l: tensor<5xi32>) {
  %0 = nn.reverse_sequence %x, %l {time_axis = 0, batch_axis = 0} : (tensor<5x2xf32>, tensor<5xi32>) -> tensor<5x2xf32>
  func.return
}

// -----

// expected-error {{lstm: the last extent of gates_x must be 4 times the hidden size, got f32[5, 2, 7]}}
func.func @lstm(%x: tensor<5x2x7xf32>, %w: tensor<12x3xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>) {
  %0, %1, %2 = nn.lstm %x, %w, %h, %h, %l : (tensor<5x2x7xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return
}

// -----

// expected-error {{lstm: w_hh is f32[12, 4], expected f32[12, 3] (gates_x f32[5, 2, 12])}}
func.func @lstm(%x: tensor<5x2x12xf32>, %w: tensor<12x4xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>) {
  %0, %1, %2 = nn.lstm %x, %w, %h, %h, %l : (tensor<5x2x12xf32>, tensor<12x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return
}

// -----

// expected-error {{lstm_gradient: dh is f32[4, 2, 3], expected f32[5, 2, 3] (gates f32[5, 2, 12])}}
func.func @lstm_gradient(%g: tensor<5x2x12xf32>, %c: tensor<5x2x3xf32>, %w: tensor<12x3xf32>, %c0: tensor<2x3xf32>, %l: tensor<2xi32>, %dh: tensor<4x2x3xf32>) {
  %0, %1, %2 = nn.lstm_gradient %g, %c, %w, %c0, %l, %dh, %c : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<4x2x3xf32>, tensor<5x2x3xf32>) -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  func.return
}

// -----

// expected-error {{gru: b_hh is f32[3], expected f32[9] (gates_x f32[5, 2, 9])}}
func.func @gru(%x: tensor<5x2x9xf32>, %w: tensor<9x3xf32>, %b: tensor<3xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>) {
  %0, %1 = nn.gru %x, %w, %b, %h, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return
}

// -----

// expected-error {{gru_gradient: h is f32[5, 2, 4], expected f32[5, 2, 3] (gates f32[5, 2, 12])}}
func.func @gru_gradient(%g: tensor<5x2x12xf32>, %s: tensor<5x2x4xf32>, %w: tensor<9x3xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>, %d: tensor<5x2x3xf32>) {
  %0, %1, %2 = nn.gru_gradient %g, %s, %w, %h, %l, %d : (tensor<5x2x12xf32>, tensor<5x2x4xf32>, tensor<9x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<5x2x9xf32>, tensor<2x3xf32>)
  func.return
}

// -----

// expected-error {{rnn: nonlinearity must be one of tanh, relu, got 'elu'}}
func.func @rnn(%x: tensor<5x2x3xf32>, %w: tensor<3x3xf32>, %h: tensor<2x3xf32>, %l: tensor<2xi32>) {
  %0 = nn.rnn %x, %w, %h, %l {nonlinearity = "elu"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> tensor<5x2x3xf32>
  func.return
}

// -----

// expected-error {{rnn_gradient: w_hh is f32[3, 4], expected f32[3, 3] (h f32[5, 2, 3])}}
func.func @rnn_gradient(%s: tensor<5x2x3xf32>, %w: tensor<3x4xf32>, %l: tensor<2xi32>) {
  %0, %1 = nn.rnn_gradient %s, %w, %l, %s {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x4xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>)
  func.return
}

// -----

// expected-error {{random_uniform: state is i32[2], expected i64[2] (it is a seed and a step)}}
func.func @random_uniform(%s: tensor<2xi32>) {
  %0 = nn.random_uniform %s {shape = [2], dtype = f32, stream = 0} : (tensor<2xi32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{random_uniform: stream must fit 32 bits, got -1}}
func.func @random_uniform(%s: tensor<2xi64>) {
  %0 = nn.random_uniform %s {shape = [2], dtype = f32, stream = -1} : (tensor<2xi64>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{gradient: shapes of y and seed differ (f32[] and f32[2])}}
func.func @gradient(%y: tensor<f32>, %s: tensor<2xf32>) {
  %0 = nn.gradient %y, %s, %y : (tensor<f32>, tensor<2xf32>, tensor<f32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{gradient: wrt[0] must have a float dtype, got i32[2]}}
func.func @gradient(%y: tensor<f32>, %w: tensor<2xi32>) {
  %0 = nn.gradient %y, %y, %w : (tensor<f32>, tensor<f32>, tensor<2xi32>) -> tensor<2xi32>
  func.return
}

// -----

// expected-error {{tangent: the values must be 1 output(s), then as many wrt values as directions, got 4 in all}}
func.func @tangent(%y: tensor<f32>) {
  %0 = nn.tangent %y, %y, %y, %y {outputs = 1} : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{tangent: wrt[0] must have a float dtype, got i32[2]}}
func.func @tangent(%y: tensor<f32>, %w: tensor<2xi32>) {
  %0 = nn.tangent %y, %w, %w {outputs = 1} : (tensor<f32>, tensor<2xi32>, tensor<2xi32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{tangent: shapes of wrt[0] and direction[0] differ (f32[] and f32[2])}}
func.func @tangent(%y: tensor<f32>, %v: tensor<2xf32>) {
  %0 = nn.tangent %y, %y, %v {outputs = 1} : (tensor<f32>, tensor<f32>, tensor<2xf32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{all_reduce: reduction must be one of sum, prod, min, max, got 'mean'}}
func.func @all_reduce(%x: tensor<2xf32>) {
  %0 = nn.all_reduce %x {reduction = "mean", group = "world"} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{all_reduce: group must be letters, digits and underscores, got 'a b'}}
func.func @all_reduce(%x: tensor<2xf32>) {
  %0 = nn.all_reduce %x {reduction = "sum", group = "a b"} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{reduce: reduction must be one of sum, prod, min, max, got 'mean'}}
func.func @reduce(%x: tensor<2xf32>) {
  %0 = nn.reduce %x {reduction = "mean", root = 0, group = "world"} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{reduce: x must have f32 or f64 or i32 or i64, got f16[2]}}
func.func @reduce(%x: tensor<2xf16>) {
  %0 = nn.reduce %x {reduction = "sum", root = 0, group = "world"} : (tensor<2xf16>) -> tensor<2xf16>
  func.return
}

// -----

// expected-error {{reduce: root must be >= 0, got -1}}
func.func @reduce(%x: tensor<2xf32>) {
  %0 = nn.reduce %x {reduction = "sum", root = -1, group = "world"} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// expected-error {{reduce_scatter: 2 processes cannot share the 3 rows of x evenly}}
func.func @reduce_scatter(%x: tensor<3xf32>) {
  %0 = nn.reduce_scatter %x {reduction = "sum", processes = 2, group = "world"} : (tensor<3xf32>) -> tensor<1xf32>
  func.return
}

// -----

// expected-error {{reduce_scatter: x must have a first axis, got f32[]}}
func.func @reduce_scatter(%x: tensor<f32>) {
  %0 = nn.reduce_scatter %x {reduction = "sum", processes = 2, group = "world"} : (tensor<f32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{all_gather: x must have a first axis, got f32[]}}
func.func @all_gather(%x: tensor<f32>) {
  %0 = nn.all_gather %x {processes = 2, group = "world"} : (tensor<f32>) -> tensor<f32>
  func.return
}

// -----

// expected-error {{all_gather: processes must be >= 1, got 0}}
func.func @all_gather(%x: tensor<2xf32>) {
  %0 = nn.all_gather %x {processes = 0, group = "world"} : (tensor<2xf32>) -> tensor<0xf32>
  func.return
}

// -----

// expected-error {{all_gather: group must be letters, digits and underscores, got ''}}
func.func @all_gather(%x: tensor<2xf32>) {
  %0 = nn.all_gather %x {processes = 2, group = ""} : (tensor<2xf32>) -> tensor<4xf32>
  func.return
}

// -----

// expected-error {{broadcast: root must be >= 0, got -1}}
func.func @broadcast(%x: tensor<2xf32>) {
  %0 = nn.broadcast %x {root = -1, group = "world"} : (tensor<2xf32>) -> tensor<2xf32>
  func.return
}
