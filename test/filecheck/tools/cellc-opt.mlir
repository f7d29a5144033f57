// RUN: %cellc-opt --pipeline cpu --print-pipeline | %FileCheck %s --check-prefix=PIPELINE
// RUN: %cellc-opt - -p fuse-elementwise --print-ir-after-all --print-locations < %s 2>&1 | %FileCheck %s
// RUN: not %cellc-opt %s -p fuse-everything 2>&1 | %FileCheck %s --check-prefix=UNKNOWN

// PIPELINE: canonicalize-nn,differentiate,share-sums,canonicalize-nn,fold-scales,convert-nn-to-linalg,{{.*}}fuse-elementwise,form-dispatches,fuse-copies,fuse-attention-gradient,fuse-attention,merge-sums,share-filters,fuse-pads,fuse-padded-reads,fuse-pads,fuse-prologues,widen-factors,plan-buffers
// UNKNOWN: cellc-opt: there is no pass 'fuse-everything'; passes: canonicalize-nn,

// CHECK: // ----- IR after fuse-elementwise -----
// CHECK: func.return %x : tensor<2xf32> loc("net.py":7:3)
// CHECK: builtin.module
// CHECK: func.return %x : tensor<2xf32> loc("net.py":7:3)
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32> loc("net.py":7:3)
}
