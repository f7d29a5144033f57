"""The calls of a training step that are one attention: forward, and the gradients of Q, K and V."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.generic_rewrites import erase
from cellc.passes.linalg_analysis import Reshape, bare_dims, input_maps, reduction_loops
from cellc.targets.cpu.kernel_variants import ProgramKernels, is_read_once, kind_of


@dataclass(frozen=True)
class RandomCall:
    """A call that makes numbers of places, and the perhaps reshaped value that chains read."""

    call: func.CallOp
    value: SSAValue


@dataclass(frozen=True)
class AttentionCalls:
    """`products` are the gradients, in the order of the program.

    `weights` is the result of `softmax` that the products read. With dropout of weights other results of it are what
    `dscores` and `dweights` read; the numbers may have a call of their own, `random`.
    """

    scores: func.CallOp
    softmax: func.CallOp
    mixed: func.CallOp
    dweights: func.CallOp
    dscores: func.CallOp
    products: tuple[func.CallOp, ...]
    weights: SSAValue
    random: RandomCall | None

    @property
    def forward(self) -> tuple[func.CallOp, ...]:
        """The calls that make the results."""
        return self.scores, self.softmax, self.mixed

    @property
    def backward(self) -> tuple[func.CallOp, ...]:
        """The calls that make the gradients, weights among them."""
        return self.scores, self.softmax, self.dweights, self.dscores, *self.products


def attention_calls_of(kernels: ProgramKernels, softmax: func.CallOp) -> AttentionCalls | None:
    """The calls around one of a chain of rows; None where they are not of this form, or read by others."""

    def made_by(call: func.CallOp, kind: str) -> func.CallOp | None:
        """The one call of a kernel of this kind whose result `call` alone reads."""
        owners = (value.owner for value in call.arguments)
        found = [o for o in owners if isinstance(o, func.CallOp) and kind_of(kernels.called(o)) == kind]
        alone = [o for o in found if len(o.results) == 1 and is_read_once(o.results[0])]
        return alone[0] if len(alone) == 1 else None

    readers = _readers(kernels, softmax)
    chains = readers.get("reduction", [])
    if len(chains) != 1 or not set(readers) <= {"reduction", "contraction"}:
        return None
    dscores = chains[0]
    scores, dweights = made_by(softmax, "contraction"), made_by(dscores, "contraction")
    if scores is None or dweights is None:
        return None
    every = [call for call in readers.get("contraction", ()) if call is not dweights]
    read = {value for call in every for value in call.arguments if value in softmax.results}
    further = _readers(kernels, dscores)
    if len(read) != 1 or list(further) != ["contraction"] or len(further["contraction"]) != 2:
        return None
    weights = read.pop()
    mixed = [call for call in every if _sums_over_keys(kernels, call, weights)]
    values = [call for call in every if call not in mixed]
    if len(mixed) != 1 or len(values) != 1 or len(dscores.results) != 1:
        return None
    every = (*values, *further["contraction"])
    products = [op for op in kernels.main.body.block.ops if isinstance(op, func.CallOp) and op in every]
    random = random_call_of(kernels, softmax, (softmax, dweights))
    found = AttentionCalls(scores, softmax, mixed[0], dweights, dscores, tuple(products), weights, random)
    return found if _can_stand_together(found) else None


def random_call_of(
    kernels: ProgramKernels, softmax: func.CallOp, readers: tuple[func.CallOp, ...]
) -> RandomCall | None:
    """A call of an elementwise kernel that reads nothing but random states, and whose result `readers` alone read."""
    for value in softmax.arguments:
        call = value.owner
        if isinstance(call, Reshape):
            call = call.src.owner if is_read_once(call.src) else None
        if not isinstance(call, func.CallOp) or kind_of(kernels.called(call)) != "elementwise":
            continue
        alone = {use.operation for use in value.uses} <= set(readers) and len(call.results) == 1
        if alone and all(_is_integers(v) for v in call.arguments):
            return RandomCall(call, value)
    return None


def erase_numbers(random: RandomCall | None) -> None:
    """Erases a call that nothing reads any more."""
    if random is None or random.value.uses:
        return
    if random.value.owner is not random.call:
        assert isinstance(random.value.owner, Operation)
        erase(random.value.owner)
    if not random.call.results[0].uses:
        erase(random.call)


def _is_integers(value: SSAValue) -> bool:
    return isinstance(value.type, TensorType) and isinstance(value.type.element_type, IntegerType)


def _readers(kernels: ProgramKernels, call: func.CallOp) -> dict[str, list[func.CallOp]]:
    """The calls that read a call's results by kind, each of which reads a result once; {} where others read them."""
    if kind_of(kernels.called(call)) != "reduction":
        return {}
    found = dict[str, list[func.CallOp]]()
    for result in call.results:
        uses = [use.operation for use in result.uses]
        if len(set(uses)) != len(uses):
            return {}
        for reader in uses:
            if not isinstance(reader, func.CallOp) or len(reader.results) != 1:
                return {}
            calls = found.setdefault(kind_of(kernels.called(reader)), [])
            calls += [] if reader in calls else [reader]
    return found


def _sums_over_keys(kernels: ProgramKernels, call: func.CallOp, weights: SSAValue) -> bool:
    """Whether a contraction sums over the last dimension of its operand `weights`."""
    kernel = kernels.called(call)
    argument = kernel.body.block.args[list(call.arguments).index(weights)]
    main = next(op for op in kernel.body.block.ops if isinstance(op, GenericOp))
    maps = [bare_dims(m) for v, m in zip(main.inputs, input_maps(main), strict=True) if v is argument]
    return bool(maps) and maps[0] is not None and maps[0][-1:] == reduction_loops(main)


def _can_stand_together(calls: AttentionCalls) -> bool:
    """Whether all that the gradients are made of is known where the first of them is made."""
    place = calls.products[0]
    made = {result for call in calls.backward for result in call.results} | {calls.mixed.results[0]}
    read = [*(v for call in calls.backward for v in call.arguments if v not in made), calls.mixed.results[0]]
    owners = (value.owner for value in read)
    return all(not isinstance(o, Operation) or o.is_before_in_block(place) for o in owners)
