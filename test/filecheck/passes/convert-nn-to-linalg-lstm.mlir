// RUN: %cellc-opt %s -p convert-nn-to-linalg | %FileCheck %s

// Time is a loop; a step is one contraction and one elementwise generic on [batch, hidden] that makes the
// state and what is kept.
// The sequences that are used are carried, and the state.
// CHECK-LABEL: func.func @lstm
func.func @lstm(%x : tensor<5x2x12xf32>, %w : tensor<12x3xf32>, %h : tensor<2x3xf32>, %c : tensor<2x3xf32>, %l : tensor<2xi32>)
    -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>) {
  // CHECK:      [[X:%.*]] = tensor.expand_shape %x {{.*}} into tensor<5x2x4x3xf32>
  // CHECK:      {{.*}} = scf.for [[T:%[0-9]+]] = {{.*}} iter_args({{.*}} = {{%.*}}, {{.*}} = {{%.*}}, [[H:%.*]] = %h, [[C:%.*]] = %c)
  // CHECK-NEXT:   tensor.extract_slice [[X]][[[T]], 0, 0, 0] [1, 2, 4, 3] [1, 1, 1, 1] : tensor<5x2x4x3xf32> to tensor<2x4x3xf32>
  // CHECK:        linalg.generic {{.*}} ins([[H]], %w : tensor<2x3xf32>, tensor<12x3xf32>) outs({{%.*}} : tensor<2x12xf32>)
  // CHECK:        tensor.expand_shape {{.*}} into tensor<2x4x3xf32>
  // CHECK:        linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]}
  // CHECK:          arith.index_cast [[T]] : index to i32
  // CHECK:        } -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK:        tensor.insert_slice {{.*}} into tensor<5x2x3xf32>
  // CHECK-COUNT-4: tensor.insert_slice {{.*}} into tensor<5x2x4x3xf32>
  // CHECK:        scf.yield
  %hs, %cs, %g = nn.lstm %x, %w, %h, %c, %l
    : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>)
    -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  func.return %hs, %g : tensor<5x2x3xf32>, tensor<5x2x12xf32>
}

// Backwards, from the last step to the first.
// CHECK-LABEL: func.func @gradient
func.func @gradient(%g : tensor<5x2x12xf32>, %cs : tensor<5x2x3xf32>, %w : tensor<12x3xf32>, %c : tensor<2x3xf32>,
                    %l : tensor<2xi32>, %dh : tensor<5x2x3xf32>, %dc : tensor<5x2x3xf32>) -> tensor<5x2x12xf32> {
  // CHECK:      scf.for [[COUNT:%[0-9]+]] =
  // CHECK:        [[T:%[0-9]+]] = arith.subi {{%.*}}, [[COUNT]] : index
  // CHECK:        tensor.extract_slice %dh[[[T]], 0, 0] [1, 2, 3]
  // CHECK:        arith.maxsi
  // CHECK:        tensor.collapse_shape {{.*}} : tensor<2x4x3xf32> into tensor<2x12xf32>
  // CHECK:        linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK:        scf.yield
  %dx, %dh0, %dc0 = nn.lstm_gradient %g, %cs, %w, %c, %l, %dh, %dc
    : (tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>)
    -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  func.return %dx : tensor<5x2x12xf32>
}
