// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// A step is one contraction and one elementwise generic that makes the state, and what is kept: h, r, z, n, m.
// CHECK-LABEL: func.func @gru
func.func @gru(%x : tensor<5x2x9xf32>, %w : tensor<9x3xf32>, %b : tensor<9xf32>, %h : tensor<2x3xf32>, %l : tensor<2xi32>)
    -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>) {
  // CHECK:      scf.for [[T:%[0-9]+]] = {{.*}} iter_args({{.*}} = {{%.*}}, {{.*}} = {{%.*}}, [[H:%.*]] = %h)
  // CHECK:        linalg.generic {{.*}} ins([[H]], %w : tensor<2x3xf32>, tensor<9x3xf32>)
  // CHECK:        linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]}
  // CHECK:        } -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK:        tensor.insert_slice {{.*}} into tensor<5x2x3xf32>
  // CHECK-COUNT-4: tensor.insert_slice {{.*}} into tensor<5x2x4x3xf32>
  // CHECK:        scf.yield
  %hs, %g = nn.gru %x, %w, %b, %h, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<9xf32>, tensor<2x3xf32>, tensor<2xi32>)
    -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return %hs, %g : tensor<5x2x3xf32>, tensor<5x2x12xf32>
}

// Inference keeps no gates.
// CHECK-LABEL: func.func @inference
func.func @inference(%x : tensor<5x2x9xf32>, %w : tensor<9x3xf32>, %b : tensor<9xf32>, %h : tensor<2x3xf32>, %l : tensor<2xi32>)
    -> tensor<5x2x3xf32> {
  // CHECK:      scf.for {{.*}} -> (tensor<5x2x3xf32>, tensor<2x3xf32>)
  // CHECK-NOT:  insert_slice {{.*}} into tensor<5x2x4x3xf32>
  // CHECK:      func.return
  %hs, %g = nn.gru %x, %w, %b, %h, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<9xf32>, tensor<2x3xf32>, tensor<2xi32>)
    -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return %hs : tensor<5x2x3xf32>
}

// Backwards, from the last step to the first: the products' gradients are joined for the one contraction.
// CHECK-LABEL: func.func @gradient
func.func @gradient(%g : tensor<5x2x12xf32>, %hs : tensor<5x2x3xf32>, %w : tensor<9x3xf32>, %h : tensor<2x3xf32>,
                    %l : tensor<2xi32>, %dh : tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<2x3xf32>) {
  // CHECK:      scf.for [[COUNT:%[0-9]+]] =
  // CHECK:        arith.subi {{%.*}}, [[COUNT]] : index
  // CHECK:        tensor.collapse_shape {{.*}} : tensor<2x3x3xf32> into tensor<2x9xf32>
  // CHECK:        linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK:        scf.yield
  %dx, %ds, %dh0 = nn.gru_gradient %g, %hs, %w, %h, %l, %dh
    : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<9x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>)
    -> (tensor<5x2x9xf32>, tensor<5x2x9xf32>, tensor<2x3xf32>)
  func.return %dx, %dh0 : tensor<5x2x9xf32>, tensor<2x3xf32>
}
