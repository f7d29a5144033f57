"""ONNX Runtime's side, inference only: PyTorch's network, exported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from side import Side, SkippedError
from side_torch import module
from workloads import Workload, arrays, in_turn


def prepare(workload: Workload, weights: dict[str, np.ndarray], variant: str) -> Side:
    """A session with all optimizations and as many threads as there are cores; there are no variants."""
    if workload.optimizer:
        raise SkippedError("inference only")
    turns = arrays(workload)
    session = exported(module(workload, weights), turns[0])
    name = session.get_inputs()[0].name

    def run(x: np.ndarray) -> np.ndarray:
        return session.run(None, {name: x})[0]

    return Side(lambda: {"output": run(*turns[0])}, in_turn(run, turns))


def exported(network: torch.nn.Module, turn: tuple[np.ndarray, ...]) -> onnxruntime.InferenceSession:
    """The network by way of a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "network.onnx"
        torch.onnx.export(network, tuple(map(torch.from_numpy, turn)), path, dynamo=True, verbose=False)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
