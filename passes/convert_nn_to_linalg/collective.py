"""Lowering of collectives: a start and a wait, between which other kernels run."""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr

from cellc.dialects.linalg_ext import AllReduceStartOp, AllReduceWaitOp
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder, ir_tensor_type


@lowering_of("all_reduce")
def _all_reduce(b: TensorBuilder, result: TensorType, x: Tensor, *, reduction: str, group: str) -> Tensor:
    type_ = ir_tensor_type(result)
    properties = {"reduction": StringAttr(reduction), "group": StringAttr(group)}
    start = b.emit(AllReduceStartOp, operands=(x.value,), result_types=(type_,), properties=properties)
    wait = b.emit(AllReduceWaitOp, operands=(start.results[0],), result_types=(type_,))
    return Tensor(wait.results[0], result)
