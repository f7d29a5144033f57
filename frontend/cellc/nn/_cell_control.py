"""The part of `Cell` that changes how it runs: precision, recomputation, hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from cellc import dtype as dtypes
from cellc.nn._around import HookHandle, add_hook
from cellc.nn._cell_parts import CellPart

if TYPE_CHECKING:
    from cellc.nn._cell import Cell


class CellControl(CellPart):
    """Base of `Cell`."""

    def to_float(self, dst_type: Any) -> Self:
        """Makes this cell and all in it compute in a dtype: float inputs and parameters are cast where `construct` sees
        them. Parameters keep their dtype and storage, and so do running statistics; the result is of `dst_type`.

        Another call replaces the dtype. Returns the cell.

        Raises:
            ValueError: `dst_type` is not float16, bfloat16 or float32.
        """
        if dst_type not in (dtypes.float16, dtypes.bfloat16, dtypes.float32):
            raise ValueError(f"to_float takes float16, bfloat16 or float32, got {dst_type!r}")
        for _, cell in self.cells_and_names():
            cell._surround(dtype=dst_type)
        return self

    def recompute(self, **kwargs: Any) -> None:
        """Makes the backward pass compute the values inside the cell again instead of keeping them.

        Only the inputs of the cell stay in memory from the forward pass to the backward pass (activation
        checkpointing; Chen et al., Training Deep Nets with Sublinear Memory Cost). Results do not change, random
        numbers are the same ones. Inside a recomputed cell the cells below are part of it.

        Args:
            kwargs: `mp_comm_recompute`, `parallel_optimizer_comm_recompute` and `recompute_slice_activation`, bools,
                for communication, which there is none of here.

        Raises:
            RuntimeError: the cell, or one in it, is recomputed already.
            ValueError: an unknown argument.
            TypeError: an argument is not a bool.
        """
        for name, value in kwargs.items():
            if name not in ("mp_comm_recompute", "parallel_optimizer_comm_recompute", "recompute_slice_activation"):
                raise ValueError(f"recompute has no argument {name!r}")
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be a bool, got {value!r}")
        if any(cell._around.recompute for _, cell in self.cells_and_names()):
            raise RuntimeError("recompute is set once: this cell or one in it is recomputed already")
        self._surround(recompute=True)

    def register_forward_pre_hook(self, hook_fn: Callable[..., Any]) -> HookHandle:
        """Runs `hook_fn(cell_id, inputs)` before `construct`; what it returns, unless None, replaces the inputs.

        The function runs where `construct` does: in PYNATIVE mode at every call, where it may look at values; in graph
        mode when the program is made, which the operations in it become part of (asking for a value is an error
        there). `cell_id` is `Dense(<id>)`, `inputs` the tuple of the inputs.

        Returns:
            A handle with `remove()`.

        Raises:
            TypeError: `hook_fn` is not a Python function.
        """
        return add_hook(cast("Cell", self), "pre_hooks", hook_fn, "register_forward_pre_hook")

    def register_forward_hook(self, hook_fn: Callable[..., Any]) -> HookHandle:
        """Runs `hook_fn(cell_id, inputs, output)` after `construct`; what it returns, unless None, replaces the output.

        Where it runs, what is returned and raised: as `register_forward_pre_hook`.
        """
        return add_hook(cast("Cell", self), "forward_hooks", hook_fn, "register_forward_hook")

    def register_backward_hook(self, hook_fn: Callable[..., Any]) -> HookHandle:
        """Runs `hook_fn(cell_id, grad_input, grad_output)` where a gradient has come through the cell.

        `grad_input` is the tuple of the gradients of the cell's float outputs, `grad_output` that of its float inputs;
        what the function returns (a Tensor or tuple), unless None, replaces the latter. The gradients of parameters
        inside are not touched. Where it runs, what is returned and raised: as `register_forward_pre_hook`.
        """
        return add_hook(cast("Cell", self), "backward_hooks", hook_fn, "register_backward_hook")
