// RUN: cellc-opt %s -p differentiate --print-locations --split-input-file | filecheck %s

// The gradient ops stand at the location of the forward op they differentiate; no nn.gradient is left.

func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>, %s: tensor<2x4xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>) {
  // CHECK: %[[Y:.*]] = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true}
  // CHECK-NEXT: %[[T:.*]] = nn.tanh %[[Y]]
  // CHECK-NEXT: %[[ONE:.*]] = nn.full {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %[[SQ:.*]] = nn.mul %[[T]], %[[T]] {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %[[D:.*]] = nn.sub %[[ONE]], %[[SQ]] {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %[[G:.*]] = nn.mul %s, %[[D]] {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %[[DX:.*]] = nn.matmul %[[G]], %w {transpose_lhs = false, transpose_rhs = false} {{.*}} loc("net.py":1:1)
  // CHECK-NEXT: %[[DW:.*]] = nn.matmul %[[G]], %x {transpose_lhs = true, transpose_rhs = false} {{.*}} loc("net.py":1:1)
  // CHECK-NEXT: func.return %[[DX]], %[[DW]]
  %0 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32> loc("net.py":1:1)
  %1 = nn.tanh %0 : (tensor<2x4xf32>) -> tensor<2x4xf32> loc("net.py":2:1)
  %dx, %dw = nn.gradient %1, %s, %x, %w : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x3xf32>, tensor<4x3xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>) loc("net.py":3:1)
  func.return %dx, %dw : tensor<2x3xf32>, tensor<4x3xf32> loc("net.py":4:1)
}

// -----

// Two uses are summed; what nobody needs (the gradient of %c) is not computed; a value y does not depend on gets zero.

func.func @main(%x: tensor<3xf32>, %c: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  // CHECK: %[[Y:.*]] = nn.mul %x, %c
  // CHECK-NEXT: nn.add %[[Y]], %x
  // CHECK-NEXT: nn.exp
  // CHECK-NEXT: %[[A:.*]] = nn.mul %s, %c
  // CHECK-NEXT: %[[DX:.*]] = nn.add %s, %[[A]]
  // CHECK-NEXT: %[[DE:.*]] = nn.full {{.*}}value = 0.0
  // CHECK-NEXT: func.return %[[DX]], %[[DE]]
  %0 = nn.mul %x, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %1 = nn.add %0, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %e = nn.exp %1 : (tensor<3xf32>) -> tensor<3xf32>
  %dx, %de = nn.gradient %1, %s, %x, %e : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  func.return %dx, %de : tensor<3xf32>, tensor<3xf32>
}

// -----

// wrt values are independent of each other: nothing flows from %h on to %x.

func.func @main(%x: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  // CHECK: %[[H:.*]] = nn.exp %x
  // CHECK-NEXT: %[[Y:.*]] = nn.add %[[H]], %x
  // CHECK-NEXT: func.return %s, %s
  %h = nn.exp %x : (tensor<3xf32>) -> tensor<3xf32>
  %y = nn.add %h, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %dx, %dh = nn.gradient %y, %s, %x, %h : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  func.return %dx, %dh : tensor<3xf32>, tensor<3xf32>
}

// -----

// A gradient of a gradient: -sin comes out of sin.

func.func @main(%x: tensor<f32>, %s: tensor<f32>) -> tensor<f32> {
  // CHECK: nn.sin %x
  // CHECK-NEXT: %[[COS:.*]] = nn.cos %x
  // CHECK-NEXT: nn.mul %s, %[[COS]]
  // CHECK: %[[SIN:.*]] = nn.sin %x
  // CHECK: %[[D:.*]] = nn.neg
  // CHECK-NEXT: func.return %[[D]]
  %y = nn.sin %x : (tensor<f32>) -> tensor<f32>
  %d = nn.gradient %y, %s, %x : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  %dd = nn.gradient %d, %s, %x : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %dd : tensor<f32>
}

// -----

// Forward mode goes with the program; what no y needs has no tangent.

func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>, %v: tensor<2x3xf32>) -> tensor<2x4xf32> {
  // CHECK: %[[Y:.*]] = nn.matmul %x, %w
  // CHECK-NEXT: %[[T:.*]] = nn.tanh %[[Y]]
  // CHECK-NEXT: nn.exp %[[Y]]
  // CHECK-NEXT: %[[V:.*]] = nn.matmul %v, %w {transpose_lhs = false, transpose_rhs = true} {{.*}} loc("net.py":1:1)
  // CHECK-NEXT: %[[ONE:.*]] = nn.full {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: %[[SQ:.*]] = nn.mul %[[T]], %[[T]]
  // CHECK-NEXT: %[[D:.*]] = nn.sub %[[ONE]], %[[SQ]]
  // CHECK-NEXT: %[[DT:.*]] = nn.mul %[[V]], %[[D]] {{.*}} loc("net.py":2:1)
  // CHECK-NEXT: func.return %[[DT]]
  %0 = nn.matmul %x, %w {transpose_lhs = false, transpose_rhs = true} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32> loc("net.py":1:1)
  %1 = nn.tanh %0 : (tensor<2x4xf32>) -> tensor<2x4xf32> loc("net.py":2:1)
  %2 = nn.exp %0 : (tensor<2x4xf32>) -> tensor<2x4xf32> loc("net.py":3:1)
  %d = nn.tangent %1, %x, %v {outputs = 1} : (tensor<2x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x4xf32> loc("net.py":4:1)
  func.return %d : tensor<2x4xf32> loc("net.py":5:1)
}

// -----

// The gradient of an LSTM is differentiated as the steps that it is made of.

func.func @main(%g: tensor<1x1x4xf32>, %c: tensor<1x1x1xf32>, %w: tensor<4x1xf32>, %c0: tensor<1x1xf32>, %l: tensor<1xi32>, %s: tensor<1x1x4xf32>) -> tensor<1x1x4xf32> {
  // CHECK-NOT: nn.lstm_gradient
  // CHECK: func.return
  %d, %dh0, %dc0 = nn.lstm_gradient %g, %c, %w, %c0, %l, %c, %c : (tensor<1x1x4xf32>, tensor<1x1x1xf32>, tensor<4x1xf32>, tensor<1x1xf32>, tensor<1xi32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>) -> (tensor<1x1x4xf32>, tensor<1x1xf32>, tensor<1x1xf32>) loc("net.py":1:1)
  %dd = nn.gradient %d, %s, %g : (tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x4xf32> loc("net.py":2:1)
  func.return %dd : tensor<1x1x4xf32> loc("net.py":3:1)
}

// -----

// A recomputed region: the backward pass copies its ops, and they read what came in only after the gradient is there.

func.func @main(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[E:.*]] = nn.exp %x {cellc.region = 1 : i64}
  // CHECK-NEXT: nn.sin %[[E]] {cellc.region = 1 : i64}
  // CHECK-NEXT: %[[IN:.*]] = nn.after %x, %s
  // CHECK-NEXT: %[[AGAIN:.*]] = nn.exp %[[IN]] : (tensor<3xf32>) -> tensor<3xf32>
  // CHECK-NEXT: %[[COS:.*]] = nn.cos %[[AGAIN]]
  // CHECK-NEXT: %[[G:.*]] = nn.mul %s, %[[COS]]
  // CHECK-NEXT: %[[DX:.*]] = nn.mul %[[G]], %[[AGAIN]]
  // CHECK-NEXT: func.return %[[DX]]
  %0 = nn.exp %x {cellc.region = 1 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  %1 = nn.sin %0 {cellc.region = 1 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  %d = nn.gradient %1, %s, %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  func.return %d : tensor<3xf32>
}

// -----

// A constant exponent less one is a constant, of which a short power can be made.

func.func @main(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: %[[Y:.*]] = nn.full {{.*}}value = 3.0
  // CHECK: %[[ONE_LESS:.*]] = nn.full {{.*}}value = 2.0
  // CHECK-NOT: nn.select
  // CHECK: %[[P:.*]] = nn.pow %x, %[[ONE_LESS]]
  // CHECK: nn.mul %[[Y]], %[[P]]
  %y = nn.full {shape = [3], dtype = f32, value = 3.0} : () -> tensor<3xf32>
  %0 = nn.pow %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %dx = nn.gradient %0, %s, %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  func.return %dx : tensor<3xf32>
}
