"""Dropout in the bodies of generics: what is kept becomes an op of its own where it follows from places alone."""

from __future__ import annotations

import pytest
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.dropout_form import keep_problem_of, split_keep, whole_scaled
from cellc.passes.element_places import numbers_at_places, over_flat_places, place_number

T = "tensor<3x5x8xf32>"
PLACE = (
    "%a = linalg.index 0 : index\n%b = linalg.index 1 : index\n%c = linalg.index 2 : index\n"
    "%five = arith.constant 5 : index\n%eight = arith.constant 8 : index\n"
    "%ab = arith.muli %a, %five : index\n%row = arith.addi %ab, %b : index\n"
    "%rows = arith.muli %row, %eight : index\n%place = arith.addi %rows, %c : index\n"
)
NUMBER = "%i = arith.index_cast %place : index to i32\n%n = arith.xori %i, %state : i32\n"
KEEP = "%limit = arith.constant 9 : i32\n%kept = arith.cmpi ult, %n, %limit : i32\n"
CHOICE = (
    "%p = arith.constant 0.5 : f32\n%zero = arith.constant 0.0 : f32\n%w = arith.divf %x, %t : f32\n"
    "%s = arith.divf %w, %p : f32\n%r = arith.select %kept, %s, %zero : f32\n"
)


def _generic(body: str, state: str = "(0)") -> GenericOp:
    text = (
        f"func.func @f(%u: {T}, %v: tensor<3x5xf32>, %seed: tensor<3xi32>) -> {T} {{\n%e = tensor.empty() : {T}\n"
        "%q = linalg.generic {indexing_maps = [affine_map<(d, e, f) -> (d, e, f)>, affine_map<(d, e, f) -> (d, e)>, "
        f'affine_map<(d, e, f) -> {state}>, affine_map<(d, e, f) -> (d, e, f)>], iterator_types = ["parallel", '
        f'"parallel", "parallel"]}} ins(%u, %v, %seed : {T}, tensor<3x5xf32>, tensor<3xi32>) outs(%e : {T}) {{\n'
        f"^bb0(%x: f32, %t: f32, %state: i32, %o: f32):\n{body}linalg.yield %r : f32\n}} -> {T}\nreturn %q : {T}\n}}"
    )
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return next(op for op in module.walk() if isinstance(op, GenericOp))


def test_what_is_kept_becomes_an_op() -> None:
    op = _generic(PLACE + NUMBER + KEEP + CHOICE)
    block = op.parent_block()
    assert block is not None
    keep = split_keep(op)
    assert keep is not None
    chosen = [each for each in block.ops if isinstance(each, GenericOp)][-1]
    assert keep_problem_of(keep, (3, 5, 8)) is None
    scaled = whole_scaled(chosen, 2)
    assert scaled is not None
    assert (scaled.base, scaled.keep) == (block.args[0], keep.results[0])
    assert scaled.scales == (("arith.divf", block.args[1]), ("arith.divf", 0.5))
    block.parent_op().verify()  # pyright: ignore[reportOptionalMemberAccess]


REFUSED = {
    "another order of loops": (PLACE.replace("%a, %five", "%c, %five").replace("%rows, %c", "%rows, %a"), NUMBER, KEEP),
    "another stride": (PLACE.replace("constant 5", "constant 4"), NUMBER, KEEP),
    "an index besides": (PLACE, NUMBER, "%limit = arith.index_cast %c : index to i32\n" + KEEP.split("\n", 1)[1]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_choices_by_other_numbers_stay(case: str) -> None:
    assert split_keep(_generic("".join(REFUSED[case]) + CHOICE)) is None


def test_choices_by_elements_stay() -> None:
    bits = "%bits = arith.fptosi %x : f32 to i32\n"
    assert split_keep(_generic(PLACE + bits + NUMBER.replace("%state", "%bits") + KEEP + CHOICE)) is None
    assert split_keep(_generic(PLACE + NUMBER + KEEP + CHOICE, state="(d)")) is None


def test_other_scales_are_not_read() -> None:
    assert whole_scaled(_generic("%y = arith.addf %x, %t : f32\n%r = arith.mulf %y, %t : f32\n"), 2) is None
    assert whole_scaled(_generic("%r = arith.divf %t, %x : f32\n"), 2) is None


def test_places_of_all_loops_and_of_one() -> None:
    """A body over one loop of all places becomes one over three loops, and comes back."""
    keep = split_keep(_generic(PLACE + NUMBER + KEEP + CHOICE))
    assert keep is not None
    flat = over_flat_places(keep)
    assert place_number(list(flat.ops), (120,)) is not None
    assert [op.name for op in flat.ops].count("linalg.index") == 1
    again = numbers_at_places(keep, list(keep.inputs), (3, 5, 8))
    assert again is not None
    assert place_number(list(again.body.block.ops), (3, 5, 8)) is not None
    assert numbers_at_places(keep, list(keep.inputs), (15, 8)) is None
