// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// No row is read before its index is known to be in range.
// CHECK-LABEL: func.func @take
func.func @take(%t : tensor<9x4xf32>, %i : tensor<2x3xi32>) -> tensor<2x3x4xf32> {
  // CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]{{.*}} ins(%i : tensor<2x3xi32>)
  // CHECK:        [[R:%.*]] = arith.index_cast {{.*}} : i32 to index
  // CHECK:        arith.cmpi sge, [[R]]
  // CHECK:        arith.cmpi slt, [[R]]
  // CHECK:        [[IN:%.*]] = arith.andi
  // CHECK:        [[SAFE:%.*]] = arith.select [[IN]], [[R]], {{.*}} : index
  // CHECK-NEXT:   [[X:%.*]] = tensor.extract %t[[[SAFE]], {{%.*}}] : tensor<9x4xf32>
  // CHECK:        arith.select [[IN]], [[X]], {{.*}} : f32
  %0 = nn.take %t, %i : (tensor<9x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  func.return %0 : tensor<2x3x4xf32>
}

// Indices become one axis and rows one axis; f16 is summed in f32.
// CHECK-LABEL: func.func @scatter_add
func.func @scatter_add(%i : tensor<2x3xi32>, %u : tensor<2x3x4xf16>) -> tensor<9x4xf16> {
  // CHECK:      [[Z:%.*]] = linalg.fill {{.*}} -> tensor<9x4xf32>
  // CHECK:      arith.extf
  // CHECK:      [[I:%.*]] = tensor.collapse_shape %i {{.*}} into tensor<6xi32>
  // CHECK:      [[U:%.*]] = tensor.collapse_shape {{.*}} into tensor<6x4xf32>
  // CHECK-NEXT: linalg_ext.scatter_add ins([[I]], [[U]] : tensor<6xi32>, tensor<6x4xf32>) outs([[Z]] : tensor<9x4xf32>) -> tensor<9x4xf32>
  // CHECK:      arith.truncf
  %0 = nn.scatter_add %i, %u {rows = 9} : (tensor<2x3xi32>, tensor<2x3x4xf16>) -> tensor<9x4xf16>
  func.return %0 : tensor<9x4xf16>
}

// What is summed becomes the middle of three dimensions; one element is its own sum.
// CHECK-LABEL: func.func @cumsum
func.func @cumsum(%x : tensor<2x3x4x5xf16>, %y : tensor<3x1xf32>) -> (tensor<2x3x4x5xf16>, tensor<3x1xf32>) {
  // CHECK:      [[X:%.*]] = tensor.collapse_shape %x {{.*}} into tensor<6x4x5xf16>
  // CHECK-NEXT: [[S:%.*]] = linalg_ext.cumsum reverse [[X]] : tensor<6x4x5xf16> -> tensor<6x4x5xf16>
  // CHECK-NEXT: [[R:%.*]] = tensor.expand_shape [[S]]
  // CHECK-NEXT: return [[R]], %y
  %0 = nn.cumsum %x {axis = 2, reverse = true} : (tensor<2x3x4x5xf16>) -> tensor<2x3x4x5xf16>
  %1 = nn.cumsum %y {axis = 1, reverse = false} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  func.return %0, %1 : tensor<2x3x4x5xf16>, tensor<3x1xf32>
}

// CHECK-LABEL: func.func @constants
func.func @constants() -> (tensor<2xi32>, tensor<2xi32>, tensor<3xf32>) {
  // CHECK: arith.constant dense<[1, 2]> : tensor<2xi32>
  %0 = nn.constant {value = #nn.array<tensor<2xi32>, [1, 2]>} : () -> tensor<2xi32>
  // CHECK: linalg.fill {{.*}} -> tensor<2xi32>
  %1 = nn.constant {value = #nn.array<tensor<2xi32>, [7]>} : () -> tensor<2xi32>
  // CHECK: linalg.index 0 : index
  // CHECK: arith.sitofp
  %2 = nn.iota {shape = [3], dtype = f32, axis = 0} : () -> tensor<3xf32>
  func.return %0, %1, %2 : tensor<2xi32>, tensor<2xi32>, tensor<3xf32>
}

// Softmax along an axis that is not the last: the chain is laid out with it last.
// CHECK-LABEL: func.func @softmax
func.func @softmax(%x : tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>]
  // CHECK: arith.maximumf
  // CHECK: math.exp
  // CHECK: } -> tensor<8x4xf32>
  // CHECK: arith.addf
  // CHECK: arith.divf
  // CHECK: } -> tensor<8xf32>
  // CHECK: linalg.generic {{.*}} affine_map<(d0, d1) -> (d1, d0)>], iterator_types = ["parallel", "parallel"]}
  // CHECK: arith.mulf
  %0 = nn.softmax %x {axis = 0} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %0 : tensor<4x8xf32>
}
