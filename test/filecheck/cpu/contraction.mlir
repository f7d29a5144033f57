// RUN: %python -m cellc.targets.cpu --level v4 %s | %FileCheck %s
// RUN: %python -m cellc.targets.cpu --level v4 --asm %s | %FileCheck %s --check-prefix ASM

// The second operand is stored with its columns apart: panels of it are turned in registers into scratch,
// then tiles of sums are carried by the reduction loop and stored through the epilogue.
// CHECK-LABEL: func.func @dense(
// CHECK: memref.view %scratch
// CHECK: vector.shuffle
// CHECK: vector.store {{.*}}, %s0
// CHECK: scf.for {{.*}} iter_args(
// CHECK: vector.load %s0
// CHECK: memref.load %b0
// CHECK: vector.fma
// CHECK: scf.yield
// CHECK: vector.load %b2
// CHECK: arith.maximumf
// CHECK: vector.store {{.*}}, %b3

// ASM-LABEL: dense:
// ASM: vfmadd231ps
func.func private @dense(%a: tensor<64x48xf32>, %b: tensor<64x48xf32>, %bias: tensor<64xf32>) -> tensor<64x64xf32>
    attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>,
      affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<64x48xf32>, tensor<64x48xf32>) outs(%f : tensor<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %q = arith.mulf %x, %y : f32
    %r = arith.addf %s, %q : f32
    linalg.yield %r : f32
  } -> tensor<64x64xf32>
  %e2 = tensor.empty() : tensor<64x64xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %bias : tensor<64x64xf32>, tensor<64xf32>) outs(%e2 : tensor<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %c = arith.constant 0.0 : f32
    %q = arith.addf %x, %y : f32
    %r = arith.maximumf %q, %c : f32
    linalg.yield %r : f32
  } -> tensor<64x64xf32>
  func.return %o : tensor<64x64xf32>
}
