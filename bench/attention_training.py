"""Attention in a training step with one kernel for its gradients, with separate kernels, and in PyTorch.

`python bench/attention_training.py [part of a name ...] [--threads N] [--rounds N] [--dropout P] [--dtype D]`. A step
makes the result O of [N, T, heads, d], the loss sum(w (O M)^2), where M is a matrix for each head, and the gradients of
Q, K and V. Times are lower quartiles of runs taken in turn, with one thread its processor time; "of peak" counts the
seven products of attention alone, softmax and what a mask hides as nothing. With `--dropout` each weight becomes 0 with
this probability.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import util

import numpy as np
from attention import CASES, Case, Compiled, measured, run_table, tensor_of

from cellc import Tensor, ops
from cellc.cpu_backend import selected_level
from cellc.passes.pipelines import PIPELINES
from cellc.targets.cpu.peak import measure_peak

FUSED = PIPELINES["cpu"]
SEPARATE = tuple(name for name in FUSED if name != "fuse-attention-gradient")
FURTHER = (
    Case("GPT-2 small 1x512", 1, 12, 512, causal=True),
    Case("12 heads 8x96", 8, 12, 96),
    Case("12 heads 4x144", 4, 12, 144),
    Case("12 heads 4x160", 4, 12, 160),
    Case("12 heads 8x64", 8, 12, 64),
    Case("12 heads 32x64", 32, 12, 64),
    Case("12 heads 8x32", 8, 12, 32),
    Case("1 head 1x1024", 1, 1, 1024),
    Case("2 heads 1x512", 1, 2, 512),
    Case("1 head 1x1024, causal", 1, 1, 1024, causal=True),
)


def step(case: Case) -> Callable[..., object]:
    """The gradients of Q, K and V."""

    def gradients(*parts: Tensor) -> object:
        *factors, weight, matrix = parts

        def loss(*factors: Tensor) -> Tensor:
            result = case.run(*factors)
            mixed = ops.matmul(result.reshape(-1, case.depth), matrix).reshape(weight.shape)
            return (mixed * mixed * weight).sum()

        return ops.grad(loss, (0, 1, 2))(*factors)

    return gradients


def exact(case: Case, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients in float64."""
    *parts, matrix = (array.astype(np.float64) for array in arrays)
    q, k, v, weight = (part.transpose(0, 2, 1, 3) for part in parts)
    scores = q @ k.transpose(0, 1, 3, 2) * case.depth**-0.5
    if case.causal:
        scores[..., ~np.tri(case.time, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    kept = case.kept(weights)
    gradient = 2 * weight * (kept @ v @ matrix) @ matrix.T
    inside = gradient @ v.transpose(0, 1, 3, 2)
    inside *= case.kept(np.ones_like(inside))
    scores = weights * (inside - (inside * weights).sum(-1, keepdims=True)) * case.depth**-0.5
    found = (scores @ k, scores.transpose(0, 1, 3, 2) @ q, kept.transpose(0, 1, 3, 2) @ gradient)
    return [each.transpose(0, 2, 1, 3) for each in found]


def torch_work(case: Case, arrays: list[np.ndarray]) -> Callable[[], object] | None:
    """One step of PyTorch's; None without PyTorch."""
    if util.find_spec("torch") is None:
        return None
    import torch

    *factors, weight, matrix = map(tensor_of, arrays)
    factors = [factor.requires_grad_() for factor in factors]
    attend = torch.nn.functional.scaled_dot_product_attention

    def work() -> object:
        result = attend(
            *(factor.transpose(1, 2) for factor in factors), dropout_p=case.dropout, is_causal=case.causal
        ).transpose(1, 2)
        mixed = result @ matrix
        return torch.autograd.grad((mixed * mixed * weight).sum(), factors)

    return work


def table(cases: list[Case], rounds: int, threads: int) -> None:
    """Prints a line for each case."""
    peak = measure_peak(selected_level(), threads=threads).flops
    heads = f"{'us':>8} {'of peak':>7} {'separate/one':>12} {'torch/one':>9}"
    print(f"{'case':20} {heads} {'arena MiB: separate':>19} {'one':>6} {'scratch KiB':>11}")
    for case in cases:
        random = np.random.default_rng(4)
        matrix = random.standard_normal((case.depth, case.depth), np.float32) * np.float32(case.depth**-0.5)
        arrays = [*case.arrays(4), matrix.astype(case.dtype)]
        one, separate = (Compiled(case, step(case), 3, pipeline, arrays) for pipeline in (FUSED, SEPARATE))
        wanted = exact(case, arrays)
        for run in (one, separate):
            run()
            for found, right in zip(run.results, wanted, strict=True):
                limit = case.tolerance * np.abs(right).max()
                np.testing.assert_allclose(found.astype(float), right, atol=limit)
        theirs = torch_work(case, arrays)
        count = max(3, min(rounds, int(2e7 / case.time**2)))
        sides = {"one": one, "separate": separate} | ({"torch": theirs} if theirs else {})
        times = measured(sides, count, threads)
        mine, share = times["one"], 3.5 * case.flops / times["one"] / peak
        separately, torch = (times[side] / mine if side in times else float("nan") for side in ("separate", "torch"))
        memory = f"{separate.arena / 2**20:19.1f} {one.arena / 2**20:6.1f} {one.scratch >> 10:11}"
        print(f"{case.name:20} {mine * 1e6:8.1f} {share:7.0%} {separately:12.2f} {torch:9.2f} {memory}", flush=True)


if __name__ == "__main__":
    run_table(table, (*CASES, *FURTHER), __doc__)
