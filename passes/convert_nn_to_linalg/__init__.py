"""Lowering of the `nn` dialect to linalg on tensors: one rule per op, in a file per family."""

from cellc.passes.convert_nn_to_linalg.convert import ConvertNNToLinalgPass
from cellc.passes.convert_nn_to_linalg.rules import lowering_of, rules

__all__ = ["ConvertNNToLinalgPass", "lowering_of", "rules"]
