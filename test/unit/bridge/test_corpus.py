"""Every op that kernels are written with goes through both LLVMs, and does what it says."""

import ml_dtypes
import numpy as np
import pytest

from cellc.passes.mlir import LoweringError, lower_to_llvm_ir, run_passes, verify
from cellc.targets.cpu.emit_object import object_from_ir
from cellc.targets.cpu.level import LEVELS
from support.kernel_calls import jit

F, N, M = "vector<8xf32>", "vector<8xi32>", "vector<8xi1>"
FLOAT_OPS = "addf subf mulf divf remf maximumf minimumf maxnumf minnumf"
INTEGER_OPS = (
    "addi subi muli andi ori xori shli shrsi shrui maxsi minsi maxui minui divsi divui remsi remui ceildivsi floordivsi"
)
FLOAT_PREDICATES = "oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno"
INTEGER_PREDICATES = "eq ne slt sle sgt sge ult ule ugt uge"
ROUNDINGS = "absf sqrt floor ceil roundeven trunc rsqrt"

# (result type, op) over the values that `kernel` defines.
CORPUS = [
    *((F, f"arith.{op} %f, %g : {F}") for op in FLOAT_OPS.split(" ")),
    *((N, f"arith.{op} %i, %j : {N}") for op in INTEGER_OPS.split(" ")),
    *((M, f"arith.cmpf {p}, %f, %g : {F}") for p in FLOAT_PREDICATES.split(" ")),
    *((M, f"arith.cmpi {p}, %i, %j : {N}") for p in INTEGER_PREDICATES.split(" ")),
    (F, f"arith.negf %f : {F}"),
    (F, f"arith.select %m, %f, %g : {M}, {F}"),
    ("vector<8xf64>", f"arith.extf %f : {F} to vector<8xf64>"),
    ("vector<8xf16>", f"arith.truncf %f : {F} to vector<8xf16>"),
    ("vector<8xbf16>", f"arith.truncf %f : {F} to vector<8xbf16>"),
    ("bf16", "arith.truncf %x : f32 to bf16"),
    (F, f"arith.truncf %d : vector<8xf64> to {F}"),
    (F, f"arith.extf %h : vector<8xf16> to {F}"),
    (F, f"arith.extf %b : vector<8xbf16> to {F}"),
    (N, f"arith.bitcast %f : {F} to {N}"),
    *((F, f"arith.{op} %i : {N} to {F}") for op in ("sitofp", "uitofp")),
    *((N, f"arith.{op} %f : {F} to {N}") for op in ("fptosi", "fptoui")),
    *(("vector<8xi64>", f"arith.{op} %i : {N} to vector<8xi64>") for op in ("extsi", "extui")),
    *((f"vector<8xi{bits}>", f"arith.trunci %i : {N} to vector<8xi{bits}>") for bits in (1, 8, 16)),
    ("vector<8xi8>", f"arith.extui %m : {M} to vector<8xi8>"),
    ("vector<8xindex>", f"arith.index_cast %i : {N} to vector<8xindex>"),
    ("index", "arith.ceildivsi %n, %c8 : index"),
    *((F, f"math.{op} %f : {F}") for op in ROUNDINGS.split(" ")),
    *((N, f"math.{op} %i : {N}") for op in ("absi", "ctpop")),
    (F, f"math.copysign %f, %g : {F}"),
    (F, f"math.fma %f, %g, %g : {F}"),
    (F, f"vector.fma %f, %g, %g : {F}"),
    (F, f"vector.broadcast %x : f32 to {F}"),
    ("vector<4x8xf32>", f"vector.broadcast %f : {F} to vector<4x8xf32>"),
    ("f32", f"vector.extract %f[3] : f32 from {F}"),
    ("f32", f"vector.extract %f[%n] : f32 from {F}"),
    (F, f"vector.insert %x, %f[2] : f32 into {F}"),
    (F, f"vector.shuffle %f, %g [0, 8, 1, 9, 2, 10, 3, 11] : {F}, {F}"),
    (
        "vector<4xf32>",
        f"vector.extract_strided_slice %f {{offsets = [4], sizes = [4], strides = [1]}} : {F} to vector<4xf32>",
    ),
    ("vector<16xf32>", f"vector.interleave %f, %g : {F} -> vector<16xf32>"),
    ("vector<2x4xf32>", f"vector.shape_cast %f : {F} to vector<2x4xf32>"),
    ("vector<4x4xf32>", "vector.transpose %t, [1, 0] : vector<4x4xf32> to vector<4x4xf32>"),
    ("vector<4xf32>", "vector.multi_reduction <add>, %t, %y [0] : vector<4x4xf32> to vector<4xf32>"),
    ("vector<8xindex>", "vector.step : vector<8xindex>"),
    (M, f"vector.create_mask %n : {M}"),
    (M, f"vector.constant_mask [5] : {M}"),
    *(("f32", f"vector.reduction <{k}>, %f : {F} into f32") for k in ["add", "mul", "maximumf", "minimumf", "maxnumf"]),
    *(
        ("i32", f"vector.reduction <{k}>, %i : {N} into i32")
        for k in ["add", "mul", "and", "or", "xor", "maxsi", "minsi"]
    ),
    ("i1", f"vector.reduction <or>, %m : {M} into i1"),
    ("f32", f"vector.reduction <add>, %f, %x : {F} into f32"),
    (F, f"vector.load %buf[%n] : memref<64xf32>, {F}"),
    (F, f"vector.maskedload %buf[%n], %m, %f : memref<64xf32>, {M}, {F} into {F}"),
    (F, f"vector.gather %buf[%n] [%i], %m, %f : memref<64xf32>, {N}, {M}, {F} into {F}"),
    (F, f"vector.transfer_read %buf[%n], %x, %m : memref<64xf32>, {F}"),
    ("f32", "memref.load %buf[%n] : memref<64xf32>"),
    ("memref<64xf32>", "memref.view %scratch[%c8][] : memref<4096xi8> to memref<64xf32>"),
    ("index", "index.add %n, %c0"),
]
EFFECTS = [
    "vector.store %f, %buf[%n] : memref<64xf32>, vector<8xf32>",
    "vector.maskedstore %buf[%n], %m, %f : memref<64xf32>, vector<8xi1>, vector<8xf32>",
    "vector.scatter %buf[%n] [%i], %m, %f : memref<64xf32>, vector<8xi32>, vector<8xi1>, vector<8xf32>",
    "vector.transfer_write %f, %buf[%n], %m : vector<8xf32>, memref<64xf32>",
    "memref.store %x, %buf[%n] : memref<64xf32>",
    "memref.copy %buf, %other : memref<64xf32> to memref<64xf32>",
    "scf.if %cond { memref.store %x, %buf[%n] : memref<64xf32> }",
    "scf.index_switch %n case 1 { memref.store %x, %buf[%n] : memref<64xf32> scf.yield } default { scf.yield }",
]


def kernel(body: str, sinks: str = "") -> str:
    """Kernel text in which the body finds values of many types."""
    return f"""
{sinks}
func.func @k(%buf: memref<64xf32>, %other: memref<64xf32>, %halves: memref<64xf16>, %brains: memref<64xbf16>,
             %n: index, %scratch: memref<4096xi8>) {{
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %x = memref.load %buf[%c0] : memref<64xf32>
  %f = vector.load %buf[%c0] : memref<64xf32>, {F}
  %g = vector.load %buf[%c8] : memref<64xf32>, {F}
  %h = vector.load %halves[%c0] : memref<64xf16>, vector<8xf16>
  %b = vector.load %brains[%c0] : memref<64xbf16>, vector<8xbf16>
  %t = vector.broadcast %x : f32 to vector<4x4xf32>
  %y = vector.broadcast %x : f32 to vector<4xf32>
  %d = arith.extf %f : {F} to vector<8xf64>
  %i = arith.fptosi %f : {F} to {N}
  %j = arith.fptosi %g : {F} to {N}
  %m = arith.cmpf olt, %f, %g : {F}
  %cond = arith.cmpf olt, %x, %x : f32
{body}
  return
}}"""


def corpus_kernel() -> str:
    """All ops in one kernel, each result passed to a function that is not inlined, so that none is dead to MLIR."""
    body = "\n".join(
        f"  %r{i} = {op}\n  func.call @sink{i}(%r{i}) : ({kind}) -> ()" for i, (kind, op) in enumerate(CORPUS)
    )
    sinks = "\n".join(
        f"func.func private @sink{i}(%v: {kind}) attributes {{no_inline}} {{ return }}"
        for i, (kind, _) in enumerate(CORPUS)
    )
    return kernel(body + "\n" + "\n".join(EFFECTS), sinks)


@pytest.mark.parametrize("level", LEVELS)
def test_every_op_goes_through_both_compilers(level: str):
    ir_text = lower_to_llvm_ir(corpus_kernel(), "k")
    assert all(f"sink{i}(" in ir_text for i in range(len(CORPUS)))
    assert object_from_ir(ir_text, LEVELS[level]).startswith(b"\x7fELF")


def test_16_bit_floats_convert_as_their_definition_says():
    """Round to nearest, ties to even; NaN stays NaN."""
    text = """
func.func @k(%in: memref<64xf32>, %half: memref<64xf16>, %brain: memref<64xbf16>, %n: index, %s: memref<0xi8>) {
  %c0 = arith.constant 0 : index
  %f = vector.load %in[%c0] : memref<64xf32>, vector<64xf32>
  %h = arith.truncf %f : vector<64xf32> to vector<64xf16>
  vector.store %h, %half[%c0] : memref<64xf16>, vector<64xf16>
  %b = arith.truncf %f : vector<64xf32> to vector<64xbf16>
  vector.store %b, %brain[%c0] : memref<64xbf16>, vector<64xbf16>
  return
}"""
    source = np.random.default_rng(3).normal(size=64).astype(np.float32) ** 9
    source[:6] = [1.00390625, 1.01171875, np.inf, -0.0, np.nan, 3.4e38]
    half, brain = np.zeros(64, np.float16), np.zeros(64, ml_dtypes.bfloat16)
    jit(text)(source, half, brain)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(half, source.astype(np.float16))
    np.testing.assert_array_equal(brain.astype(np.float32), source.astype(ml_dtypes.bfloat16).astype(np.float32))


def test_scratch_is_shared_between_types():
    text = """
func.func @k(%in: memref<16xf32>, %out: memref<16xf32>, %n: index, %scratch: memref<128xi8>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %view = memref.view %scratch[%c64][] : memref<128xi8> to memref<16xf32>
  %v = vector.load %in[%c0] : memref<16xf32>, vector<16xf32>
  vector.store %v, %view[%c0] : memref<16xf32>, vector<16xf32>
  %w = vector.load %view[%c0] : memref<16xf32>, vector<16xf32>
  vector.store %w, %out[%c0] : memref<16xf32>, vector<16xf32>
  return
}"""
    source, result, scratch = np.arange(16, dtype=np.float32), np.zeros(16, np.float32), np.zeros(128, np.uint8)
    jit(text)(source, result, scratch=scratch)
    np.testing.assert_array_equal(result, source)
    np.testing.assert_array_equal(scratch[64:].view(np.float32), source)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("  %r = math.exp %f : vector<8xf32>\n  vector.store %r, %buf[%c0] : memref<64xf32>, vector<8xf32>", "math"),
        ("  %r = tensor.empty() : tensor<8xf32>\n  %s = tensor.extract %r[%c0] : tensor<8xf32>", "'tensor"),
        (
            "  %r = memref.alloc() : memref<64xf32>\n  memref.copy %buf, %r : memref<64xf32> to memref<64xf32>\n"
            "  memref.copy %r, %other : memref<64xf32> to memref<64xf32>",
            "malloc",
        ),
        ("  %r = arith.addf %x, %f : f32", "expects different type"),
        ("  func.call @missing(%x) : (f32) -> ()", "missing"),
    ],
)
def test_what_has_no_lowering_is_refused(body: str, message: str):
    """Translating a leftover op would abort the process."""
    sink = "func.func private @sink(%v: f32) attributes {no_inline} { return }"
    if "%s =" in body:
        body += "\n  func.call @sink(%s) : (f32) -> ()"
    with pytest.raises(LoweringError, match=message):
        lower_to_llvm_ir(kernel(body, sink), "k")


def test_casts_that_do_not_cancel_are_refused():
    body = "  %r = builtin.unrealized_conversion_cast %x : f32 to i32\n  func.call @sink(%r) : (i32) -> ()"
    sink = "func.func private @sink(%v: i32) attributes {no_inline} { return }"
    with pytest.raises(LoweringError, match="unrealized_conversion_cast"):
        lower_to_llvm_ir(kernel(body, sink), "k")


def test_text_that_is_not_mlir_is_refused():
    with pytest.raises(LoweringError, match="not a valid module"):
        verify("func.func @f( {")
    with pytest.raises(LoweringError, match="not a pass pipeline"):
        run_passes("func.func @f() { return }", "no-such-pass")


def test_passes_run_on_text():
    text = "func.func @f() -> i32 { %a = arith.constant 2 : i32 %b = arith.addi %a, %a : i32 return %b : i32 }"
    assert "arith.constant 4" in run_passes(text, "canonicalize,func.func(cse)")
    verify(text)
