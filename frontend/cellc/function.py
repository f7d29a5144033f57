"""A Python function that is compiled per kind of arguments: what a Cell call, `ms_function` and gradients share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from cellc import context, errors, recompile, tracebacks
from cellc.compiled import Compiled
from cellc.dialects.nn.definition import TensorType
from cellc.graph import Graph
from cellc.passes.garbage import collection_paused
from cellc.passes.stage_times import stage
from cellc.running import inside
from cellc.structure import flatten, leaf_names, rebuilding, unflatten
from cellc.tensor_base import TensorBase
from cellc.trace import Trace, current, recording

KEPT_PROGRAMS = 8
"""Programs kept for one kind of arguments, for attributes that go back and forth between a few values."""

Signature = tuple[tuple[TensorType, ...], Any, tuple[Any, ...]]
"""The tensors' types, the structure of the arguments, and what else tells two structures apart."""


class Traced:
    """The outcome of running a function on tracers.

    Attributes:
        graph: what it computes; the first outputs are its results.
        structure: the Python value it returned, with leaves where the outputs go.
        reads: what it read of the cells (see `cellc.recompile`).
        epoch: the `context.epoch` when it had read that.
    """

    def __init__(self, graph: Graph, structure: Any, results: int, reads: recompile.Reads, epoch: int) -> None:
        self.graph = graph
        self.structure = structure
        self.results = results
        self.reads = reads
        self.epoch = epoch


class _Entry:
    """A compiled program and the conditions under which it may be used."""

    __slots__ = ("compiled", "epoch", "reads", "result_of", "types")

    def __init__(self, traced: Traced, types: tuple[TensorType, ...]) -> None:
        self.types = list(types)
        self.compiled = Compiled(traced.graph, traced.results)
        self.result_of = rebuilding(traced.structure)
        self.reads = traced.reads
        self.epoch = traced.epoch

    def is_current(self) -> bool:
        """Whether nothing that was read while tracing has changed since."""
        epoch = context.epoch  # before anything is looked at: what another thread changes then is seen next time
        if self.epoch == epoch:
            return not self.reads.contents_changed()
        if self.reads.changed() is not None or not self.compiled.refresh():
            return False
        self.epoch = epoch
        return True

    def run(self, tensors: Sequence[TensorBase]) -> Any:
        """The function's result."""
        return self.result_of(self.compiled.run(tensors))


class Function:
    """Compiles `python` at the first call for each kind of arguments, and runs the program from then on.

    Args:
        python: the function; its tensor arguments and results may be nested in tuples, lists and dicts.
        name: the path shown in messages, or a function that finds it.
        kind: the class name shown beside it.
        signature: the function whose parameters name the arguments, where `python` only passes them on.
    """

    def __init__(
        self,
        python: Callable[..., Any],
        name: Callable[[], str],
        kind: str,
        signature: Callable[..., Any] | None = None,
    ) -> None:
        self._python = python
        self._signature = signature or python
        self._name = name
        self._kind = kind
        self._entries: dict[Signature, list[_Entry]] = {}
        self._latest: Signature | None = None
        self._recent: _Entry | None = None  # what the last call ran, when it was called with bare tensors only

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function's result."""
        __tracebackhide__ = True
        recent = self._recent
        if recent is not None and not kwargs and recent.is_current() and _types(args) == recent.types:
            return recent.run(args)
        tensors: list[TensorBase] = []
        signature = _signature(args, kwargs, tensors)
        entry = self._find(signature) or self._compile(signature, args, kwargs)
        self._recent = entry if not kwargs and len(tensors) == len(args) == len(_types(args) or ()) else None
        return entry.run(tensors)

    def prepare(self, args: tuple[Any, ...]) -> None:
        """Compiles for such arguments, unless that is done."""
        __tracebackhide__ = True
        signature = _signature(args, {}, [])
        if self._find(signature) is None:
            self._compile(signature, args, {})

    def _find(self, signature: Signature) -> _Entry | None:
        try:
            entries = self._entries.get(signature, ())
        except TypeError:
            raise _not_a_constant(signature[1]) from None
        for entry in entries:
            if entry.is_current():
                return entry
        return None

    def _compile(self, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Entry:
        __tracebackhide__ = True
        entries = self._entries.get(signature)
        if self._latest is not None and context.log_recompiles():
            names = _argument_names(self._signature, args, kwargs)
            changed = entries[-1].reads.changed() if entries else None
            recompile.explain(self._name(), changed or recompile.difference(self._latest, signature, names))
        try:
            with collection_paused():  # a graph is one large cycle too
                with stage("trace"):
                    traced = self._trace_of_one_moment(args, kwargs)
                entry = _Entry(traced, signature[0])
        except Exception as error:
            tracebacks.prune(error)
            raise
        if not entry.compiled.bound:  # another thread has given a parameter another shape meanwhile
            return self._compile(signature, args, kwargs)
        kept = self._entries.setdefault(signature, [])
        kept.append(entry)
        # An attribute that changes at every call would otherwise keep every program it ever had.
        del kept[:-KEPT_PROGRAMS]
        self._latest = signature
        return entry

    def _trace_of_one_moment(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
        """Traces again, be it after an error, while another thread gives parameters other shapes."""
        __tracebackhide__ = True
        while True:
            before = context.reshaped
            try:
                traced = self.trace(args, kwargs)
            except Exception:
                if not context.reshaped_since(before):
                    raise
            else:
                if not context.reshaped_since(before):
                    return traced

    def trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
        """Runs the function on tracers of the arguments' types."""
        __tracebackhide__ = True
        current().flush()
        name = self._name()
        trace = Trace(name)
        leaves: list[TensorBase] = []
        structure = flatten((args, kwargs), leaves)
        names = _argument_names(self._signature, args, kwargs)
        inputs = [trace.add_input(leaf._type, label) for leaf, label in zip(leaves, names, strict=True)]
        traced_args, traced_kwargs = unflatten(structure, iter(inputs))
        with recording(trace), recompile.watching(), inside(name, self._kind):
            result = self._python(*traced_args, **traced_kwargs)
            outputs: list[TensorBase] = []
            returned = flatten(result, outputs)
            _check_result(returned)
            graph = trace.finish([trace.value_of(output) for output in outputs])
        epoch = context.epoch
        return Traced(graph, returned, len(outputs), recompile.Reads(trace.reads), epoch)


def _signature(args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[TensorBase]) -> Signature:
    """What programs are kept by; appends the arguments' tensors to `tensors`."""
    kinds: list[Any] = [len(args) if kwargs else None]
    structure = flatten((args, kwargs) if kwargs else args, tensors, kinds)
    return tuple([tensor._type for tensor in tensors]), structure, tuple(kinds)


def _types(args: Sequence[Any]) -> list[TensorType] | None:
    """The arguments' types, or None when one is not a tensor."""
    try:
        return [arg._type for arg in args]
    except AttributeError:
        return None


def _argument_names(python: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for each tensor among the arguments, after the function's parameters."""
    try:
        parameters = [
            parameter.name
            for parameter in inspect.signature(python).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    parameters += [f"input{index}" for index in range(len(parameters), len(args))]
    names: list[str] = []
    for name, value in [*zip(parameters, args, strict=False), *kwargs.items()]:
        names.extend(leaf_names(name, flatten(value, [])))
    return names


def _not_a_constant(structure: Any) -> Exception:
    import numpy as np

    if any(isinstance(item, np.ndarray) for item in structure):
        return errors.bad_argument(TypeError, "a Cell takes Tensors, not NumPy arrays", "wrap it: cellc.Tensor(array)")
    return errors.bad_argument(TypeError, "arguments that are not tensors must be hashable, because they are constants")


def _check_result(structure: Any) -> None:
    if isinstance(structure, tuple):
        for item in structure:
            _check_result(item)
    elif type(structure).__module__ == "numpy":
        raise errors.bad_argument(
            TypeError, "construct returned a NumPy value, which would be the same at every call", "return a Tensor"
        )
