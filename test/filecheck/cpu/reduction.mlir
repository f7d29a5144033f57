// RUN: %python -m cellc.targets.cpu --level v4 %s | %FileCheck %s

// Rows are contiguous: four vectors of partial sums, a tree over them, then over the lanes.
// CHECK-LABEL: func.func @rows(
// CHECK: scf.for {{.*}} iter_args({{.*}}, {{.*}}, {{.*}}, {{.*}}) -> (vector<16xf32>,
// CHECK: vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
// CHECK: memref.store %{{[0-9]+}}, %b1
func.func private @rows(%x: tensor<8x128xf32>) -> tensor<8xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x128xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<8xf32>
  func.return %r : tensor<8xf32>
}

// Columns are: lanes are separate sums, and nothing crosses them. Four vectors of eight terms, without a loop.
// CHECK-LABEL: func.func @columns(
// CHECK: scf.for
// CHECK-COUNT-32: vector.load %b0
// CHECK-NOT: scf.for
// CHECK-NOT: vector.shuffle
// CHECK: vector.store {{.*}}, %b1
func.func private @columns(%x: tensor<8x128xf32>) -> tensor<128xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 0 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<128xf32>) -> tensor<128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x128xf32>) outs(%f : tensor<128xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<128xf32>
  func.return %r : tensor<128xf32>
}

// Rows of ten: of sixteen rows, pieces of four elements each, turned in registers; lanes run across the rows. Nothing is gathered.
// CHECK-LABEL: func.func @short_rows(
// CHECK-COUNT-48: vector.load %b0{{.*}}, vector<4xf32>
// CHECK-NOT: vector.gather
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
// CHECK: vector.store {{.*}}, %b1{{.*}}, vector<16xf32>
// CHECK-NOT: memref.store
func.func private @short_rows(%x: tensor<64x10xf32>) -> tensor<64xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x10xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.maximumf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  func.return %r : tensor<64xf32>
}

// A softmax's middle: exponentials are summed where they are made, and lie where the result will.
// CHECK-LABEL: func.func @exponentials(
// CHECK: scf.for
// CHECK: func.call @exp_16xf32
// CHECK: vector.store {{.*}}, %b1
// CHECK: arith.addf
// CHECK: scf.yield
// CHECK: scf.for
// CHECK: vector.load %b1
// CHECK: vector.store {{.*}}, %b1
func.func private @exponentials(%x: tensor<8x128xf32>) -> tensor<8x128xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x128xf32>
  %made = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x128xf32>) outs(%e : tensor<8x128xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = math.exp %a : f32
    linalg.yield %v : f32
  } -> tensor<8x128xf32>
  %t = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%t : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%made : tensor<8x128xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %v = arith.addf %s, %a : f32
    linalg.yield %v : f32
  } -> tensor<8xf32>
  %result = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%made, %sum : tensor<8x128xf32>, tensor<8xf32>) outs(%e : tensor<8x128xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %v = arith.divf %a, %s : f32
    linalg.yield %v : f32
  } -> tensor<8x128xf32>
  func.return %result : tensor<8x128xf32>
}

// Maxima along memory: comparisons, and one more for two vectors that looks for NaN.
// CHECK-LABEL: func.func @largest(
// CHECK: scf.for
// CHECK-COUNT-4: arith.cmpf ogt
// CHECK-COUNT-2: arith.cmpf uno
// CHECK-NOT: arith.maximumf
// CHECK: scf.yield
func.func private @largest(%x: tensor<8x128xf32>) -> tensor<8xf32>
    attributes {cellc.kind = "reduction", cellc.outer = 1 : i64} {
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<8x128xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.maximumf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<8xf32>
  func.return %r : tensor<8xf32>
}
