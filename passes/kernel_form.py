"""Checks the kernel form (docs/architecture.md), which targets rely on.

Rules, by `cellc.kind`:
  1. elementwise: one all-parallel generic whose output maps are identities;
  2. contraction: one contraction, then at most one all-parallel generic that alone reads its result, through the
     identity; before it, for each factor, at most one all-parallel generic that alone makes it, of an argument that
     it reads one element of at each place, and perhaps others; it uses neither indices nor elements elsewhere;
  3. reduction: generics whose first `cellc.outer` loops are parallel and of equal extents, and every tensor passed
     between them is indexed by those loops first; before them there may be pads: fills into which an argument is
     inserted as a whole, none of whose shared dimensions is padded;
  4. copy: insert_slices, and all-parallel generics (reshaped or not) that one of them alone reads; scatter: a
     scatter_add; scan: a cumsum; recurrent: an scf.for; collective: the start or the wait of one;
  5. material (tensor.empty, linalg.fill, constants) and one return, and nothing else, stand beside those;
  6. `cellc.in_place` pairs name a result and an argument of one type;
  7. elementwise kernels, contractions and reductions may end in pads: fills into each of which they insert a result as
     a whole, which nothing else reads; a reduction pads behind the dimensions that the shared loops index; and they may
     begin with extract_slices of arguments, which nothing else reads, and of which contractions' may have steps;
  8. attention: what `passes/attention_form.py` describes, its chain as in rule 3;
  9. attention_gradient: what `passes/attention_gradient_form.py` describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp
from xdsl.ir import BlockArgument, Operation
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.linalg_ext import CollectiveStartOp, CollectiveWaitOp
from cellc.passes.attention_form import parts_of, problem_of
from cellc.passes.attention_gradient_form import gradient_parts_of, gradient_problem_of
from cellc.passes.linalg_analysis import (
    Reshape,
    bare_dim,
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_contraction,
    is_identity,
    loop_extents,
    output_maps,
    parallel_count,
    result_index,
    shape_of,
)

_OF_GENERICS = ("elementwise", "contraction", "reduction", "attention", "attention_gradient")


class KernelFormError(VerifyException):
    """A kernel function breaks a rule of the kernel form."""


def kernels_of(module: ModuleOp) -> list[func.FuncOp]:
    """The kernel functions of a module, in order."""
    return [op for op in module.ops if isinstance(op, func.FuncOp) and "cellc.kind" in op.attributes]


def verify_kernel_form(kernel: func.FuncOp) -> None:
    """Raises `KernelFormError` naming the kernel and the rule."""
    kind = kernel.attributes.get("cellc.kind")
    assert isinstance(kind, StringAttr)
    work = [op for op in kernel.body.block.ops if not _is_material(op)]
    if not isinstance(work[-1], func.ReturnOp):
        _fail(kernel, 5, "does not end in a return")
    work = work[:-1]
    generics = [op for op in work if isinstance(op, GenericOp)]
    if kind.data in ("elementwise", "contraction", "reduction"):
        work = [op for op in work if not _is_inner_read(op, steps=kind.data == "contraction")]
    if kind.data in ("elementwise", "contraction"):
        work = [op for op in work if not _is_pad(op)]
    if kind.data == "reduction":
        work = [op for op in work if not _is_padded_argument(op) and not _is_pad(op)]
    if kind.data in _OF_GENERICS and len(generics) != len(work):
        _fail(kernel, 5, "holds other ops than generics")
    match kind.data:
        case "elementwise":
            _check_elementwise(kernel, generics)
        case "contraction":
            _check_contraction(kernel, generics)
        case "reduction":
            _check_reduction(kernel, generics)
        case "attention":
            _check_attention(kernel, generics)
        case "attention_gradient":
            _check_attention_gradient(kernel, generics)
        case "copy" if all(isinstance(op, tensor.InsertSliceOp) or _is_inserted(op) for op in work):
            pass
        case "scatter" if [op.name for op in work] == ["linalg_ext.scatter_add"]:
            pass
        case "scan" if [op.name for op in work] == ["linalg_ext.cumsum"]:
            pass
        case "collective" if len(work) == 1 and isinstance(work[0], CollectiveStartOp | CollectiveWaitOp):
            pass
        case "recurrent" if len(work) == 1 and isinstance(work[0], scf.ForOp):
            pass
        case _:
            _fail(kernel, 4, f"is of kind {kind.data}, with {', '.join(op.name for op in work)}")
    _check_in_place(kernel)


def _is_inserted(op: Operation) -> bool:
    """Whether the op makes nothing but the source of an insert_slice."""
    while isinstance(op, Reshape) or is_all_parallel(op):
        uses = [use for result in op.results for use in result.uses]
        if len(uses) != 1 or uses[0].index:
            return False
        op = uses[0].operation
    return isinstance(op, tensor.InsertSliceOp)


def _is_material(op: Operation) -> bool:
    return isinstance(op, tensor.EmptyOp | FillOp | arith.ConstantOp)


def _is_pad(op: Operation) -> bool:
    """Whether an op inserts the whole result of a generic, which nothing else uses, into a fill."""
    if not isinstance(op, tensor.InsertSliceOp) or not isinstance(op.dest.owner, FillOp) or op.offsets:
        return False
    return _is_whole(op) and isinstance(op.source.owner, GenericOp) and len(list(op.source.uses)) == 1


def pads_behind(pad: tensor.InsertSliceOp, outer: int) -> bool:
    """Whether what a generic makes is padded only behind the dimensions that its first loops index."""
    op = pad.source.owner
    assert isinstance(op, GenericOp)
    written = bare_dims(output_maps(op)[result_index(pad.source)])
    pairs = enumerate(zip(shape_of(pad.source), shape_of(pad.result), strict=True))
    first = next((dim for dim, (before, after) in pairs if before != after), len(shape_of(pad.source)))
    return written is not None and all(written.index(loop) < first for loop in range(outer))


def _is_padded_argument(op: Operation) -> bool:
    """Whether an op inserts an argument, which nothing else uses, into a fill."""
    if not isinstance(op, tensor.InsertSliceOp) or not isinstance(op.dest.owner, FillOp) or op.offsets:
        return False
    return _is_whole(op) and isinstance(op.source, BlockArgument) and len(list(op.source.uses)) == 1


def _is_inner_read(op: Operation, *, steps: bool) -> bool:
    """Whether an op takes a part of an argument, which nothing else uses; with steps, if it may have them."""
    if not isinstance(op, tensor.ExtractSliceOp) or not isinstance(op.source, BlockArgument) or op.offsets:
        return False
    return (steps or all(step == 1 for step in op.static_strides.get_values())) and len(list(op.source.uses)) == 1


def _is_whole(op: tensor.InsertSliceOp) -> bool:
    return all(step == 1 for step in op.static_strides.get_values())


def _fail(kernel: func.FuncOp, rule: int, problem: str) -> NoReturn:
    raise KernelFormError(f"kernel @{kernel.sym_name.data} {problem} (kernel form, rule {rule})")


def _check_elementwise(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    if len(generics) != 1 or not is_all_parallel(generics[0]):
        _fail(kernel, 1, "is not one all-parallel generic")
    if not all(map(is_identity, output_maps(generics[0]))):
        _fail(kernel, 1, "has an output map that is not the identity")


def _check_contraction(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    prologues, generics = split_prologues(generics)
    if not generics or not is_contraction(generics[0]) or len(generics) > 2:
        _fail(kernel, 2, "is not a contraction with at most one epilogue")
    if not all(is_prologue(op, generics[0]) for op in prologues):
        _fail(kernel, 2, "has ops before the contraction that do not make one of its factors alone")
    _check_product(kernel, generics)


def split_prologues(generics: Sequence[GenericOp]) -> tuple[list[GenericOp], list[GenericOp]]:
    """What makes a contraction's factors, and the contraction with its epilogue."""
    first = next((i for i, op in enumerate(generics) if not is_all_parallel(op)), 0)
    return list(generics[:first]), list(generics[first:])


def is_prologue(op: GenericOp, contraction: GenericOp) -> bool:
    """Whether an all-parallel op may make a factor where the contraction reads it."""
    uses = [use for result in op.results for use in result.uses]
    if len(uses) != 1 or uses[0].operation is not contraction or uses[0].index > 1:
        return False
    if captured_values(op) or any(isinstance(inner, IndexOp) for inner in op.body.block.ops):
        return False
    maps = [m for m, argument in zip(input_maps(op), op.body.block.args, strict=False) if argument.first_use]
    whole = any(len(bare_dims(map_) or ()) == len(op.iterator_types) for map_ in maps)
    return whole and is_identity(output_maps(op)[0])


def _check_product(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    """A contraction and perhaps its epilogue."""
    if len(generics) == 1:
        return
    contraction, epilogue = generics
    result = contraction.results[0]
    reads = [m for v, m in zip(epilogue.inputs, input_maps(epilogue), strict=False) if v is result]
    if not is_all_parallel(epilogue) or [is_identity(m) for m in reads] != [True]:
        _fail(kernel, 2, "has an epilogue that does not read the contraction in its own order")
    if any(use.operation is not epilogue for use in result.uses) or result in captured_values(epilogue):
        _fail(kernel, 2, "uses the contraction outside the epilogue")


def _outer_of(kernel: func.FuncOp) -> int:
    attribute = kernel.attributes.get("cellc.outer")
    if not isinstance(attribute, IntegerAttr):
        _fail(kernel, 3, "has no cellc.outer")
    return attribute.value.data


def _check_attention(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    parts, end = parts_of(generics, _outer_of(kernel)), kernel.body.block.last_op
    if parts is None:
        _fail(kernel, 8, "is not two products with a chain between them")
    assert end is not None
    problem = problem_of(parts, end.operands)
    if problem is not None:
        _fail(kernel, 8, problem)
    _check_reduction(kernel, parts.chain)
    for product in (parts.first, parts.second):
        _check_product(kernel, product)


def _check_attention_gradient(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    parts, end = gradient_parts_of(generics, _outer_of(kernel)), kernel.body.block.last_op
    if parts is None:
        _fail(kernel, 9, "is not two products, dots, elements and their products")
    assert end is not None
    problem = gradient_problem_of(parts, end.operands)
    if problem is not None:
        _fail(kernel, 9, problem)
    for product in (parts.first, parts.dweights, *(product.ops for product in parts.products)):
        _check_product(kernel, product)


def _check_reduction(kernel: func.FuncOp, generics: list[GenericOp]) -> None:
    outer = _outer_of(kernel)
    inserts = [op for op in kernel.body.block.ops if isinstance(op, tensor.InsertSliceOp)]
    if not all(pads_behind(op, outer) for op in inserts if _is_pad(op)):
        _fail(kernel, 7, "pads a result otherwise than behind the shared dimensions")
    shared = loop_extents(generics[0])[:outer]
    for op in generics:
        if any(kind.data != "parallel" for kind in list(op.iterator_types)[:outer]) or parallel_count(op) < outer:
            _fail(kernel, 3, "reduces a shared loop")
        if loop_extents(op)[:outer] != shared:
            _fail(kernel, 3, "has shared loops of different extents")
        for value, map_ in zip(op.inputs, input_maps(op), strict=False):
            producer, used = value.owner, [map_]
            if isinstance(producer, GenericOp):
                used.append(output_maps(producer)[result_index(value)])
            elif not isinstance(producer, tensor.InsertSliceOp):
                continue
            elif shape_of(producer.source)[:outer] != shape_of(value)[:outer]:
                _fail(kernel, 3, "pads a shared dimension")
            if any([bare_dim(r) for r in each.results[:outer]] != list(range(outer)) for each in used):
                _fail(kernel, 3, "passes a tensor that is not indexed by the shared loops first")


def _check_in_place(kernel: func.FuncOp) -> None:
    pairs = kernel.attributes.get("cellc.in_place", ArrayAttr(()))
    assert isinstance(pairs, ArrayAttr)
    for pair in pairs:
        result, argument = (index.value.data for index in pair)  # pyright: ignore
        if kernel.function_type.outputs.data[result] != kernel.function_type.inputs.data[argument]:
            _fail(kernel, 6, f"shares result {result} and argument {argument} of different types")
