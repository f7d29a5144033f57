"""Gradients of functions and Cells: `GradOperation`, `grad`, `value_and_grad`.

All of them run the function on tracers and record one `nn.gradient`; the pass `differentiate` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cellc import arithmetic, context, errors
from cellc import trace as tracing
from cellc.compiled_function import CompiledFunction
from cellc.parameter import Parameter
from cellc.structure import flatten, unflatten
from cellc.tensor import Tensor


class _Differentiated(NamedTuple):
    result: Any
    inputs: tuple[Any, ...]
    weights: tuple[Tensor, ...]


def _differentiate(
    function: Callable[..., Any],
    args: Sequence[Any],
    positions: Sequence[int],
    weights: Sequence[Parameter],
    seed: Any = None,
    has_aux: bool = False,
    whole: bool = False,
) -> _Differentiated:
    """Runs `function(*args)` and the gradients of its outputs, weighted by `seed` (ones by default).

    With `whole` the gradients of all inputs are asked for, and those that are no floats have zeros.
    """
    for position in positions:
        if not 0 <= position < len(args):
            raise errors.bad_argument(ValueError, f"grad_position {position} of a function called with {len(args)}")
        if not (whole or _may_have_gradient(args[position])):
            raise errors.bad_argument(
                TypeError,
                f"no gradient with respect to input {position}, which holds {args[position].dtype}: "
                "only floats have one",
                "differentiate another input (grad_position), or cast it: input.astype(cellc.float32)",
            )
    fresh = [independent(value) if index in positions else _cut(value) for index, value in enumerate(args)]
    before = [tracing.snapshot(weight) for weight in weights]
    result = function(*fresh)
    outputs = _float_tensors(result[0] if has_aux else result)
    seeds = [arithmetic.full(y.shape, 1, y.dtype) for y in outputs] if seed is None else _float_tensors(seed)
    if len(seeds) != len(outputs):
        raise errors.bad_argument(ValueError, f"{len(outputs)} output(s) of the function, {len(seeds)} sens value(s)")
    targets = [*(new for old, new in zip(args, fresh, strict=True) if new is not old), *before]
    targets = _float_tensors(targets)
    gradients = _summed_gradients(outputs, seeds, targets)
    by_id = {id(target): gradient for target, gradient in zip(targets, gradients, strict=True)}
    return _Differentiated(
        result,
        tuple(_gradient_of(fresh[i], by_id) for i in positions),
        tuple(gradients[len(gradients) - len(before) :]) if before else (),
    )


def _may_have_gradient(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.dtype.is_float


def _tensors(value: Any) -> list[Any]:
    leaves: list[Any] = []
    flatten(value, leaves)
    return leaves


def _float_tensors(value: Any) -> list[Any]:
    return [leaf for leaf in _tensors(value) if leaf.dtype.is_float]


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """`value` with `function` applied to the tensors in it."""
    leaves: list[Any] = []
    structure = flatten(value, leaves)
    return unflatten(structure, iter([function(leaf) for leaf in leaves])) if leaves else value


def independent(value: Any) -> Any:
    """A copy of an input: f(x, x) has two gradients."""
    return _each(lambda tensor: tracing.apply("identity", tensor), value)


def _cut(value: Any) -> Any:
    """An input nobody asks about; where it was computed, a copy that keeps the weights it came from out."""

    def cut(tensor: Any) -> Any:
        computed = tracing.current().value_of(tensor).node is not None
        return independent(tensor) if computed or tensor.is_parameter else tensor

    return _each(cut, value)


def _gradient_of(value: Any, by_id: dict[int, Tensor]) -> Any:
    """The gradients of the tensors of an input, in its structure; those that are no floats have zeros."""
    if not _tensors(value):
        raise errors.bad_argument(TypeError, f"no gradient with respect to {value!r}: there is no tensor in it")
    return _each(lambda x: by_id[id(x)] if id(x) in by_id else arithmetic.full(x.shape, 0, x.dtype), value)


def _summed_gradients(outputs: Sequence[Tensor], seeds: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Tensor]:
    if not targets:
        return []
    if not outputs:
        raise errors.bad_argument(TypeError, "no gradient: the function returns no float tensor")
    for y, seed in zip(outputs, seeds, strict=True):
        if arithmetic.broadcast_shape(seed.shape, y.shape) != y.shape:
            raise errors.bad_argument(
                ValueError, f"the weights of an output (sens, v) must have its shape {y.shape}, but got {seed.shape}"
            )
    weights = [arithmetic.cast(seed, y.dtype).broadcast_to(y.shape) for y, seed in zip(outputs, seeds, strict=True)]
    return list(tracing.gradient_of_sum(outputs, weights, targets))


def value_and_vjp(function: Callable[..., Any], args: Sequence[Any], v: Any) -> tuple[Any, tuple[Tensor, ...]]:
    """`function(*args)` and, for each of `args`, `v` times the Jacobian with respect to it.

    Raises:
        ValueError: `v` does not have the shapes of the function's float outputs.
    """
    found = _differentiate(function, args, tuple(range(len(args))), (), v, whole=True)
    shapes, wanted = ([y.shape for y in _float_tensors(value)] for value in (v, found.result))
    if shapes != wanted:
        raise errors.bad_argument(ValueError, f"v must have the shapes {wanted} of the outputs, but got {shapes}")
    return found.result, found.inputs


def compiled(python: Callable[..., Any]) -> Callable[..., Any]:
    """`python`, compiled in graph mode; in PYNATIVE mode calls record like any other operation."""
    function = CompiledFunction(python)

    def call(*args: Any) -> Any:
        __tracebackhide__ = True
        if context.get_context("mode") != context.PYNATIVE_MODE:
            return function(*args)
        with tracing.current().keeping():
            return python(*args)

    return call


def _checked_weights(weights: Any) -> tuple[Parameter, ...]:
    weights = (weights,) if isinstance(weights, Parameter) else tuple(weights)
    for weight in weights:
        if not isinstance(weight, Parameter):
            raise TypeError(f"weights must be Parameters, got {weight!r} of type {type(weight).__name__}")
    return weights


class GradOperation:
    """A function that makes gradient functions.

    Args:
        get_all: the gradient of every input, in a tuple, without inputs in which there is no tensor; otherwise of
            the first, bare.
        get_by_list: the gradients of `weights`, in a tuple; with `get_all` both, as (inputs, weights).
        sens_param: the last argument of the gradient function weights the output; otherwise ones do.

    Raises:
        TypeError: an argument is not a bool.

    Examples:
        >>> GradOperation(get_by_list=True)(net, net.trainable_params())(x)
    """

    def __init__(self, get_all: bool = False, get_by_list: bool = False, sens_param: bool = False) -> None:
        for name, value in (("get_all", get_all), ("get_by_list", get_by_list), ("sens_param", sens_param)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be a bool, got {value!r} of type {type(value).__name__}")
        self.get_all, self.get_by_list, self.sens_param = get_all, get_by_list, sens_param
        self._made: dict[tuple[int, ...], tuple[Any, Callable[..., Any]]] = {}

    def __call__(self, fn: Callable[..., Any], weights: Any = None) -> Callable[..., Any]:
        """The gradient function of `fn`; `weights` defaults to the trainable parameters of a Cell."""
        if weights is None and self.get_by_list:
            if not hasattr(fn, "trainable_params"):
                raise TypeError("get_by_list=True needs weights, unless the function is a Cell")
            weights = fn.trainable_params()
        chosen = _checked_weights(weights) if self.get_by_list else ()
        key = (id(fn), *map(id, chosen))
        if key not in self._made:
            self._made[key] = ((fn, chosen), compiled(lambda *args: self._gradients(fn, chosen, args)))
        return self._made[key][1]

    def _gradients(self, fn: Callable[..., Any], weights: Sequence[Parameter], args: tuple[Any, ...]) -> Any:
        __tracebackhide__ = True
        return self.value_and_gradients(fn, weights, args)[1]

    def value_and_gradients(
        self, fn: Callable[..., Any], weights: Sequence[Parameter], args: tuple[Any, ...]
    ) -> tuple[Any, Any]:
        """What `fn` returns and its gradients, from one run of it; for use in `construct`."""
        __tracebackhide__ = True
        args, seed = (args[:-1], args[-1]) if self.sens_param else (args, None)
        only_weights = self.get_by_list and not self.get_all
        of_tensors = [at for at, value in enumerate(args) if _tensors(value)]
        positions = () if only_weights else of_tensors if self.get_all else (0,)
        found = _differentiate(fn, args, tuple(positions), weights, seed, whole=self.get_all)
        if only_weights:
            return found.result, found.weights
        inputs = found.inputs if self.get_all else found.inputs[0]
        return found.result, (inputs, found.weights) if self.get_by_list else inputs


def _chosen(found: _Differentiated, grad_position: Any, weights: Any) -> Any:
    inputs: Any = found.inputs
    if isinstance(grad_position, int):
        inputs = found.inputs[0]
    of_weights: Any = found.weights[0] if isinstance(weights, Parameter) else found.weights
    if weights is None:
        return inputs
    return of_weights if grad_position is None else (inputs, of_weights)


def _positions(grad_position: Any) -> tuple[int, ...]:
    if grad_position is None:
        return ()
    return (grad_position,) if isinstance(grad_position, int) else tuple(grad_position)


def value_and_grad(
    fn: Callable[..., Any], grad_position: Any = 0, weights: Any = None, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns `fn`'s value and its gradients.

    Args:
        fn: function or Cell.
        grad_position: number of an input (bare gradient), a tuple of numbers (tuple), or None.
        weights: parameters whose gradients are wanted too.
        has_aux: only the first output of `fn` is differentiated; the others are passed on.

    Returns:
        `(value, gradients)`; with inputs and weights, gradients are `(inputs, weights)`.

    Raises:
        ValueError: neither `grad_position` nor `weights` is given.
    """
    if grad_position is None and weights is None:
        raise ValueError("value_and_grad needs grad_position or weights")
    positions, chosen = _positions(grad_position), () if weights is None else _checked_weights(weights)

    def call(*args: Any) -> Any:
        __tracebackhide__ = True
        found = _differentiate(fn, args, positions, chosen, has_aux=has_aux)
        return found.result, _chosen(found, grad_position, weights)

    return compiled(call)


def grad(
    fn: Callable[..., Any],
    grad_position: Any = 0,
    weights: Any = None,
    has_aux: bool = False,
    sens_param: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradients of `fn` (see `value_and_grad`).

    Args:
        fn, grad_position, weights, has_aux: as for `value_and_grad`; with `has_aux`, the result is the gradients and a
            tuple of the other outputs.
        sens_param: the last argument weights the output.
    """
    positions, chosen = _positions(grad_position), () if weights is None else _checked_weights(weights)

    def call(*args: Any) -> Any:
        __tracebackhide__ = True
        args, seed = (args[:-1], args[-1]) if sens_param else (args, None)
        found = _differentiate(fn, args, positions, chosen, seed, has_aux)
        gradients = _chosen(found, grad_position, weights)
        return (gradients, tuple(found.result[1:])) if has_aux else gradients

    return compiled(call)
