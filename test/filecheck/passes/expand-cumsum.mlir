// RUN: %cellc-opt %s -p expand-cumsum | %FileCheck %s

// Few terms: one sum of what is selected.
// CHECK-LABEL: func.func @few
// CHECK:       %[[X:.*]] = nn.broadcast_to %x {shape = [2, 5, 5], dimensions = [0, 2]}
// CHECK-DAG:   %[[S:.*]] = nn.iota {shape = [2, 5, 5], dtype = i32, axis = 1}
// CHECK-DAG:   %[[T:.*]] = nn.iota {shape = [2, 5, 5], dtype = i32, axis = 2}
// CHECK:       %[[C:.*]] = nn.compare %[[T]], %[[S]] {predicate = "le"}
// CHECK:       %[[P:.*]] = nn.select %[[C]], %[[X]]
// CHECK-NEXT:  %[[R:.*]] = nn.reduce_sum %[[P]] {axes = [2], keep_dims = false}
// CHECK-NEXT:  return %[[R]]
func.func @few(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %r = nn.cumsum %x {axis = 1, reverse = false} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return %r : tensor<2x5xf32>
}

// More of them: in blocks of 8, to which the sums of the totals before are added. f16 is summed in f32.
// CHECK-LABEL: func.func @blocks
// CHECK:       nn.cast %x {dtype = f32}
// CHECK:       nn.reverse {{.*}} {axes = [0]}
// CHECK:       nn.pad {{.*}} high = [3]
// CHECK:       nn.reshape {{.*}} {shape = [3, 8]}
// CHECK:       nn.slice {{.*}} {starts = [0, 7], limits = [3, 8]
// CHECK:       nn.pad {{.*}} {low = [1], high = [0]
// CHECK:       nn.add
// CHECK:       nn.reverse
// CHECK:       nn.cast {{.*}} {dtype = f16}
// CHECK-NOT:   cumsum
func.func @blocks(%x: tensor<21xf16>) -> tensor<21xf16> {
  %r = nn.cumsum %x {axis = 0, reverse = true} : (tensor<21xf16>) -> tensor<21xf16>
  return %r : tensor<21xf16>
}
