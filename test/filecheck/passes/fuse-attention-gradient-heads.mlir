// RUN: %cellc-opt %s -p fuse-attention-gradient | %FileCheck %s

// Two heads make four blocks, each of half of the keys: dK and dV have a dimension for the halves, which is no move, and
// of dQ a further kernel adds up what both halves give.
// CHECK: func.func private @attention_gradient_0(
// CHECK-SAME: tensor<1x2x2x512x32xf32>, tensor<2x1x2x1024x32xf32>
// CHECK-SAME: cellc.kind = "attention_gradient", cellc.outer = 4 : i64
// CHECK: tensor<1x2x2x1024x512xf32>
// CHECK: func.func private @attention_gradient_0_sum(%{{.*}}: tensor<2x1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
// CHECK-SAME: cellc.kind = "elementwise"
// CHECK: arith.addf
// CHECK-NOT: arith.addf
// CHECK: func.func @main
// CHECK: func.call @attention_gradient_0(
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0 : i64], [1 : i64], [2 : i64, 3 : i64], [4 : i64]]
// CHECK: func.call @attention_gradient_0_sum
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
  func.func private @kernel_0_matmul_mul(%0: tensor<1x2x1024x32xf32>, %1: tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x1024xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m1, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>) outs(%4 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x1024x1024xf32>
    %11 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %12 = linalg.generic {indexing_maps = [#m3, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x2x1024x1024xf32>) outs(%11 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%13: f32, %14: f32):
      %15 = arith.constant 0.176776692 : f32
      %16 = arith.mulf %13, %15 : f32
      linalg.yield %16 : f32
    } -> tensor<1x2x1024x1024xf32>
    func.return %12 : tensor<1x2x1024x1024xf32>
  }
  func.func private @kernel_1_softmax(%0: tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32> attributes {cellc.kind = "reduction", cellc.outer = 3 : i64} {
    %1 = arith.constant 0xff800000 : f32
    %2 = tensor.empty() : tensor<1x2x1024xf32>
    %3 = linalg.fill ins(%1 : f32) outs(%2 : tensor<1x2x1024xf32>) -> tensor<1x2x1024xf32>
    %4 = linalg.generic {indexing_maps = [#m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%0 : tensor<1x2x1024x1024xf32>) outs(%3 : tensor<1x2x1024xf32>) {
    ^bb0(%5: f32, %6: f32):
      %7 = arith.maximumf %6, %5 : f32
      linalg.yield %7 : f32
    } -> tensor<1x2x1024xf32>
    %8 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %9 = linalg.generic {indexing_maps = [#m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%0, %4 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024xf32>) outs(%8 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%10: f32, %11: f32, %12: f32):
      %13 = arith.subf %10, %11 : f32
      %14 = math.exp %13 : f32
      linalg.yield %14 : f32
    } -> tensor<1x2x1024x1024xf32>
    %15 = arith.constant 0.000000e+00 : f32
    %16 = tensor.empty() : tensor<1x2x1024xf32>
    %17 = linalg.fill ins(%15 : f32) outs(%16 : tensor<1x2x1024xf32>) -> tensor<1x2x1024xf32>
    %18 = linalg.generic {indexing_maps = [#m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%9 : tensor<1x2x1024x1024xf32>) outs(%17 : tensor<1x2x1024xf32>) {
    ^bb0(%19: f32, %20: f32):
      %21 = arith.addf %20, %19 : f32
      linalg.yield %21 : f32
    } -> tensor<1x2x1024xf32>
    %22 = tensor.empty() : tensor<1x2x1024xf32>
    %23 = linalg.generic {indexing_maps = [#m5, #m5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%18 : tensor<1x2x1024xf32>) outs(%22 : tensor<1x2x1024xf32>) {
    ^bb0(%24: f32, %25: f32):
      %26 = arith.constant 1.000000e+00 : f32
      %27 = arith.divf %26, %24 : f32
      linalg.yield %27 : f32
    } -> tensor<1x2x1024xf32>
    %28 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %29 = linalg.generic {indexing_maps = [#m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%9, %23 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024xf32>) outs(%28 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%30: f32, %31: f32, %32: f32):
      %33 = arith.mulf %30, %31 : f32
      linalg.yield %33 : f32
    } -> tensor<1x2x1024x1024xf32>
    func.return %29 : tensor<1x2x1024x1024xf32>
  }
  func.func private @kernel_2_matmul(%0: tensor<1x2x1024x1024xf32>, %1: tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x1024x32xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024x32xf32>) outs(%4 : tensor<1x2x1024x32xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x1024x32xf32>
    func.return %5 : tensor<1x2x1024x32xf32>
  }
  func.func private @kernel_3_matmul_add(%0: tensor<2048x32xf32>, %1: tensor<32x32xf32>, %2: tensor<2048x32xf32>) -> tensor<2048x32xf32> attributes {cellc.kind = "contraction", cellc.in_place = [[0 : i64, 2 : i64]]} {
    %3 = arith.constant 0.000000e+00 : f32
    %4 = tensor.empty() : tensor<2048x32xf32>
    %5 = linalg.fill ins(%3 : f32) outs(%4 : tensor<2048x32xf32>) -> tensor<2048x32xf32>
    %6 = linalg.generic {indexing_maps = [#m7, #m8, #m9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<2048x32xf32>, tensor<32x32xf32>) outs(%5 : tensor<2048x32xf32>) {
    ^bb0(%7: f32, %8: f32, %9: f32):
      %10 = arith.mulf %7, %8 : f32
      %11 = arith.addf %9, %10 : f32
      linalg.yield %11 : f32
    } -> tensor<2048x32xf32>
    %12 = tensor.empty() : tensor<2048x32xf32>
    %13 = linalg.generic {indexing_maps = [#m10, #m10, #m10], iterator_types = ["parallel", "parallel"]} ins(%2, %6 : tensor<2048x32xf32>, tensor<2048x32xf32>) outs(%12 : tensor<2048x32xf32>) {
    ^bb0(%14: f32, %15: f32, %16: f32):
      %17 = arith.mulf %14, %15 : f32
      %18 = arith.addf %17, %17 : f32
      linalg.yield %18 : f32
    } -> tensor<2048x32xf32>
    func.return %13 : tensor<2048x32xf32>
  }
  func.func private @kernel_4_matmul(%0: tensor<2048x32xf32>, %1: tensor<32x32xf32>) -> tensor<2048x32xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<2048x32xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<2048x32xf32>) -> tensor<2048x32xf32>
    %5 = linalg.generic {indexing_maps = [#m7, #m11, #m9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<2048x32xf32>, tensor<32x32xf32>) outs(%4 : tensor<2048x32xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<2048x32xf32>
    func.return %5 : tensor<2048x32xf32>
  }
  func.func private @kernel_5_matmul(%0: tensor<1x2x1024x32xf32>, %1: tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x1024xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32>
    %5 = linalg.generic {indexing_maps = [#m0, #m1, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>) outs(%4 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x1024x1024xf32>
    func.return %5 : tensor<1x2x1024x1024xf32>
  }
  func.func private @kernel_6_matmul(%0: tensor<1x2x1024x1024xf32>, %1: tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x1024x32xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
    %5 = linalg.generic {indexing_maps = [#m12, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024x32xf32>) outs(%4 : tensor<1x2x1024x32xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x1024x32xf32>
    func.return %5 : tensor<1x2x1024x32xf32>
  }
  func.func private @kernel_7_sum_mul(%0: tensor<1x2x1024x1024xf32>, %1: tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32> attributes {cellc.kind = "reduction", cellc.outer = 3 : i64, cellc.in_place = [[0 : i64, 0 : i64], [0 : i64, 1 : i64]]} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x1024xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x1024xf32>) -> tensor<1x2x1024xf32>
    %5 = linalg.generic {indexing_maps = [#m3, #m3, #m4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024x1024xf32>) outs(%4 : tensor<1x2x1024xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x1024xf32>
    %11 = tensor.empty() : tensor<1x2x1024x1024xf32>
    %12 = linalg.generic {indexing_maps = [#m3, #m3, #m4, #m3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %0, %5 : tensor<1x2x1024x1024xf32>, tensor<1x2x1024x1024xf32>, tensor<1x2x1024xf32>) outs(%11 : tensor<1x2x1024x1024xf32>) {
    ^bb0(%13: f32, %14: f32, %15: f32, %16: f32):
      %17 = arith.subf %14, %15 : f32
      %18 = arith.mulf %13, %17 : f32
      %19 = arith.constant 0.176776692 : f32
      %20 = arith.mulf %18, %19 : f32
      linalg.yield %20 : f32
    } -> tensor<1x2x1024x1024xf32>
    func.return %12 : tensor<1x2x1024x1024xf32>
  }
  func.func private @kernel_8_matmul_move(%0: tensor<1x2x1024x32xf32>, %1: tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x32xf32> attributes {cellc.kind = "contraction"} {
    %2 = arith.constant 0.000000e+00 : f32
    %3 = tensor.empty() : tensor<1x2x32x1024xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<1x2x32x1024xf32>) -> tensor<1x2x32x1024xf32>
    %5 = linalg.generic {indexing_maps = [#m12, #m6, #m2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x1024x32xf32>, tensor<1x2x1024x1024xf32>) outs(%4 : tensor<1x2x32x1024xf32>) {
    ^bb0(%6: f32, %7: f32, %8: f32):
      %9 = arith.mulf %6, %7 : f32
      %10 = arith.addf %8, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<1x2x32x1024xf32>
    %11 = tensor.empty() : tensor<1x2x1024x32xf32>
    %12 = linalg.generic {indexing_maps = [#m3, #m13], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x2x32x1024xf32>) outs(%11 : tensor<1x2x1024x32xf32>) {
    ^bb0(%13: f32, %14: f32):
      linalg.yield %13 : f32
    } -> tensor<1x2x1024x32xf32>
    func.return %12 : tensor<1x2x1024x32xf32>
  }
  func.func @main(%0: tensor<1x2x1024x32xf32> {cellc.name = "query", cellc.kind = "input"}, %1: tensor<1x2x1024x32xf32> {cellc.name = "key", cellc.kind = "input"}, %2: tensor<1x2x1024x32xf32> {cellc.name = "value", cellc.kind = "input"}, %3: tensor<1x2x1024x32xf32> {cellc.name = "weight", cellc.kind = "input"}, %4: tensor<32x32xf32> {cellc.name = "matrix", cellc.kind = "input"}) -> (tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>) {
    %5 = func.call @kernel_0_matmul_mul(%0, %1) : (tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x1024xf32>
    %6 = func.call @kernel_1_softmax(%5) : (tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32>
    %7 = func.call @kernel_2_matmul(%6, %2) : (tensor<1x2x1024x1024xf32>, tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
    %8 = tensor.collapse_shape %7 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] : tensor<1x2x1024x32xf32> into tensor<2048x32xf32>
    %9 = tensor.collapse_shape %3 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] : tensor<1x2x1024x32xf32> into tensor<2048x32xf32>
    %10 = func.call @kernel_3_matmul_add(%8, %4, %9) : (tensor<2048x32xf32>, tensor<32x32xf32>, tensor<2048x32xf32>) -> tensor<2048x32xf32>
    %11 = func.call @kernel_4_matmul(%10, %4) : (tensor<2048x32xf32>, tensor<32x32xf32>) -> tensor<2048x32xf32>
    %12 = tensor.expand_shape %11 [[0 : i64, 1 : i64, 2 : i64], [3 : i64]] output_shape [1, 2, 1024, 32] : tensor<2048x32xf32> into tensor<1x2x1024x32xf32>
    %13 = func.call @kernel_5_matmul(%12, %2) : (tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x1024xf32>
    %14 = func.call @kernel_6_matmul(%6, %12) : (tensor<1x2x1024x1024xf32>, tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
    %15 = func.call @kernel_7_sum_mul(%13, %6) : (tensor<1x2x1024x1024xf32>, tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x1024xf32>
    %16 = func.call @kernel_2_matmul(%15, %1) : (tensor<1x2x1024x1024xf32>, tensor<1x2x1024x32xf32>) -> tensor<1x2x1024x32xf32>
    %17 = func.call @kernel_8_matmul_move(%0, %15) : (tensor<1x2x1024x32xf32>, tensor<1x2x1024x1024xf32>) -> tensor<1x2x1024x32xf32>
    func.return %16, %17, %14 : tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>, tensor<1x2x1024x32xf32>
  }
}

