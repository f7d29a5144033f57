"""What makes a Cell trace again, that nothing else does, and that it says why."""

from typing import Any

import numpy as np
import pytest

from cellc import Parameter, Tensor, context, jit, nn
from support.reference import ReferenceBackend

ONE = Tensor([1.0])
TRACED: list[nn.Cell] = []


class Net(nn.Cell):
    """Reads attributes of several kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0
        self.unread = 0
        self.terms = [1.0]
        self.child = nn.Cell()
        self.child.shift = 0.0

    def construct(self, x: Tensor, power: int = 1) -> Tensor:
        TRACED.append(self)
        y = x**power * self.scale + self.child.shift + sum(self.terms)
        return y if self.training else y + 100


def test_steady_state_does_not_trace() -> None:
    net = Net()
    assert [net(ONE).item() for _ in range(3)] == [103, 103, 103]
    assert TRACED.count(net) == 1


def test_what_construct_read_is_watched() -> None:
    net = Net()
    net(ONE)
    net.scale = 3.0
    assert net(ONE).item() == 104
    net.child.shift = 1.0
    assert net(ONE).item() == 105
    net.terms.append(5.0)
    assert net(ONE).item() == 110
    net.terms[0] = 0.0
    assert net(ONE).item() == 109
    net.set_train()
    assert net(ONE).item() == 9
    assert net(ONE, 2).item() == 9


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((2,), (2.0,)), ((1,), (True,)), ((0.0,), (-0.0,)), ((np.int32(2),), (np.float32(2),)), ((["a"],), (("a",),)),
        (({"a": 1},), ((("a", 1),),)), (([2],), ([2.0],)), (((),), ({},)),
        (({1: 0},), ({True: 0},)), (({(0.0,): 0},), ({(-0.0,): 0},)), ((np.float32(0),), (-np.float32(0),)),
        ((complex(1, 0.0),), (complex(1, -0.0),)),
    ],
)  # fmt: skip
def test_equal_arguments_that_are_not_the_same(first: tuple[Any], second: tuple[Any]) -> None:
    seen = []

    @jit
    def function(x: Tensor, value: Any) -> Tensor:
        seen.append(repr(value))
        return x * len(seen)

    assert [function(ONE, *value).item() for value in (first, second, first, second)] == [1, 2, 1, 2]
    assert seen == [repr(*first), repr(*second)]


@pytest.mark.parametrize("nan", [lambda: float("nan"), lambda: np.float32("nan"), lambda: complex(1, float("nan"))])
def test_nan_is_an_argument_like_others(nan: Any) -> None:
    seen = []

    @jit
    def function(x: Tensor, value: Any) -> Tensor:
        seen.append(value)
        return x * len(seen)

    assert [function(ONE, nan()).item() for _ in range(3)] == [1, 1, 1]


def test_an_attribute_that_becomes_negative_zero() -> None:
    net = Net()
    for net.child.shift in (0.0, -0.0, 0.0):
        net(ONE)
    assert TRACED.count(net) == 2


def test_a_keyword_is_for_one_call() -> None:
    @jit
    def scaled(x: Tensor, scale: Any = 1.0) -> Tensor:
        return x * scale

    assert [scaled(ONE, scale=2.0).item(), scaled(ONE).item(), scaled(ONE, 3.0).item(), scaled(ONE).item()] == [
        2,
        1,
        3,
        1,
    ]


def test_keywords_are_no_dict() -> None:
    @jit
    def first(x: Any, second: Any = None, **more: Any) -> Tensor:
        return x * len(more) if second is None else x[0] * 10

    assert first(ONE, third=ONE).item() == 1
    assert first((ONE,), {"third": ONE}).item() == 10


def test_what_construct_did_not_read_is_not() -> None:
    net = Net()
    net(ONE)
    net.unread = 1
    net.new_attribute = 2
    net.scale = 2.0
    Net().scale = 7
    net(ONE)
    assert TRACED.count(net) == 1


def test_an_earlier_state_is_found_again(reference: ReferenceBackend) -> None:
    net = Net()
    for _ in range(3):
        net.set_train(False)
        net(ONE)
        net.set_train(True)
        net(ONE)
    assert TRACED.count(net) == 2
    assert reference.compiled == 2


def test_a_replaced_child_is_noticed() -> None:
    class Outer(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.ReLU()

        def construct(self, x: Tensor) -> Tensor:
            return self.layer(x)

    net = Outer()
    x = Tensor([-1.0])
    assert net(x).item() == 0
    net.layer = nn.Sigmoid()
    np.testing.assert_allclose(net(x).item(), 0.26894143, rtol=1e-6)


def test_a_replaced_parameter_is_noticed() -> None:
    class Scale(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.factor = Parameter(Tensor([2.0]))

        def construct(self, x: Tensor) -> Tensor:
            return x * self.factor

    net = Scale()
    assert net(ONE).item() == 2
    net.factor = Parameter(Tensor([3.0]))
    assert net(ONE).item() == 3


def test_equal_cells_share_one_program(reference: ReferenceBackend) -> None:
    Net()(ONE)
    Net()(ONE)
    assert reference.compiled == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda net: net(Tensor([1.0, 2.0])), "x was f32[1], is f32[2]"),
        (lambda net: net(Tensor([1])), "x was f32[1], is i64[1]"),
        (lambda net: setattr(net, "scale", 5.0), "Net.scale was 2.0, is 5.0"),
        (lambda net: net.set_train(), "Net.training was False, is True"),
        (lambda net: net.terms.append(2.0), "Net.terms was [1.0], is [1.0, 2.0]"),
    ],
)
def test_it_says_why(change: Any, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    context.set_context(log_recompiles=True)
    net = Net()
    net(ONE)
    assert capsys.readouterr().err == ""
    change(net)
    net(ONE)
    assert reason in capsys.readouterr().err


def test_python_arguments_are_constants() -> None:
    net = Net()
    assert net(Tensor([3.0]), 2).item() == 119
    assert net(Tensor([3.0]), 3).item() == 155
    assert net(Tensor([3.0]), power=2).item() == 119


def test_the_environment_asks_for_reasons_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CELLC_LOG", "recompile")
    net = Net()
    net(ONE)
    net(Tensor([1.0, 2.0, 3.0]))
    assert capsys.readouterr().err == "cellc: compiling net again: x was f32[1], is f32[3]\n"


class WithArray(nn.Cell):
    """x * scale, a NumPy array, and the arrays of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = np.ones(2, np.float32)
        self.more = [np.ones(2, np.float32)]

    def construct(self, x: Tensor) -> Tensor:
        return x * Tensor(self.scale) + Tensor(self.more[0])


def test_an_array_edited_in_place_is_noticed(reference) -> None:
    net, x = WithArray(), Tensor([1.0, 2.0])
    assert net(x).tolist() == [2, 3]
    net.scale[0] = 5
    assert net(x).tolist() == [6, 3]
    net.more[0][1] = np.nan
    assert np.isnan(net(x).tolist()[1])
    compiled = reference.compiled
    net(x)
    assert reference.compiled == compiled
