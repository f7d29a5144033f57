"""What processes compute together: operations that begin, and one that waits for them.

What stands between the two runs meanwhile. What an operation has begun holds nothing yet: only the wait may read it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

_REDUCTIONS = ("sum", "prod", "min", "max")


class CollectiveStartOp(IRDLOperation, abc.ABC):
    """Begins an operation on the tensors that the processes of a group have as the source."""

    group = prop_def(StringAttr)
    src = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    def __init__(self, src: SSAValue, result: TensorType, properties: Mapping[str, Attribute]) -> None:
        super().__init__(operands=(src,), result_types=(result,), properties=properties)

    def _verify_same_type(self) -> None:
        if self.result.type != self.src.type:
            raise VerifyException(f"the result is {self.result.type}, the source is {self.src.type}")


class _ReductionStartOp(CollectiveStartOp, abc.ABC):
    """One that reduces element by element.

    Constraints:
      (C1) reduction is sum, prod, min or max.
      (C2) the result has the type of the source.
    """

    reduction = prop_def(StringAttr)

    def verify_(self) -> None:
        if self.reduction.data not in _REDUCTIONS:
            raise VerifyException(f"reduction must be one of {', '.join(_REDUCTIONS)}, got {self.reduction.data}")  # C1
        self._verify_same_type()  # C2


@irdl_op_definition
class AllReduceStartOp(_ReductionStartOp):
    """Begins to reduce the tensors; every process gets the result. Constraints: those of all reductions.

    ```mlir
    %p = linalg_ext.all_reduce_start "sum" of "world" %x : tensor<4xf32> -> tensor<4xf32>
    ```
    """

    name = "linalg_ext.all_reduce_start"

    assembly_format: ClassVar = "$reduction `of` $group $src attr-dict `:` type($src) `->` type($result)"


@irdl_op_definition
class ReduceStartOp(_ReductionStartOp):
    """Begins to reduce the tensors; the process `root` gets the result, the others zeros.

    ```mlir
    %p = linalg_ext.reduce_start "sum" to 0 of "world" %x : tensor<4xf32> -> tensor<4xf32>
    ```

    Constraints: those of all reductions.
    """

    name = "linalg_ext.reduce_start"

    root = prop_def(IntegerAttr[I64])

    assembly_format: ClassVar = "$reduction `to` $root `of` $group $src attr-dict `:` type($src) `->` type($result)"


@irdl_op_definition
class ReduceScatterStartOp(_ReductionStartOp):
    """Begins to reduce the tensors; the first rows of what has begun become this process's share of the result.

    ```mlir
    %p = linalg_ext.reduce_scatter_start "sum" by 2 of "world" %x : tensor<4xf32> -> tensor<4xf32>
    ```

    Constraints: those of all reductions, and
      (C3) the source has a first extent that is a multiple of the number of processes.
    """

    name = "linalg_ext.reduce_scatter_start"

    processes = prop_def(IntegerAttr[I64])

    assembly_format: ClassVar = (
        "$reduction `by` $processes `of` $group $src attr-dict `:` type($src) `->` type($result)"
    )

    def verify_(self) -> None:
        super().verify_()
        assert isinstance(self.src.type, TensorType)
        shape, processes = self.src.type.get_shape(), self.processes.value.data
        if not shape or shape[0] % processes:
            raise VerifyException(f"the {processes} processes cannot share the rows of {self.src.type} evenly")  # C3


@irdl_op_definition
class AllGatherStartOp(CollectiveStartOp):
    """Begins to join the tensors along the first axis, in the order of the processes; every process gets the result.

    ```mlir
    %p = linalg_ext.all_gather_start 2 of "world" %x : tensor<4xf32> -> tensor<8xf32>
    ```

    Constraints:
      (C1) the result's first extent is the source's times the number of processes, and else they have one type.
    """

    name = "linalg_ext.all_gather_start"

    processes = prop_def(IntegerAttr[I64])

    assembly_format: ClassVar = "$processes `of` $group $src attr-dict `:` type($src) `->` type($result)"

    def verify_(self) -> None:
        source, result, processes = self.src.type, self.result.type, self.processes.value.data
        assert isinstance(source, TensorType)
        first, *rest = source.get_shape() or (0,)
        if result != TensorType(source.element_type, [first * processes, *rest]):
            raise VerifyException(f"{processes} times {source} cannot be joined as {result}")  # C1


@irdl_op_definition
class BroadcastStartOp(CollectiveStartOp):
    """Begins to give every process the tensor of the process `root`.

    ```mlir
    %p = linalg_ext.broadcast_start from 0 of "world" %x : tensor<4xf32> -> tensor<4xf32>
    ```

    Constraints:
      (C1) the result has the type of the source.
    """

    name = "linalg_ext.broadcast_start"

    root = prop_def(IntegerAttr[I64])

    assembly_format: ClassVar = "`from` $root `of` $group $src attr-dict `:` type($src) `->` type($result)"

    def verify_(self) -> None:
        self._verify_same_type()  # C1


@irdl_op_definition
class CollectiveWaitOp(IRDLOperation):
    """Waits for what has begun; the result is its first rows, which are all but for a `reduce_scatter_start`.

    ```mlir
    %r = linalg_ext.collective_wait %p : tensor<4xf32> -> tensor<4xf32>
    ```

    Constraints:
      (C1) the result has the type of the source, or one of fewer rows.
    """

    name = "linalg_ext.collective_wait"

    src = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format: ClassVar = "$src attr-dict `:` type($src) `->` type($result)"

    def __init__(self, src: SSAValue, result: TensorType) -> None:
        super().__init__(operands=(src,), result_types=(result,))

    def verify_(self) -> None:
        source, result = self.src.type, self.result.type
        assert isinstance(source, TensorType)
        assert isinstance(result, TensorType)
        if source == result:
            return
        rows, *rest = source.get_shape() or (0,)
        fewer, *others = result.get_shape() or (1,)
        if source.element_type != result.element_type or rest != others or fewer > rows:
            raise VerifyException(f"the result is {result}, the source is {source}")  # C1


STARTS = (AllReduceStartOp, ReduceStartOp, ReduceScatterStartOp, AllGatherStartOp, BroadcastStartOp)
