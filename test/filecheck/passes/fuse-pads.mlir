// RUN: %cellc-opt %s -p fuse-pads --split-input-file | %FileCheck %s

// Nothing else reads %r: the padded tensor takes its place. %s, which is returned, stays, as a result of its own. Two
// calls share a kernel.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[P:.*]] = func.call @relu_padded_0(%x) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
// CHECK-NEXT: %[[S:.*]], %[[Q:.*]] = func.call @relu_padded_1(%y) : (tensor<2x40x40xf32>) -> (tensor<2x40x40xf32>, tensor<2x42x41xf32>)
// CHECK-NEXT: %[[T:.*]] = func.call @relu_padded_0(%[[S]])
// CHECK-NEXT: %[[U:.*]] = func.call @pad(%x)
// CHECK-NEXT: return %[[P]], %[[Q]], %[[T]], %[[U]], %[[S]]
func.func @main(%x: tensor<2x40x40xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<2x40x40xf32> {cellc.name = "y", cellc.kind = "input"})
    -> (tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x40x40xf32>) {
  %r = func.call @relu(%x) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %p = func.call @pad(%r) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %s = func.call @relu(%y) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %q = func.call @pad(%s) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %t = func.call @relu(%s) : (tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
  %v = func.call @pad(%t) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  %u = func.call @pad(%x) : (tensor<2x40x40xf32>) -> tensor<2x42x41xf32>
  return %p, %q, %v, %u, %s : tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x42x41xf32>, tensor<2x40x40xf32>
}

// The unpadded result alone may have the argument's memory.
// CHECK: func.func private @relu_padded_0
// CHECK-SAME: attributes {cellc.kind = "elementwise"}
// CHECK: %[[R:.*]] = linalg.generic
// CHECK: %[[F:.*]] = linalg.fill
// CHECK-NEXT: %[[I:.*]] = tensor.insert_slice %[[R]] into %[[F]][0, 1, 0] [2, 40, 40] [1, 1, 1]
// CHECK-NEXT: return %[[I]]
// CHECK: func.func private @relu_padded_1
// CHECK-SAME: attributes {cellc.kind = "elementwise", cellc.in_place = {{\[}}[0 : i64, 0 : i64]]}
// CHECK: linalg.yield %[[M:.*]], %[[M]] : f32, f32
// CHECK-NOT: func.func private @relu(
func.func private @relu(%x: tensor<2x40x40xf32>) -> tensor<2x40x40xf32>
    attributes {cellc.kind = "elementwise", cellc.in_place = [[0, 0]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x40x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x40x40xf32>) outs(%e : tensor<2x40x40xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.constant 0.0 : f32
    %m = arith.maximumf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<2x40x40xf32>
  return %r : tensor<2x40x40xf32>
}

// CHECK: func.func private @pad(
func.func private @pad(%x: tensor<2x40x40xf32>) -> tensor<2x42x41xf32> attributes {cellc.kind = "copy"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x42x41xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x42x41xf32>) -> tensor<2x42x41xf32>
  %p = tensor.insert_slice %x into %f[0, 1, 0] [2, 40, 40] [1, 1, 1] : tensor<2x40x40xf32> into tensor<2x42x41xf32>
  return %p : tensor<2x42x41xf32>
}

// -----

// A chain pads within what it does for one channel. %n, whose unpadded tensor is a result too, is padded by a kernel of
// its own, and so is %o, which an elementwise kernel alone reads: that one may pad it in scratch memory.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[P:.*]] = func.call @centre_padded_0(%x) : (tensor<2x3x4x4xf32>) -> tensor<2x3x6x6xf32>
// CHECK-NEXT: %[[N:.*]] = func.call @centre(%y)
// CHECK-NEXT: %[[Q:.*]] = func.call @pad(%[[N]])
// CHECK-NEXT: %[[O:.*]] = func.call @centre(%x)
// CHECK-NEXT: %[[T:.*]] = func.call @pad(%[[O]])
// CHECK-NEXT: func.call @twice(%[[T]])
// CHECK-NEXT: return %[[P]], %[[N]], %[[Q]]
func.func @main(%x: tensor<2x3x4x4xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<2x3x4x4xf32> {cellc.name = "y", cellc.kind = "input"})
    -> (tensor<2x3x6x6xf32>, tensor<2x3x4x4xf32>, tensor<2x3x6x6xf32>, tensor<2x3x6x6xf32>) {
  %m = func.call @centre(%x) : (tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  %p = func.call @pad(%m) : (tensor<2x3x4x4xf32>) -> tensor<2x3x6x6xf32>
  %n = func.call @centre(%y) : (tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  %q = func.call @pad(%n) : (tensor<2x3x4x4xf32>) -> tensor<2x3x6x6xf32>
  %o = func.call @centre(%x) : (tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  %t = func.call @pad(%o) : (tensor<2x3x4x4xf32>) -> tensor<2x3x6x6xf32>
  %u = func.call @twice(%t) : (tensor<2x3x6x6xf32>) -> tensor<2x3x6x6xf32>
  return %p, %n, %q, %u : tensor<2x3x6x6xf32>, tensor<2x3x4x4xf32>, tensor<2x3x6x6xf32>, tensor<2x3x6x6xf32>
}

func.func private @twice(%x: tensor<2x3x6x6xf32>) -> tensor<2x3x6x6xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<2x3x6x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>,
      affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x3x6x6xf32>) outs(%e : tensor<2x3x6x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.addf %a, %a : f32
    linalg.yield %c : f32
  } -> tensor<2x3x6x6xf32>
  return %r : tensor<2x3x6x6xf32>
}

// CHECK: func.func private @centre_padded_0
// CHECK-SAME: attributes {cellc.kind = "reduction", cellc.outer = 1 : i64}
// CHECK: %[[R:.*]] = linalg.generic {{.*}} -> (d1, d0, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
// CHECK: %[[F:.*]] = linalg.fill
// CHECK-NEXT: %[[I:.*]] = tensor.insert_slice %[[R]] into %[[F]][0, 0, 1, 1] [2, 3, 4, 4] [1, 1, 1, 1]
// CHECK-NEXT: return %[[I]]
func.func private @centre(%x: tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32> attributes {cellc.kind = "reduction", cellc.outer = 1} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0)>],
      iterator_types = ["parallel", "reduction", "reduction", "reduction"]}
      ins(%x : tensor<2x3x4x4xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  } -> tensor<3xf32>
  %g = tensor.empty() : tensor<2x3x4x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0)>,
      affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<2x3x4x4xf32>, tensor<3xf32>) outs(%g : tensor<2x3x4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %c = arith.subf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<2x3x4x4xf32>
  return %r : tensor<2x3x4x4xf32>
}

func.func private @pad(%x: tensor<2x3x4x4xf32>) -> tensor<2x3x6x6xf32> attributes {cellc.kind = "copy"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x6x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x6x6xf32>) -> tensor<2x3x6x6xf32>
  %p = tensor.insert_slice %x into %f[0, 0, 1, 1] [2, 3, 4, 4] [1, 1, 1, 1] : tensor<2x3x4x4xf32> into tensor<2x3x6x6xf32>
  return %p : tensor<2x3x6x6xf32>
}

// -----

// Others read the inner part of what the chain pads: another chain that adds it, and a convolution of every second
// element. The sum of %m's rows, and what lies where its argument did (%n), keep the pad a kernel of its own.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[P:.*]] = func.call @centre_padded_2(%x) : (tensor<2x3x8x8xf32>) -> tensor<2x3x10x10xf32>
// CHECK-NEXT: %[[A:.*]] = func.call @add_inner_1(%x, %[[P]]) : (tensor<2x3x8x8xf32>, tensor<2x3x10x10xf32>) -> tensor<2x3x8x8xf32>
// CHECK-NEXT: %[[C:.*]] = func.call @conv_inner_0(%[[P]], %w)
// CHECK-NEXT: %[[M:.*]] = func.call @centre(%[[A]])
// CHECK-NEXT: %[[Q:.*]] = func.call @pad(%[[M]])
// CHECK-NEXT: %[[N:.*]] = func.call @centre(%[[M]])
// CHECK-NEXT: %[[R:.*]] = func.call @pad(%[[N]])
// CHECK-NEXT: %[[B:.*]] = func.call @add(%x, %[[N]])
// CHECK-NEXT: return %[[P]], %[[C]], %[[Q]], %[[R]], %[[B]]
func.func @main(%x: tensor<2x3x8x8xf32> {cellc.name = "x", cellc.kind = "input"},
                %w: tensor<5x3xf32> {cellc.name = "w", cellc.kind = "parameter"})
    -> (tensor<2x3x10x10xf32>, tensor<2x5x4x4xf32>, tensor<2x3x10x10xf32>, tensor<2x3x10x10xf32>, tensor<2x3x8x8xf32>) {
  %c = func.call @centre(%x) : (tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  %p = func.call @pad(%c) : (tensor<2x3x8x8xf32>) -> tensor<2x3x10x10xf32>
  %a = func.call @add(%x, %c) : (tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  %y = func.call @conv(%c, %w) : (tensor<2x3x8x8xf32>, tensor<5x3xf32>) -> tensor<2x5x4x4xf32>
  %m = func.call @centre(%a) : (tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  %q = func.call @pad(%m) : (tensor<2x3x8x8xf32>) -> tensor<2x3x10x10xf32>
  %n = func.call @centre(%m) : (tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  %r = func.call @pad(%n) : (tensor<2x3x8x8xf32>) -> tensor<2x3x10x10xf32>
  %b = func.call @add(%x, %n) : (tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  return %p, %y, %q, %r, %b : tensor<2x3x10x10xf32>, tensor<2x5x4x4xf32>, tensor<2x3x10x10xf32>, tensor<2x3x10x10xf32>, tensor<2x3x8x8xf32>
}

// CHECK: func.func private @centre_padded_2
// CHECK-SAME: attributes {cellc.kind = "reduction", cellc.outer = 1 : i64}
// CHECK: func.func private @centre(
func.func private @centre(%x: tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 1, cellc.in_place = [[0, 0]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0)>],
      iterator_types = ["parallel", "reduction", "reduction", "reduction"]}
      ins(%x : tensor<2x3x8x8xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  } -> tensor<3xf32>
  %g = tensor.empty() : tensor<2x3x8x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0)>,
      affine_map<(d0, d1, d2, d3) -> (d1, d0, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<2x3x8x8xf32>, tensor<3xf32>) outs(%g : tensor<2x3x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %c = arith.subf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<2x3x8x8xf32>
  return %r : tensor<2x3x8x8xf32>
}

// The argument that is another tensor now shares its memory with no result.
// CHECK: func.func private @add_inner_1(%{{.*}}: tensor<2x3x8x8xf32>, %[[W:.*]]: tensor<2x3x10x10xf32>)
// CHECK-SAME: attributes {cellc.kind = "elementwise", cellc.in_place = {{\[}}[0 : i64, 0 : i64]]}
// CHECK-NEXT: %[[I:.*]] = tensor.extract_slice %[[W]][0, 0, 1, 1] [2, 3, 8, 8] [1, 1, 1, 1] : tensor<2x3x10x10xf32> to tensor<2x3x8x8xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[I]] :
func.func private @add(%x: tensor<2x3x8x8xf32>, %y: tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
    attributes {cellc.kind = "elementwise", cellc.in_place = [[0, 0], [0, 1]]} {
  %e = tensor.empty() : tensor<2x3x8x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>,
      affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %y : tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>) outs(%e : tensor<2x3x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<2x3x8x8xf32>
  return %r : tensor<2x3x8x8xf32>
}

func.func private @conv(%x: tensor<2x3x8x8xf32>, %w: tensor<5x3xf32>) -> tensor<2x5x4x4xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x5x4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x4x4xf32>) -> tensor<2x5x4x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d2 * 2, d3 * 2)>,
      affine_map<(d0, d1, d2, d3, d4) -> (d1, d4)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x3x8x8xf32>, tensor<5x3xf32>) outs(%f : tensor<2x5x4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x5x4x4xf32>
  return %y : tensor<2x5x4x4xf32>
}

func.func private @pad(%x: tensor<2x3x8x8xf32>) -> tensor<2x3x10x10xf32> attributes {cellc.kind = "copy"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x10x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x10x10xf32>) -> tensor<2x3x10x10xf32>
  %p = tensor.insert_slice %x into %f[0, 0, 1, 1] [2, 3, 8, 8] [1, 1, 1, 1] : tensor<2x3x8x8xf32> into tensor<2x3x10x10xf32>
  return %p : tensor<2x3x10x10xf32>
}
