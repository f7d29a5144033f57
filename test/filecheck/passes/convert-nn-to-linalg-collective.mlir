// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// Each collective is a start, which has its attributes, and a wait.
// CHECK-LABEL: func.func @sums
func.func @sums(%x : tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>, tensor<2x3xf32>) {
  // CHECK-NEXT: %[[P:.*]] = linalg_ext.all_reduce_start "max" of "two" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: %[[A:.*]] = linalg_ext.collective_wait %[[P]] : tensor<4x3xf32> -> tensor<4x3xf32>
  %a = nn.all_reduce %x {reduction = "max", group = "two"} : (tensor<4x3xf32>) -> tensor<4x3xf32>
  // CHECK-NEXT: %[[P:.*]] = linalg_ext.reduce_start "sum" to 1 of "two" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: %[[B:.*]] = linalg_ext.collective_wait %[[P]] : tensor<4x3xf32> -> tensor<4x3xf32>
  %b = nn.reduce %x {reduction = "sum", root = 1, group = "two"} : (tensor<4x3xf32>) -> tensor<4x3xf32>
  // The whole operand is exchanged; the wait takes the first rows.
  // CHECK-NEXT: %[[P:.*]] = linalg_ext.reduce_scatter_start "sum" by 2 of "two" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: %[[C:.*]] = linalg_ext.collective_wait %[[P]] : tensor<4x3xf32> -> tensor<2x3xf32>
  %c = nn.reduce_scatter %x {reduction = "sum", processes = 2, group = "two"} : (tensor<4x3xf32>) -> tensor<2x3xf32>
  // CHECK-NEXT: func.return %[[A]], %[[B]], %[[C]]
  func.return %a, %b, %c : tensor<4x3xf32>, tensor<4x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func.func @moves
func.func @moves(%x : tensor<4x3xf16>, %y : tensor<i1>) -> (tensor<8x3xf16>, tensor<i1>) {
  // CHECK-NEXT: %[[P:.*]] = linalg_ext.all_gather_start 2 of "two" %x : tensor<4x3xf16> -> tensor<8x3xf16>
  // CHECK-NEXT: %[[A:.*]] = linalg_ext.collective_wait %[[P]] : tensor<8x3xf16> -> tensor<8x3xf16>
  %a = nn.all_gather %x {processes = 2, group = "two"} : (tensor<4x3xf16>) -> tensor<8x3xf16>
  // CHECK-NEXT: %[[P:.*]] = linalg_ext.broadcast_start from 1 of "two" %y : tensor<i1> -> tensor<i1>
  // CHECK-NEXT: %[[B:.*]] = linalg_ext.collective_wait %[[P]] : tensor<i1> -> tensor<i1>
  %b = nn.broadcast %y {root = 1, group = "two"} : (tensor<i1>) -> tensor<i1>
  // CHECK-NEXT: func.return %[[A]], %[[B]]
  func.return %a, %b : tensor<8x3xf16>, tensor<i1>
}
