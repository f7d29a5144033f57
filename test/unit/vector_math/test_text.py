"""The text of vector math, and the code that becomes of it."""

import pytest

from cellc.passes.mlir import lower_to_llvm_ir, verify
from cellc.targets.cpu import vector_math
from cellc.targets.cpu.emit_object import assembly_from_ir
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.vector_math.trigonometric import two_over_pi_words
from support.kernel_calls import elementwise_text

OPS = {"exp": 1, "expm1": 1, "log": 1, "log1p": 1, "tanh": 1, "erf": 1, "sin": 1, "cos": 1, "powf": 2}


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("op", OPS)
def test_no_calls_and_no_spills(op: str, dtype: str):
    """Nothing comes from a C library, and a whole function fits the registers."""
    lanes = 16 if dtype == "f32" else 8
    text = elementwise_text(vector_math.call(op, lanes, dtype), OPS[op], 1024, lanes, dtype)
    assembly = assembly_from_ir(lower_to_llvm_ir(text, "k"), LEVELS["v4"])
    assert "call" not in assembly
    assert "zmm" in assembly
    if op not in ("sin", "cos", "powf"):
        assert "(%rsp)" not in assembly


def test_all_functions_meet_in_one_module():
    verify("".join(vector_math.call(op, 8, dtype)[1] for op in OPS for dtype in ("f32", "f64")))


def test_unknown_functions_are_refused():
    with pytest.raises(ValueError, match=r"no vector math for math\.gamma"):
        vector_math.call("math.gamma", 8, "f32")
    with pytest.raises(ValueError, match="of f16"):
        vector_math.call("exp", 8, "f16")


def test_digits_of_two_over_pi():
    """The first hexadecimal digits of 2/pi, after a word of zeros: 0.A2F9836E 4E441529 FC2757D1 F534DDC0."""
    assert two_over_pi_words()[:3] == (0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0)
