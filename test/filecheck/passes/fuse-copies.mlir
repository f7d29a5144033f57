// RUN: %cellc-opt %s -p fuse-copies | %FileCheck %s

// The slice and the relu of the first concatenation are read by nothing else: they are written where they go, and the
// concatenation is a piece of the pad. The second slice is returned too, so it stays a tensor. What reads columns as
// rows, and what computes few elements side by side, keep kernels of their own. A column is an element for each row.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[R:.*]] = func.call @joined_[[#]]_pad(%x, %y)
// CHECK-NEXT: %[[S:.*]] = func.call @slice(%x)
// CHECK-NEXT: %[[V:.*]] = tensor.collapse_shape %[[S]]
// CHECK-NEXT: %[[P:.*]] = func.call @joined_[[#]]_concat(%y, %[[V]])
// CHECK-NEXT: %[[T:.*]] = func.call @transpose(%z)
// CHECK-NEXT: %[[N:.*]] = func.call @narrow(%n)
// CHECK-NEXT: %[[Q:.*]] = func.call @beside(%[[T]], %[[N]])
// CHECK-NEXT: %[[B:.*]] = func.call @joined_[[#]]_bordered(%x)
// CHECK-NEXT: func.return %[[R]], %[[V]], %[[P]], %[[Q]], %[[B]]
func.func @main(%x: tensor<20x40xf32> {cellc.name = "x", cellc.kind = "input"},
                %y: tensor<20x40xf32> {cellc.name = "y", cellc.kind = "input"},
                %z: tensor<40x20xf32> {cellc.name = "z", cellc.kind = "input"},
                %n: tensor<20x4xf32> {cellc.name = "n", cellc.kind = "input"})
    -> (tensor<26x40xf32>, tensor<4x40xf32>, tensor<24x40xf32>, tensor<20x44xf32>, tensor<20x41xf32>) {
  %s = func.call @slice(%x) : (tensor<20x40xf32>) -> tensor<1x4x40xf32>
  %v = tensor.collapse_shape %s [[0, 1], [2]] : tensor<1x4x40xf32> into tensor<4x40xf32>
  %a = func.call @relu(%y) : (tensor<20x40xf32>) -> tensor<20x40xf32>
  %p = func.call @concat(%v, %a) : (tensor<4x40xf32>, tensor<20x40xf32>) -> tensor<24x40xf32>
  %r = func.call @pad(%p) : (tensor<24x40xf32>) -> tensor<26x40xf32>
  %s1 = func.call @slice(%x) : (tensor<20x40xf32>) -> tensor<1x4x40xf32>
  %v1 = tensor.collapse_shape %s1 [[0, 1], [2]] : tensor<1x4x40xf32> into tensor<4x40xf32>
  %a1 = func.call @relu(%y) : (tensor<20x40xf32>) -> tensor<20x40xf32>
  %p1 = func.call @concat(%v1, %a1) : (tensor<4x40xf32>, tensor<20x40xf32>) -> tensor<24x40xf32>
  %t = func.call @transpose(%z) : (tensor<40x20xf32>) -> tensor<20x40xf32>
  %m = func.call @narrow(%n) : (tensor<20x4xf32>) -> tensor<20x4xf32>
  %q = func.call @beside(%t, %m) : (tensor<20x40xf32>, tensor<20x4xf32>) -> tensor<20x44xf32>
  %b = func.call @column(%x) : (tensor<20x40xf32>) -> tensor<20x1xf32>
  %d = func.call @bordered(%b, %x) : (tensor<20x1xf32>, tensor<20x40xf32>) -> tensor<20x41xf32>
  return %r, %v1, %p1, %q, %d
      : tensor<26x40xf32>, tensor<4x40xf32>, tensor<24x40xf32>, tensor<20x44xf32>, tensor<20x41xf32>
}

// CHECK: func.func private @joined_[[#]]_pad(%[[X:.*]]: tensor<20x40xf32>, %[[Y:.*]]: tensor<20x40xf32>) -> tensor<26x40xf32>
// CHECK-SAME: {cellc.kind = "copy"}
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: %[[B:.*]] = tensor.collapse_shape %[[A]]
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[Y]]
// CHECK: %[[D:.*]] = tensor.insert_slice %[[B]]
// CHECK: %[[E:.*]] = tensor.insert_slice %[[C]] into %[[D]]
// CHECK: tensor.insert_slice %[[E]]
func.func private @slice(%x: tensor<20x40xf32>) -> tensor<1x4x40xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<1x4x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(u, i, j) -> (u + i, j)>, affine_map<(u, i, j) -> (u, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<20x40xf32>) outs(%e : tensor<1x4x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1x4x40xf32>
  return %r : tensor<1x4x40xf32>
}

func.func private @relu(%x: tensor<20x40xf32>) -> tensor<20x40xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<20x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<20x40xf32>) outs(%e : tensor<20x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<20x40xf32>
  return %r : tensor<20x40xf32>
}

func.func private @transpose(%x: tensor<40x20xf32>) -> tensor<20x40xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<20x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<40x20xf32>) outs(%e : tensor<20x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<20x40xf32>
  return %r : tensor<20x40xf32>
}

func.func private @narrow(%x: tensor<20x4xf32>) -> tensor<20x4xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<20x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<20x4xf32>) outs(%e : tensor<20x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<20x4xf32>
  return %r : tensor<20x4xf32>
}

func.func private @concat(%a: tensor<4x40xf32>, %b: tensor<20x40xf32>) -> tensor<24x40xf32>
    attributes {cellc.kind = "copy"} {
  %e = tensor.empty() : tensor<24x40xf32>
  %f = tensor.insert_slice %a into %e[0, 0] [4, 40] [1, 1] : tensor<4x40xf32> into tensor<24x40xf32>
  %g = tensor.insert_slice %b into %f[4, 0] [20, 40] [1, 1] : tensor<20x40xf32> into tensor<24x40xf32>
  return %g : tensor<24x40xf32>
}

func.func private @pad(%a: tensor<24x40xf32>) -> tensor<26x40xf32> attributes {cellc.kind = "copy"} {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<26x40xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<26x40xf32>) -> tensor<26x40xf32>
  %g = tensor.insert_slice %a into %f[1, 0] [24, 40] [1, 1] : tensor<24x40xf32> into tensor<26x40xf32>
  return %g : tensor<26x40xf32>
}

func.func private @beside(%a: tensor<20x40xf32>, %b: tensor<20x4xf32>) -> tensor<20x44xf32>
    attributes {cellc.kind = "copy"} {
  %e = tensor.empty() : tensor<20x44xf32>
  %f = tensor.insert_slice %a into %e[0, 0] [20, 40] [1, 1] : tensor<20x40xf32> into tensor<20x44xf32>
  %g = tensor.insert_slice %b into %f[0, 40] [20, 4] [1, 1] : tensor<20x4xf32> into tensor<20x44xf32>
  return %g : tensor<20x44xf32>
}

func.func private @column(%x: tensor<20x40xf32>) -> tensor<20x1xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<20x1xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j + 1)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<20x40xf32>) outs(%e : tensor<20x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<20x1xf32>
  return %r : tensor<20x1xf32>
}

func.func private @bordered(%a: tensor<20x1xf32>, %b: tensor<20x40xf32>) -> tensor<20x41xf32>
    attributes {cellc.kind = "copy"} {
  %e = tensor.empty() : tensor<20x41xf32>
  %f = tensor.insert_slice %a into %e[0, 0] [20, 1] [1, 1] : tensor<20x1xf32> into tensor<20x41xf32>
  %g = tensor.insert_slice %b into %f[0, 1] [20, 40] [1, 1] : tensor<20x40xf32> into tensor<20x41xf32>
  return %g : tensor<20x41xf32>
}
