// RUN: %python -m cellc.targets.cpu --level v4 %s | %FileCheck %s
// RUN: %python -m cellc.targets.cpu --level v3 %s | %FileCheck %s --check-prefix V3

// Contiguous loops become one, after what all share; a vector each, then the masked rest. The bool result is a byte.
// CHECK: // add: 1 block(s), 0 bytes of scratch
// CHECK-LABEL: func.func @add(
// CHECK-SAME: %b0: memref<185xf32>, %b1: memref<1xf32>, %b2: memref<185xf32>, %b3: memref<185xi8>
// CHECK: memref.load %b1
// CHECK: vector.broadcast
// CHECK: scf.for
// CHECK: vector.load %b0
// CHECK-SAME: vector<16xf32>
// CHECK: arith.cmpf olt
// CHECK: arith.extui {{.*}} vector<16xi1> to vector<16xi8>
// CHECK: vector.constant_mask [9]
// CHECK: vector.maskedload %b0
// CHECK: vector.maskedstore %b3
// CHECK-NOT: scf.for

// V3-LABEL: func.func @add(
// V3: vector.load %b0
// V3-SAME: vector<8xf32>
// V3: vector.constant_mask [1]
func.func private @add(%x: tensor<5x37xf32>, %y: tensor<f32>) -> (tensor<5x37xf32>, tensor<5x37xi1>)
    attributes {cellc.kind = "elementwise"} {
  %e0 = tensor.empty() : tensor<5x37xf32>
  %e1 = tensor.empty() : tensor<5x37xi1>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ()>,
      affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<5x37xf32>, tensor<f32>) outs(%e0, %e1 : tensor<5x37xf32>, tensor<5x37xi1>) {
  ^bb0(%a: f32, %b: f32, %o: f32, %p: i1):
    %s = arith.addf %a, %b : f32
    %c = arith.cmpf olt, %s, %a : f32
    linalg.yield %s, %c : f32, i1
  } -> tensor<5x37xf32>, tensor<5x37xi1>
  func.return %r#0, %r#1 : tensor<5x37xf32>, tensor<5x37xi1>
}

// A whole exponent that is known takes products: of f32 numbers in f64, which rounds once as it becomes f32 again.
// CHECK-LABEL: func.func @cube(
// CHECK: call @pow_6_halves_16xf32
// CHECK-LABEL: func.func private @pow_6_halves_16xf32(
// CHECK: %[[WIDE:.*]] = arith.extf
// CHECK-NEXT: %[[SQUARE:.*]] = arith.mulf %[[WIDE]], %[[WIDE]] : vector<16xf64>
// CHECK: arith.mulf %[[WIDE]], %[[SQUARE]] : vector<16xf64>
// CHECK-NEXT: arith.truncf
func.func private @cube(%x: tensor<64xf32>) -> tensor<64xf32> attributes {cellc.kind = "elementwise"} {
  %e = tensor.empty() : tensor<64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %three = arith.constant 3.0 : f32
    %s = math.powf %a, %three : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  func.return %r : tensor<64xf32>
}
