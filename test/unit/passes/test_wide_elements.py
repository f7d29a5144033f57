"""f16 and bf16 between generics become f32, where bodies compute in f32; what a kernel returns stays."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import TensorType, bf16, f16, f32
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.wide_elements import widen_generics


def _generic(result: str, value: str, source: str, body: str, element: str) -> str:
    type_ = f"tensor<4x{element}>"
    return (
        f"%e_{result} = tensor.empty() : {type_}\n%{result} = linalg.generic {{indexing_maps = ["
        "affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], "
        f'iterator_types = ["parallel"]}} ins(%{value} : tensor<4x{source}>) '
        f"outs(%e_{result} : {type_}) {{\n^bb0(%x: {source}, %o: {element}):\n{body}linalg.yield %r : {element}\n}} "
        f"-> {type_}\n"
    )


def _function(ops: str, argument: str, result: str) -> FuncOp:
    text = f"func.func @f(%u: tensor<4x{argument}>) -> tensor<4x{result}> {{\n{ops}return %q : tensor<4x{result}>\n}}"
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return next(op for op in module.walk() if isinstance(op, FuncOp))


def _scaled(half: str) -> str:
    return (
        f"%w = arith.extf %x : {half} to f32\n%c = arith.constant 0.25 : {half}\n%d = arith.extf %c : {half} to f32\n"
        f"%p = arith.mulf %w, %d : f32\n%r = arith.truncf %p : f32 to {half}\n"
    )


def _chosen(half: str) -> str:
    """A choice of numbers in f16, none of which is new."""
    return (
        f"%z = arith.constant 0.0 : {half}\n%k = arith.cmpf ogt, %x, %z : {half}\n"
        f"%r = arith.select %k, %x, %z : {half}\n"
    )


def _widened(function: FuncOp) -> tuple[list[GenericOp] | None, list[str]]:
    generics = [op for op in function.body.block.ops if isinstance(op, GenericOp)]
    end = function.body.block.last_op
    assert end is not None
    found = widen_generics(generics, tuple(end.operands))
    if found is not None:
        function.verify()
    return found, [inner.name for op in found or () for inner in op.body.block.ops]


@pytest.mark.parametrize(("half", "element"), [("f16", f16), ("bf16", bf16)])
def test_what_is_between_is_not_rounded(half: str, element: Attribute) -> None:
    ops = _generic("s", "u", half, _scaled(half), half) + _generic("t", "s", half, _chosen(half), half)
    found, inner = _widened(_function(ops + _generic("q", "t", half, _scaled(half), half), half, half))
    assert found is not None
    types = [op.results[0].type for op in found]
    assert types == [TensorType(f32, [4]), TensorType(f32, [4]), TensorType(element, [4])]
    assert inner.count("arith.extf") == 1  # of the argument
    assert inner.count("arith.truncf") == 1  # of the result


def test_ops_that_only_round_are_left_out() -> None:
    ops = _generic("s", "u", "f32", "%r = arith.truncf %x : f32 to f16\n", "f16")
    found, _ = _widened(_function(ops + _generic("q", "s", "f16", _scaled("f16"), "f16"), "f32", "f16"))
    assert found is not None
    assert len(found) == 1
    assert found[0].inputs[0].type == TensorType(f32, [4])


def test_bodies_that_compute_in_f16_stay() -> None:
    ops = _generic("s", "u", "f16", "%r = arith.addf %x, %x : f16\n", "f16")
    found, _ = _widened(_function(ops + _generic("q", "s", "f16", _scaled("f16"), "f16"), "f16", "f16"))
    assert found is None


def test_f32_and_f64_stay_as_they_are() -> None:
    ops = _generic("q", "u", "f32", "%w = arith.extf %x : f32 to f64\n%r = arith.truncf %w : f64 to f32\n", "f32")
    function = _function(ops, "f32", "f32")
    before = str(function)
    found, _ = _widened(function)
    assert found is not None
    assert str(function) == before
