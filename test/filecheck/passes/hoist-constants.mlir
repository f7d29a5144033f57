// RUN: %cellc-opt %s -p hoist-constants --split-input-file | %FileCheck %s

// A call on a parameter goes to @prepare with the view it reads; what is made of it there is not handed over.
// CHECK-LABEL: func.func @prepare(%{{.*}}: tensor<4x4xf32> {cellc.name = "w", cellc.kind = "parameter"}) -> tensor<16xf32>
// CHECK-NEXT: %[[FLAT:.*]] = tensor.collapse_shape
// CHECK-NEXT: %[[A:.*]] = func.call @step(%[[FLAT]])
// CHECK-NEXT: %[[B:.*]] = func.call @step(%[[A]])
// CHECK-NEXT: func.return %[[B]]
// CHECK-LABEL: func.func @main
// CHECK-SAME: {cellc.name = "prepared0_", cellc.kind = "parameter", cellc.prepared = 0 : i64}
// CHECK-NEXT: func.call @add(%x, %{{.*}})
// CHECK-NEXT: func.return
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func private @add(%x: tensor<16xf32>, %y: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func @main(%x: tensor<16xf32> {cellc.name = "prepared0", cellc.kind = "input"},
                %w: tensor<4x4xf32> {cellc.name = "w", cellc.kind = "parameter"}) -> tensor<16xf32> {
  %flat = tensor.collapse_shape %w [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %a = func.call @step(%flat) : (tensor<16xf32>) -> tensor<16xf32>
  %b = func.call @step(%a) : (tensor<16xf32>) -> tensor<16xf32>
  %c = func.call @add(%x, %b) : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %c : tensor<16xf32>
}

// -----

// Not hoisted: calls on inputs, on constants that Python may change, on a parameter that the program updates, results
// that are returned, and results much larger than what they are made of.
// CHECK-NOT: @prepare
// CHECK-LABEL: func.func @main
// CHECK-COUNT-4: func.call @step
// CHECK: func.call @grow
// CHECK: func.call @shrink
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func private @grow(%x: tensor<16xf32>) -> tensor<4096xf32> {
  %e = tensor.empty() : tensor<4096xf32>
  return %e : tensor<4096xf32>
}
func.func private @shrink(%x: tensor<4096xf32>, %a: tensor<16xf32>, %b: tensor<16xf32>) -> tensor<16xf32> {
  return %a : tensor<16xf32>
}
func.func @main(%x: tensor<16xf32> {cellc.name = "x", cellc.kind = "input"},
                %c: tensor<16xf32> {cellc.name = "c", cellc.kind = "constant"},
                %w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter"},
                %u: tensor<16xf32> {cellc.name = "u", cellc.kind = "parameter", cellc.updated_by = 1 : i64})
    -> (tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %a = func.call @step(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = func.call @step(%c) : (tensor<16xf32>) -> tensor<16xf32>
  %new = func.call @step(%u) : (tensor<16xf32>) -> tensor<16xf32>
  %d = func.call @step(%w) : (tensor<16xf32>) -> tensor<16xf32>
  %large = func.call @grow(%w) : (tensor<16xf32>) -> tensor<4096xf32>
  %r = func.call @shrink(%large, %a, %b) : (tensor<4096xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %r, %new, %d : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// -----

// What processes compute together stays in the program, and what is made of it.
// CHECK-NOT: @prepare
// CHECK-LABEL: func.func @main
// CHECK-NEXT: func.call @start
// CHECK-NEXT: func.call @wait
// CHECK-NEXT: func.call @add
func.func private @start(%x: tensor<16xf32>) -> tensor<16xf32> attributes {cellc.kind = "collective"} {
  %p = linalg_ext.all_reduce_start "sum" of "world" %x : tensor<16xf32> -> tensor<16xf32>
  return %p : tensor<16xf32>
}
func.func private @wait(%p: tensor<16xf32>) -> tensor<16xf32> attributes {cellc.kind = "collective"} {
  %r = linalg_ext.collective_wait %p : tensor<16xf32> -> tensor<16xf32>
  return %r : tensor<16xf32>
}
func.func private @add(%x: tensor<16xf32>, %y: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func @main(%x: tensor<16xf32> {cellc.name = "x", cellc.kind = "input"},
                %w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter"}) -> tensor<16xf32> {
  %p = func.call @start(%w) : (tensor<16xf32>) -> tensor<16xf32>
  %r = func.call @wait(%p) : (tensor<16xf32>) -> tensor<16xf32>
  %c = func.call @add(%x, %r) : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %c : tensor<16xf32>
}

// -----

// A view between two calls goes with them.
// CHECK-LABEL: func.func @prepare
// CHECK-NEXT: %[[A:.*]] = func.call @step
// CHECK-NEXT: %[[SQUARE:.*]] = tensor.expand_shape %[[A]]
// CHECK-NEXT: %[[B:.*]] = func.call @turn(%[[SQUARE]])
// CHECK-NEXT: func.return %[[B]]
// CHECK-LABEL: func.func @main
// CHECK-NOT: tensor.expand_shape
// CHECK: func.call @add
func.func private @step(%x: tensor<16xf32>) -> tensor<16xf32> { return %x : tensor<16xf32> }
func.func private @turn(%x: tensor<4x4xf32>) -> tensor<4x4xf32> { return %x : tensor<4x4xf32> }
func.func private @add(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> tensor<4x4xf32> { return %x : tensor<4x4xf32> }
func.func @main(%x: tensor<4x4xf32> {cellc.name = "x", cellc.kind = "input"},
                %w: tensor<16xf32> {cellc.name = "w", cellc.kind = "parameter"}) -> tensor<4x4xf32> {
  %a = func.call @step(%w) : (tensor<16xf32>) -> tensor<16xf32>
  %square = tensor.expand_shape %a [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
  %b = func.call @turn(%square) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %c = func.call @add(%x, %b) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}
