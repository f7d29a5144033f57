// RUN: %cellc-opt %s | %cellc-opt | %FileCheck %s

func.func private @kernel_0(%x: tensor<4x8xf32>) -> tensor<32xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  return %y : tensor<32xf32>
}

// CHECK: host.program @main attributes {arena = 192 : i64, lower_bound = 128 : i64} {
host.program @main attributes {arena = 192, lower_bound = 128} {
  // CHECK-NEXT: %[[X:.*]] = host.buffer {kind = "input", index = 0 : i64, name = "x"} : memref<4x8xf32>
  %x = host.buffer {kind = "input", index = 0, name = "x"} : memref<4x8xf32>
  // CHECK-NEXT: %[[W:.*]] = host.buffer {kind = "parameter", name = "net.w"} : memref<4x8xf32>
  %w = host.buffer {kind = "parameter", name = "net.w"} : memref<4x8xf32>
  // CHECK-NEXT: %[[C:.*]] = host.buffer {kind = "constant", value = dense<1.000000e+00> : tensor<4x8xf32>} : memref<4x8xf32>
  %c = host.buffer {kind = "constant", value = dense<1.0> : tensor<4x8xf32>} : memref<4x8xf32>
  // CHECK-NEXT: %[[T:.*]] = host.buffer {kind = "arena", offset = 64 : i64} : memref<32xf32>
  %t = host.buffer {kind = "arena", offset = 64} : memref<32xf32>
  // CHECK-NEXT: %[[O:.*]] = host.buffer {kind = "output", index = 0 : i64} : memref<4x8xf32>
  %o = host.buffer {kind = "output", index = 0} : memref<4x8xf32>
  // A buffer may have another shape than the kernel's argument.
  // CHECK-NEXT: host.launch @kernel_0(%[[X]], %[[T]])
  host.launch @kernel_0(%x, %t)
  // CHECK-NEXT: host.launch @kernel_0(%[[T]], %[[O]])
  host.launch @kernel_0(%t, %o)
  // CHECK-NEXT: host.copy %[[C]] to %[[W]]
  host.copy %c to %w
}
