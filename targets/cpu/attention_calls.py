"""The calls of a training step that are one attention: forward, and the gradients of Q, K and V."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.linalg_analysis import bare_dims, input_maps, reduction_loops
from cellc.targets.cpu.kernel_variants import ProgramKernels, is_read_once, kind_of


@dataclass(frozen=True)
class AttentionCalls:
    """`products` are the gradients, in the order of the program."""

    scores: func.CallOp
    softmax: func.CallOp
    mixed: func.CallOp
    dweights: func.CallOp
    dscores: func.CallOp
    products: tuple[func.CallOp, ...]

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
    mixed = [call for call in readers.get("contraction", ()) if _sums_over_keys(kernels, call, softmax.results[0])]
    values = [call for call in readers.get("contraction", ()) if call not in mixed]
    chains = readers.get("reduction", [])
    if [len(found) for found in (mixed, values, chains)] != [1, 1, 1] or len(readers) != 2:
        return None
    dscores = chains[0]
    scores, dweights = made_by(softmax, "contraction"), made_by(dscores, "contraction")
    further = _readers(kernels, dscores)
    if scores is None or dweights is None or list(further) != ["contraction"] or len(further["contraction"]) != 2:
        return None
    every = (*values, *further["contraction"])
    products = [op for op in kernels.main.body.block.ops if isinstance(op, func.CallOp) and op in every]
    found = AttentionCalls(scores, softmax, mixed[0], dweights, dscores, tuple(products))
    return found if _can_stand_together(found) else None


def _readers(kernels: ProgramKernels, call: func.CallOp) -> dict[str, list[func.CallOp]]:
    """The calls that read a call's one result, each once, by kind; {} where others read it."""
    if kind_of(kernels.called(call)) != "reduction" or len(call.results) != 1:
        return {}
    found = dict[str, list[func.CallOp]]()
    for use in call.results[0].uses:
        reader = use.operation
        if not isinstance(reader, func.CallOp) or len(reader.results) != 1:
            return {}
        found.setdefault(kind_of(kernels.called(reader)), []).append(reader)
    every = [reader for calls in found.values() for reader in calls]
    return found if len(set(every)) == len(every) else {}


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
