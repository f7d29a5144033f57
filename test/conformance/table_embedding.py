"""Rows of embeddings that are not in `table.py`, and their oracles."""

import numpy as np
from conformance.row import Row, of

from cellc import nn


def lookup(p, ids, max_norm=np.inf):
    table = p["embedding_table"]
    rows = np.zeros((*ids.shape, table.shape[1]))
    for at in np.ndindex(ids.shape):
        if 0 <= ids[at] < len(table):
            row = table[ids[at]]
            rows[at] = row * min(1, max_norm / np.linalg.norm(row))
    return rows


def fields(operator, count, max_norm=np.inf):
    def oracle(p, ids, values, numbers):
        rows = lookup(p, ids, max_norm) * values[:, :, None]
        merged = np.zeros((len(ids), count, rows.shape[2]))
        for b, f in np.ndindex(merged.shape[:2]):
            chosen = (numbers[b] == f) & (values[b] != 0)
            if chosen.any():
                found = rows[b, chosen]
                mean = found.sum(axis=0) / np.abs(values[b, chosen]).sum()
                merged[b, f] = {"SUM": found.sum(axis=0), "MEAN": mean, "MAX": found.max(axis=0)}[operator]
        return merged

    return oracle


def ids(rng):
    return (rng.integers(-1, 6, (3, 4)).astype(np.int32),)


def ids_values_fields(rng):
    """Indices that are too great and numbers of no field are among them."""
    values = rng.uniform(0.5, 1.5, (3, 5)) * rng.choice([-1, 1], (3, 5))
    return rng.integers(0, 6, (3, 5)).astype(np.int32), values.astype(np.float32), numbers(rng)


def with_zeros(rng):
    """As above, with values of 0, which count for nothing; the greatest element jumps there."""
    indices, values, numbers = ids_values_fields(rng)
    values[0, 1] = values[2, 3] = values[1, :2] = 0
    return indices, values, numbers


def numbers(rng):
    return rng.integers(-1, 4, (3, 5)).astype(np.int32)


ROWS = [
    Row("EmbeddingLookup", of(nn.EmbeddingLookup, 5, 3), ids, lookup),
    Row("EmbeddingLookup norm", of(nn.EmbeddingLookup, 5, 3, target="DEVICE", max_norm=1.5), ids,
        lambda p, x: lookup(p, x, 1.5)),
    Row("MultiFieldEmbeddingLookup", of(nn.MultiFieldEmbeddingLookup, 5, 3, 3), with_zeros, fields("SUM", 3)),
    Row("MultiFieldEmbeddingLookup mean", of(nn.MultiFieldEmbeddingLookup, 5, 3, 3, max_norm=1.5, operator="MEAN"),
        ids_values_fields, fields("MEAN", 3, 1.5)),
    Row("MultiFieldEmbeddingLookup max", of(nn.MultiFieldEmbeddingLookup, 5, 3, 3, operator="MAX"),
        ids_values_fields, fields("MAX", 3)),
    Row("MultiFieldEmbeddingLookup zeros", of(nn.MultiFieldEmbeddingLookup, 5, 3, 3, operator="MAX"), with_zeros,
        fields("MAX", 3), gradient=False),
]  # fmt: skip
