"""`recompute`: the same gradients, to the bit, from less memory."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

import cellc
from cellc import ParameterTuple, Tensor, nn, ops
from cellc import compile as compiler


@pytest.fixture(autouse=True)
def real_compiler(reference: object) -> Iterator[None]:
    previous = compiler.set_backend(None)
    yield
    compiler.set_backend(previous)


class Block(nn.Cell):
    """x + a perceptron of it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.wide, self.narrow = nn.LayerNorm((8,)), nn.Dense(8, 32), nn.Dense(32, 8)
        self.drop = nn.Dropout(0.75)

    def construct(self, x: Tensor) -> Tensor:
        return x + self.drop(self.narrow(ops.tanh(self.wide(self.norm(x)))))


class Gradients(nn.Cell):
    """The gradients of all parameters of four blocks."""

    def __init__(self, recomputed: bool) -> None:
        super().__init__()
        cellc.set_seed(3)
        np.random.seed(3)
        self.net = nn.SequentialCell([Block() for _ in range(4)]).set_train()
        self.weights = ParameterTuple(self.net.trainable_params())
        for block in self.net if recomputed else ():
            block.recompute()

    def construct(self, x: Tensor) -> tuple[Tensor, ...]:
        return ops.GradOperation(get_by_list=True)(lambda x: ops.reduce_mean(self.net(x) ** 2), self.weights)(x)


X = Tensor(np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32))


def _arena(net: nn.Cell) -> int:
    found = re.search(r"arena: (\d+) bytes", str(net.lower(X).memory))
    assert found is not None
    return int(found[1])


def test_gradients_are_the_same_and_memory_is_less() -> None:
    """Four blocks keep their inputs instead of three tensors of 64 x 32 and more each."""
    kept, recomputed = Gradients(False), Gradients(True)
    cellc.set_seed(5)
    expected = [gradient.asnumpy() for gradient in kept(X)]
    cellc.set_seed(5)
    for one, other in zip(recomputed(X), expected, strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other)
    assert _arena(recomputed) < 0.6 * _arena(kept)


def test_the_forward_pass_alone_is_what_it_was() -> None:
    assert _arena(Gradients(False).net) == _arena(Gradients(True).net)


def test_recompute_is_set_once() -> None:
    net = nn.SequentialCell([nn.Dense(2, 2), nn.Dense(2, 2)])
    net[0].recompute()
    with pytest.raises(RuntimeError, match="this cell or one in it is recomputed already"):
        net.recompute()
    net[1].recompute(mp_comm_recompute=False)
    with pytest.raises(ValueError, match="recompute has no argument 'mode'"):
        nn.ReLU().recompute(mode=True)
    with pytest.raises(TypeError, match="mp_comm_recompute must be a bool, got 1"):
        nn.ReLU().recompute(mp_comm_recompute=1)
