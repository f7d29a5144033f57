// RUN: %cellc-opt %s -p lower-kernels-to-ascend | %FileCheck %s

// A dense layer: both operands are cast to f16 on the vector cores, multiplied on a cube core, and the
// epilogue runs on the vector cores again. Every cast is reported on the module.

// CHECK: cellc.casts = ["@dense: left operand tensor<20x40xf32> was cast from f32 to f16; sums stay f32",
// CHECK: ascend.kernel @dense_0_cast core "aiv"
// CHECK: ascend.vcast %{{.*}} to %{{.*}} : memref<1x800xf32, #ascend.space<"ub">>, memref<1x800xf16, #ascend.space<"ub">>
// CHECK: ascend.kernel @dense_1_cast core "aiv"
// CHECK: ascend.kernel @dense_2_cube core "aic"
// CHECK: ascend.nd2nz
// CHECK: ascend.nd2nz
// CHECK: ascend.mmad_l1 {{.*}} m 20 : i64 k 40 : i64 n 30 : i64 transpose_b
// CHECK: ascend.fixpipe
// CHECK: ascend.kernel @dense_3_vector core "aiv"
// CHECK: ascend.vbrc
// CHECK: ascend.vbinary "add"
// CHECK: ascend.vbinary "max"
// CHECK: func.func @dense(
// CHECK: ascend.launch @dense_0_cast
// CHECK: ascend.launch @dense_1_cast
// CHECK: ascend.launch @dense_2_cube
// CHECK: ascend.launch @dense_3_vector

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
