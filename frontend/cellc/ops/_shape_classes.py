"""Class forms of ops that move, read or make elements, and of those with effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellc import dtype as dtypes
from cellc.arithmetic import as_tensor
from cellc.errors import bad_argument
from cellc.ops import _creation, _indexing, _shape, _state, _validate
from cellc.ops._primitive import Primitive, class_form
from cellc.tensor import Tensor

Reshape = class_form("Reshape", _shape.reshape)
Flatten = class_form("Flatten", _shape.flatten)
Transpose = class_form("Transpose", _shape.transpose)
ExpandDims = class_form("ExpandDims", _shape.expand_dims)
Slice = class_form("Slice", _shape.slice)
Tile = class_form("Tile", _shape.tile)
Gather = class_form("Gather", _indexing.gather)
Fill = class_form("Fill", _creation.fill)
Ones = class_form("Ones", _creation.ones)
Zeros = class_form("Zeros", _creation.zeros)
OnesLike = class_form("OnesLike", _creation.ones_like)
ZerosLike = class_form("ZerosLike", _creation.zeros_like)
Assign = class_form("Assign", _state.assign)
AssignAdd = class_form("AssignAdd", _state.assign_add)
AssignSub = class_form("AssignSub", _state.assign_sub)
Depend = class_form("Depend", _state.depend)
Identity = class_form("Identity", _state.identity)


class StridedSlice(Primitive):
    """`strided_slice` with exceptions: `StridedSlice(...)(input_x, begin, end, strides)`.

    Bit i of each mask says what entry i of `begin`, `end` and `strides` means.

    Args:
        begin_mask: from the first element on, whatever `begin` says.
        end_mask: up to the last element, whatever `end` says.
        ellipsis_mask: all axes that no other entry names, as `...` does.
        new_axis_mask: a new axis of extent 1.
        shrink_axis_mask: the element at `begin`, without the axis.

    Raises:
        TypeError: a mask is not an int.
        ValueError: a mask is negative, or `ellipsis_mask` has several bits; in a call, lengths differ.

    Examples:
        >>> ops.StridedSlice(end_mask=1, shrink_axis_mask=2)(Tensor([[1, 2], [3, 4]]), (0, 1), (0, 0), (1, 1)).asnumpy()
        array([2, 4])
    """

    def __init__(
        self,
        begin_mask: int = 0,
        end_mask: int = 0,
        ellipsis_mask: int = 0,
        new_axis_mask: int = 0,
        shrink_axis_mask: int = 0,
    ) -> None:
        self.begin_mask = _validate.non_negative_int("begin_mask", begin_mask, self.name)
        self.end_mask = _validate.non_negative_int("end_mask", end_mask, self.name)
        self.ellipsis_mask = _validate.non_negative_int("ellipsis_mask", ellipsis_mask, self.name)
        self.new_axis_mask = _validate.non_negative_int("new_axis_mask", new_axis_mask, self.name)
        self.shrink_axis_mask = _validate.non_negative_int("shrink_axis_mask", shrink_axis_mask, self.name)
        if ellipsis_mask.bit_count() > 1:
            message = f"For '{self.name}', 'ellipsis_mask' must have at most one bit, but got {ellipsis_mask}."
            raise bad_argument(ValueError, message)

    def __call__(self, input_x: Tensor, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> Tensor:
        """The elements that the entries name."""
        if not any(vars(self).values()):
            return _shape.strided_slice(input_x, begin, end, strides)
        _shape.check_bounds(begin, end, strides)
        return as_tensor(input_x)[tuple(map(self._entry, range(len(begin)), begin, end, strides))]

    def _entry(self, at: int, begin: int, end: int, stride: int) -> Any:
        """What Python's index has for an entry; the first of these masks decides, as in MindSpore."""
        bit = 1 << at
        if bit & self.ellipsis_mask:
            return ...
        if bit & self.new_axis_mask:
            return None
        if bit & self.shrink_axis_mask:
            return begin
        return slice(None if bit & self.begin_mask else begin, None if bit & self.end_mask else end, stride)


class SparseGatherV2(Primitive):
    """`Gather`; along axis 0 its gradient has rows, see `nn.LazyAdam`: `SparseGatherV2()(params, indices, 0)`."""

    def __call__(self, input_params: Tensor, input_indices: Tensor, axis: int = 0) -> Tensor:
        """The slices of `input_params` that `input_indices` names; an index outside reads zeros."""
        return _indexing.sparse_gather(input_params, input_indices, axis)


class EmbeddingLookup(Primitive):
    """`SparseGatherV2` of the indices less an offset: `EmbeddingLookup()(params, indices, offset)`."""

    def __call__(self, input_params: Tensor, input_indices: Tensor, offset: int = 0) -> Tensor:
        """The rows of `input_params` that `input_indices - offset` names; an index outside reads zeros."""
        return _indexing.embedding_lookup(input_params, input_indices, offset)


class _Axis(Primitive):
    """A class form with one argument, `axis`."""

    def __init__(self, axis: int = 0) -> None:
        self.axis = _validate.integer("axis", axis, self.name)


class Concat(_Axis):
    """Class form of `concat`: `Concat(axis)(tensors)`."""

    def __call__(self, input_x: Sequence[Tensor]) -> Tensor:
        """The tensors joined along the axis."""
        return _shape.concat(input_x, self.axis)


class Stack(_Axis):
    """Class form of `stack`: `Stack(axis)(tensors)`."""

    def __call__(self, input_x: Sequence[Tensor]) -> Tensor:
        """The tensors joined along a new axis."""
        return _shape.stack(input_x, self.axis)


class Unstack(_Axis):
    """Class form of `unstack`: `Unstack(axis)(x)`."""

    def __call__(self, input_x: Tensor) -> tuple[Tensor, ...]:
        """The slices along the axis."""
        return _shape.unstack(input_x, self.axis)


class Split(Primitive):
    """Class form of `split`: `Split(axis, output_num)(x)`."""

    def __init__(self, axis: int = 0, output_num: int = 1) -> None:
        self.axis = _validate.integer("axis", axis, self.name)
        self.output_num = _validate.positive_int("output_num", output_num, self.name)

    def __call__(self, input_x: Tensor) -> tuple[Tensor, ...]:
        """The equal parts along the axis."""
        return _shape.split(input_x, self.axis, self.output_num)


class Squeeze(Primitive):
    """Class form of `squeeze`: `Squeeze(axis)(x)`."""

    def __init__(self, axis: int | tuple[int, ...] = ()) -> None:
        self.axis = _validate.of_type("axis", axis, (int, tuple), self.name)

    def __call__(self, input_x: Tensor) -> Tensor:
        """The tensor without the axes."""
        return _shape.squeeze(input_x, self.axis)


class BroadcastTo(Primitive):
    """Class form of `broadcast_to`: `BroadcastTo(shape)(x)`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = _validate.of_type("shape", shape, tuple, self.name)

    def __call__(self, x: Tensor) -> Tensor:
        """The tensor repeated to the shape."""
        return _shape.broadcast_to(x, self.shape)


class Pad(Primitive):
    """Class form of `pad`: `Pad(paddings)(x)`."""

    def __init__(self, paddings: tuple[tuple[int, int], ...]) -> None:
        self.paddings = _validate.of_type("paddings", paddings, tuple, self.name)

    def __call__(self, input_x: Tensor) -> Tensor:
        """The tensor with zeros around it."""
        return _shape.pad(input_x, self.paddings)


class ReverseV2(Primitive):
    """Class form of `reverse`: `ReverseV2(axis)(x)`."""

    def __init__(self, axis: int | tuple[int, ...] | list[int]) -> None:
        self.axis = _validate.of_type("axis", axis, (int, tuple, list), self.name)

    def __call__(self, input_x: Tensor) -> Tensor:
        """The tensor with the axes turned round."""
        return _shape.reverse(input_x, self.axis)


class ReverseSequence(Primitive):
    """Class form of `reverse_sequence`: `ReverseSequence(seq_dim, batch_dim)(x, seq_lengths)`."""

    def __init__(self, seq_dim: int, batch_dim: int = 0) -> None:
        self.seq_dim = _validate.integer("seq_dim", seq_dim, self.name)
        self.batch_dim = _validate.integer("batch_dim", batch_dim, self.name)

    def __call__(self, x: Tensor, seq_lengths: Tensor) -> Tensor:
        """The tensor with the head of each sequence turned round."""
        return _shape.reverse_sequence(x, seq_lengths, self.seq_dim, self.batch_dim)


class OneHot(Primitive):
    """Class form of `one_hot`: `OneHot(axis)(indices, depth, on_value, off_value)`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = _validate.integer("axis", axis, self.name)

    def __call__(self, indices: Tensor, depth: int, on_value: Tensor, off_value: Tensor) -> Tensor:
        """The indices as one-hot slices along the axis."""
        return _indexing.one_hot(indices, depth, on_value, off_value, self.axis)


class Shape(Primitive):
    """The shape of a tensor, a tuple of ints."""

    def __call__(self, input_x: Tensor) -> tuple[int, ...]:
        """The extents."""
        return input_x.shape


class Rank(Primitive):
    """The number of axes of a tensor, an int."""

    def __call__(self, input_x: Tensor) -> int:
        """The number of axes."""
        return input_x.ndim


class Size(Primitive):
    """The number of elements of a tensor, an int."""

    def __call__(self, input_x: Tensor) -> int:
        """The number of elements."""
        return input_x.size


class DType(Primitive):
    """The element type of a tensor, a `cellc.dtype.DType`."""

    def __call__(self, input_x: Tensor) -> dtypes.DType:
        """The element type."""
        return input_x.dtype


shape, rank, size, dtype = Shape(), Rank(), Size(), DType()
