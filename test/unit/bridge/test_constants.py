"""Float constants arrive bit for bit: MLIR's LLVM writes literals that llvmlite's LLVM cannot read."""

import numpy as np
import pytest

from support.kernel_calls import jit

# type -> (integer of the same width, bit patterns)
CORPUS = {
    # 0.1, 1, -0, largest, infinities, quiet and signalling NaN with payload, smallest and largest denormal
    "f16": (np.uint16, (0x2E66, 0x3C00, 0x8000, 0x7BFF, 0x7C00, 0xFC00, 0x7E01, 0x7D23, 0x0001, 0x03FF)),
    "bf16": (np.uint16, (0x3DCD, 0x3F80, 0x8000, 0x7F7F, 0x7F80, 0xFF80, 0x7FC1, 0x7F91, 0x0001, 0x007F)),
    "f32": (
        np.uint32,
        (0x3DCCCCCD, 0x3F800000, 0x80000000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC01234, 0x7F801234, 1, 0x007FFFFF),
    ),
    "f64": (
        np.uint64,
        (
            *(0x3FB999999999999A, 0x3FF0000000000000, 1 << 63, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000),
            *(0xFFF0000000000000, 0x7FF8000000001234, 0x7FF0000000001234, 1, 0x000FFFFFFFFFFFFF),
        ),
    ),
}
DTYPES = pytest.mark.parametrize("dtype", CORPUS)


def literals(dtype: str) -> list[str]:
    kind, patterns = CORPUS[dtype]
    return [f"0x{p:0{np.dtype(kind).itemsize * 2}X}" for p in patterns]


def stored(dtype: str, body: str, count: int) -> list[int]:
    """The bits that a kernel with a buffer %out writes."""
    kind, _ = CORPUS[dtype]
    out = np.full(count, 0x55, kind)
    jit(f"""
func.func @k(%out: memref<{count}x{dtype}>, %block: index, %scratch: memref<0xi8>) {{
  %c0 = arith.constant 0 : index
{body}
  return
}}""")(out)
    return out.tolist()


@DTYPES
def test_scalars(dtype: str):
    body = "".join(
        f"  %v{i} = arith.constant {literal} : {dtype}\n  %i{i} = arith.constant {i} : index\n"
        f"  memref.store %v{i}, %out[%i{i}] : memref<10x{dtype}>\n"
        for i, literal in enumerate(literals(dtype))
    )
    assert stored(dtype, body, 10) == list(CORPUS[dtype][1])


@DTYPES
def test_vectors(dtype: str):
    vector = f"vector<10x{dtype}>"
    body = (
        f"  %v = arith.constant dense<[{', '.join(literals(dtype))}]> : {vector}\n"
        f"  vector.store %v, %out[%c0] : memref<10x{dtype}>, {vector}"
    )
    assert stored(dtype, body, 10) == list(CORPUS[dtype][1])


@DTYPES
def test_splats(dtype: str):
    for literal, bits in zip(literals(dtype), CORPUS[dtype][1], strict=True):
        body = (
            f"  %v = arith.constant dense<{literal}> : vector<16x{dtype}>\n"
            f"  vector.store %v, %out[%c0] : memref<16x{dtype}>, vector<16x{dtype}>"
        )
        assert stored(dtype, body, 16) == [bits] * 16


@DTYPES
def test_vectors_of_two_dimensions(dtype: str):
    rows = ", ".join(f"[{', '.join(literals(dtype)[i : i + 2])}]" for i in range(0, 10, 2))
    body = f"  %v = arith.constant dense<[{rows}]> : vector<5x2x{dtype}>\n" + "".join(
        f"  %r{i} = vector.extract %v[{i}] : vector<2x{dtype}> from vector<5x2x{dtype}>\n"
        f"  %i{i} = arith.constant {2 * i} : index\n"
        f"  vector.store %r{i}, %out[%i{i}] : memref<10x{dtype}>, vector<2x{dtype}>\n"
        for i in range(5)
    )
    assert stored(dtype, body, 10) == list(CORPUS[dtype][1])


def table_kernel(dtype: str, content: str, count: int) -> str:
    return f"""
memref.global "private" constant @table : memref<{count}x{dtype}> = dense<{content}>
func.func @k(%out: memref<{count}x{dtype}>, %block: index, %scratch: memref<0xi8>) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %count = arith.constant {count} : index
  %table = memref.get_global @table : memref<{count}x{dtype}>
  scf.for %i = %zero to %count step %one {{
    %v = memref.load %table[%i] : memref<{count}x{dtype}>
    memref.store %v, %out[%i] : memref<{count}x{dtype}>
  }}
  return
}}"""


@DTYPES
def test_tables(dtype: str):
    kind, patterns = CORPUS[dtype]
    out = np.zeros(10, kind)
    jit(table_kernel(dtype, f"[{', '.join(literals(dtype))}]", 10))(out)
    assert out.tolist() == list(patterns)


@DTYPES
def test_large_tables(dtype: str):
    """Long enough for MLIR to print the content as one hexadecimal string."""
    kind, patterns = CORPUS[dtype]
    content = np.resize(np.array(patterns, kind), 300)
    out = np.zeros(300, kind)
    jit(table_kernel(dtype, f'"0x{content.tobytes().hex().upper()}"', 300))(out)
    np.testing.assert_array_equal(out, content)


def test_a_sum_without_a_start_value_gets_one():
    """The lowering of a reduction makes a constant itself."""
    text = """
func.func @k(%in: memref<16xf32>, %out: memref<1xf32>, %block: index, %scratch: memref<0xi8>) {
  %c0 = arith.constant 0 : index
  %v = vector.load %in[%c0] : memref<16xf32>, vector<16xf32>
  %sum = vector.reduction <add>, %v : vector<16xf32> into f32
  memref.store %sum, %out[%c0] : memref<1xf32>
  return
}"""
    out = np.zeros(1, np.float32)
    jit(text)(np.arange(16, dtype=np.float32), out)
    assert out[0] == 120


def test_equal_constants_share_a_global():
    from cellc.passes.mlir import lower_to_llvm_ir

    text = """
func.func @k(%out: memref<4xf32>, %block: index, %scratch: memref<0xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = arith.constant 0.1 : f32
  memref.store %a, %out[%c0] : memref<4xf32>
  %b = arith.constant 0.1 : f32
  memref.store %b, %out[%c1] : memref<4xf32>
  return
}"""
    assert lower_to_llvm_ir(text, "k").count(" = private constant") == 1
