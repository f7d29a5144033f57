"""Seeds, random state and initializers: repeatable, and of the distribution their names promise."""

from typing import Any

import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, nn
from cellc import initializer as initializers
from cellc.initializer import initializer
from cellc.seed import random_state, uniform


class Draw(nn.Cell):
    """Two draws."""

    def construct(self) -> Any:
        return uniform((4,), cellc.float32), uniform((4,), cellc.float32)


def _draws(net: nn.Cell, calls: int) -> list[list[float]]:
    return [tensor.asnumpy().tolist() for _ in range(calls) for tensor in net()]


def test_draws_differ_and_a_seed_repeats_them() -> None:
    net = Draw()
    cellc.set_seed(5)
    first = _draws(net, 3)
    assert len({tuple(draw) for draw in first}) == 6
    cellc.set_seed(5)
    assert _draws(net, 3) == first
    cellc.set_seed(6)
    assert _draws(net, 3) != first


def test_a_program_that_draws_advances_the_state_once() -> None:
    cellc.set_seed(1)
    Draw()()
    assert random_state().asnumpy().tolist() == [1, 1]
    uniform((2,), cellc.float32).asnumpy()
    assert random_state().asnumpy().tolist() == [1, 2]


@pytest.mark.parametrize("seed", ["1", 1.0, True])
def test_seed_of_a_wrong_type(seed: Any) -> None:
    with pytest.raises(TypeError):
        cellc.set_seed(seed)


def test_negative_seed() -> None:
    with pytest.raises(ValueError, match="negative"):
        cellc.set_seed(-1)


def _values(init: Any, shape: tuple[int, ...]) -> np.ndarray:
    return initializer(init, shape, cellc.float64).init_data().asnumpy()


# fan_in = 3 * 25, fan_out = 64 * 25
SHAPE = (64, 3, 5, 5)
SPREADS = [
    ("normal", 0.01), ("truncatedNormal", 0.01 * 0.8796), ("uniform", 0.07 / 3**0.5),
    ("xavier_uniform", (2 / (67 * 25)) ** 0.5), ("he_uniform", (2 / 75) ** 0.5), ("he_normal", (2 / 75) ** 0.5),
    (initializers.HeNormal(mode="fan_out", nonlinearity="relu"), (2 / 1600) ** 0.5),
    (initializers.Normal(sigma=2.0, mean=0.0), 2.0), (initializers.VarianceScaling(2.0), (2 / 75) ** 0.5),
    (initializers.VarianceScaling(1.0, "fan_avg", "uniform"), (2 / 1675) ** 0.5),
]  # fmt: skip


def _name(value: Any) -> str:
    return type(value).__name__ if isinstance(value, initializers.Initializer) else str(value)


@pytest.mark.parametrize(("init", "deviation"), SPREADS, ids=_name)
def test_spread(init: Any, deviation: float) -> None:
    values = _values(init, SHAPE)
    np.testing.assert_allclose(values.std(), deviation, rtol=0.05)
    np.testing.assert_allclose(values.mean(), 0, atol=deviation / 10)


def test_values_known_exactly() -> None:
    assert _values("zeros", (2,)).tolist() == [0, 0]
    assert _values("ones", (2,)).tolist() == [1, 1]
    assert _values(7, (2,)).tolist() == [7, 7]
    assert _values("identity", (2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    rows = _values("orthogonal", (3, 8))
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-12)
    dirac = _values(initializers.Dirac(groups=2), (4, 2, 3))
    assert [tuple(place) for place in np.argwhere(dirac)] == [(0, 0, 1), (1, 1, 1), (2, 0, 1), (3, 1, 1)]
    sparse = _values(initializers.Sparse(0.5), (10, 4))
    assert (sparse == 0).sum(axis=0).tolist() == [5] * 4


def test_values_do_not_depend_on_when_they_are_made() -> None:
    cellc.set_seed(3)
    early = [Parameter(initializer("normal", (4,))) for _ in range(2)]
    first = [parameter.asnumpy().tolist() for parameter in early]
    cellc.set_seed(3)
    late = [Parameter(initializer("normal", (4,))) for _ in range(2)]
    assert [parameter.asnumpy().tolist() for parameter in reversed(late)] == first[::-1]
    assert first[0] != first[1]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nope", (2,)), ValueError), (("normal", None), ValueError), (("normal", (-1,)), ValueError),
        (("normal", (2.5,)), TypeError), (({}, (2,)), TypeError), ((Tensor([1.0]), (2,)), ValueError),
    ],
)  # fmt: skip
def test_misuse(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        initializer(*arguments)
