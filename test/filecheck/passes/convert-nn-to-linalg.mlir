// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// Argument attributes stay; u8 becomes i8 and is remembered as an attribute.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    tensor<2x3xf32> {cellc.name = "x", cellc.kind = "input"}
// CHECK-SAME:    tensor<2xi8> {cellc.dtype = "u8"}
// CHECK-SAME:    -> (tensor<2x3xf32>, tensor<2xi8> {cellc.dtype = "u8"})
func.func @main(%x : tensor<2x3xf32> {cellc.name = "x", cellc.kind = "input"}, %u : tensor<2xui8>)
    -> (tensor<2x3xf32>, tensor<2xui8>) {
  // CHECK:      [[E:%.*]] = tensor.empty() : tensor<2x3xf32>
  // CHECK-NEXT: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %x : tensor<2x3xf32>, tensor<2x3xf32>) outs([[E]] : tensor<2x3xf32>) {
  // CHECK:        arith.addf
  // CHECK-NEXT:   linalg.yield
  %0 = nn.add %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: arith.maxui
  %1 = nn.maximum %u, %u : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  func.return %0, %1 : tensor<2x3xf32>, tensor<2xui8>
}

// f16 is extended, computed in f32 and truncated.
// CHECK-LABEL: func.func @half
func.func @half(%x : tensor<2xf16>) -> tensor<2xf16> {
  // CHECK:      ^{{.*}}([[X:%.*]]: f16, {{%.*}}: f16):
  // CHECK-NEXT:   [[W:%.*]] = arith.extf [[X]] : f16 to f32
  // CHECK-NEXT:   [[T:%.*]] = math.tanh [[W]] : f32
  // CHECK-NEXT:   [[N:%.*]] = arith.truncf [[T]] : f32 to f16
  // CHECK-NEXT:   linalg.yield [[N]] : f16
  %0 = nn.tanh %x : (tensor<2xf16>) -> tensor<2xf16>
  func.return %0 : tensor<2xf16>
}

// A transposed operand is read by another map; the sum is in f32.
// CHECK-LABEL: func.func @matmul
func.func @matmul(%a : tensor<2x3xf16>, %b : tensor<4x3xf16>) -> tensor<2x4xf16> {
  // CHECK:      linalg.fill {{.*}} -> tensor<2x4xf32>
  // CHECK-NEXT: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK:        arith.mulf {{.*}} : f32
  // CHECK-NEXT:   arith.addf {{.*}} : f32
  // CHECK:      } -> tensor<2x4xf32>
  // CHECK:      arith.truncf {{.*}} : f32 to f16
  %0 = nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = true} : (tensor<2x3xf16>, tensor<4x3xf16>) -> tensor<2x4xf16>
  func.return %0 : tensor<2x4xf16>
}

// Sums of one term are elementwise.
// CHECK-LABEL: func.func @outer_product
func.func @outer_product(%a : tensor<5x1x2xf32>, %b : tensor<5x1x4xf32>) -> tensor<5x2x4xf32> {
  // CHECK-NOT: linalg.fill
  // CHECK:     linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
  // CHECK:       arith.mulf {{.*}} : f32
  // CHECK-NOT:   arith.addf
  // CHECK:     } -> tensor<5x2x4xf32>
  %0 = nn.matmul %a, %b {transpose_lhs = true, transpose_rhs = false} : (tensor<5x1x2xf32>, tensor<5x1x4xf32>) -> tensor<5x2x4xf32>
  func.return %0 : tensor<5x2x4xf32>
}

// Reduced loops come last; kept dims are put back for free.
// CHECK-LABEL: func.func @reduce
func.func @reduce(%x : tensor<2x3xf32>) -> tensor<1x3xf32> {
  // CHECK:      arith.constant 0xff800000 : f32
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<2x3xf32>)
  // CHECK:        arith.maximumf
  // CHECK:      tensor.expand_shape
  %0 = nn.reduce_max %x {axes = [0], keep_dims = true} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  func.return %0 : tensor<1x3xf32>
}

// The maximum, then the least position that holds it.
// CHECK-LABEL: func.func @argmax
func.func @argmax(%x : tensor<2x3xf32>) -> tensor<2xi32> {
  // CHECK: [[M:%.*]] = linalg.generic {{.*}} ins(%x : tensor<2x3xf32>)
  // CHECK:   arith.maximumf
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%x, [[M]] : tensor<2x3xf32>, tensor<2xf32>)
  // CHECK:   linalg.index 1 : index
  // CHECK:   arith.cmpf oeq
  // CHECK:   arith.minsi
  // CHECK: } -> tensor<2xi32>
  %0 = nn.argmax %x {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>
  func.return %0 : tensor<2xi32>
}

// Where results lie side by side, the best element so far and its position.
// CHECK-LABEL: func.func @argmin_across
func.func @argmin_across(%x : tensor<4x16xf32>) -> tensor<16xi32> {
  // CHECK: [[B:%.*]], [[P:%.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x16xf32>)
  // CHECK:   arith.cmpf oge
  // CHECK:   linalg.index 1 : index
  // CHECK: } -> (tensor<16xf32>, tensor<16xi32>)
  %0 = nn.argmin %x {axis = 0} : (tensor<4x16xf32>) -> tensor<16xi32>
  func.return %0 : tensor<16xi32>
}

// Without elements there is nothing to compute.
// CHECK-LABEL: func.func @empty
func.func @empty(%x : tensor<0x3xf32>) -> tensor<0x3xf32> {
  // CHECK-NOT: linalg.generic
  // CHECK:     tensor.empty() : tensor<0x3xf32>
  %0 = nn.neg %x : (tensor<0x3xf32>) -> tensor<0x3xf32>
  func.return %0 : tensor<0x3xf32>
}
