// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// A step is one contraction and one elementwise generic: the state, and h of the sequence.
// CHECK-LABEL: func.func @rnn
func.func @rnn(%x : tensor<5x2x3xf32>, %w : tensor<3x3xf32>, %h : tensor<2x3xf32>, %l : tensor<2xi32>) -> tensor<5x2x3xf32> {
  // CHECK:      scf.for [[T:%[0-9]+]] = {{.*}} iter_args({{.*}} = {{%.*}}, [[H:%.*]] = %h)
  // CHECK:        linalg.generic {{.*}} ins([[H]], %w : tensor<2x3xf32>, tensor<3x3xf32>)
  // CHECK:        tensor.extract_slice %x[[[T]], 0, 0]
  // CHECK:        math.tanh
  // CHECK:        } -> (tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK-NEXT:   tensor.insert_slice
  // CHECK-NEXT:   scf.yield
  %hs = nn.rnn %x, %w, %h, %l {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> tensor<5x2x3xf32>
  func.return %hs : tensor<5x2x3xf32>
}

// The slope of relu comes from its result.
// CHECK-LABEL: func.func @gradient
func.func @gradient(%hs : tensor<5x2x3xf32>, %w : tensor<3x3xf32>, %l : tensor<2xi32>, %dh : tensor<5x2x3xf32>) -> tensor<5x2x3xf32> {
  // CHECK:      scf.for
  // CHECK:        arith.cmpf ogt
  // CHECK:        linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK:        scf.yield
  %dx, %dh0 = nn.rnn_gradient %hs, %w, %l, %dh {nonlinearity = "relu"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>)
  func.return %dx : tensor<5x2x3xf32>
}
