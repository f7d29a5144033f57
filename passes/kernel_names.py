"""Hints in kernel names: what a profile calls a kernel."""

from __future__ import annotations

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation

from cellc.passes.linalg_analysis import bare_dims, input_maps, is_all_parallel, is_contraction, is_data_movement

_WORDS = {
    "addf": "add", "addi": "add", "subf": "sub", "subi": "sub", "mulf": "mul", "muli": "mul", "divf": "div",
    "maximumf": "max", "minimumf": "min", "maxnumf": "max", "minnumf": "min", "cmpf": "compare", "cmpi": "compare",
    "select": "select", "negf": "neg", "xori": "random", "extract": "take", "absf": "abs", "powf": "pow",
}  # fmt: skip


def kernel_hint(ops: list[Operation]) -> str:
    """One to three words joined by `_`, such as `matmul_relu`."""
    generics = [op for op in ops if isinstance(op, GenericOp)]
    if not generics:
        return _other(ops)
    words = [_word(op) for op in generics]
    if "max" in words and "exp_sum" in "_".join(words):
        words = ["softmax"]
    distinct = list(dict.fromkeys(word for word in words if word))
    return "_".join(distinct[:3]) or "copy"


def _other(ops: list[Operation]) -> str:
    if isinstance(ops[0], tensor.InsertSliceOp):
        return "concat" if sum(isinstance(op, tensor.InsertSliceOp) for op in ops) > 1 else "pad"
    return "recurrent" if isinstance(ops[0], scf.ForOp) else ops[0].name.partition(".")[2]


def _word(op: GenericOp) -> str:
    if is_contraction(op):
        return "matmul" if all(bare_dims(map_) is not None for map_ in input_maps(op)) else "conv"
    if is_data_movement(op):
        return "move"
    names = [inner.name for inner in op.body.block.ops if inner.name not in ("linalg.yield", "arith.constant")]
    if not is_all_parallel(op):
        return _reduction_word(op, _WORDS.get(names[-1].partition(".")[2], "reduce") if names else "reduce")
    functions = [name.partition(".")[2] for name in names if name.startswith("math.")]
    if functions:
        return functions[-1]
    if _is_relu(op):
        return "relu"
    known = [_WORDS[name.partition(".")[2]] for name in names if name.partition(".")[2] in _WORDS]
    return "random" if known.count("random") > 4 else known[-1] if known else "fill"


def _reduction_word(op: GenericOp, last: str) -> str:
    word = {"add": "sum", "select": "max"}.get(last, last)
    if any(bare_dims(map_) is None for map_ in input_maps(op)):
        return f"{word}_pool"
    return f"arg{word}" if len(op.results) > 1 else word


def _is_relu(op: GenericOp) -> bool:
    yielded = op.body.block.last_op
    last = yielded.operands[0].owner if yielded is not None else None
    if not isinstance(last, Operation) or last.name != "arith.maximumf":
        return False
    constants = [v.owner.value for v in last.operands if isinstance(v.owner, arith.ConstantOp)]
    return any(getattr(getattr(c, "value", None), "data", None) == 0.0 for c in constants)
