"""MindSpore's `common` package: the same objects under their usual paths."""

from cellc.common import dtype as dtype
from cellc.common import initializer as initializer
from cellc.dtype import dtype_to_nptype as dtype_to_nptype
from cellc.dtype import pytype_to_dtype as pytype_to_dtype
from cellc.parameter import Parameter as Parameter
from cellc.parameter import ParameterTuple as ParameterTuple
from cellc.seed import get_seed as get_seed
from cellc.seed import set_seed as set_seed
from cellc.tensor import Tensor as Tensor
