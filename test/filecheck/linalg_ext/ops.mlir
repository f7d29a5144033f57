// RUN: %cellc-opt %s | %cellc-opt | %FileCheck %s

// CHECK-LABEL: func.func @scatter_add
func.func @scatter_add(%i : tensor<6xi32>, %u : tensor<6x4xf32>, %z : tensor<9x4xf32>) -> tensor<9x4xf32> {
  // CHECK: linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  func.return %0 : tensor<9x4xf32>
}

// CHECK-LABEL: func.func @wide_indices
func.func @wide_indices(%i : tensor<6xi64>, %u : tensor<6x4xi8>, %z : tensor<9x4xi8>) -> tensor<9x4xi8> {
  // CHECK: linalg_ext.scatter_add ins(%i, %u : tensor<6xi64>, tensor<6x4xi8>) outs(%z : tensor<9x4xi8>) -> tensor<9x4xi8>
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi64>, tensor<6x4xi8>) outs(%z : tensor<9x4xi8>) -> tensor<9x4xi8>
  func.return %0 : tensor<9x4xi8>
}

// CHECK-LABEL: func.func @cumsum
func.func @cumsum(%x : tensor<4x9x3xf32>) -> (tensor<4x9x3xf32>, tensor<4x9x3xf32>) {
  // CHECK: linalg_ext.cumsum %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
  %0 = linalg_ext.cumsum %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
  // CHECK: linalg_ext.cumsum reverse %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
  %1 = linalg_ext.cumsum reverse %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
  func.return %0, %1 : tensor<4x9x3xf32>, tensor<4x9x3xf32>
}

// CHECK-LABEL: func.func @after
func.func @after(%x : tensor<4x3xf32>, %t : tensor<2xf32>) -> tensor<4x3xf32> {
  // CHECK: linalg_ext.after %x, %t : tensor<4x3xf32>, tensor<2xf32> -> tensor<4x3xf32>
  %0 = linalg_ext.after %x, %t : tensor<4x3xf32>, tensor<2xf32> -> tensor<4x3xf32>
  func.return %0 : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @collectives
func.func @collectives(%x : tensor<4x3xf32>) -> (tensor<2x3xf32>, tensor<8x3xf32>) {
  // CHECK: linalg_ext.all_reduce_start "sum" of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  %0 = linalg_ext.all_reduce_start "sum" of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK: linalg_ext.reduce_start "max" to 1 of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  %1 = linalg_ext.reduce_start "max" to 1 of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK: linalg_ext.reduce_scatter_start "sum" by 2 of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  %2 = linalg_ext.reduce_scatter_start "sum" by 2 of "world" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK: linalg_ext.all_gather_start 2 of "world" %x : tensor<4x3xf32> -> tensor<8x3xf32>
  %3 = linalg_ext.all_gather_start 2 of "world" %x : tensor<4x3xf32> -> tensor<8x3xf32>
  // CHECK: linalg_ext.broadcast_start from 1 of "two" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  %4 = linalg_ext.broadcast_start from 1 of "two" %x : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK: linalg_ext.collective_wait %{{.*}} : tensor<4x3xf32> -> tensor<2x3xf32>
  %share = linalg_ext.collective_wait %2 : tensor<4x3xf32> -> tensor<2x3xf32>
  // CHECK: linalg_ext.collective_wait %{{.*}} : tensor<8x3xf32> -> tensor<8x3xf32>
  %all = linalg_ext.collective_wait %3 : tensor<8x3xf32> -> tensor<8x3xf32>
  func.return %share, %all : tensor<2x3xf32>, tensor<8x3xf32>
}
