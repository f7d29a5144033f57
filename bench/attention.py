"""Attention in one kernel, as the three kernels that it is made of, and in PyTorch: times, and memory for scores.

`python bench/attention.py [part of a name ...] [--threads N] [--rounds N] [--dropout P] [--dtype D]`. Inputs are
[N, T, heads, d], as a dense layer leaves them, f32 if not otherwise said. Times are lower quartiles of runs taken in
turn, with one thread its processor time; "of peak" is the share of the multiply-add peak that both products reach
together, softmax and what a mask hides counted as nothing. With `--dropout` each weight becomes 0 with this
probability.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import util
from typing import TYPE_CHECKING

import ml_dtypes  # noqa: F401 - NumPy knows bfloat16 from here
import networks
import numpy as np
from timing import seconds

from cellc import Tensor, set_seed
from cellc.cpu_backend import selected_level
from cellc.dialects.nn.random import RandomUniform
from cellc.function import Function
from cellc.lowering import lower_for_cpu
from cellc.passes.pipelines import PIPELINES
from cellc.runtime import Module
from cellc.storage import address_of, aligned_copy
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.peak import measure_peak
from cellc.targets.cpu.workers import compile_kernels

if TYPE_CHECKING:
    import torch

THREADS = ("CELLC_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FUSED = PIPELINES["cpu"]
UNFUSED = tuple(name for name in FUSED if name != "fuse-attention")


@dataclass(frozen=True)
class Case:
    """softmax(Q K^T / sqrt(d)) V, where `causal` lets each query see the keys up to its own.

    `dropout` is the probability that a weight becomes 0. Q, K, V and results are of `dtype`.
    """

    name: str
    batch: int
    heads: int
    time: int
    depth: int = 64
    causal: bool = False
    dropout: float = 0.0
    dtype: str = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of Q, K, V and the result."""
        return self.batch, self.time, self.heads, self.depth

    @property
    def flops(self) -> int:
        """Of both products, for the keys that are seen."""
        seen = self.time * (self.time + 1) // 2 if self.causal else self.time**2
        return 4 * self.batch * self.heads * seen * self.depth

    @property
    def tolerance(self) -> float:
        """What rounding may change of results, beside the largest of them."""
        return {"float32": 2e-5, "float16": 5e-3, "bfloat16": 4e-2}[self.dtype]

    def arrays(self, count: int) -> list[np.ndarray]:
        """Q, K, V and more of their shape."""
        random = np.random.default_rng(0)
        return [random.standard_normal(self.shape, np.float32).astype(self.dtype) for _ in range(count)]

    def run(self, *parts: Tensor) -> Tensor:
        """The function in cellc."""
        return networks.attention(
            *(part.transpose(0, 2, 1, 3) for part in parts), causal=self.causal, dropout=self.dropout
        )

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Weights after dropout, as the first run of a program with seed 0 has them."""
        numbers = RandomUniform.evaluate(np.zeros(2, np.int64), shape=weights.shape, dtype="f32", stream=0)
        keep = np.float32(1 - self.dropout)
        return np.where(numbers < keep, weights / keep, 0)

    def exact(self, *parts: np.ndarray) -> np.ndarray:
        """The result in float64."""
        q, k, v = (part.astype(np.float64).transpose(0, 2, 1, 3) for part in parts)
        scores = q @ k.transpose(0, 1, 3, 2) * self.depth**-0.5
        if self.causal:
            scores[..., ~np.tri(self.time, dtype=bool)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        return (self.kept(weights / weights.sum(-1, keepdims=True)) @ v).transpose(0, 2, 1, 3)


CASES = (
    Case("BERT-base 4x128", 4, 12, 128),
    Case("GPT-2 small 1x128", 1, 12, 128, causal=True),
    Case("BERT-base 1x512", 1, 12, 512),
    Case("12 heads 1x1024", 1, 12, 1024),
    Case("GPT-2 small 1x1024", 1, 12, 1024, causal=True),
    Case("12 heads 1x2048", 1, 12, 2048),
    Case("GPT-2 small 1x2048", 1, 12, 2048, causal=True),
    Case("ViT-base 8x197", 8, 12, 197),
    Case("4 heads of 16, 8x32", 8, 4, 32, 16),
)


class Compiled:
    """A function of a case by one pipeline, on memory of its own; `arena` and `scratch` are bytes.

    Each of its `results` has the case's shape.
    """

    def __init__(
        self,
        case: Case,
        function: Callable[..., object],
        results: int,
        pipeline: tuple[str, ...],
        arrays: list[np.ndarray],
    ) -> None:
        level = selected_level()
        set_seed(0)
        graph = Function(function, lambda: case.name, "function").trace(tuple(map(Tensor, arrays)), {}).graph
        lowered = lower_for_cpu(graph, level, pipeline=pipeline)
        objects = compile_kernels(lowered.kernels, level)
        addresses = load({kernel.name: data for kernel, data in zip(lowered.kernels, objects, strict=True)})
        self.arena = lowered.program.arena_bytes
        self.scratch = max(kernel.scratch_bytes for kernel in lowered.kernels)
        self._module = Module(lowered.program.to_bytes(), addresses)
        self._pointers = self._module.pointer_array()
        constants = [value.source.asnumpy() for value in graph.inputs if value.kind != "input"]
        self.results = [np.empty(case.shape, arrays[0].dtype) for _ in range(results)]
        given = [*arrays, *constants]
        self._kept = [*map(aligned_copy, given, [a.dtype for a in given]), *self.results]
        for i, array in enumerate(self._kept):
            self._pointers[i] = address_of(array)

    def __call__(self) -> None:
        self._module.run(self._pointers)


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """The array as a tensor of PyTorch's, which reads no bf16 of NumPy's."""
    import torch

    if array.dtype.name != "bfloat16":
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)


def torch_work(case: Case, arrays: list[np.ndarray]) -> Callable[[], object] | None:
    """One call of PyTorch's; None without PyTorch."""
    if util.find_spec("torch") is None:
        return None
    import torch

    q, k, v = (tensor_of(array).transpose(1, 2) for array in arrays)
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda: attend(q, k, v, dropout_p=case.dropout, is_causal=case.causal).transpose(1, 2).contiguous()


def processor_seconds(work: Callable[[], object]) -> float:
    """How long one call takes of this thread's processor time."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def measured(sides: dict[str, Callable[[], object]], rounds: int, threads: int) -> dict[str, float]:
    """Seconds of a call of each side, taken in turn."""
    clock = processor_seconds if threads == 1 else seconds
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, work in sides.items():
            work()  # its data is where its last run left it
            times[side].append(clock(work))
    return {side: statistics.quantiles(found, n=4)[0] for side, found in times.items()}


def table(cases: list[Case], rounds: int, threads: int) -> None:
    """Prints a line for each case."""
    peak = measure_peak(selected_level(), threads=threads).flops
    heads = f"{'us':>8} {'of peak':>7} {'three/one':>9} {'torch/one':>9}"
    print(f"{'case':20} {heads} {'arena MiB: three':>16} {'one':>6} {'scratch KiB':>11}")
    for case in cases:
        arrays = case.arrays(3)
        one, three = (Compiled(case, case.run, 1, pipeline, arrays) for pipeline in (FUSED, UNFUSED))
        for run in (one, three):
            run()
            np.testing.assert_allclose(run.results[0].astype(float), case.exact(*arrays), atol=case.tolerance)
        theirs = torch_work(case, arrays)
        times = measured({"one": one, "three": three} | ({"torch": theirs} if theirs else {}), rounds, threads)
        mine, share = times["one"], case.flops / times["one"] / peak
        ratios = [f"{times[side] / mine:9.2f}" if side in times else " " * 9 for side in ("three", "torch")]
        memory = f"{three.arena / 2**20:16.1f} {one.arena / 2**20:6.1f} {one.scratch >> 10:11}"
        print(f"{case.name:20} {mine * 1e6:8.1f} {share:7.0%} {' '.join(ratios)} {memory}", flush=True)


def run_table(table: Callable[[list[Case], int, int], None], cases: Sequence[Case], description: str | None) -> None:
    """Prints the table that the command line asks for, in a process with as many threads."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0] if description else None)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all cases")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    options = parser.parse_args()
    environment = dict.fromkeys(THREADS, str(options.threads))
    if not environment.items() <= os.environ.items():  # read when a library is loaded, so start again with them
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)
    cases = [replace(case, dropout=options.dropout, dtype=options.dtype) for case in cases]
    wanted = [case for case in cases if not options.names or any(part in case.name for part in options.names)]
    table(wanted, options.rounds, options.threads)


if __name__ == "__main__":
    run_table(table, CASES, __doc__)
