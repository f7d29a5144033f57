// RUN: cellc-opt %s -p canonicalize-nn --print-locations --split-input-file | filecheck %s

// An exact fold removes the op; what stands for it keeps its own location.

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %{{.*}} = nn.exp %x : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("net.py":3:1)
  // CHECK-NEXT: func.return
  %0 = nn.identity %x : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("net.py":1:1)
  %1 = nn.transpose %0 {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32> loc("net.py":2:1)
  %2 = nn.transpose %1 {permutation = [1, 0]} : (tensor<3x2xf32>) -> tensor<2x3xf32> loc("net.py":2:9)
  %3 = nn.exp %2 : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("net.py":3:1)
  func.return %3 : tensor<2x3xf32> loc("net.py":4:1)
}

// -----

// A new op gets the location of the op it replaces.

func.func @main(%x: tensor<2x3xf32>) -> tensor<1x3x2xf32> {
  // CHECK: %{{.*}} = nn.reshape %x {shape = [1, 3, 2]} : (tensor<2x3xf32>) -> tensor<1x3x2xf32> loc("net.py":2:1)
  // CHECK-NEXT: func.return
  %0 = nn.reshape %x {shape = [6]} : (tensor<2x3xf32>) -> tensor<6xf32> loc("net.py":1:1)
  %1 = nn.reshape %0 {shape = [1, 3, 2]} : (tensor<6xf32>) -> tensor<1x3x2xf32> loc("net.py":2:1)
  func.return %1 : tensor<1x3x2xf32> loc("net.py":4:1)
}

// -----

// Equal ops are one, unused ops are none; x + 0.0 stays, because it turns -0.0 into 0.0.

func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[Z:.*]] = nn.full
  // CHECK-NEXT: %[[A:.*]] = nn.add %x, %[[Z]]
  // CHECK-NEXT: %[[S:.*]] = nn.sin %[[A]] {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %{{.*}} = nn.mul %[[S]], %[[S]]
  // CHECK-NEXT: func.return
  %zero = nn.full {shape = [3], dtype = f32, value = 0.0} : () -> tensor<3xf32> loc("net.py":1:1)
  %0 = nn.add %x, %zero : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32> loc("net.py":1:9)
  %1 = nn.sin %0 : (tensor<3xf32>) -> tensor<3xf32> loc("net.py":2:1)
  %2 = nn.sin %0 : (tensor<3xf32>) -> tensor<3xf32> loc("net.py":3:1)
  %3 = nn.cos %0 : (tensor<3xf32>) -> tensor<3xf32> loc("net.py":3:9)
  %4 = nn.mul %1, %2 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32> loc("net.py":4:1)
  func.return %4 : tensor<3xf32> loc("net.py":5:1)
}

// -----

// stop_gradient stays while there is something to differentiate.

func.func @main(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: nn.stop_gradient
  // CHECK-NEXT: nn.gradient
  %0 = nn.stop_gradient %x : (tensor<f32>) -> tensor<f32> loc("net.py":1:1)
  %1 = nn.gradient %0, %x, %x : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32> loc("net.py":2:1)
  func.return %1 : tensor<f32> loc("net.py":3:1)
}
