"""Tensors and the ops of the linalg form that make them.

Every method appends its ops to one block with one location (that of the `nn` op
being lowered). Two rules keep degenerate shapes away from the code generators:
a generic whose results have no element becomes `tensor.empty`, and a reduction
over nothing becomes its initial values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    ArrayAttr,
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    LocationAttr,
    i32,
)
from xdsl.dialects.builtin import TensorType as IRTensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Block, Operation, Region, SSAValue

from cellc.dialects.nn.arrays import numpy_dtype
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.maps import Expr, affine_map, dims, identity, iterator_types
from cellc.passes.convert_nn_to_linalg.scalars import ELEMENT_TYPES, Body, Scalar, constant_attribute, wide


class Tensor(NamedTuple):
    """A tensor of the linalg form with our type of it, which knows u8 from i8."""

    value: SSAValue
    type: TensorType

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype


class Read(NamedTuple):
    """How a generic reads an operand: the element at these affine expressions of its loops."""

    tensor: Tensor
    exprs: Sequence[Expr]


BodyFunction = Callable[..., Scalar | tuple[Scalar, ...]]


def ir_tensor_type(type_: TensorType) -> IRTensorType[Any]:
    """u8 is i8 in the linalg form."""
    return IRTensorType(ELEMENT_TYPES[type_.dtype], type_.shape)


class TensorBuilder:
    """Appends ops of the linalg form to a block.

    `used` tells a rule which results of its op anything uses. A generic's result that nothing uses would still
    need memory, so a rule leaves out what is unused and gives `empty` for it.
    """

    def __init__(self, block: Block, location: LocationAttr, used: Sequence[bool] = ()) -> None:
        self.block = block
        self.location = location
        self.used = used

    def emit(self, op_class: type[Operation], **parts: Any) -> Operation:
        op = op_class.create(location=self.location, **parts)
        self.block.add_op(op)
        return op

    # Sources

    def empty(self, type_: TensorType) -> Tensor:
        op = self.emit(EmptyOp, result_types=(ir_tensor_type(type_),))
        return Tensor(op.results[0], type_)

    def scalar(self, value: float, dtype: str) -> SSAValue:
        attribute = constant_attribute(value, dtype, repr(value) == "-0.0")
        op = self.emit(arith.ConstantOp, result_types=(ELEMENT_TYPES[dtype],), properties={"value": attribute})
        return op.results[0]

    def fill(self, value: float, type_: TensorType) -> Tensor:
        """One value everywhere."""
        return self.fill_with(self.scalar(value, type_.dtype), type_)

    def fill_with(self, scalar: SSAValue, type_: TensorType) -> Tensor:
        if type_.size == 0:
            return self.empty(type_)
        target = self.empty(type_).value
        element = ELEMENT_TYPES[type_.dtype]
        block = Block(arg_types=(element, element))
        block.add_op(YieldOp.create(operands=(block.args[0],), location=self.location))
        op = self.emit(
            FillOp,
            operands=(scalar, target),
            result_types=(target.type,),
            properties={"operandSegmentSizes": _segments(1, 1)},
            regions=(Region(block),),
        )
        return Tensor(op.results[0], type_)

    def constant(self, array: np.ndarray, dtype: str) -> Tensor:
        """A dense constant of any shape."""
        type_ = TensorType(array.shape, dtype)
        data = np.ascontiguousarray(array, numpy_dtype(dtype)).tobytes()
        value = DenseIntOrFPElementsAttr(ir_tensor_type(type_), BytesAttr(data))
        op = self.emit(arith.ConstantOp, result_types=(value.type,), properties={"value": value})
        return Tensor(op.results[0], type_)

    # Generics

    def elementwise(
        self, body: BodyFunction, inputs: Sequence[Tensor | Read], result: TensorType, *, raw: bool = False
    ) -> Tensor:
        """One result with an identity map; see `elementwise_many`."""
        return self.elementwise_many(body, inputs, [result], raw=raw)[0]

    def elementwise_many(
        self, body: BodyFunction, inputs: Sequence[Tensor | Read], results: Sequence[TensorType], *, raw: bool = False
    ) -> tuple[Tensor, ...]:
        """An all-parallel generic over the results' common shape.

        `body` takes a Scalar per input (or the Body itself, where there are none). f16 and bf16
        inputs come extended to f32 and f32 results for f16 and bf16 are truncated, unless `raw`.
        """
        rank = results[0].rank
        writes = [Read(self.empty(type_), dims(rank)) for type_ in results]
        if results[0].size == 0:
            return tuple(write.tensor for write in writes)
        return self._generic(body, [_as_read(x) for x in inputs], writes, rank, 0, raw=raw)

    def permuted(self, body: BodyFunction, inputs: Sequence[Read], result: TensorType, exprs: Sequence[Expr]) -> Tensor:
        """Like `elementwise`, but the output map is `exprs`, a permutation of the loops."""
        target = self.empty(result)
        return target if result.size == 0 else self._generic(body, inputs, [Read(target, exprs)], result.rank, 0)[0]

    def move(self, x: Tensor, exprs: Sequence[Expr], shape: Sequence[int]) -> Tensor:
        """The tensor of this shape whose element is that of x at `exprs`."""
        return self.elementwise(lambda element: element, [Read(x, exprs)], TensorType(tuple(shape), x.dtype), raw=True)

    def reduction(
        self,
        body: BodyFunction,
        inputs: Sequence[Read],
        loops: Sequence[int],
        parallel: int,
        inits: Sequence[tuple[str, float]],
    ) -> tuple[Tensor, ...]:
        """Reduces the last loops; the first `parallel` ones are the results' dims in order.

        Args:
            body: takes a Scalar per input (f16 and bf16 extended to f32), then one per accumulator,
                and gives the new accumulators.
            loops: extents of the loops.
            inits: dtype and initial value per result. f16 and bf16 are accumulated in f32; `narrow` rounds back.
        """
        shape = tuple(loops[:parallel])
        fills = [self.fill(value, TensorType(shape, wide(dtype))) for dtype, value in inits]
        if prod(loops) == 0:
            return tuple(fills)
        writes = [Read(fill, dims(parallel)) for fill in fills]
        return self._generic(body, inputs, writes, parallel, len(loops) - parallel)

    def contraction(self, lhs: Read, rhs: Read, loops: Sequence[int], parallel: int) -> Tensor:
        """Sum of products over the last loops, rounded to lhs's dtype at the end."""
        inits = [(lhs.tensor.dtype, 0)]
        (total,) = self.reduction(lambda x, y, total: total + x * y, [lhs, rhs], loops, parallel, inits)
        return self.narrow(total, lhs.tensor.dtype)

    def narrow(self, x: Tensor, dtype: str) -> Tensor:
        """Rounds an f32 accumulator to f16 or bf16; other dtypes are accumulated in themselves."""
        return x if x.dtype == dtype else self.elementwise(lambda element: element, [x], TensorType(x.shape, dtype))

    def widen(self, x: Tensor) -> Tensor:
        """x in the dtype it is accumulated in."""
        return self.narrow(x, wide(x.dtype))

    def _generic(
        self,
        function: BodyFunction,
        inputs: Sequence[Read],
        outputs: Sequence[Read],
        parallel: int,
        reduction: int,
        *,
        raw: bool = False,
    ) -> tuple[Tensor, ...]:
        operands = [*inputs, *outputs]
        block = Block(arg_types=[ELEMENT_TYPES[read.tensor.dtype] for read in operands])
        body = Body(block, self.location)
        used = operands if reduction else inputs
        arguments = [Scalar(body, arg, read.tensor.dtype) for arg, read in zip(block.args, used, strict=False)]
        if not raw:
            arguments = [argument.widened() for argument in arguments]
        yielded = function(*arguments) if inputs else function(body)
        yielded = yielded if isinstance(yielded, tuple) else (yielded,)
        values = [cast(y, write.tensor.dtype).value for y, write in zip(yielded, outputs, strict=True)]
        block.add_op(YieldOp.create(operands=values, location=self.location))
        loops = parallel + reduction
        op = self.emit(
            GenericOp,
            operands=[read.tensor.value for read in operands],
            result_types=[write.tensor.value.type for write in outputs],
            properties={
                "indexing_maps": ArrayAttr([_map_of(loops, read.exprs) for read in operands]),
                "iterator_types": iterator_types(parallel, reduction),
                "operandSegmentSizes": _segments(len(inputs), len(outputs)),
            },
            regions=(Region(block),),
        )
        return tuple(Tensor(value, write.tensor.type) for value, write in zip(op.results, outputs, strict=True))


def _as_read(x: Tensor | Read) -> Read:
    return x if isinstance(x, Read) else Read(x, dims(len(x.shape)))


def _map_of(loops: int, exprs: Sequence[Expr]) -> Any:
    return identity(loops) if exprs is dims(loops) else affine_map(loops, exprs)


def _segments(inputs: int, outputs: int) -> DenseArrayBase:
    return DenseArrayBase.from_list(i32, [inputs, outputs])
