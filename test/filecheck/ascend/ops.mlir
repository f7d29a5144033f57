// RUN: %cellc-opt %s | %cellc-opt | %FileCheck %s

// Every op of the dialect, printed and read back.

// CHECK: ascend.kernel @cube core "aic" blocks 4 : i64 {
ascend.kernel @cube core "aic" blocks 4 : i64 {
^bb0(%a: memref<100x72xf16, #ascend.space<"gm">>, %b: memref<40x72xf16, #ascend.space<"gm">>, %c: memref<100x40xf32, #ascend.space<"gm">>):
  %yes = arith.constant true
  %l1a = ascend.alloc : memref<5x7x16x16xf16, #ascend.space<"l1">>
  %l1b = ascend.alloc : memref<5x3x16x16xf16, #ascend.space<"l1">>
  %acc = ascend.alloc : memref<3x7x16x16xf32, #ascend.space<"l0c">>
  // CHECK: ascend.nd2nz %{{.*}} to %{{.*}} : memref<100x72xf16, #ascend.space<"gm">> to memref<5x7x16x16xf16, #ascend.space<"l1">>
  ascend.nd2nz %a to %l1a : memref<100x72xf16, #ascend.space<"gm">> to memref<5x7x16x16xf16, #ascend.space<"l1">>
  ascend.nd2nz %b to %l1b : memref<40x72xf16, #ascend.space<"gm">> to memref<5x3x16x16xf16, #ascend.space<"l1">>
  // CHECK: ascend.mmad_l1 %{{.*}}, %{{.*}} into %{{.*}} clear %{{.*}} m 100 : i64 k 72 : i64 n 40 : i64 transpose_b
  ascend.mmad_l1 %l1a, %l1b into %acc clear %yes m 100 : i64 k 72 : i64 n 40 : i64 transpose_b : memref<5x7x16x16xf16, #ascend.space<"l1">>, memref<5x3x16x16xf16, #ascend.space<"l1">>, memref<3x7x16x16xf32, #ascend.space<"l0c">>
  // CHECK: ascend.fixpipe
  ascend.fixpipe %acc to %c : memref<3x7x16x16xf32, #ascend.space<"l0c">> to memref<100x40xf32, #ascend.space<"gm">>
}

ascend.kernel @vector core "aiv" blocks 1 : i64 {
^bb0(%x: memref<7x10xf32, #ascend.space<"gm">>, %row: memref<1x10xf32, #ascend.space<"gm">>, %y: memref<7x10xf16, #ascend.space<"gm">>):
  // CHECK: %{{.*}} = ascend.block_idx
  %i = ascend.block_idx
  %half = arith.constant 0.5 : f32
  %u = ascend.alloc : memref<7x10xf32, #ascend.space<"ub">>
  %r = ascend.alloc : memref<1x10xf32, #ascend.space<"ub">>
  %v = ascend.alloc : memref<7x10xf32, #ascend.space<"ub">>
  %h = ascend.alloc : memref<7x10xf16, #ascend.space<"ub">>
  // CHECK: ascend.load
  ascend.load %x to %u : memref<7x10xf32, #ascend.space<"gm">> to memref<7x10xf32, #ascend.space<"ub">>
  ascend.load %row to %r : memref<1x10xf32, #ascend.space<"gm">> to memref<1x10xf32, #ascend.space<"ub">>
  // CHECK: ascend.vbrc
  ascend.vbrc %r to %v : memref<1x10xf32, #ascend.space<"ub">>, memref<7x10xf32, #ascend.space<"ub">>
  // CHECK: ascend.vbinary "add"
  ascend.vbinary "add" %u, %v to %v : memref<7x10xf32, #ascend.space<"ub">>, memref<7x10xf32, #ascend.space<"ub">>, memref<7x10xf32, #ascend.space<"ub">>
  // CHECK: ascend.vbinary "max" %{{.*}}, %{{.*}} to %{{.*}} : memref<7x10xf32, #ascend.space<"ub">>, f32
  ascend.vbinary "max" %v, %half to %v : memref<7x10xf32, #ascend.space<"ub">>, f32, memref<7x10xf32, #ascend.space<"ub">>
  // CHECK: ascend.vunary "exp"
  ascend.vunary "exp" %v to %u : memref<7x10xf32, #ascend.space<"ub">>, memref<7x10xf32, #ascend.space<"ub">>
  // CHECK: ascend.vcast
  ascend.vcast %u to %h : memref<7x10xf32, #ascend.space<"ub">>, memref<7x10xf16, #ascend.space<"ub">>
  // CHECK: ascend.store
  ascend.store %h to %y : memref<7x10xf16, #ascend.space<"ub">> to memref<7x10xf16, #ascend.space<"gm">>
}

func.func @host(%x: memref<70xf32, #ascend.space<"gm">>, %row: memref<10xf32, #ascend.space<"gm">>, %y: memref<7x10xf16, #ascend.space<"gm">>) {
  // CHECK: ascend.launch @vector
  ascend.launch @vector(%x, %row, %y) : memref<70xf32, #ascend.space<"gm">>, memref<10xf32, #ascend.space<"gm">>, memref<7x10xf16, #ascend.space<"gm">>
  func.return
}
