// RUN: %cellc-opt %s -p 'fuse-prologues{level=v4}' | %FileCheck %s

// Weights that are masked for one product alone are made where it reads them. The sums of 4 rows are so few that the
// factor is read once. The result lay where %b did, and still may.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.*]] = func.call @dense_of_0(%x, %b, %w, %m)
// The prologue of this one reads %b too: a plan lays no result on a buffer that is two of a call's operands.
// CHECK-NEXT: %[[Z:.*]] = func.call @dense_of_1(%x, %b, %w, %b)
// Rows would be copied only to be made: as long as a kernel that makes them beforehand.
// CHECK-NEXT: %[[X:.*]] = func.call @relu(%x)
// CHECK-NEXT: func.call @dense(%[[X]], %b, %w)
// What others read too is made once.
// CHECK-NEXT: %[[V:.*]] = func.call @mul(%w, %m)
// CHECK-NEXT: func.call @dense(%x, %b, %[[V]])
// CHECK-NEXT: return
func.func @main(%x: tensor<4x96xf32> {cellc.name = "x", cellc.kind = "input"},
                %w: tensor<96x256xf32> {cellc.name = "w", cellc.kind = "input"},
                %m: tensor<96x256xf32> {cellc.name = "m", cellc.kind = "input"},
                %b: tensor<4x256xf32> {cellc.name = "b", cellc.kind = "input"},
                %n: tensor<96x256xf32> {cellc.name = "n", cellc.kind = "input"})
    -> (tensor<4x256xf32>, tensor<4x256xf32>, tensor<4x256xf32>, tensor<4x256xf32>, tensor<96x256xf32>) {
  %u = func.call @mul(%w, %m) : (tensor<96x256xf32>, tensor<96x256xf32>) -> tensor<96x256xf32>
  %y = func.call @dense(%x, %b, %u) : (tensor<4x96xf32>, tensor<4x256xf32>, tensor<96x256xf32>) -> tensor<4x256xf32>
  %t = func.call @mul_row(%w, %b) : (tensor<96x256xf32>, tensor<4x256xf32>) -> tensor<96x256xf32>
  %z = func.call @dense(%x, %b, %t) : (tensor<4x96xf32>, tensor<4x256xf32>, tensor<96x256xf32>) -> tensor<4x256xf32>
  %r = func.call @relu(%x) : (tensor<4x96xf32>) -> tensor<4x96xf32>
  %s = func.call @dense(%r, %b, %w) : (tensor<4x96xf32>, tensor<4x256xf32>, tensor<96x256xf32>) -> tensor<4x256xf32>
  %v = func.call @mul(%w, %m) : (tensor<96x256xf32>, tensor<96x256xf32>) -> tensor<96x256xf32>
  %q = func.call @dense(%x, %b, %v) : (tensor<4x96xf32>, tensor<4x256xf32>, tensor<96x256xf32>) -> tensor<4x256xf32>
  return %y, %z, %s, %q, %v
      : tensor<4x256xf32>, tensor<4x256xf32>, tensor<4x256xf32>, tensor<4x256xf32>, tensor<96x256xf32>
}

// CHECK: func.func private @dense_of_0({{.*}}: tensor<4x96xf32>, {{.*}}: tensor<4x256xf32>, {{.*}}: tensor<96x256xf32>, {{.*}}: tensor<96x256xf32>) -> tensor<4x256xf32> attributes {cellc.kind = "contraction", cellc.in_place = {{.*}}0 : i64, 1 : i64
// CHECK: %[[M:.*]] = linalg.generic {{.*}}"parallel", "parallel"]
// CHECK: arith.mulf
// CHECK: linalg.generic {{.*}}"reduction"]} ins(%x, %[[M]]
// CHECK: func.func private @dense_of_1
func.func private @mul(%w: tensor<96x256xf32>, %m: tensor<96x256xf32>) -> tensor<96x256xf32>
    attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<96x256xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%w, %m : tensor<96x256xf32>, tensor<96x256xf32>) outs(%e : tensor<96x256xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<96x256xf32>
  return %r : tensor<96x256xf32>
}

func.func private @mul_row(%w: tensor<96x256xf32>, %m: tensor<4x256xf32>) -> tensor<96x256xf32>
    attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<96x256xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (0, d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%w, %m : tensor<96x256xf32>, tensor<4x256xf32>) outs(%e : tensor<96x256xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<96x256xf32>
  return %r : tensor<96x256xf32>
}

func.func private @relu(%x: tensor<4x96xf32>) -> tensor<4x96xf32> attributes {cellc.kind = "elementwise"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x96xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x96xf32>) outs(%e : tensor<4x96xf32>) {
  ^bb0(%a: f32, %c: f32):
    %p = arith.maximumf %a, %zero : f32
    linalg.yield %p : f32
  } -> tensor<4x96xf32>
  return %r : tensor<4x96xf32>
}

func.func private @dense(%x: tensor<4x96xf32>, %b: tensor<4x256xf32>, %w: tensor<96x256xf32>) -> tensor<4x256xf32>
    attributes {cellc.kind = "contraction", cellc.in_place = [[0, 1]]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x256xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x256xf32>) -> tensor<4x256xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
      affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x96xf32>, tensor<96x256xf32>) outs(%f : tensor<4x256xf32>) {
  ^bb0(%u: f32, %v: f32, %c: f32):
    %m = arith.mulf %u, %v : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x256xf32>
  %g = tensor.empty() : tensor<4x256xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<4x256xf32>, tensor<4x256xf32>) outs(%g : tensor<4x256xf32>) {
  ^bb0(%u: f32, %v: f32, %c: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x256xf32>
  return %r : tensor<4x256xf32>
}
