"""Large parameters are filled by threads while their program is compiled, with the values they would have anyway."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import nn
from cellc.fill_ahead import LARGE, filled_ahead
from cellc.initializer import (
    Constant,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
    TruncatedNormal,
    Uniform,
    XavierUniform,
    initializer,
)

SHAPE = (LARGE // 4 // 64, 64)


def tensors() -> list[cellc.Tensor]:
    cellc.set_seed(3)
    kinds = (Normal(0.5), HeNormal(), XavierUniform(), TruncatedNormal(0.2), Constant(2.5), "zeros")
    return [initializer(kind, SHAPE, dtype) for kind in kinds for dtype in (cellc.float32, cellc.float16)]


def test_the_values_are_those_of_one_thread():
    ahead, later = tensors(), tensors()
    large = [tensor for tensor in ahead if tensor.nbytes >= LARGE]
    with filled_ahead(ahead):
        pass
    assert len(large) == len(ahead) // 2
    assert not any(tensor.has_init for tensor in large)
    for one, other in zip(ahead, later, strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


@pytest.mark.parametrize("kind", [Normal(0.5, 2.0), Uniform(0.3), HeNormal(), HeUniform(), XavierUniform()])
@pytest.mark.parametrize("shape", [(3, 40_000), (1 << 15,), (0, 4)])
def test_pieces_have_the_values_of_the_whole(kind: Initializer, shape: tuple[int, ...]):
    cellc.set_seed(4)
    whole = initializer(kind, shape)._init.values(shape).astype(np.float32)
    for layout in ("C", "F"):
        cellc.set_seed(4)
        pieces = np.empty(shape, np.float32, order=layout)
        initializer(kind, shape)._init(pieces)
        np.testing.assert_array_equal(pieces, whole)


def test_only_large_tensors_with_an_initializer_of_their_own_are_filled():
    class Mine(Initializer):
        def values(self, shape: tuple[int, ...]) -> Any:
            return np.random.random(shape)

    shared = Normal()
    kept = [
        initializer(Mine(), SHAPE),
        initializer("normal", (2,)),
        cellc.Tensor(shape=SHAPE, dtype=cellc.float32, init=shared),
        cellc.Tensor(shape=SHAPE, dtype=cellc.float32, init=shared),
    ]
    with filled_ahead(kept):
        pass
    assert all(tensor.has_init for tensor in kept)


def test_errors_come_through():
    wrong = initializer("identity", (LARGE, 1, 1))
    with pytest.raises(ValueError, match="Identity needs a shape of rank 2"), filled_ahead([wrong]):
        pass
    with pytest.raises(KeyError), filled_ahead([initializer("normal", SHAPE)]):
        raise KeyError


def test_compiling_fills_the_parameters(monkeypatch: pytest.MonkeyPatch):
    import cellc.compile as compiler

    cellc.set_seed(5)
    cell = nn.Dense(512, 512)
    seen: list[Any] = []
    executable = compiler.executable

    def compile_late(graph: Any) -> Any:
        large = [value.source for value in graph.inputs if value.kind == "parameter" and value.type.nbytes >= LARGE]
        while any(tensor.has_init for tensor in large):
            pass  # another thread is at it
        seen.extend(large)
        return executable(graph)

    monkeypatch.setattr(compiler, "executable", compile_late)
    cell(cellc.Tensor(np.ones((1, 512), np.float32)))
    assert seen == [cell.weight]


def test_threads_share_the_elements_that_one_of_them_makes():
    class Slow(Initializer):
        def values(self, shape: tuple[int, ...]) -> int:
            begun.append(1)
            go_on.wait(60)
            return len(begun)

    begun: list[int] = []
    go_on = threading.Event()
    tensor = cellc.Tensor(shape=(3,), dtype=cellc.float32, init=Slow())
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(tensor._elements) for _ in range(2)]
        time.sleep(0.05)
        go_on.set()
        first, second = (each.result(60) for each in found)
    assert first is second
    assert first.tolist() == [1, 1, 1]
