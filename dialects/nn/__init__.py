"""The `nn` dialect: one plain-Python definition per op, in family files.

Importing this package registers every op and does not import xDSL; the IR classes
derived from the definitions are in `cellc.dialects.nn.ir`.
"""

from cellc.dialects.nn import (  # the families, imported to register their ops
    collective,
    contraction,
    convolution,
    elementwise,
    gradient,
    gru,
    indexing,
    lstm,
    normalization,
    pooling,
    random,
    reduction,
    rnn,
    shape,
    unary,
)
from cellc.dialects.nn.definition import (
    DTYPES,
    FLOATS,
    INTEGERS,
    ITEMSIZE,
    NUMBERS,
    SIGNED,
    UNSIGNED,
    InferenceError,
    NNTypeError,
    OpDefinition,
    TensorType,
    definition_of,
    definitions,
    infer_types,
)

FAMILIES = (
    unary, elementwise, contraction, convolution, pooling, normalization,
    reduction, shape, indexing, rnn, gru, lstm, random, collective, gradient,
)  # fmt: skip

__all__ = [
    "DTYPES",
    "FAMILIES",
    "FLOATS",
    "INTEGERS",
    "ITEMSIZE",
    "NUMBERS",
    "SIGNED",
    "UNSIGNED",
    "InferenceError",
    "NNTypeError",
    "OpDefinition",
    "TensorType",
    "definition_of",
    "definitions",
    "infer_types",
]
