// RUN: %cellc-opt %s -p map-kernels-to-gpu | %FileCheck %s

// A dense layer: a 64 x 64 tile a block, staged through shared memory, a barrier before and after its use.

// CHECK: gpu.module
// CHECK: "memref.global"() <{sym_name = "dense_lhs", type = memref<64x16xf32, 3 : i64>
// CHECK: "memref.global"() <{sym_name = "dense_rhs", type = memref<16x64xf32, 3 : i64>
// CHECK: "gpu.thread_id"
// CHECK: "gpu.block_id"
// CHECK: scf.for
// CHECK: "gpu.barrier"
// CHECK: arith.mulf {{.*}} fastmath<contract>
// CHECK: "gpu.barrier"
// CHECK: arith.maximumf
// CHECK: memref.store
// CHECK: cellc.blocks = 1 : i64

func.func private @dense(%a: tensor<20x40xf32>, %b: tensor<30x40xf32>, %bias: tensor<30xf32>)
    -> tensor<20x30xf32> attributes {cellc.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x30xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x30xf32>) -> tensor<20x30xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>,
      affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<20x40xf32>, tensor<30x40xf32>) outs(%f : tensor<20x30xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):


    %q = arith.mulf %x, %y : f32
    %r = arith.addf %s, %q : f32
    linalg.yield %r : f32
  } -> tensor<20x30xf32>
  %e2 = tensor.empty() : tensor<20x30xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %bias : tensor<20x30xf32>, tensor<30xf32>) outs(%e2 : tensor<20x30xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %c = arith.constant 0.0 : f32
    %q = arith.addf %x, %y : f32
    %r = arith.maximumf %c, %q : f32
    linalg.yield %r : f32
  } -> tensor<20x30xf32>
  return %o : tensor<20x30xf32>
}
