// RUN: %cellc-opt %s --split-input-file --verify-diagnostics

// program 1
// expected-error {{arith.constant is not a host op}}
host.program @main attributes {arena = 0} {
  %c = arith.constant 1.0 : f32
}

// -----
// program 2
// expected-error {{an arena buffer ends at byte 128 of 64}}
host.program @main attributes {arena = 64} {
  %t = host.buffer {kind = "arena", offset = 64} : memref<16xf32>
}

// -----
// program 3
// expected-error {{two buffers are output 0}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output", index = 0} : memref<f32>
  %b = host.buffer {kind = "output", index = 0} : memref<f32>
}

// -----
// buffer 1
// expected-error {{unknown kind 'heap'}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "heap"} : memref<f32>
}

// -----
// buffer 2
// expected-error {{exactly buffers of kind arena have an offset}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "arena"} : memref<f32>
}

// -----
// buffer 2
// expected-error {{offset 32 is not a multiple of 64}}
host.program @main attributes {arena = 64} {
  %a = host.buffer {kind = "arena", offset = 32} : memref<f32>
}

// -----
// buffer 3
// expected-error {{exactly buffers of kind constant have a value}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "constant"} : memref<f32>
}

// -----
// buffer 3
// expected-error {{a value of type tensor<3xf32> in a buffer of type memref<2xf32>}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "constant", value = dense<1.0> : tensor<3xf32>} : memref<2xf32>
}

// -----
// buffer 4
// expected-error {{a buffer of kind output has no index}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output"} : memref<f32>
}

// -----
// buffer 4
// expected-error {{a buffer of kind parameter has no name}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "parameter"} : memref<f32>
}

// -----
// buffer 5
// expected-error {{memref<?xf32> is not a static, contiguous memref}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "parameter", name = "w"} : memref<?xf32>
}

// -----
// launch 1
// expected-error {{there is no kernel @nothing}}
host.program @main attributes {arena = 0} {
  host.launch @nothing()
}

// -----
// launch 2
// expected-error {{1 buffers for a kernel of 2 arguments and results}}
func.func private @k(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output", index = 0} : memref<f32>
  host.launch @k(%a)
}

// -----
// launch 3
// expected-error {{buffer 1 of type memref<2xf32> is passed for tensor<f32>}}
func.func private @k(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output", index = 0} : memref<f32>
  %b = host.buffer {kind = "output", index = 1} : memref<2xf32>
  host.launch @k(%a, %b)
}

// -----
// launch 4
// expected-error {{writes buffer 1 of kind input}}
func.func private @k(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "input", index = 0, name = "x"} : memref<f32>
  host.launch @k(%a, %a)
}

// -----
// copy 1
// expected-error {{copies memref<2xf32> to memref<2xi32>}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output", index = 0} : memref<2xf32>
  %b = host.buffer {kind = "output", index = 1} : memref<2xi32>
  host.copy %a to %b
}

// -----
// copy 2
// expected-error {{writes a buffer of kind constant}}
host.program @main attributes {arena = 0} {
  %a = host.buffer {kind = "output", index = 0} : memref<2xf32>
  %b = host.buffer {kind = "constant", value = dense<1.0> : tensor<2xf32>} : memref<2xf32>
  host.copy %a to %b
}
