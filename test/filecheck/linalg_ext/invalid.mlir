// RUN: %cellc-opt %s --split-input-file --verify-diagnostics

// C1
func.func @f(%i : tensor<6x1xi32>, %u : tensor<6x4xf32>, %z : tensor<9x4xf32>) {
  // expected-error {{indices must be a vector of i32 or i64, got tensor<6x1xi32>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6x1xi32>, tensor<6x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  func.return
}

// -----

// C1
func.func @f(%i : tensor<6xi8>, %u : tensor<6x4xf32>, %z : tensor<9x4xf32>) {
  // expected-error {{indices must be a vector of i32 or i64, got tensor<6xi8>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi8>, tensor<6x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  func.return
}

// -----

// C2
func.func @f(%i : tensor<6xi32>, %u : tensor<5x4xf32>, %z : tensor<9x4xf32>) {
  // expected-error {{updates must be a matrix with a row per index of tensor<6xi32>, got tensor<5x4xf32>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<5x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  func.return
}

// -----

// C3
func.func @f(%i : tensor<6xi32>, %u : tensor<6x4xf32>, %z : tensor<9x3xf32>) {
  // expected-error {{init must be a matrix with rows as long as those of tensor<6x4xf32>, got tensor<9x3xf32>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf32>) outs(%z : tensor<9x3xf32>) -> tensor<9x3xf32>
  func.return
}

// -----

// C3
func.func @f(%i : tensor<6xi32>, %u : tensor<6x4xf16>, %z : tensor<9x4xf32>) {
  // expected-error {{init and updates must have one number type, got tensor<9x4xf32> and tensor<6x4xf16>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf16>) outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
  func.return
}

// -----

// C4
func.func @f(%i : tensor<6xi32>, %u : tensor<6x4xf32>, %z : tensor<9x4xf32>) {
  // expected-error {{the result is tensor<8x4xf32>, init is tensor<9x4xf32>}}
  %0 = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf32>) outs(%z : tensor<9x4xf32>) -> tensor<8x4xf32>
  func.return
}

// -----

// expected-error {{the result is tensor<3xf32>, the tensor is tensor<4xf32>}}
func.func @after(%x : tensor<4xf32>) {
  %0 = linalg_ext.after %x, %x : tensor<4xf32>, tensor<4xf32> -> tensor<3xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{reduction must be one of sum, prod, min, max, got mean}}
  %p = linalg_ext.all_reduce_start "mean" of "world" %x : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// C2
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{the result is tensor<3xf32>, the source is tensor<4xf32>}}
  %p = linalg_ext.all_reduce_start "sum" of "world" %x : tensor<4xf32> -> tensor<3xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{the result is tensor<4xf64>, the source is tensor<4xf32>}}
  %p = linalg_ext.collective_wait %x : tensor<4xf32> -> tensor<4xf64>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{the result is tensor<6xf32>, the source is tensor<4xf32>}}
  %p = linalg_ext.collective_wait %x : tensor<4xf32> -> tensor<6xf32>
  func.return
}

// -----

// C3
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{the 3 processes cannot share the rows of tensor<4xf32> evenly}}
  %p = linalg_ext.reduce_scatter_start "sum" by 3 of "world" %x : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{2 times tensor<4xf32> cannot be joined as tensor<4xf32>}}
  %p = linalg_ext.all_gather_start 2 of "world" %x : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{the result is tensor<8xf32>, the source is tensor<4xf32>}}
  %p = linalg_ext.broadcast_start from 0 of "world" %x : tensor<4xf32> -> tensor<8xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4xf32>) {
  // expected-error {{reduction must be one of sum, prod, min, max, got mean}}
  %p = linalg_ext.reduce_start "mean" to 0 of "world" %x : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// C1
func.func @f(%x : tensor<4x3xf32>) {
  // expected-error {{what is summed must have three dimensions of numbers, got tensor<4x3xf32>}}
  %p = linalg_ext.cumsum %x : tensor<4x3xf32> -> tensor<4x3xf32>
  func.return
}

// -----

// C2
func.func @f(%x : tensor<4x3x1xf32>) {
  // expected-error {{the result is tensor<4x3x1xf64>, what is summed is tensor<4x3x1xf32>}}
  %p = linalg_ext.cumsum %x : tensor<4x3x1xf32> -> tensor<4x3x1xf64>
  func.return
}
