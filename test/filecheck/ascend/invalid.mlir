// RUN: %cellc-opt %s --split-input-file --verify-diagnostics

// expected-error {{no memory is called 'l2'}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8xf32, #ascend.space<"l2">>
}

// -----

// expected-error {{bytes do not fit ub}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<65536xf32, #ascend.space<"ub">>
  
}

// -----

// expected-error {{source must be in gm, is in ub}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  ascend.load %a to %a : memref<8x8xf32, #ascend.space<"ub">> to memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{ascend.load: copies}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x9xf32, #ascend.space<"ub">>
  ascend.load %g to %a : memref<8x8xf32, #ascend.space<"gm">> to memref<8x9xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{ascend.store: copies}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf16, #ascend.space<"ub">>
  ascend.store %a to %g : memref<8x8xf16, #ascend.space<"ub">> to memref<8x8xf32, #ascend.space<"gm">>
}

// -----

// expected-error {{both sides must be f16}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf32, #ascend.space<"l1">>
  ascend.nd2nz %g to %a : memref<8x8xf32, #ascend.space<"gm">> to memref<1x1x16x16xf32, #ascend.space<"l1">>
}

// -----

// expected-error {{does not have the fractals}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x17xf16, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  ascend.nd2nz %g to %a : memref<8x17xf16, #ascend.space<"gm">> to memref<1x1x16x16xf16, #ascend.space<"l1">>
}

// -----

// expected-error {{does not have the fractals}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x17xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf32, #ascend.space<"l0c">>
  ascend.fixpipe %a to %g : memref<1x1x16x16xf32, #ascend.space<"l0c">> to memref<8x17xf32, #ascend.space<"gm">>
}

// -----

// expected-error {{lhs must be in l1, is in l0c}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l0c">>
  %b = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %c = ascend.alloc : memref<1x1x16x16xf32, #ascend.space<"l0c">>
  %t = arith.constant true
  ascend.mmad_l1 %a, %b into %c clear %t m 16 : i64 k 16 : i64 n 16 : i64 : memref<1x1x16x16xf16, #ascend.space<"l0c">>, memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf32, #ascend.space<"l0c">>
}

// -----

// expected-error {{accumulator must be f32, is f16}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %b = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %c = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l0c">>
  %t = arith.constant true
  ascend.mmad_l1 %a, %b into %c clear %t m 16 : i64 k 16 : i64 n 16 : i64 : memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf16, #ascend.space<"l0c">>
}

// -----

// expected-error {{must lie in 1..4095}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %b = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %c = ascend.alloc : memref<1x1x16x16xf32, #ascend.space<"l0c">>
  %t = arith.constant true
  ascend.mmad_l1 %a, %b into %c clear %t m 4096 : i64 k 16 : i64 n 16 : i64 : memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf32, #ascend.space<"l0c">>
}

// -----

// expected-error {{lhs memref<1x1x16x16xf16}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %b = ascend.alloc : memref<1x1x16x16xf16, #ascend.space<"l1">>
  %c = ascend.alloc : memref<1x1x16x16xf32, #ascend.space<"l0c">>
  %t = arith.constant true
  ascend.mmad_l1 %a, %b into %c clear %t m 17 : i64 k 16 : i64 n 16 : i64 : memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf16, #ascend.space<"l1">>, memref<1x1x16x16xf32, #ascend.space<"l0c">>
}

// -----

// expected-error {{no kind 'sinh'}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  ascend.vunary "sinh" %a to %a : memref<8x8xf32, #ascend.space<"ub">>, memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{does not match the target}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  %b = ascend.alloc : memref<8x9xf32, #ascend.space<"ub">>
  ascend.vunary "exp" %a to %b : memref<8x8xf32, #ascend.space<"ub">>, memref<8x9xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{'div' takes no scalar}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  %s = arith.constant 1.0 : f32
  ascend.vbinary "div" %a, %s to %a : memref<8x8xf32, #ascend.space<"ub">>, f32, memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{no kind 'pow'}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  ascend.vbinary "pow" %a, %a to %a : memref<8x8xf32, #ascend.space<"ub">>, memref<8x8xf32, #ascend.space<"ub">>, memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{cannot convert f32 to f32}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  ascend.vcast %a to %a : memref<8x8xf32, #ascend.space<"ub">>, memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{cannot repeat}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  %b = ascend.alloc : memref<8x9xf32, #ascend.space<"ub">>
  ascend.vbrc %a to %b : memref<8x8xf32, #ascend.space<"ub">>, memref<8x9xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{core must be aic or aiv}}
ascend.kernel @k core "gpu" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  
}

// -----

// expected-error {{blocks must be positive}}
ascend.kernel @k core "aiv" blocks 0 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  
}

// -----

// expected-error {{must be in gm}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8xf32, #ascend.space<"ub">>):
  
}

// -----

// expected-error {{ascend.load does not run on an aic core}}
ascend.kernel @k core "aic" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<8x8xf32, #ascend.space<"ub">>
  ascend.load %g to %a : memref<8x8xf32, #ascend.space<"gm">> to memref<8x8xf32, #ascend.space<"ub">>
}

// -----

// expected-error {{buffers of 262144 bytes do not fit ub}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8x8xf32, #ascend.space<"gm">>):
  %a = ascend.alloc : memref<32768xf32, #ascend.space<"ub">>
  %b = ascend.alloc : memref<32768xf32, #ascend.space<"ub">>
  
}

// -----

// expected-error {{no kernel @missing}}
func.func @host() {
  ascend.launch @missing() : 
  func.return
}

// -----

// expected-error {{the arguments do not fit @k}}
ascend.kernel @k core "aiv" blocks 1 : i64 {
^bb0(%g: memref<8xf32, #ascend.space<"gm">>):
}
func.func @host(%x: memref<9xf32, #ascend.space<"gm">>) {
  ascend.launch @k(%x) : memref<9xf32, #ascend.space<"gm">>
  func.return
}
