"""A NumPy interpreter of the linalg form: slow, and meant to be obviously right.

Parallel loops are vectorised (a scalar of a body is an array over their space),
reduction loops run one after another in order. What compiled code must never do
is an error here: an element read out of bounds, a division by zero, a float to
integer conversion that does not fit, a use of an uninitialised element by address.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    ModuleOp,
)
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr

Values = dict[SSAValue, Any]

_FLOATS = {
    Float16Type(): np.float16,
    BFloat16Type(): ml_dtypes.bfloat16,
    Float32Type(): np.float32,
    Float64Type(): np.float64,
}


def numpy_type(element: Attribute) -> np.dtype[Any]:
    """Integers are held signed, i1 as bool, index as int64."""
    if isinstance(element, IndexType):
        return np.dtype(np.int64)
    if isinstance(element, IntegerType):
        return np.dtype(bool) if element.width.data == 1 else np.dtype(f"int{element.width.data}")
    return np.dtype(_FLOATS[element])


def interpret(module: ModuleOp, *arrays: np.ndarray, function: str = "main") -> list[np.ndarray]:
    """Runs `@main` or another function, with the calls in it. Arrays of u8 are taken as the bits of i8."""
    (called,) = (op for op in module.ops if isinstance(op, func.FuncOp) and op.sym_name.data == function)
    values: Values = {}
    for arg, array in zip(called.body.block.args, arrays, strict=True):
        values[arg] = np.asarray(array).view(numpy_type(arg.type.element_type))
        assert values[arg].shape == arg.type.get_shape()
    with np.errstate(all="ignore"):
        return [np.asarray(result) for result in _run_block(called.body.block, values)]


def _call(op: Operation, values: Values) -> list[np.ndarray]:
    assert isinstance(op, func.CallOp)
    module = op.get_toplevel_object()
    assert isinstance(module, ModuleOp)
    return interpret(module, *(values[v] for v in op.operands), function=op.callee.root_reference.data)


def _run_block(block: Block, values: Values) -> list[Any]:
    """Runs the ops; gives the operands of the terminator."""
    for op in block.ops:
        if op.name in ("func.return", "linalg.yield", "scf.yield"):
            return [values[operand] for operand in op.operands]
        results = OPS[op.name](op, values) if op.name in OPS else [_scalar(op, values)]
        values.update(zip(op.results, results, strict=True))
    raise AssertionError("block without a terminator")


# Tensors


def _empty(op: Operation, values: Values) -> list[np.ndarray]:
    dtype = numpy_type(op.results[0].type.element_type)
    garbage = np.empty(op.results[0].type.get_shape(), dtype)
    garbage.fill(np.nan if dtype.kind not in "ib" else 77)
    return [garbage]


def _fill(op: Operation, values: Values) -> list[np.ndarray]:
    scalar, target = (values[operand] for operand in op.operands)
    return [np.full(target.shape, scalar, target.dtype)]


def _constant(op: Operation, values: Values) -> list[np.ndarray]:
    value = op.properties["value"]
    if isinstance(value, DenseIntOrFPElementsAttr):
        return [dense_array(value)]
    return [np.asarray(value.value.data).astype(numpy_type(value.type))]


def dense_array(value: DenseIntOrFPElementsAttr) -> np.ndarray:
    return np.frombuffer(value.data.data, numpy_type(value.get_element_type())).reshape(value.get_shape())


def _reshape(op: Operation, values: Values) -> list[np.ndarray]:
    return [values[op.operands[0]].reshape(op.results[0].type.get_shape())]


def _region(op: Operation, values: Values, tensors: int) -> tuple[slice, ...]:
    """The static and dynamic offsets of a slice op, which start after its tensor operands."""
    dynamic = iter(op.operands[tensors:])
    offsets = [
        int(values[next(dynamic)]) if offset == DYNAMIC_INDEX else offset
        for offset in op.properties["static_offsets"].get_values()
    ]
    sizes, strides = (op.properties[name].get_values() for name in ("static_sizes", "static_strides"))
    shape = op.operands[tensors - 1].type.get_shape()
    for offset, size, stride, extent in zip(offsets, sizes, strides, shape, strict=True):
        assert offset >= 0
        assert size == 0 or offset + (size - 1) * stride < extent
    return tuple(
        slice(offset, offset + (size - 1) * stride + 1, stride)
        for offset, size, stride in zip(offsets, sizes, strides, strict=True)
    )


def _extract_slice(op: Operation, values: Values) -> list[np.ndarray]:
    return [values[op.operands[0]][_region(op, values, 1)].reshape(op.results[0].type.get_shape()).copy()]


def _insert_slice(op: Operation, values: Values) -> list[np.ndarray]:
    source, target = values[op.operands[0]], values[op.operands[1]].copy()
    region = _region(op, values, 2)
    target[region] = source.reshape(target[region].shape)
    return [target]


def _scatter_add(op: Operation, values: Values) -> list[np.ndarray]:
    indices, updates, init = (values[operand] for operand in op.operands)
    result = init.copy()
    for index, row in zip(indices, updates, strict=True):
        if 0 <= index < len(result):
            result[index] += row
    return [result]


def _cumsum(op: Operation, values: Values) -> list[np.ndarray]:
    x = values[op.operands[0]]
    wide = x.astype(np.float32) if x.dtype.name in ("float16", "bfloat16") else x
    order = slice(None, None, -1 if "reverse" in op.properties else 1)
    return [wide[:, order].cumsum(1, dtype=wide.dtype)[:, order].astype(x.dtype)]


def _for(op: Operation, values: Values) -> list[Any]:
    lower, upper, step = (int(values[operand]) for operand in op.operands[:3])
    carried = [values[operand] for operand in op.operands[3:]]
    block = op.regions[0].block
    for counter in range(lower, upper, step):
        values.update(zip(block.args, [np.int64(counter), *carried], strict=True))
        carried = _run_block(block, values)
    return carried


# Generics


def _generic(op: Operation, values: Values) -> list[np.ndarray]:
    maps = [attribute.data for attribute in op.properties["indexing_maps"]]
    kinds = [attribute.data for attribute in op.properties["iterator_types"]]
    tensors = [values[operand] for operand in op.operands]
    extents = _loop_extents(maps, tensors)
    parallel = [loop for loop, kind in enumerate(kinds) if kind == IteratorType.PARALLEL]
    reduction = [loop for loop, kind in enumerate(kinds) if kind == IteratorType.REDUCTION]
    space = np.meshgrid(*(np.arange(extents[loop]) for loop in parallel), indexing="ij", sparse=True)
    index: list[Any] = [None] * len(extents)
    for loop, counter in zip(parallel, space, strict=True):
        index[loop] = counter
    shape = tuple(extents[loop] for loop in parallel)
    inputs = len(op.operands) - len(op.results)
    state = [_read(tensor, map_, index, shape) for tensor, map_ in zip(tensors[inputs:], maps[inputs:], strict=True)]
    for counters in itertools.product(*(range(extents[loop]) for loop in reduction)):
        for loop, counter in zip(reduction, counters, strict=True):
            index[loop] = np.int64(counter)
        elements = [_read(tensor, map_, index, shape) for tensor, map_ in zip(tensors[:inputs], maps, strict=False)]
        state = _run_body(op.regions[0].block, [*elements, *state], index, values)
    return [
        _write(x, tensor, map_, index, shape)
        for x, tensor, map_ in zip(state, tensors[inputs:], maps[inputs:], strict=True)
    ]


def _loop_extents(maps: Sequence[Any], tensors: Sequence[np.ndarray]) -> list[int]:
    """Bare loops of the maps give the extents, and must all agree."""
    extents: list[int | None] = [None] * maps[0].num_dims
    for map_, tensor in zip(maps, tensors, strict=True):
        for result, extent in zip(map_.results, tensor.shape, strict=True):
            if isinstance(result, AffineDimExpr):
                assert extents[result.position] in (None, extent), f"loop d{result.position} has two extents"
                extents[result.position] = extent
    assert None not in extents, "a loop without an extent"
    return extents  # type: ignore[return-value]


def _positions(map_: Any, index: list[Any], shape: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(np.broadcast_to(result.eval(index, ()), shape) for result in map_.results)


def _read(tensor: np.ndarray, map_: Any, index: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(_at(tensor, _positions(map_, index, shape)), shape)


def _at(tensor: np.ndarray, positions: tuple[Any, ...]) -> Any:
    for axis, position in enumerate(positions):
        assert np.all((position >= 0) & (position < tensor.shape[axis])), f"axis {axis} read out of bounds"
    return tensor[positions]


def _write(x: Any, tensor: np.ndarray, map_: Any, index: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    assert sorted(map(str, map_.results)) == sorted(set(map(str, map_.results)))
    result = tensor.copy()
    result[_positions(map_, index, shape)] = np.broadcast_to(x, shape)
    return result


def _run_body(block: Block, elements: list[Any], index: list[Any], values: Values) -> list[Any]:
    inner = dict(values)
    inner.update(zip(block.args, elements, strict=True))
    for op in block.ops:
        if op.name == "linalg.index":
            inner[op.results[0]] = index[op.properties["dim"].value.data]
        elif op.name == "tensor.extract":
            tensor, *positions = (inner[operand] for operand in op.operands)
            inner[op.results[0]] = _at(tensor, tuple(np.broadcast_arrays(*positions)))
        elif op.name == "linalg.yield":
            return [inner[operand] for operand in op.operands]
        else:
            inner[op.results[0]] = _constant(op, inner)[0] if op.name == "arith.constant" else _scalar(op, inner)
    raise AssertionError("body without a yield")


# Scalars


def _scalar(op: Operation, values: Values) -> Any:
    operands = [np.asarray(values[operand]) for operand in op.operands]
    dtype = numpy_type(op.results[0].type)
    if op.name in ("arith.cmpi", "arith.cmpf"):
        return _compare(op, *operands)
    result = np.asarray(SCALARS[op.name](*operands, dtype) if op.name in CONVERSIONS else SCALARS[op.name](*operands))
    assert result.dtype == dtype, f"{op.name} gives {result.dtype}, not {dtype}"
    return result


_FLOAT_PREDICATES: dict[int, Callable[..., Any]] = {
    1: np.equal, 2: np.greater, 3: np.greater_equal, 4: np.less, 5: np.less_equal, 13: np.not_equal,
}  # fmt: skip
_INTEGER_PREDICATES: list[Callable[..., Any]] = [
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.less, np.less_equal, np.greater, np.greater_equal,
]  # fmt: skip


def _compare(op: Operation, lhs: np.ndarray, rhs: np.ndarray) -> Any:
    predicate = op.properties["predicate"].value.data
    if op.name == "arith.cmpf":
        return _FLOAT_PREDICATES[predicate](lhs, rhs)
    if predicate >= 6:
        lhs, rhs = _unsigned(lhs), _unsigned(rhs)
    elif lhs.dtype == bool:  # a set i1 is -1 where it is signed
        lhs, rhs = -lhs.astype(np.int8), -rhs.astype(np.int8)
    return _INTEGER_PREDICATES[predicate](lhs, rhs)


def _unsigned(x: np.ndarray) -> np.ndarray:
    return x.astype(np.uint8 if x.dtype == bool else f"uint{x.dtype.itemsize * 8}")


def _signed_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    assert np.all(y != 0), "division by zero"
    assert not np.any((y == -1) & (x == np.iinfo(x.dtype).min)), "quotient overflows"
    quotient = (
        np.abs(x.astype(object)) // np.abs(y.astype(object)) * np.sign(x).astype(object) * np.sign(y).astype(object)
    )
    return np.asarray(quotient).astype(x.dtype)


def _unsigned_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    assert np.all(y != 0), "division by zero"
    return (_unsigned(x) // _unsigned(y)).astype(x.dtype)


def _float_to_signed(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    limits = np.iinfo(dtype)
    exact = np.trunc(np.asarray(x).astype(np.longdouble))
    assert np.all((exact >= limits.min) & (exact <= np.longdouble(limits.max))), (
        "float to integer conversion does not fit"
    )
    return x.astype(dtype)


def _shift_right_unsigned(x: np.ndarray, bits: np.ndarray) -> np.ndarray:
    assert np.all((bits >= 0) & (bits < x.dtype.itemsize * 8))
    return (_unsigned(x) >> _unsigned(bits)).astype(x.dtype)


def _extremum(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: function(_unsigned(x), _unsigned(y)).astype(x.dtype)


def _bool_aware(on_bools: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: on_bools(x, y) if x.dtype == bool else otherwise(x, y)


def _real(function: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
    """Bodies compute f32 and f64 only."""

    def checked(*operands: np.ndarray) -> Any:
        assert all(x.dtype in (np.float32, np.float64) for x in operands), "f16 arithmetic"
        return function(*operands)

    return checked


CONVERSIONS: dict[str, Callable[..., Any]] = {
    "arith.extf": lambda x, dtype: x.astype(dtype),
    "arith.truncf": lambda x, dtype: x.astype(dtype),
    "arith.extsi": lambda x, dtype: -x.astype(dtype) if x.dtype == bool else x.astype(dtype),
    "arith.extui": lambda x, dtype: _unsigned(x).astype(dtype),
    "arith.trunci": lambda x, dtype: (x & 1).astype(bool) if dtype.kind == "b" else x.astype(dtype),
    "arith.index_cast": lambda x, dtype: x.astype(dtype),
    "arith.sitofp": lambda x, dtype: x.astype(dtype),
    "arith.uitofp": lambda x, dtype: _unsigned(x).astype(dtype),
    "arith.fptosi": _float_to_signed,
}

SCALARS: dict[str, Callable[..., Any]] = {
    **CONVERSIONS,
    "arith.addf": _real(np.add), "arith.subf": _real(np.subtract), "arith.mulf": _real(np.multiply),
    "arith.divf": _real(np.divide), "arith.negf": _real(np.negative),
    "arith.maximumf": _real(np.maximum), "arith.minimumf": _real(np.minimum),
    "arith.addi": np.add, "arith.subi": np.subtract, "arith.muli": np.multiply,
    "arith.divsi": _signed_quotient, "arith.divui": _unsigned_quotient,
    "arith.maxsi": np.maximum, "arith.minsi": np.minimum,
    "arith.maxui": _extremum(np.maximum), "arith.minui": _extremum(np.minimum),
    "arith.andi": _bool_aware(np.logical_and, np.bitwise_and), "arith.ori": _bool_aware(np.logical_or, np.bitwise_or),
    "arith.xori": _bool_aware(np.logical_xor, np.bitwise_xor),
    "arith.shli": lambda x, bits: x << bits, "arith.shrsi": lambda x, bits: x >> bits,
    "arith.shrui": _shift_right_unsigned,
    "arith.select": np.where,
    "math.exp": _real(np.exp), "math.log": _real(np.log), "math.log1p": _real(np.log1p), "math.expm1": _real(np.expm1),
    "math.sqrt": _real(np.sqrt), "math.rsqrt": _real(lambda x: np.reciprocal(np.sqrt(x))), "math.sin": _real(np.sin),
    "math.cos": _real(np.cos), "math.tanh": _real(np.tanh), "math.powf": _real(np.power),
    "math.erf": _real(lambda x: np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)),
    "math.floor": _real(np.floor), "math.ceil": _real(np.ceil), "math.roundeven": _real(np.rint),
    "math.absf": _real(np.abs),
}  # fmt: skip

OPS: dict[str, Callable[[Operation, Values], list[Any]]] = {
    "tensor.empty": _empty,
    "linalg.fill": _fill,
    "arith.constant": _constant,
    "tensor.collapse_shape": _reshape,
    "tensor.expand_shape": _reshape,
    "tensor.extract_slice": _extract_slice,
    "tensor.insert_slice": _insert_slice,
    "linalg_ext.scatter_add": _scatter_add,
    "linalg_ext.cumsum": _cumsum,
    **dict.fromkeys(
        (
            f"linalg_ext.{name}"
            for name in (
                "all_reduce_start",
                "reduce_start",
                "reduce_scatter_start",
                "all_gather_start",
                "broadcast_start",
                "collective_wait",
            )
        ),
        lambda op, values: [values[op.src]],  # of a process alone
    ),
    "linalg_ext.after": _reshape,
    "scf.for": _for,
    "linalg.generic": _generic,
    "func.call": _call,
}
