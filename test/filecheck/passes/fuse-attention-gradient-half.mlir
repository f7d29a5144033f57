// RUN: %cellc-opt %s -p fuse-attention-gradient | %FileCheck %s

// Of f16 only what is in memory stays so: factors are read in f32, and nothing between the ops of a kernel is rounded.
// CHECK: func.func private @attention_0
// CHECK-NOT: 192x192xf16
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: func.return %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x4x192x8xf16>, tensor<1x4x192xf32>, tensor<1x4x192xf32>
// CHECK: func.func private @attention_gradient_0
// CHECK-NOT: truncf
// CHECK: math.exp
// CHECK-NOT: 192x192xf16
// CHECK: func.return %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>
// CHECK: func.func @main
// CHECK: func.call @attention_0
// CHECK-NOT: 192x192
// CHECK: func.call @attention_gradient_0
// CHECK-NOT: 192x192
// CHECK: func.return

#m0 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
#m1 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#m2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
#m3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#m4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#m5 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#m6 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d4, d3)>
#m7 = affine_map<(d0, d1, d2) -> (d0, d2)>
#m8 = affine_map<(d0, d1, d2) -> (d2, d1)>
#m9 = affine_map<(d0, d1, d2) -> (d0, d1)>
#m10 = affine_map<(d0, d1) -> (d0, d1)>
#m11 = affine_map<(d0, d1, d2) -> (d1, d2)>
#m12 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d4, d2)>
#m13 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>
builtin.module {
  func.func private @kernel_0_matmul_mul(%0: tensor<1x4x192x8xf16>, %1: tensor<1x4x192x8xf16>) -> tensor<1x4x192x192xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x192x192xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x192x192xf32>) -> tensor<1x4x192x192xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m1, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>) outs(%4 : tensor<1x4x192x192xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<1x4x192x192xf32>
    %13 = tensor.empty() : tensor<1x4x192x192xf16>
    %14 = linalg.generic {indexing_maps = [#m3, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x192x192xf32>) outs(%13 : tensor<1x4x192x192xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      %18 = arith.constant 3.535160e-01 : f16
      %19 = arith.extf %17 : f16 to f32
      %20 = arith.extf %18 : f16 to f32
      %21 = arith.mulf %19, %20 : f32
      %22 = arith.truncf %21 : f32 to f16
      linalg.yield %22 : f16
    } -> tensor<1x4x192x192xf16>
    func.return %14 : tensor<1x4x192x192xf16>
  }
  func.func private @kernel_1_softmax(%0: tensor<1x4x192x192xf16>) -> tensor<1x4x192x192xf16> attributes {cellc.kind = "reduction", cellc.outer = 3 : i64} {
    %1 = arith.constant 0xff800000 : f32
    %2 = tensor.empty() : tensor<1x4x192xf32>
    %3 = linalg.fill ins(%1 : f32) outs(%2 : tensor<1x4x192xf32>) -> tensor<1x4x192xf32>
    %4 = linalg.generic {indexing_maps = [#m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%0 : tensor<1x4x192x192xf16>) outs(%3 : tensor<1x4x192xf32>) {
    ^bb0(%5: f16, %6: f32):
      %7 = arith.extf %5 : f16 to f32
      %8 = arith.maximumf %6, %7 : f32
      linalg.yield %8 : f32
    } -> tensor<1x4x192xf32>
    %9 = tensor.empty() : tensor<1x4x192x192xf32>
    %10 = linalg.generic {indexing_maps = [#m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%0, %4 : tensor<1x4x192x192xf16>, tensor<1x4x192xf32>) outs(%9 : tensor<1x4x192x192xf32>) {
    ^bb0(%11: f16, %12: f32, %13: f32):
      %14 = arith.extf %11 : f16 to f32
      %15 = arith.subf %14, %12 : f32
      %16 = math.exp %15 : f32
      linalg.yield %16 : f32
    } -> tensor<1x4x192x192xf32>
    %17 = arith.constant 0.000000e+00 : f32
    %18 = tensor.empty() : tensor<1x4x192xf32>
    %19 = linalg.fill ins(%17 : f32) outs(%18 : tensor<1x4x192xf32>) -> tensor<1x4x192xf32>
    %20 = linalg.generic {indexing_maps = [#m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%10 : tensor<1x4x192x192xf32>) outs(%19 : tensor<1x4x192xf32>) {
    ^bb0(%21: f32, %22: f32):
      %23 = arith.addf %22, %21 : f32
      linalg.yield %23 : f32
    } -> tensor<1x4x192xf32>
    %24 = tensor.empty() : tensor<1x4x192xf32>
    %25 = linalg.generic {indexing_maps = [#m5, #m5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%20 : tensor<1x4x192xf32>) outs(%24 : tensor<1x4x192xf32>) {
    ^bb0(%26: f32, %27: f32):
      %28 = arith.constant 1.000000e+00 : f32
      %29 = arith.divf %28, %26 : f32
      linalg.yield %29 : f32
    } -> tensor<1x4x192xf32>
    %30 = tensor.empty() : tensor<1x4x192x192xf16>
    %31 = linalg.generic {indexing_maps = [#m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %25 : tensor<1x4x192x192xf32>, tensor<1x4x192xf32>) outs(%30 : tensor<1x4x192x192xf16>) {
    ^bb0(%32: f32, %33: f32, %34: f16):
      %35 = arith.mulf %32, %33 : f32
      %36 = arith.truncf %35 : f32 to f16
      linalg.yield %36 : f16
    } -> tensor<1x4x192x192xf16>
    func.return %31 : tensor<1x4x192x192xf16>
  }
  func.func private @kernel_2_matmul_fill(%0: tensor<1x4x192x192xf16>, %1: tensor<1x4x192x8xf16>) -> tensor<1x4x192x8xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x192x8xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x192x8xf32>) -> tensor<1x4x192x8xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x192xf16>, tensor<1x4x192x8xf16>) outs(%4 : tensor<1x4x192x8xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<1x4x192x8xf32>
    %13 = tensor.empty() : tensor<1x4x192x8xf16>
    %14 = linalg.generic {indexing_maps = [#m3, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x192x8xf32>) outs(%13 : tensor<1x4x192x8xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      linalg.yield %17 : f16
    } -> tensor<1x4x192x8xf16>
    func.return %14 : tensor<1x4x192x8xf16>
  }
  func.func private @kernel_3_matmul_add(%0: tensor<768x8xf16>, %1: tensor<8x8xf16>, %2: tensor<768x8xf16>) -> tensor<768x8xf16> attributes {cellc.kind = "contraction", cellc.in_place = [[0 : i64, 2 : i64]]} {
    %3 = arith.constant 0.000000e+00 : f32
    %4 = tensor.empty() : tensor<768x8xf32>
    %5 = linalg.fill ins(%3 : f32) outs(%4 : tensor<768x8xf32>) -> tensor<768x8xf32>
    %6 = linalg.generic {indexing_maps = [#m7, #m8, #m9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<768x8xf16>, tensor<8x8xf16>) outs(%5 : tensor<768x8xf32>) {
    ^bb0(%7: f16, %8: f16, %9: f32):
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.extf %8 : f16 to f32
      %12 = arith.mulf %10, %11 : f32
      %13 = arith.addf %9, %12 : f32
      linalg.yield %13 : f32
    } -> tensor<768x8xf32>
    %14 = tensor.empty() : tensor<768x8xf16>
    %15 = linalg.generic {indexing_maps = [#m10, #m10, #m10], iterator_types = ["parallel", "parallel"]} ins(%2, %6 : tensor<768x8xf16>, tensor<768x8xf32>) outs(%14 : tensor<768x8xf16>) {
    ^bb0(%16: f16, %17: f32, %18: f16):
      %19 = arith.truncf %17 : f32 to f16
      %20 = arith.extf %16 : f16 to f32
      %21 = arith.extf %19 : f16 to f32
      %22 = arith.mulf %20, %21 : f32
      %23 = arith.truncf %22 : f32 to f16
      %24 = arith.extf %23 : f16 to f32
      %25 = arith.addf %24, %24 : f32
      %26 = arith.truncf %25 : f32 to f16
      linalg.yield %26 : f16
    } -> tensor<768x8xf16>
    func.return %15 : tensor<768x8xf16>
  }
  func.func private @kernel_4_matmul_fill(%0: tensor<768x8xf16>, %1: tensor<8x8xf16>) -> tensor<768x8xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<768x8xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<768x8xf32>) -> tensor<768x8xf32>
    %5 = linalg.generic {indexing_maps = [#m7, #m11, #m9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<768x8xf16>, tensor<8x8xf16>) outs(%4 : tensor<768x8xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<768x8xf32>
    %13 = tensor.empty() : tensor<768x8xf16>
    %14 = linalg.generic {indexing_maps = [#m10, #m10], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<768x8xf32>) outs(%13 : tensor<768x8xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      linalg.yield %17 : f16
    } -> tensor<768x8xf16>
    func.return %14 : tensor<768x8xf16>
  }
  func.func private @kernel_5_matmul_fill(%0: tensor<1x4x192x8xf16>, %1: tensor<1x4x192x8xf16>) -> tensor<1x4x192x192xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x192x192xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x192x192xf32>) -> tensor<1x4x192x192xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m1, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>) outs(%4 : tensor<1x4x192x192xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<1x4x192x192xf32>
    %13 = tensor.empty() : tensor<1x4x192x192xf16>
    %14 = linalg.generic {indexing_maps = [#m3, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x192x192xf32>) outs(%13 : tensor<1x4x192x192xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      linalg.yield %17 : f16
    } -> tensor<1x4x192x192xf16>
    func.return %14 : tensor<1x4x192x192xf16>
  }
  func.func private @kernel_6_matmul_fill(%0: tensor<1x4x192x192xf16>, %1: tensor<1x4x192x8xf16>) -> tensor<1x4x192x8xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x192x8xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x192x8xf32>) -> tensor<1x4x192x8xf32>
    %5 = linalg.generic {indexing_maps = [#m12, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x192xf16>, tensor<1x4x192x8xf16>) outs(%4 : tensor<1x4x192x8xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<1x4x192x8xf32>
    %13 = tensor.empty() : tensor<1x4x192x8xf16>
    %14 = linalg.generic {indexing_maps = [#m3, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x192x8xf32>) outs(%13 : tensor<1x4x192x8xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      linalg.yield %17 : f16
    } -> tensor<1x4x192x8xf16>
    func.return %14 : tensor<1x4x192x8xf16>
  }
  func.func private @kernel_7_sum_mul(%0: tensor<1x4x192x192xf16>, %1: tensor<1x4x192x192xf16>) -> tensor<1x4x192x192xf16> attributes {cellc.kind = "reduction", cellc.outer = 3 : i64, cellc.in_place = [[0 : i64, 0 : i64], [0 : i64, 1 : i64]]} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x192xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x192xf32>) -> tensor<1x4x192xf32>
    %5 = linalg.generic {indexing_maps = [#m3, #m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x192xf16>, tensor<1x4x192x192xf16>) outs(%4 : tensor<1x4x192xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.truncf %11 : f32 to f16
      %13 = arith.extf %12 : f16 to f32
      %14 = arith.addf %8, %13 : f32
      linalg.yield %14 : f32
    } -> tensor<1x4x192xf32>
    %15 = tensor.empty() : tensor<1x4x192x192xf16>
    %16 = linalg.generic {indexing_maps = [#m3, #m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %0, %5 : tensor<1x4x192x192xf16>, tensor<1x4x192x192xf16>, tensor<1x4x192xf32>) outs(%15 : tensor<1x4x192x192xf16>) {
    ^bb0(%17: f16, %18: f16, %19: f32, %20: f16):
      %21 = arith.truncf %19 : f32 to f16
      %22 = arith.extf %18 : f16 to f32
      %23 = arith.extf %21 : f16 to f32
      %24 = arith.subf %22, %23 : f32
      %25 = arith.truncf %24 : f32 to f16
      %26 = arith.extf %17 : f16 to f32
      %27 = arith.extf %25 : f16 to f32
      %28 = arith.mulf %26, %27 : f32
      %29 = arith.truncf %28 : f32 to f16
      %30 = arith.constant 3.535160e-01 : f16
      %31 = arith.extf %29 : f16 to f32
      %32 = arith.extf %30 : f16 to f32
      %33 = arith.mulf %31, %32 : f32
      %34 = arith.truncf %33 : f32 to f16
      linalg.yield %34 : f16
    } -> tensor<1x4x192x192xf16>
    func.return %16 : tensor<1x4x192x192xf16>
  }
  func.func private @kernel_8_matmul_fill(%0: tensor<1x4x192x8xf16>, %1: tensor<1x4x192x192xf16>) -> tensor<1x4x192x8xf16> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x4x8x192xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x4x8x192xf32>) -> tensor<1x4x8x192xf32>
    %5 = linalg.generic {indexing_maps = [#m12, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x192x8xf16>, tensor<1x4x192x192xf16>) outs(%4 : tensor<1x4x8x192xf32>) {
    ^bb0(%6: f16, %7: f16, %8: f32):
      %9 = arith.extf %6 : f16 to f32
      %10 = arith.extf %7 : f16 to f32
      %11 = arith.mulf %9, %10 : f32
      %12 = arith.addf %8, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<1x4x8x192xf32>
    %13 = tensor.empty() : tensor<1x4x192x8xf16>
    %14 = linalg.generic {indexing_maps = [#m3, #m13], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x8x192xf32>) outs(%13 : tensor<1x4x192x8xf16>) {
    ^bb0(%15: f32, %16: f16):
      %17 = arith.truncf %15 : f32 to f16
      linalg.yield %17 : f16
    } -> tensor<1x4x192x8xf16>
    func.return %14 : tensor<1x4x192x8xf16>
  }
  func.func @main(%0: tensor<1x4x192x8xf16> {cellc.name = "query", cellc.kind = "input"}, %1: tensor<1x4x192x8xf16> {cellc.name = "key", cellc.kind = "input"}, %2: tensor<1x4x192x8xf16> {cellc.name = "value", cellc.kind = "input"}, %3: tensor<1x4x192x8xf16> {cellc.name = "weight", cellc.kind = "input"}, %4: tensor<8x8xf16> {cellc.name = "matrix", cellc.kind = "input"}) -> (tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>) {
    %5 = func.call @kernel_0_matmul_mul(%0, %1) : (tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>) -> tensor<1x4x192x192xf16>
    %6 = func.call @kernel_1_softmax(%5) : (tensor<1x4x192x192xf16>) -> tensor<1x4x192x192xf16>
    %7 = func.call @kernel_2_matmul_fill(%6, %2) : (tensor<1x4x192x192xf16>, tensor<1x4x192x8xf16>) -> tensor<1x4x192x8xf16>
    %8 = tensor.collapse_shape %7 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] : tensor<1x4x192x8xf16> into tensor<768x8xf16>
    %9 = tensor.collapse_shape %3 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] : tensor<1x4x192x8xf16> into tensor<768x8xf16>
    %10 = func.call @kernel_3_matmul_add(%8, %4, %9) : (tensor<768x8xf16>, tensor<8x8xf16>, tensor<768x8xf16>) -> tensor<768x8xf16>
    %11 = func.call @kernel_4_matmul_fill(%10, %4) : (tensor<768x8xf16>, tensor<8x8xf16>) -> tensor<768x8xf16>
    %12 = tensor.expand_shape %11 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] output_shape [1, 4, 192, 8] : tensor<768x8xf16> into tensor<1x4x192x8xf16>
    %13 = func.call @kernel_5_matmul_fill(%12, %2) : (tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>) -> tensor<1x4x192x192xf16>
    %14 = func.call @kernel_6_matmul_fill(%6, %12) : (tensor<1x4x192x192xf16>, tensor<1x4x192x8xf16>) -> tensor<1x4x192x8xf16>
    %15 = func.call @kernel_7_sum_mul(%13, %6) : (tensor<1x4x192x192xf16>, tensor<1x4x192x192xf16>) -> tensor<1x4x192x192xf16>
    %16 = func.call @kernel_2_matmul_fill(%15, %1) : (tensor<1x4x192x192xf16>, tensor<1x4x192x8xf16>) -> tensor<1x4x192x8xf16>
    %17 = func.call @kernel_8_matmul_fill(%0, %15) : (tensor<1x4x192x8xf16>, tensor<1x4x192x192xf16>) -> tensor<1x4x192x8xf16>
    func.return %16, %17, %14 : tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>, tensor<1x4x192x8xf16>
  }
}

