"""Kernel text to a function that can be called."""

import numpy as np
import pytest

from cellc.passes import mlir
from cellc.passes.mlir import LoweringError, lower_to_llvm_ir
from cellc.targets.cpu.emit_object import assembly_from_ir, compile_kernel, object_from_ir
from cellc.targets.cpu.jit import LoadError, load
from cellc.targets.cpu.level import LEVELS, native_level
from support.kernel_calls import call

BLOCKED_ADD = """
func.func private @twice(%x: vector<8xf32>) -> vector<8xf32> {
  %y = arith.addf %x, %x : vector<8xf32>
  return %y : vector<8xf32>
}
func.func @add(%in: memref<64xf32>, %out: memref<64xf32>, %block: index, %scratch: memref<0xi8>) {
  %c16 = arith.constant 16 : index
  %c8 = arith.constant 8 : index
  %tenth = arith.constant dense<0.1> : vector<8xf32>
  %lower = arith.muli %block, %c16 : index
  %upper = arith.addi %lower, %c16 : index
  scf.for %i = %lower to %upper step %c8 {
    %x = vector.load %in[%i] : memref<64xf32>, vector<8xf32>
    %y = func.call @twice(%x) : (vector<8xf32>) -> vector<8xf32>
    %z = arith.addf %y, %tenth : vector<8xf32>
    vector.store %z, %out[%i] : memref<64xf32>, vector<8xf32>
  }
  return
}
"""


def test_an_invalid_module_after_the_passes_is_an_error():
    bindings, context = mlir._bindings(), mlir._context()
    with context, bindings.ir.Location.unknown():
        module = bindings.ir.Module.parse("module {}")
        with bindings.ir.InsertionPoint(module.body):
            bindings.ir.Operation.create("arith.constant", results=[bindings.ir.IntegerType.get_signless(32)])
    with pytest.raises(LoweringError, match=r"made an invalid module: .*'value'"):
        mlir._verify(module)


def test_a_kernel_computes_only_the_block_it_is_asked_for():
    address = load({"add": compile_kernel(BLOCKED_ADD, "add", native_level())})["add"]
    source, result = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    call(address, [source, result], block=1)
    expected = np.zeros(64, np.float32)
    expected[16:32] = source[16:32] * 2 + np.float32(0.1)
    np.testing.assert_array_equal(result, expected)


def test_helpers_are_inlined_and_vectors_keep_their_width():
    assembly = assembly_from_ir(lower_to_llvm_ir(BLOCKED_ADD, "add"), LEVELS["v3"])
    assert "ymm" in assembly
    assert "call" not in assembly


def test_the_v4_level_uses_whole_registers():
    wide = BLOCKED_ADD.replace("vector<8xf32>", "vector<16xf32>").replace("constant 8", "constant 16")
    assert "zmm" in assembly_from_ir(lower_to_llvm_ir(wide, "add"), LEVELS["v4"])


def test_separate_multiply_and_add_are_not_contracted():
    text = BLOCKED_ADD.replace("addf %x, %x", "mulf %x, %x")
    assert "vfm" not in assembly_from_ir(lower_to_llvm_ir(text, "add"), LEVELS["v4"])


def test_a_name_can_be_loaded_twice():
    code = compile_kernel(BLOCKED_ADD, "add", native_level())
    other = compile_kernel(BLOCKED_ADD.replace("dense<0.1>", "dense<7.0>"), "add", native_level())
    first, second = load({"add": code})["add"], load({"add": other})["add"]
    result = np.zeros(64, np.float32)
    call(first, [np.zeros(64, np.float32), result])
    assert result[0] == np.float32(0.1)
    call(second, [np.zeros(64, np.float32), result])
    assert result[0] == 7


def test_the_kernel_must_be_in_the_module():
    with pytest.raises(LoweringError, match="no function @other"):
        lower_to_llvm_ir(BLOCKED_ADD, "other")


def test_llvm_refuses_bad_ir_with_an_error():
    with pytest.raises(LoweringError, match="llvmlite does not accept"):
        object_from_ir("define void @f() { ret i32 %x }", native_level())


def test_objects_are_checked_before_they_are_loaded():
    code = compile_kernel(BLOCKED_ADD, "add", native_level())
    foreign = "v4" if native_level().name == "neon" else "neon"
    with pytest.raises(LoadError, match="another machine"):
        load({"add": compile_kernel(BLOCKED_ADD, "add", LEVELS[foreign])})
    with pytest.raises(LoadError, match="damaged"):
        load({"add": code[3:]})
    with pytest.raises(LoadError, match="other"):
        load({"other": code})
    assert load({}) == {}
