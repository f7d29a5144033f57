"""The `linalg_ext` dialect: structured ops on tensors that `linalg` lacks."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType, TensorType, UnitAttr, i32, i64
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from cellc.dialects.linalg_ext.collective import (
    STARTS,
    AllGatherStartOp,
    AllReduceStartOp,
    BroadcastStartOp,
    CollectiveStartOp,
    CollectiveWaitOp,
    ReduceScatterStartOp,
    ReduceStartOp,
)

_INDEX_TYPES = (i32, i64)


@irdl_op_definition
class ScatterAddOp(IRDLOperation):
    """Adds rows to rows, in the order of the indices: `result = init; result[indices[i], :] += updates[i, :]`.

    Exists because a sum into positions that are data is neither a map nor a reduction of a
    `linalg.generic`. An index below 0 or not below the number of rows adds to nothing.

    ```mlir
    %r = linalg_ext.scatter_add ins(%i, %u : tensor<6xi32>, tensor<6x4xf32>)
                                outs(%z : tensor<9x4xf32>) -> tensor<9x4xf32>
    ```

    Constraints:
      (C1) indices is a vector of i32 or i64.
      (C2) updates is a matrix with a row per index.
      (C3) init is a matrix with rows as long as those of updates and of the same element type, a number.
      (C4) result has the type of init.
    """

    name = "linalg_ext.scatter_add"

    indices = operand_def(TensorType)
    updates = operand_def(TensorType)
    init = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format: ClassVar = (
        "`ins` `(` $indices `,` $updates `:` type($indices) `,` type($updates) `)` "
        "`outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)"
    )

    def __init__(self, indices: SSAValue, updates: SSAValue, init: SSAValue) -> None:
        super().__init__(operands=(indices, updates, init), result_types=(init.type,))

    def verify_(self) -> None:
        indices, updates, init = self.indices.type, self.updates.type, self.init.type
        assert isinstance(indices, TensorType)
        assert isinstance(updates, TensorType)
        assert isinstance(init, TensorType)
        self._verify_indices(indices)
        self._verify_rows(indices, updates, init)
        if self.result.type != init:
            raise VerifyException(f"the result is {self.result.type}, init is {init}")  # C4

    def _verify_indices(self, indices: TensorType) -> None:
        if len(indices.get_shape()) != 1 or indices.element_type not in _INDEX_TYPES:
            raise VerifyException(f"indices must be a vector of i32 or i64, got {indices}")  # C1

    def _verify_rows(self, indices: TensorType, updates: TensorType, init: TensorType) -> None:
        if len(updates.get_shape()) != 2 or updates.get_shape()[0] != indices.get_shape()[0]:
            raise VerifyException(f"updates must be a matrix with a row per index of {indices}, got {updates}")  # C2
        if len(init.get_shape()) != 2 or init.get_shape()[1] != updates.get_shape()[1]:
            raise VerifyException(f"init must be a matrix with rows as long as those of {updates}, got {init}")  # C3
        if init.element_type != updates.element_type or isinstance(init.element_type, IndexType):
            raise VerifyException(f"init and updates must have one number type, got {init} and {updates}")  # C3


@irdl_op_definition
class CumsumOp(IRDLOperation):
    """Sums along the middle dimension of the elements up to each, or `reverse` of those from each on.

    Exists because each sum contains the one before: as a reduction, an element is read for every sum of it.
    Floats of 16 bits are summed in f32.

    ```mlir
    %r = linalg_ext.cumsum %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
    %s = linalg_ext.cumsum reverse %x : tensor<4x9x3xf32> -> tensor<4x9x3xf32>
    ```

    Constraints:
      (C1) src has three dimensions, of numbers.
      (C2) result has the type of src.
    """

    name = "linalg_ext.cumsum"

    src = operand_def(TensorType)
    reverse = opt_prop_def(UnitAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format: ClassVar = "(`reverse` $reverse^)? $src attr-dict `:` type($src) `->` type($result)"

    def __init__(self, src: SSAValue, reverse: bool = False) -> None:
        properties = {"reverse": UnitAttr()} if reverse else {}
        super().__init__(operands=(src,), result_types=(src.type,), properties=properties)

    def verify_(self) -> None:
        assert isinstance(self.src.type, TensorType)
        if len(self.src.type.get_shape()) != 3 or not isinstance(self.src.type.element_type, IntegerType | AnyFloat):
            raise VerifyException(f"what is summed must have three dimensions of numbers, got {self.src.type}")  # C1
        if self.result.type != self.src.type:
            raise VerifyException(f"the result is {self.result.type}, what is summed is {self.src.type}")  # C2


@irdl_op_definition
class AfterOp(IRDLOperation):
    """The tensor itself, which nothing that reads the result may use before the token is made.

    A view, as reshapes are: it stays in the host function and is no command. What is computed from it is not what is
    computed from the tensor, so recomputed values are neither merged with, nor made together with, the first ones.

    ```mlir
    %r = linalg_ext.after %x, %token : tensor<4x3xf32>, tensor<2xf32> -> tensor<4x3xf32>
    ```
    """

    name = "linalg_ext.after"

    src = operand_def(TensorType)
    token = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format: ClassVar = "$src `,` $token attr-dict `:` type($src) `,` type($token) `->` type($result)"

    def __init__(self, src: SSAValue, token: SSAValue) -> None:
        super().__init__(operands=(src, token), result_types=(src.type,))

    def verify_(self) -> None:
        if self.result.type != self.src.type:
            raise VerifyException(f"the result is {self.result.type}, the tensor is {self.src.type}")


LinalgExt = Dialect("linalg_ext", [ScatterAddOp, CumsumOp, AfterOp, *STARTS, CollectiveWaitOp], [])

__all__ = [
    "AfterOp",
    "AllGatherStartOp",
    "AllReduceStartOp",
    "BroadcastStartOp",
    "CollectiveStartOp",
    "CollectiveWaitOp",
    "CumsumOp",
    "LinalgExt",
    "ReduceScatterStartOp",
    "ReduceStartOp",
    "ScatterAddOp",
]
