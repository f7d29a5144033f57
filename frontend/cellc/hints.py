"""Advice for the mistakes people make most, by op."""

from __future__ import annotations

from typing import Any

from cellc.dialects.nn.definition import TensorType


def _conv2d(types: list[TensorType], attributes: dict[str, Any]) -> str:
    if len(types) < 2 or types[1].rank != 4:
        return ""
    if types[0].rank != 4:
        return f"conv2d takes N x C x H x W; the input has rank {types[0].rank} (a batch axis may be missing)"
    expected, given = types[1].shape[1] * attributes.get("groups", 1), types[0].shape[1]
    if expected != given:
        channels_last = " (or is the layout N x H x W x C? transpose with (0, 3, 1, 2))"
        return f"the weight was made for {expected} input channels, the input has {given}" + (
            channels_last if types[0].shape[3] == expected else ""
        )
    return ""


def _pool(types: list[TensorType], attributes: dict[str, Any]) -> str:
    if types and types[0].rank != 4:
        return f"2-d pooling takes N x C x H x W; the input has rank {types[0].rank}"
    return "the window may be larger than the padded input"


def _take(types: list[TensorType], attributes: dict[str, Any]) -> str:
    return "indices must be int32 or int64: indices.astype(cellc.int32)"


_HINTS = {
    "conv2d": _conv2d,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
    "take": _take,
}


def hint_for(op: str, types: list[TensorType], attributes: dict[str, Any]) -> str:
    """Advice for an op whose operands do not fit, or an empty string."""
    advise = _HINTS.get(op)
    if advise is not None:
        return advise(types, attributes)
    dtypes = sorted({type.dtype for type in types})
    return f"the operands' dtypes differ ({', '.join(dtypes)}): cast one with .astype" if len(dtypes) > 1 else ""
