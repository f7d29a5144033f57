"""Kernels that move memory, as a share of the copy bandwidth measured in the same run, and beside PyTorch.

`python bench/memory.py [part of a name ...] [--threads N] [--runs N]`. The time of a row is that of its kernels alone;
the bytes are those of its arguments and results, each counted once, so that a row of several kernels shows what
its intermediate tensors cost. Rows that fit the second-level cache may pass 100 %. A row called "gradient" is the
forward and the backward pass, on both sides.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import util
from typing import Any

import numpy as np
from timing import seconds

import cellc
from cellc import nn, ops
from cellc.profiling import profile

THREADS = ("CELLC_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}
"""glibc then gives PyTorch memory that it has used before, instead of pages that the kernel has yet to clear."""


@dataclass(frozen=True)
class Row:
    """One function of arrays; `torch` gets PyTorch and returns the same function of PyTorch's tensors."""

    name: str
    run: Callable[..., Any]
    arrays: Sequence[np.ndarray]
    torch: Callable[[Any], Callable[..., Any]] | None = None
    seeded: bool | None = None
    """For gradients of the first argument: whether the last argument is the gradient of the result (else it is 1)."""
    results: int | None = None
    """Bytes of the results, where they are not as many as those of the first argument."""

    @property
    def bytes(self) -> int:
        """Of arguments and results."""
        read = sum(array.nbytes for array in self.arrays)
        return read + (self.arrays[0].nbytes if self.results is None else self.results)


def normal(*shape: int) -> np.ndarray:
    """Normal numbers that do not change from run to run."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def integers(limit: int, *shape: int) -> np.ndarray:
    """Indices below `limit`."""
    return np.random.default_rng(0).integers(0, limit, shape).astype(np.int32)


def gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """dx of function(x, ...) with the last argument as the gradient of its result."""
    return ops.grad(lambda x, *rest: function(x, *rest[:-1]) * rest[-1])


def elementwise() -> Iterator[Row]:
    for size in (1 << 16, 1 << 22):
        x = normal(size)
        yield Row(f"copy (negated) {size}", lambda x: -x, [x], lambda t: t.neg)
        yield Row(f"add {size}", lambda x, y: x + y, [x, x], lambda t: t.add)
        yield Row(f"gelu {size}", nn.GELU(approximate=False), [x], lambda t: t.nn.functional.gelu)
        for name in ("tanh", "sigmoid", "exp"):
            yield Row(f"{name} {size}", getattr(ops, name), [x], lambda t, name=name: getattr(t, name))
        image = x.reshape(-1, 256)
        yield Row(f"bias + relu {size}", lambda x, b: ops.relu(x + b), [image, normal(256)],
                  lambda t: lambda v, b: t.relu(v + b))  # fmt: skip
    x = normal(1 << 22)
    yield Row("gelu gradient", gradient(nn.GELU(approximate=False)), [x, x], lambda t: t.nn.functional.gelu, True)
    for dtype in (cellc.float16, cellc.bfloat16):
        name, theirs = str(dtype), "float16" if dtype == cellc.float16 else "bfloat16"
        yield Row(f"cast f32 -> {name}", lambda x, d=dtype: ops.cast(x, d), [x],
                  lambda t, n=theirs: lambda x: x.to(getattr(t, n)), results=x.nbytes // 2)  # fmt: skip
    half = x.astype(np.float16)
    yield Row("cast f16 -> f32", lambda x: ops.cast(x, cellc.float32), [half], lambda t: t.Tensor.float,
              results=x.nbytes)  # fmt: skip


def rows_of_numbers() -> Iterator[Row]:
    """Softmax, losses and norms: several passes over rows that stay in cache."""
    for width in (10, 128, 1000, 50257):
        x = normal((1 << 21) // width, width)
        labels = integers(width, len(x))
        yield Row(f"softmax, rows of {width}", ops.softmax, [x], lambda t: lambda v: t.softmax(v, -1))
        yield Row(f"cross entropy, {width} classes", nn.CrossEntropyLoss(), [x, labels],
                  lambda t: lambda v, c: t.nn.functional.cross_entropy(v, c.long()), results=4)  # fmt: skip
        yield Row(f"cross entropy gradient, {width} classes", ops.grad(nn.CrossEntropyLoss()), [x, labels],
                  lambda t: lambda v, c: t.nn.functional.cross_entropy(v, c.long()), False)  # fmt: skip
    x = normal(2048, 1024)
    yield Row("softmax gradient", gradient(ops.softmax), [x, x], lambda t: lambda v: t.softmax(v, -1), True)
    norm = nn.LayerNorm((1024,))
    yield Row("layer norm", norm, [x], lambda t: lambda x: t.nn.functional.layer_norm(x, (1024,)))
    yield Row("layer norm gradient", gradient(norm), [x, x],
              lambda t: lambda x: t.nn.functional.layer_norm(x, (1024,)), True)  # fmt: skip
    image = normal(16, 64, 56, 56)
    batch = nn.BatchNorm2d(64, use_batch_statistics=True)
    theirs = lambda t: lambda x: t.nn.functional.batch_norm(x, None, None, training=True)  # noqa: E731
    yield Row("batch norm", batch, [image], theirs)
    yield Row("batch norm gradient", gradient(batch), [image, image], theirs, True)
    group = nn.GroupNorm(8, 64)
    theirs = lambda t: lambda x: t.nn.functional.group_norm(x, 8)  # noqa: E731
    yield Row("group norm", group, [image], theirs)
    yield Row("group norm gradient", gradient(group), [image, image], theirs, True)


def pooling() -> Iterator[Row]:
    image = normal(16, 64, 56, 56)
    for kernel, stride in ((2, 2), (3, 2), (3, 1)):
        side = (56 - kernel) // stride + 1
        small = normal(16, 64, side, side)
        for name, op in (("max", max_pool), ("avg", avg_pool)):
            mine = op(kernel, stride)
            theirs = lambda t, n=name, k=kernel, s=stride: (  # noqa: E731
                lambda x: getattr(t.nn.functional, n + "_pool2d")(x, k, s)
            )
            yield Row(f"{name} pool {kernel}x{kernel}/{stride}", mine, [image], theirs, results=small.nbytes)
            yield Row(f"{name} pool {kernel}x{kernel}/{stride} gradient", gradient(mine), [image, small], theirs, True)


def max_pool(kernel: int, stride: int) -> Callable[..., Any]:
    return ops.MaxPool(kernel_size=kernel, strides=stride)


def avg_pool(kernel: int, stride: int) -> Callable[..., Any]:
    return ops.AvgPool(kernel_size=kernel, strides=stride)


def reductions() -> Iterator[Row]:
    for side in (256, 2048):
        x = normal(side, side)
        yield Row(f"sum of all {side}", lambda x: x.sum(), [x], lambda t: t.sum, results=4)
        yield Row(f"mean of squares {side}", lambda x: (x * x).mean(), [x], lambda t: lambda v: (v * v).mean(),
                  results=4)  # fmt: skip
        for axis in (0, 1):
            yield Row(f"sum over axis {axis} {side}", lambda x, a=axis: x.sum(a), [x],
                      lambda t, a=axis: lambda v: v.sum(a), results=4 * side)  # fmt: skip
    x = normal(64, 256, 256)
    yield Row("sum over axis 1 of 3", lambda x: x.sum(1), [x], lambda t: lambda x: x.sum(1), results=4 * 64 * 256)
    x = normal(64, 50257)
    for name in ("max", "argmax"):
        yield Row(f"{name}, rows of 50257", lambda x, n=name: getattr(x, n)(1), [x],
                  lambda t, n=name: lambda x: getattr(x, n)(1), results=4 * 64)  # fmt: skip
    x = normal(4096, 1024)
    yield Row("argmax over axis 0", lambda x: x.argmax(0), [x], lambda t: lambda x: x.argmax(0), results=4 * 1024)


def layouts() -> Iterator[Row]:
    for side in (256, 1000, 2048):
        x = normal(side, side)
        yield Row(f"transpose {side}", lambda x: ops.transpose(x, (1, 0)), [x], lambda t: lambda v: v.T.contiguous())
    image = normal(16, 64, 56, 56)
    for name, order, x in (
        ("NCHW -> NHWC", (0, 2, 3, 1), image),
        ("NHWC -> NCHW", (0, 3, 1, 2), image.reshape(16, 56, 56, 64)),
        ("heads apart", (0, 2, 1, 3), normal(8, 128, 12, 64)),
        ("heads transposed", (0, 1, 3, 2), normal(8, 12, 128, 64)),
        ("heads apart, transposed", (0, 2, 3, 1), normal(8, 128, 12, 64)),
    ):
        yield Row(name, lambda x, o=order: ops.transpose(x, o), [x],
                  lambda t, o=order: lambda v: v.permute(o).contiguous())  # fmt: skip
    x = normal(1024, 1024)
    yield Row("transpose f16", lambda x: ops.transpose(x, (1, 0)), [x.astype(np.float16)],
              lambda t: lambda v: v.T.contiguous())  # fmt: skip
    yield Row("concat", lambda x, y: ops.concat((x, y), 1), [x, x], lambda t: lambda x, y: t.cat((x, y), 1),
              results=2 * x.nbytes)  # fmt: skip
    yield Row("split", lambda x: ops.split(x, 1, 2), [x],
              lambda t: lambda x: [part.contiguous() for part in x.chunk(2, 1)])  # fmt: skip
    yield Row("pad", lambda x: ops.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), [image],
              lambda t: lambda x: t.nn.functional.pad(x, (1, 1, 1, 1)))  # fmt: skip
    yield Row("slice", lambda x: x[:, 1:1023], [x], lambda t: lambda x: x[:, 1:1023].contiguous())
    yield Row("roll", nn.Roll((3, 5), (0, 1)), [x], lambda t: lambda x: t.roll(x, (3, 5), (0, 1)))


def tables() -> Iterator[Row]:
    table, indices = normal(30522, 256), integers(30522, 4096)
    moved = 4096 * 256 * 4
    yield Row("embedding", lambda i, t: ops.gather(t, i, 0), [indices, table[:4096]],
              lambda t: lambda i, w: t.nn.functional.embedding(i.long() % 4096, w), results=moved)  # fmt: skip
    looked_up = ops.grad(lambda t, i, dy: ops.gather(t, i, 0) * dy)
    yield Row("embedding gradient", looked_up, [table, indices, normal(4096, 256)],
              lambda t: lambda w, i: t.nn.functional.embedding(i.long(), w), True)  # fmt: skip
    yield Row("one-hot", lambda i: nn.OneHot(depth=1000)(i), [integers(1000, 2048)],
              lambda t: lambda i: t.nn.functional.one_hot(i.long(), 1000).float(), results=4 * 2048 * 1000)  # fmt: skip
    x = normal(1 << 22)
    yield Row("dropout", nn.Dropout(keep_prob=0.9).set_train(True), [x], lambda t: lambda x: t.dropout(x, 0.1, True))


def updates() -> Iterator[Row]:
    x = normal(1 << 20)

    def adam(x, m, v, g):
        m, v = m * 0.9 + g * 0.1, v * 0.999 + g * g * 0.001
        return x - m * 0.001 / (ops.sqrt(v) + 1e-8), m, v

    def momentum(x, m, g):
        m = m * 0.9 + g
        return x - m * 0.01, m

    square = x * x
    yield Row("Adam", adam, [x, x, square, x], results=3 * x.nbytes)
    yield Row("momentum", momentum, [x, x, x], results=2 * x.nbytes)


GROUPS = (elementwise, rows_of_numbers, pooling, reductions, layouts, tables, updates)


def torch_work(row: Row) -> Callable[[], object] | None:
    """One call of PyTorch's function (and of its gradient); None without PyTorch."""
    if row.torch is None or util.find_spec("torch") is None:
        return None
    import torch

    function = row.torch(torch)
    tensors = [torch.from_numpy(array.copy()) for array in row.arrays]  # rows may name one array twice
    if row.seeded is None:
        return lambda: function(*tensors)
    x, *rest = tensors
    x.requires_grad_()
    seed = rest.pop() if row.seeded else None
    return lambda: torch.autograd.grad(function(x, *rest), x, seed)


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Of one call, after a few to warm up."""
    for _ in range(3):
        work()
    return statistics.median(seconds(work) for _ in range(runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all rows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=25)
    options = parser.parse_args()
    environment = dict.fromkeys(THREADS, str(options.threads)) | KEEP_MEMORY
    if not environment.items() <= os.environ.items():  # read when a library is loaded, so start again with them
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)
    print(f"{'row':36} {'us':>8} {'GB/s':>6} {'of copy':>7} {'kernels':>7} {'torch/cellc':>11}")
    for row in (row for group in GROUPS for row in group()):
        if options.names and not any(part in row.name for part in options.names):
            continue
        found = profile(row.run, *map(cellc.Tensor, row.arrays), runs=options.runs)
        mine = sum(command.seconds for command in found.commands)
        work, rate = torch_work(row), row.bytes / mine
        other = f"{median_seconds(work, options.runs) / mine:.2f}" if work else ""
        share, kernels = rate / found.peak.bytes, len(found.commands)
        print(f"{row.name:36} {mine * 1e6:8.1f} {rate * 1e-9:6.1f} {share:7.0%} {kernels:7} {other:>11}", flush=True)


if __name__ == "__main__":
    main()
