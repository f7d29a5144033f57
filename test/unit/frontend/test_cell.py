"""Cell: names, children, flags, printing, and values of any structure."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import Parameter, ParameterTuple, Tensor, nn, ops
from cellc import compile as compiler


class Affine(nn.Cell):
    """x * weight + bias."""

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        self.weight = Parameter(np.ones(size, np.float32), name="given")
        self.bias = Parameter(np.zeros(size, np.float32), requires_grad=False)

    def construct(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias

    def extend_repr(self) -> str:
        return f"size={self.weight.shape[0]}"


class Pair(nn.Cell):
    """Two affine maps, one of them in a child of a child."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Affine()
        inner = nn.Cell()
        inner.second = Affine()
        self.inner = inner

    def construct(self, x: Tensor) -> Tensor:
        return self.inner.second(self.first(x))


def test_names_are_attribute_paths() -> None:
    assert [p.name for p in Affine().get_parameters()] == ["given", "bias"]
    net = Pair()
    names = ["first.weight", "first.bias", "inner.second.weight", "inner.second.bias"]
    assert [p.name for p in net.get_parameters()] == names
    assert [name for name, _ in net.parameters_and_names()] == names
    assert list(net.parameters_dict()) == names
    outer = nn.Cell()
    outer.net = net
    assert [p.name for p in outer.trainable_params()] == ["net.first.weight", "net.inner.second.weight"]
    assert [p.name for p in outer.untrainable_params()] == ["net.first.bias", "net.inner.second.bias"]


def test_without_auto_prefix_names_stay() -> None:
    outer = nn.Cell(auto_prefix=False)
    outer.net = Affine()
    assert [p.name for p in outer.get_parameters()] == ["given", "bias"]


def test_children() -> None:
    net = Pair()
    assert [name for name, _ in net.cells_and_names()] == ["", "first", "inner", "inner.second"]
    assert list(net.name_cells()) == ["first", "inner"]
    assert list(net.cells()) == [net.first, net.inner]
    net.again = net.first
    assert list(net.name_cells()) == ["first", "inner"]
    assert len(list(net.get_parameters())) == 4
    del net.again
    with pytest.raises(AttributeError, match="no attribute 'again'"):
        _ = net.again


def test_insertion_is_checked() -> None:
    net = Affine()
    parameter = Parameter(Tensor(1.0))
    for name in ("", "a.b", "construct"):
        with pytest.raises(KeyError):
            net.insert_param_to_cell(name, parameter)
        with pytest.raises(KeyError):
            net.insert_child_to_cell(name, Affine())
    with pytest.raises(TypeError):
        net.insert_param_to_cell("p", Tensor(1.0))  # pyright: ignore
    with pytest.raises(TypeError):
        net.insert_child_to_cell("c", 1)  # pyright: ignore
    net.insert_param_to_cell("p", parameter)
    assert (net.p is parameter, parameter.name) == (True, "p")


def test_assignment_to_a_parameter_attribute() -> None:
    net = Affine()
    kept = net.weight
    net.weight = Tensor(np.full(2, 3, np.float32))
    assert net.weight is kept
    assert kept.asnumpy().tolist() == [3, 3]
    with pytest.raises(TypeError, match="cannot replace"):
        net.weight = "text"
    net.weight = Parameter(np.zeros(3, np.float32))
    assert net.weight.shape == (3,)


def test_flags() -> None:
    net = Pair()
    assert not any(cell.training or cell.requires_grad for _, cell in net.cells_and_names())
    assert net.set_train() is net
    assert all(cell.training for _, cell in net.cells_and_names())
    assert not net.set_train(False).training
    assert net.set_grad().requires_grad
    assert not net.inner.requires_grad
    net.add_flags_recursive(mixed=1)
    assert net.first.mixed == 1
    with pytest.raises(TypeError):
        net.set_train(1)  # pyright: ignore


def test_repr() -> None:
    assert repr(Affine()) == "Affine<size=2>"
    assert repr(Pair()) == (
        "Pair<\n  (first): Affine<size=2>\n  (inner): Cell<\n    (second): Affine<size=2>\n    >\n  >"
    )
    assert Pair().cls_name == "Pair"


class Nest(nn.Cell):
    """Takes and returns nested values."""

    def construct(self, pair: Any, options: Any = None, *, scale: float = 1.0) -> Any:
        left, right = pair
        return {"sum": left + right, "parts": [left * scale, None, (right, 7)]}, options


def test_nested_values() -> None:
    net = Nest()
    a, b = Tensor([1.0]), Tensor([2.0])
    result, options = net((a, b), ["x", {"k": a}], scale=3.0)
    assert result["sum"].item() == 3
    assert result["parts"][0].item() == 3
    assert result["parts"][1] is None
    assert result["parts"][2][1] == 7
    assert (options[0], options[1]["k"].item()) == ("x", 1)
    assert isinstance(options, list)


def test_tensors_made_outside_are_constants_by_reference() -> None:
    class Shift(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.by = Tensor([1.0])

        def construct(self, x: Tensor) -> Tensor:
            return x + self.by

    net = Shift()
    assert net(Tensor([1.0])).item() == 2
    net.by[0] = 5
    assert net(Tensor([1.0])).item() == 6


def test_an_input_that_is_also_updated() -> None:
    class Add(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.total = Parameter(Tensor([1.0]))

        def construct(self, x: Tensor) -> Tensor:
            self.total.set_data(self.total + 10)
            return self.total + x

    net = Add()
    assert net(net.total).item() == 12


def test_reads_after_an_assignment_see_the_new_value() -> None:
    class Twice(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.p = Parameter(Tensor([1.0]))

        def construct(self) -> Any:
            before = self.p * 1
            self.p = self.p + 1
            between = self.p * 1
            self.p = self.p * 10
            return before, between, self.p * 1

    net = Twice()
    assert [t.item() for t in net()] == [1, 2, 20]
    assert net.p.asnumpy() == [20]


def test_parameter() -> None:
    parameter = Parameter([1.0, 2.0], name="p")
    address = parameter._elements().ctypes.data
    assert address % 64 == 0
    parameter.set_data(Tensor([3, 4]))
    assert parameter.asnumpy().tolist() == [3, 4]
    assert parameter._elements().ctypes.data == address
    clone = parameter.clone("zeros")
    assert (clone.name, clone.asnumpy().tolist(), clone.requires_grad) == ("p", [0, 0], True)
    assert parameter.clone().asnumpy().tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"has shape \(2,\), the new value \(3,\)"):
        parameter.set_data(Tensor([1.0, 2.0, 3.0]))
    with pytest.raises(TypeError):
        Parameter(Tensor([1])).set_data(Tensor([1.5]))
    assert parameter.set_data(Tensor([1.0, 2.0, 3.0]), slice_shape=True).shape == (3,)


def test_parameters_take_no_value_of_higher_precision_from_a_tensor() -> None:
    half, single = Parameter(Tensor(0.5, cellc.float16)), Parameter(0.5)
    for value in (0.25, np.float64(0.25), Tensor(0.25, cellc.float16)):
        assert half.set_data(value).item() == single.set_data(value).item() == 0.25
    with pytest.raises(TypeError, match="is Float16, the new value Float32"):
        half.set_data(single)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"default_input": True}, ValueError, "first value must be a number or a tensor, got True"),
        ({"name": 1}, ValueError, "name must be a str that is not empty, got 1"),
        ({"name": " "}, ValueError, "name must be a str that is not empty, got ' '"),
        ({"requires_grad": 1}, TypeError, "requires_grad must be a bool, got 1"),
        ({"layerwise_parallel": None}, TypeError, "layerwise_parallel must be a bool, got None"),
        ({"parallel_optimizer": "no"}, TypeError, "parallel_optimizer must be a bool, got 'no'"),
    ],
)
def test_parameters_that_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Parameter(**{"default_input": 1.0, **arguments})


def test_parameter_tuple() -> None:
    a, b = Parameter(1.0, name="a"), Parameter(2.0, name="b")
    slots = ParameterTuple([a, b]).clone("moments", "zeros")
    assert [p.name for p in slots] == ["moments.a", "moments.b"]
    with pytest.raises(ValueError, match="named 'a'"):
        ParameterTuple([a, Parameter(1.0, name="a")])
    with pytest.raises(TypeError):
        ParameterTuple([1])  # pyright: ignore


def test_new_storage_is_bound_again() -> None:
    net = Affine(2)
    x = Tensor([1.0, 1.0])
    net(x)
    net.weight.set_data(Tensor([1.0]), slice_shape=True)
    net.weight.set_data(Tensor([4.0, 4.0]), slice_shape=True)
    assert net(x).asnumpy().tolist() == [4, 4]


def test_a_parameter_of_another_shape_is_compiled_for() -> None:
    net = Affine(2)
    x = Tensor([1.0, 2.0])
    net(x)
    net.weight.set_data(Tensor([3.0]), slice_shape=True)
    assert net(x).asnumpy().tolist() == [3, 6]


def test_copies_are_independent() -> None:
    net = Pair()
    x = Tensor([1.0, 2.0])
    net(x)
    for clone in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        clone.first.weight.set_data(Tensor([5.0, 5.0]))
        assert clone(x).asnumpy().tolist() == [5, 10]
        assert net(x).asnumpy().tolist() == [1, 2]


def test_copies_of_parameters_keep_what_is_set() -> None:
    one = Parameter(Tensor([1.0]), "one", False, layerwise_parallel=True, parallel_optimizer=False)
    one.comm_fusion = 3
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one.clone()):
        assert (other.name, other.requires_grad, other.layerwise_parallel) == ("one", False, True)
        assert (other.parallel_optimizer, other.comm_fusion, other.asnumpy().tolist()) == (False, 3, [1])


def test_cells_of_several_threads() -> None:
    def run(number: int) -> float:
        net = Pair()
        net.first.bias.set_data(Tensor([float(number)] * 2))
        return net(Tensor([1.0, 1.0]) * 2)[0].item()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(16))) == [2 + number for number in range(16)]


def test_dtype_names_and_lazy_attributes() -> None:
    assert cellc.float32 is cellc.dtype.float32
    from cellc.common import dtype as mstype

    assert mstype.float32 is cellc.float32
    assert repr(cellc.float32) == "Float32"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cellc.nothing


def test_a_parameter_is_copied_at_one_moment_while_another_thread_trains() -> None:
    """Every element goes up by one in each step, so two different elements are of two steps."""
    previous = compiler.set_backend(None)
    try:

        class Counting(nn.Cell):
            def __init__(self) -> None:
                super().__init__()
                self.count = Parameter(np.zeros(1 << 21, np.float32))

            def construct(self) -> Tensor:
                ops.assign_add(self.count, 1.0)
                return ops.reduce_max(self.count)

        net = Counting()
        net()
        with ThreadPoolExecutor(1) as pool:
            training = pool.submit(lambda: [net() for _ in range(200)])
            while not training.done():
                values = net.count.asnumpy()
                assert values.min() == values.max()
        assert net.count.asnumpy()[0] == 201
    finally:
        compiler.set_backend(previous)
