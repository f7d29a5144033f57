"""Embedding with MindSpore's options for large tables, and the merging of features by field."""

from __future__ import annotations

from typing import Any, ClassVar

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.trace import apply


class EmbeddingLookup(Cell):
    """One row of a table for each index, cut to a greatest norm on request.

    Each process of cellc holds the whole table, on one device, so that `target`, `slice_mode` and `manual_shapes` are
    checked and change nothing. With `sparse` LazyAdam, FTRL and ProximalAdagrad update the rows that a step looked up
    alone (see `nn.LazyAdam`).

    Args:
        vocab_size: V, rows of the table.
        embedding_size: E, columns of the table.
        param_init: initial table of shape (V, E): a Tensor, an Initializer, its name or a number.
        target: "CPU" or "DEVICE".
        slice_mode: "batch_slice", "field_slice", "table_row_slice" or "table_column_slice".
        manual_shapes: a tuple of positive ints, needed by "field_slice".
        max_norm: a row of a greater Euclidean norm is scaled down to it; None to leave rows alone.
        sparse: must be True where `target` is "CPU".
        vocab_cache_size: must be 0: there is no parameter server.

    Parameters:
        embedding_table: (V, E).

    Inputs:
        indices: an integer Tensor of any shape. An index outside [0, V) gives zeros.

    Outputs:
        A Tensor of shape (*indices.shape, E) and the dtype of the table.

    Raises:
        TypeError: `vocab_size`, `embedding_size` or `vocab_cache_size` is not an int, `sparse` is not a bool,
            `manual_shapes` is not a tuple, `max_norm` is not a float, or the indices are not integers.
        ValueError: a size is below 1, `vocab_cache_size` is not 0, `target` or `slice_mode` is unknown, `sparse` is
            False with "CPU", `manual_shapes` is missing, or `max_norm` is not above 0.

    Examples:
        >>> nn.EmbeddingLookup(4, 2)(Tensor([[1, 0], [3, 2]], cellc.int32)).shape
        (2, 2, 2)
    """

    BATCH_SLICE: ClassVar = "batch_slice"
    FIELD_SLICE: ClassVar = "field_slice"
    TABLE_ROW_SLICE: ClassVar = "table_row_slice"
    TABLE_COLUMN_SLICE: ClassVar = "table_column_slice"

    embedding_table: Parameter

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        param_init: Any = "normal",
        target: str = "CPU",
        slice_mode: str = "batch_slice",
        manual_shapes: tuple[int, ...] | None = None,
        max_norm: float | None = None,
        sparse: bool = True,
        vocab_cache_size: int = 0,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.sparse = _validate.boolean("sparse", sparse, owner)
        self.vocab_size = _validate.positive_int("vocab_size", vocab_size, owner)
        self.embedding_size = _validate.positive_int("embedding_size", embedding_size, owner)
        self.vocab_cache_size = _validate.int_in("vocab_cache_size", vocab_cache_size, 0, 0, owner)
        self.target = _validate.one_of("target", target, ("CPU", "DEVICE"), owner)
        if target == "CPU" and not sparse:
            raise bad_argument(ValueError, f"For '{owner}', 'sparse' must be True when 'target' is 'CPU'.")
        modes = (self.BATCH_SLICE, self.FIELD_SLICE, self.TABLE_ROW_SLICE, self.TABLE_COLUMN_SLICE)
        _validate.one_of("slice_mode", slice_mode, modes, owner)
        if slice_mode == self.FIELD_SLICE:
            _check_manual_shapes(manual_shapes, owner)
        self.max_norm = None if max_norm is None else _validate.positive_float("max_norm", max_norm, owner)
        self.embedding_table = Parameter(
            initializer(param_init, [vocab_size, embedding_size]), name="embedding_table"
        )  # fmt: skip

    def construct(self, indices: Tensor) -> Tensor:
        rows = (ops.SparseGatherV2() if self.sparse else ops.Gather())(self.embedding_table, indices, 0)
        return rows if self.max_norm is None else _with_norm_at_most(rows, self.max_norm)


def _check_manual_shapes(shapes: Any, owner: str) -> None:
    if shapes is None:
        raise bad_argument(
            ValueError,
            f"For '{owner}', 'manual_shapes' must be given when 'slice_mode' is 'field_slice', but got None.",
        )
    for extent in _validate.of_type("manual_shapes", shapes, tuple, owner):
        _validate.positive_int("manual_shapes", extent, owner)


def _with_norm_at_most(rows: Tensor, norm: float) -> Tensor:
    """rows norm / max(|rows|, norm) along the last axis; the root is of a maximum, so that its slope is finite."""
    wide = rows.astype(dtypes.float64 if rows.dtype is dtypes.float64 else dtypes.float32)
    squares = ops.reduce_sum(ops.square(wide), -1, keep_dims=True)
    scale = ops.div(norm, ops.sqrt(ops.maximum(squares, norm * norm)))
    return ops.mul(wide, scale).astype(rows.dtype)


class MultiFieldEmbeddingLookup(EmbeddingLookup):
    """Rows of a table, weighted and merged into one row for each field of each example.

    With e[b, l] = table[indices[b, l]] * values[b, l], field f of example b is, over the l with fields[b, l] = f,

        SUM: the sum of e;  MEAN: that sum / the sum of |values|;  MAX: the greatest e of those with values != 0

    and zeros where these values are all 0. So a value of 0 makes a padding index count for nothing.

    Args:
        vocab_size, embedding_size, param_init, target, slice_mode, max_norm, sparse: as for EmbeddingLookup.
        field_size: F, number of fields.
        feature_num_list: a tuple of positive ints, needed by the slice mode "field_slice"; changes nothing.
        operator: "SUM", "MEAN" or "MAX".

    Parameters:
        embedding_table: (V, E).

    Inputs:
        input_indices: int32 or int64 (B, L). An index outside [0, V) gives zeros.
        input_values: floats (B, L) in the dtype of the table.
        field_ids: int32 (B, L). What is outside [0, F) belongs to no field.

    Outputs:
        A Tensor of shape (B, F, E) and the dtype of the table.

    Raises:
        TypeError: as EmbeddingLookup, `field_size` is not an int, or an input has another dtype than said above.
        ValueError: as EmbeddingLookup, `field_size` is below 1, `operator` is unknown, or an input does not have shape
            (B, L).

    Examples:
        >>> indices = Tensor([[2, 4, 6, 0, 0], [1, 3, 5, 0, 0]], cellc.int32)
        >>> values = Tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]], cellc.float32)
        >>> fields = Tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0]], cellc.int32)
        >>> nn.MultiFieldEmbeddingLookup(10, 2, field_size=2)(indices, values, fields).shape
        (2, 2, 2)
    """

    OPERATOR_SUM: ClassVar = "SUM"
    OPERATOR_MEAN: ClassVar = "MEAN"
    OPERATOR_MAX: ClassVar = "MAX"

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        field_size: int,
        param_init: Any = "normal",
        target: str = "CPU",
        slice_mode: str = "batch_slice",
        feature_num_list: tuple[int, ...] | None = None,
        max_norm: float | None = None,
        sparse: bool = True,
        operator: str = "SUM",
    ) -> None:
        super().__init__(vocab_size, embedding_size, param_init, target, slice_mode, feature_num_list, max_norm, sparse)
        self.field_size = _validate.positive_int("field_size", field_size, self.cls_name)
        operators = (self.OPERATOR_SUM, self.OPERATOR_MAX, self.OPERATOR_MEAN)
        self.operator = _validate.one_of("operator", operator, operators, self.cls_name)

    def construct(self, input_indices: Tensor, input_values: Tensor, field_ids: Tensor) -> Tensor:
        self._check_inputs(input_indices, input_values, field_ids)
        rows = super().construct(input_indices)
        weighted = ops.mul(rows, ops.expand_dims(input_values, 2))
        if self.operator == self.OPERATOR_MAX:
            return self._greatest(weighted, ops.not_equal(input_values, 0.0), field_ids)
        merged = self._sums(weighted, field_ids)
        if self.operator == self.OPERATOR_SUM:
            return merged
        weights = ops.broadcast_to(ops.expand_dims(ops.abs(input_values), 2), rows.shape)
        count = self._sums(weights, field_ids)
        filled = ops.greater(count, 0.0)
        return ops.select(filled, ops.div(merged, ops.select(filled, count, 1.0)), 0.0)

    def _check_inputs(self, indices: Tensor, values: Tensor, fields: Tensor) -> None:
        owner = self.cls_name
        inputs = {"input_indices": indices, "input_values": values, "field_ids": fields}
        for name, tensor in inputs.items():
            if tensor.ndim != 2 or tensor.shape != indices.shape:
                raise bad_argument(
                    ValueError,
                    f"For '{owner}', '{name}' must have the shape (B, L) of 'input_indices', but got shapes "
                    f"{tensor.shape} and {indices.shape}.",
                )
        if indices.dtype not in (dtypes.int32, dtypes.int64) or fields.dtype is not dtypes.int32:
            raise bad_argument(
                TypeError,
                f"For '{owner}', 'input_indices' must be Int32 or Int64 and 'field_ids' Int32, but got "
                f"{indices.dtype} and {fields.dtype}.",
            )
        _validate.float_tensor("input_values", values, owner)
        _validate.one_dtype(owner, input_values=values, embedding_table=self.embedding_table)

    def _sums(self, x: Tensor, fields: Tensor) -> Tensor:
        """x (B, L, D) added up by field: (B, F, D). A row without a field goes to -1, which is written nowhere."""
        batch, length, extent = x.shape
        first = ops.mul(ops.reshape(ops.arange(batch), (batch, 1)), self.field_size).astype(dtypes.int32)
        known = ops.logical_and(ops.greater_equal(fields, 0), ops.less(fields, self.field_size))
        rows = ops.select(known, ops.add(fields, first), -1)
        sums = apply(
            "scatter_add",
            ops.reshape(rows, (batch * length,)),
            ops.reshape(x, (batch * length, extent)),
            rows=batch * self.field_size,
        )
        return ops.reshape(sums, (batch, self.field_size, extent))

    def _greatest(self, x: Tensor, counts: Tensor, fields: Tensor) -> Tensor:
        """The greatest of x (B, L, E) by field, (B, F, E), of those that count."""
        numbers = ops.reshape(ops.arange(self.field_size).astype(dtypes.int32), (1, 1, self.field_size))
        here = ops.equal(ops.expand_dims(fields, 2), numbers)
        member = ops.logical_and(here, ops.expand_dims(counts, 2))
        lowest = ops.select(ops.expand_dims(member, 3), ops.expand_dims(x, 2), float("-inf"))
        filled = ops.expand_dims(ops.reduce_any(member, 1), 2)
        return ops.select(filled, ops.reduce_max(lowest, 1), 0.0)
