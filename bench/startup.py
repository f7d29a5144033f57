"""How long a user waits: for the import, and for the first call of LeNet's training step."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

FIRST_STEP = """
import time
start = time.perf_counter()
import numpy as np, sys
import cellc
from cellc import nn
sys.path.insert(0, {examples!r})
from lenet import LeNet
cellc.set_seed(1)
net = LeNet()
loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
step = nn.TrainOneStepCell(nn.WithLossCell(net, loss), nn.Adam(net.trainable_params(), learning_rate=1e-3))
step.set_train()
x = cellc.Tensor(np.zeros((32, 1, 28, 28), np.float32))
y = cellc.Tensor(np.zeros(32, np.int32))
ready = time.perf_counter()
step(x, y).asnumpy()
print(ready - start, time.perf_counter() - ready)
"""


def in_fresh_process(code: str, cache: str) -> list[float]:
    environment = os.environ | {"CELLC_CACHE_DIR": cache}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return [float(word) for word in result.stdout.split()]


def measure(rounds: int = 5) -> dict[str, float]:
    """Medians in seconds of `import cellc` and of the first step, cold and warm."""
    code = FIRST_STEP.format(examples=str(HERE.parent / "examples"))
    import_only = "import time; s = time.perf_counter(); import cellc; print(time.perf_counter() - s)"
    imports, cold, warm = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            imports += in_fresh_process(import_only, cache)
            cold.append(in_fresh_process(code, cache)[1])
            warm.append(in_fresh_process(code, cache)[1])
    return {
        "import cellc": statistics.median(imports),
        "LeNet step, first call, cold": statistics.median(cold),
        "LeNet step, first call, second process": statistics.median(warm),
    }


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:42s} {value:8.3f} s")
