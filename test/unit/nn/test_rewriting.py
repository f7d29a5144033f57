"""No rewrite loses a location."""

from __future__ import annotations

from xdsl.dialects.builtin import FusedLoc, NoneAttr, UnknownLoc
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.rewriter import InsertPoint

from cellc.dialects.nn import TensorType
from cellc.dialects.nn.ir import create, location_attribute
from cellc.passes.rewriting import LocatedBuilder, fused_location, location_of, rewrite, without_location
from support.nn_module import make_module, op_names

FIRST, SECOND, THIRD = (location_attribute("net.py", line, 1) for line in (1, 2, 3))
TYPE = TensorType((2,), "f32")


def _module():
    """exp at FIRST, sin at SECOND."""
    module = make_module([TYPE], lambda b, x: [b.sin(b.exp(x))])
    exp, sin = (op for op in module.walk() if op.name.startswith("nn."))
    exp.location, sin.location = FIRST, SECOND
    return module, exp, sin


def test_fused_location_is_flat_and_without_repeats() -> None:
    assert fused_location([]) == UnknownLoc()
    assert fused_location([FIRST, UnknownLoc(), FIRST]) == FIRST
    both = fused_location([FIRST, SECOND])
    assert both == FusedLoc((FIRST, SECOND), NoneAttr())
    assert fused_location([both, THIRD, FIRST]) == FusedLoc((FIRST, SECOND, THIRD), NoneAttr())


class _SplitSin(RewritePattern):
    """sin x -> cos x + x: two new ops for one."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name == "nn.sin":
            cos = create("cos", op.operands, {})
            rewriter.replace(op, [cos, create("add", [cos.results[0], *op.operands], {})])


def test_new_ops_of_a_pattern_are_where_the_old_one_was() -> None:
    module, _, _ = _module()
    assert rewrite(module, [_SplitSin()])
    assert op_names(module) == ["exp", "cos", "add"]
    assert [op.location for op in module.walk() if op.name.startswith("nn.")] == [FIRST, SECOND, SECOND]
    assert not rewrite(module, [_SplitSin()])


def test_builder_works_for_its_sources() -> None:
    module, exp, sin = _module()
    builder = LocatedBuilder(InsertPoint.before(sin), exp, sin)
    assert builder.insert(create("neg", exp.results, {})).location == location_of(exp, sin)
    builder.work_for(exp)
    assert builder.insert(create("neg", exp.results, {})).location == FIRST
    assert builder.insert(create("neg", exp.results, {}, THIRD)).location == THIRD
    assert without_location(module) == []


def test_unknown_locations_are_found() -> None:
    module, _, sin = _module()
    sin.location = UnknownLoc()
    assert without_location(module) == [sin]
