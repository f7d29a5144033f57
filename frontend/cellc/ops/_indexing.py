"""Ops that read by index."""

from __future__ import annotations

from cellc import arithmetic, lookups
from cellc.arithmetic import as_tensor
from cellc.dtype import int32
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.tensor import Tensor
from cellc.trace import apply


def gather(input_params: Operand, input_indices: Operand, axis: int = 0) -> Tensor:
    """The slices of `input_params` along `axis` that `input_indices` names; an index outside the axis reads zeros.

    For `input_params` of shape (a..., axis, b...) and `input_indices` of shape (i...) the result is (a..., i..., b...).

    Raises:
        TypeError: `input_indices` does not hold integers.
    """
    table, indices = as_tensor(input_params), as_tensor(input_indices)
    if not indices.dtype.is_integer:
        raise bad_argument(TypeError, f"For 'gather', 'input_indices' must hold integers, but got {indices.dtype}.")
    return table.take(indices, axis)


def sparse_gather(input_params: Operand, input_indices: Operand, axis: int = 0) -> Tensor:
    """`gather`; along axis 0, optimizers may update the rows that it read alone.

    LazyAdam, FTRL and ProximalAdagrad do, where a step reads a Parameter in no other way and is one program.

    Raises:
        TypeError: `input_indices` does not hold integers.
    """
    table, indices = as_tensor(input_params), as_tensor(input_indices)
    if not indices.dtype.is_integer:
        message = f"For 'SparseGatherV2', 'input_indices' must hold integers, but got {indices.dtype}."
        raise bad_argument(TypeError, message)
    if table.ndim == 0 or axis not in (0, -table.ndim):
        return table.take(indices, axis)
    return lookups.lookup(table, indices)


def embedding_lookup(input_params: Operand, input_indices: Operand, offset: int = 0) -> Tensor:
    """The rows of `input_params` that `input_indices - offset` names, as `sparse_gather` reads them.

    Raises:
        TypeError: `input_indices` does not hold integers, or `offset` is not an int.
    """
    indices = as_tensor(input_indices)
    first = _validate.integer("offset", offset, "EmbeddingLookup")
    if first and indices.dtype.is_integer:
        indices = arithmetic.binary("sub", indices, first)
    return sparse_gather(input_params, indices)


def one_hot(indices: Operand, depth: int, on_value: Operand = 1.0, off_value: Operand = 0.0, axis: int = -1) -> Tensor:
    """`on_value` at the index along a new `axis` of extent `depth`, `off_value` elsewhere.

    An index outside [0, depth) makes a slice of `off_value`.

    Raises:
        TypeError: `indices` does not hold integers.
    """
    tensor = as_tensor(indices)
    if not tensor.dtype.is_integer:
        raise bad_argument(TypeError, f"For 'one_hot', 'indices' must hold integers, but got {tensor.dtype}.")
    hot = one_hot_mask(tensor, _validate.positive_int("depth", depth, "one_hot"), axis)
    return arithmetic.where(hot, as_tensor(on_value), as_tensor(off_value))


def one_hot_mask(indices: Tensor, depth: int, axis: int = -1) -> Tensor:
    """Whether the index along a new `axis` of extent `depth` is the one that `indices` names."""
    at = _validate.axis_in("axis", axis, indices.ndim + 1, "one_hot")
    expanded = indices.expand_dims(at)
    shape = (*indices.shape[:at], depth, *indices.shape[at:])
    return arithmetic.compare("eq", apply("iota", shape=shape, dtype=indices.dtype.code, axis=at), expanded)


def range_tensor(extent: int, dtype: str = int32.code) -> Tensor:
    """0, 1, ... extent - 1."""
    return apply("iota", shape=(extent,), dtype=dtype, axis=0)
