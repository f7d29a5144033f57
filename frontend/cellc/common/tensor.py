"""`from cellc.common.tensor import Tensor`."""

from cellc.tensor import Tensor as Tensor
