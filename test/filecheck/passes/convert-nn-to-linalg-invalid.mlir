// RUN: %cellc-opt %s -p convert-nn-to-linalg --verify-diagnostics

// expected-error {{nn.gradient has no lowering: run the pass `differentiate` before this one}}
func.func @main(%y : tensor<f32>, %s : tensor<f32>, %w : tensor<2xf32>) -> tensor<2xf32> {
  %0 = nn.gradient %y, %s, %w : (tensor<f32>, tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}
