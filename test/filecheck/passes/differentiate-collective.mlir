// RUN: %cellc-opt %s -p differentiate --split-input-file | %FileCheck %s

// The gradient of a join is a sum that is cut, and that of a broadcast a sum for the root; 16-bit floats are summed in f32.
func.func @main(%x: tensor<2xf32>, %y: tensor<3xf16>, %s: tensor<4xf32>, %t: tensor<3xf16>) -> (tensor<2xf32>, tensor<3xf16>) {
  // CHECK: nn.reduce_scatter %s {reduction = "sum", processes = 2, group = "two"} : (tensor<4xf32>) -> tensor<2xf32>
  %0 = nn.all_gather %x {processes = 2, group = "two"} : (tensor<2xf32>) -> tensor<4xf32>
  %dx = nn.gradient %0, %s, %x : (tensor<4xf32>, tensor<4xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: %[[W:.*]] = nn.cast %t {dtype = f32}
  // CHECK-NEXT: %[[R:.*]] = nn.reduce %[[W]] {reduction = "sum", root = 1, group = "two"}
  // CHECK-NEXT: nn.cast %[[R]] {dtype = f16}
  %1 = nn.broadcast %y {root = 1, group = "two"} : (tensor<3xf16>) -> tensor<3xf16>
  %dy = nn.gradient %1, %t, %y : (tensor<3xf16>, tensor<3xf16>, tensor<3xf16>) -> tensor<3xf16>
  func.return %dx, %dy : tensor<2xf32>, tensor<3xf16>
}

// -----

// The gradient of a sum that is cut is a join, and that of a sum for the root a broadcast. For a maximum every process needs
// the result beside it.
func.func @main(%x: tensor<4xf32>, %s: tensor<2xf32>, %t: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: nn.all_gather %s {processes = 2, group = "two"}
  %0 = nn.reduce_scatter %x {reduction = "sum", processes = 2, group = "two"} : (tensor<4xf32>) -> tensor<2xf32>
  %dx = nn.gradient %0, %s, %x : (tensor<2xf32>, tensor<2xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[M:.*]] = nn.reduce %x {reduction = "max", root = 1, group = "two"}
  // CHECK-NEXT: %[[G:.*]] = nn.broadcast %t {root = 1, group = "two"}
  // CHECK-NEXT: %[[ALL:.*]] = nn.broadcast %[[M]] {root = 1, group = "two"}
  // CHECK-NEXT: %[[IS:.*]] = nn.compare %x, %[[ALL]] {predicate = "eq"}
  // CHECK: nn.select %[[IS]], %[[G]]
  %1 = nn.reduce %x {reduction = "max", root = 1, group = "two"} : (tensor<4xf32>) -> tensor<4xf32>
  %dy = nn.gradient %1, %t, %x : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %dx, %dy : tensor<4xf32>, tensor<4xf32>
}

// -----

// Tangents go the way of the operands.
func.func @main(%x: tensor<4xf32>, %v: tensor<4xf32>) -> (tensor<8xf32>, tensor<2xf32>) {
  // CHECK: nn.all_gather %v {processes = 2, group = "two"}
  %0 = nn.all_gather %x {processes = 2, group = "two"} : (tensor<4xf32>) -> tensor<8xf32>
  %dy = nn.tangent %0, %x, %v {outputs = 1} : (tensor<8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  // CHECK: %[[M:.*]] = nn.reduce_scatter %x {reduction = "prod"
  // CHECK-NEXT: %[[ALL:.*]] = nn.all_gather %[[M]]
  // CHECK-NEXT: %[[Q:.*]] = nn.div %[[ALL]], %x
  // CHECK-NEXT: %[[D:.*]] = nn.mul %v, %[[Q]]
  // CHECK-NEXT: nn.reduce_scatter %[[D]] {reduction = "sum", processes = 2, group = "two"}
  %1 = nn.reduce_scatter %x {reduction = "prod", processes = 2, group = "two"} : (tensor<4xf32>) -> tensor<2xf32>
  %dz = nn.tangent %1, %x, %v {outputs = 1} : (tensor<2xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2xf32>
  func.return %dy, %dz : tensor<8xf32>, tensor<2xf32>
}
