// RUN: %cellc-opt %s -p plan-buffers --split-input-file | %FileCheck %s

// Temporaries share the arena; an output is written directly; a reshape is the same buffer.
// CHECK-LABEL: host.program @main attributes {arena = 128 : i64, lower_bound = 128 : i64}
// CHECK-NEXT: %[[X:.*]] = host.buffer {kind = "input", index = 0 : i64, name = "x"} : memref<4x4xf32>
// CHECK-NEXT: %[[O:.*]] = host.buffer {kind = "output", index = 0 : i64} : memref<16xf32>
// CHECK-NEXT: %[[A:.*]] = host.buffer {kind = "arena", offset = {{.*}}} : memref<16xf32>
// CHECK-NEXT: %[[B:.*]] = host.buffer {kind = "arena", offset = {{.*}}} : memref<16xf32>
// CHECK-NEXT: %[[C:.*]] = host.buffer {kind = "arena", offset = {{.*}}} : memref<16xf32>
// CHECK-NEXT: host.launch @copy(%[[X]], %[[A]])
// CHECK-NEXT: host.launch @copy(%[[A]], %[[B]])
// CHECK-NEXT: host.launch @copy(%[[B]], %[[C]])
// CHECK-NEXT: host.launch @copy(%[[C]], %[[O]])
func.func private @copy(%x: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func @main(%x: tensor<4x4xf32> {cellc.name = "x", cellc.kind = "input"}) -> tensor<16xf32> {
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %a = func.call @copy(%flat) : (tensor<16xf32>) -> tensor<16xf32>
  %b = func.call @copy(%a) : (tensor<16xf32>) -> tensor<16xf32>
  %c = func.call @copy(%b) : (tensor<16xf32>) -> tensor<16xf32>
  %d = func.call @copy(%c) : (tensor<16xf32>) -> tensor<16xf32>
  return %d : tensor<16xf32>
}

// -----

// A parameter is updated in place; operand and result of an in-place kernel share a slot.
// CHECK-LABEL: host.program @main attributes {arena = 64 : i64, lower_bound = 64 : i64}
// CHECK: %[[W:.*]] = host.buffer {kind = "parameter", name = "w"}
// CHECK-NEXT: %[[A:.*]] = host.buffer {kind = "arena", offset = 0 : i64}
// CHECK-NEXT: %[[B:.*]] = host.buffer {kind = "arena", offset = 0 : i64}
// CHECK-NEXT: host.launch @step(%[[W]], %[[A]])
// CHECK-NEXT: host.launch @step(%[[A]], %[[B]])
// CHECK-NEXT: host.launch @step(%[[B]], %[[W]])
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> attributes {cellc.in_place = [[0, 0]]} {
  return %x : tensor<16xf32>
}
func.func @main(%w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter", cellc.updated_by = 0 : i64})
    -> tensor<16xf32> {
  %a = func.call @step(%w) : (tensor<16xf32>) -> tensor<16xf32>
  %b = func.call @step(%a) : (tensor<16xf32>) -> tensor<16xf32>
  %c = func.call @step(%b) : (tensor<16xf32>) -> tensor<16xf32>
  return %c : tensor<16xf32>
}

// -----

// The old value is read after the new one is made, so the new one waits in the arena; an input returned is a copy.
// CHECK-LABEL: host.program @main
// CHECK: %[[W:.*]] = host.buffer {kind = "parameter", name = "w"}
// CHECK-NEXT: %[[X:.*]] = host.buffer {kind = "input", index = 0 : i64, name = "x"}
// CHECK-NEXT: %[[O:.*]] = host.buffer {kind = "output", index = 0 : i64}
// CHECK-NEXT: %[[P:.*]] = host.buffer {kind = "output", index = 1 : i64}
// CHECK-NEXT: %[[T:.*]] = host.buffer {kind = "arena", offset = 0 : i64}
// CHECK-NEXT: host.launch @step(%[[X]], %[[T]])
// CHECK-NEXT: host.launch @step(%[[W]], %[[O]])
// CHECK-NEXT: host.copy %[[X]] to %[[P]]
// CHECK-NEXT: host.copy %[[T]] to %[[W]]
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> attributes {cellc.in_place = [[0, 0]]} {
  return %x : tensor<16xf32>
}
func.func @main(%w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter", cellc.updated_by = 0 : i64},
    %x: tensor<16xf32> {cellc.name = "x", cellc.kind = "input"})
    -> (tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %a = func.call @step(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = func.call @step(%w) : (tensor<16xf32>) -> tensor<16xf32>
  return %a, %b, %x : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// -----

// Two parameters trade places through the arena; constant data is a buffer.
// CHECK-LABEL: host.program @main attributes {arena = 128 : i64
// CHECK: %[[V:.*]] = host.buffer {kind = "parameter", name = "v"}
// CHECK-NEXT: %[[W:.*]] = host.buffer {kind = "parameter", name = "w"}
// CHECK-NEXT: %[[O:.*]] = host.buffer {kind = "output"
// CHECK-NEXT: %[[C:.*]] = host.buffer {kind = "constant", value = dense<[1.000000e+00, 2.000000e+00]>
// CHECK: host.copy %[[C]] to %[[O]]
// CHECK-NEXT: host.copy %[[W]] to %[[T:.*]]
// CHECK-NEXT: host.copy %[[V]] to %[[U:.*]]
// CHECK-NEXT: host.copy %[[T]] to %[[V]]
// CHECK-NEXT: host.copy %[[U]] to %[[W]]
func.func @main(%v: tensor<2xf32> {cellc.name = "v", cellc.kind = "parameter", cellc.updated_by = 0 : i64},
    %w: tensor<2xf32> {cellc.name = "w", cellc.kind = "parameter", cellc.updated_by = 1 : i64})
    -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %w, %v, %c : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

// The caller's type of a byte is the one he gave.
// CHECK-LABEL: host.program @main
// CHECK: host.buffer {kind = "input", index = 0 : i64, name = "x"} : memref<2xui8>
// CHECK-NEXT: host.buffer {kind = "output", index = 0 : i64} : memref<2xui8>
func.func @main(%x: tensor<2xi8> {cellc.name = "x", cellc.kind = "input", cellc.dtype = "u8"})
    -> (tensor<2xi8> {cellc.dtype = "u8"}) {
  return %x : tensor<2xi8>
}
