"""MindSpore's process: answers each line of the standard input with what a configuration gives there."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import mindspore

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.modules["cellc"] = mindspore  # before anything imports it
mindspore.set_context(mode=mindspore.PYNATIVE_MODE)

from differential import evaluate, exchange  # noqa: E402

REFUSALS = (ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError)


def main() -> None:
    with contextlib.suppress(SystemError):
        # Version 2.10 is built for NumPy 1: with NumPy 2 the first call of a tensor's method fails, and only that.
        mindspore.Tensor(1.0).mul(mindspore.Tensor(1.0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what MindSpore prints
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        path = Path(json.loads(line)["path"])
        request = exchange.unpack(json.loads(line)["request"], exchange.read(path) if path.exists() else {})
        arrays: dict[str, Any] = {}
        try:
            answer = exchange.pack(answered(request), arrays)
        except REFUSALS as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip(" -")]
            answer = {"dict": {"refused": f"{type(error).__name__}: {' '.join(lines[:3])}"}}
        exchange.write(path, arrays)
        print(json.dumps(answer), file=answers, flush=True)


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Parameters, results and gradients."""
    cell = evaluate.make(request["layer"], request["arguments"], request["training"])
    found: dict[str, Any] = {"parameters": evaluate.parameters(cell)}
    if found["parameters"] != {name: value.shape for name, value in request["values"].items()}:
        return found
    evaluate.set_parameters(cell, request["values"])
    found["results"] = evaluate.forward(cell, request["inputs"])
    if request["gradient"]:
        evaluate.set_parameters(cell, request["values"])
        found["results"] |= evaluate.gradients(cell, request["inputs"], request["seeds"])
    return found


if __name__ == "__main__":
    main()
