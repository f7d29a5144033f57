"""Lowering of collectives: a start and a wait, between which other kernels run."""

from __future__ import annotations

from typing import Any

from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute

from cellc.dialects.linalg_ext import (
    AllGatherStartOp,
    AllReduceStartOp,
    BroadcastStartOp,
    CollectiveStartOp,
    CollectiveWaitOp,
    ReduceScatterStartOp,
    ReduceStartOp,
)
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder, ir_tensor_type


@lowering_of("all_reduce")
def _all_reduce(b: TensorBuilder, result: TensorType, x: Tensor, **attributes: Any) -> Tensor:
    return _started(b, AllReduceStartOp, x, x.type, result, attributes)


@lowering_of("reduce")
def _reduce(b: TensorBuilder, result: TensorType, x: Tensor, **attributes: Any) -> Tensor:
    return _started(b, ReduceStartOp, x, x.type, result, attributes)


@lowering_of("reduce_scatter")
def _reduce_scatter(b: TensorBuilder, result: TensorType, x: Tensor, **attributes: Any) -> Tensor:
    """The whole of x is exchanged in one buffer; the result is its first rows in the end."""
    return _started(b, ReduceScatterStartOp, x, x.type, result, attributes)


@lowering_of("all_gather")
def _all_gather(b: TensorBuilder, result: TensorType, x: Tensor, **attributes: Any) -> Tensor:
    return _started(b, AllGatherStartOp, x, result, result, attributes)


@lowering_of("broadcast")
def _broadcast(b: TensorBuilder, result: TensorType, x: Tensor, **attributes: Any) -> Tensor:
    return _started(b, BroadcastStartOp, x, result, result, attributes)


def _started(
    b: TensorBuilder,
    kind: type[CollectiveStartOp],
    x: Tensor,
    begun: TensorType,
    result: TensorType,
    attributes: dict[str, Any],
) -> Tensor:
    """The start, with the attributes of the `nn` op, and the wait."""
    properties: dict[str, Attribute] = {
        name: StringAttr(value) if isinstance(value, str) else IntegerAttr(value, i64)
        for name, value in attributes.items()
    }
    types = (ir_tensor_type(begun),)
    start = b.emit(kind, operands=(x.value,), result_types=types, properties=properties)
    wait = b.emit(CollectiveWaitOp, operands=(start.results[0],), result_types=(ir_tensor_type(result),))
    return Tensor(wait.results[0], result)
