"""HyperMap, MultitypeFuncGraph, partial: as training steps written for MindSpore use them."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops
from cellc.ops import composite as C  # noqa: N812
from cellc.ops import functional as F  # noqa: N812

scale = C.MultitypeFuncGraph("scale")


@scale.register("Number", "Tensor")
def _by_number(factor, x):
    return x * factor


@scale.register("Tensor", "Tensor")
def _by_tensor(factor, x):
    return x * ops.sqrt(factor)


class Step(nn.TrainOneStepCell):
    """Clips gradients by a mapped function, as BERT's training step does."""

    def __init__(self, network, optimizer, factor):
        super().__init__(network, optimizer)
        self.hyper_map = C.HyperMap()
        self.factor = factor

    def construct(self, *inputs):
        loss = self.network(*inputs)
        grads = self.grad(self.network, self.weights)(*inputs, F.fill(loss.dtype, F.shape(loss), 1.0))
        grads = self.hyper_map(F.partial(scale, self.factor), grads)
        return F.depend(loss, self.optimizer(grads))


@pytest.mark.parametrize("factor", [0.5, Tensor(0.25)])
def test_gradients_are_mapped_in_a_compiled_step(factor):
    trained = []
    for rate, make in ((0.1, lambda net, opt: Step(net, opt, factor)), (0.05, nn.TrainOneStepCell)):
        cellc.set_seed(3)
        net = nn.Dense(4, 2)
        step = make(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), rate))
        step(ops.ones((3, 4)), ops.ones((3, 2)))
        trained.append(net.weight.asnumpy())
    np.testing.assert_allclose(*trained, rtol=1e-6)


def test_structures():
    add = ops.HyperMap(ops.add)
    x, y = Tensor([1.0]), Tensor([2.0])
    found = add((x, [x, (y,)]), (y, [y, (y,)]))
    assert (type(found), type(found[1]), type(found[1][1])) == (tuple, list, tuple)
    assert [float(one) for one in (found[0], found[1][0], found[1][1][0])] == [3, 3, 4]
    assert ops.Map()(abs, (-1, 2)) == ops.hyper_map(abs, (-1, 2)) == (1, 2)


def test_types_choose_the_function():
    kind = ops.MultitypeFuncGraph("kind")
    for name in ("Bool", "Number", "String", "Tuple", "List", "None", "Function", "Tensor", "RowTensor"):
        kind.register(name)(lambda value, name=name: name)
    found = [kind(value) for value in (True, 1, 1.5, "x", (), [], None, abs, Tensor(1))]
    assert found == ["Bool", "Number", "Number", "String", "Tuple", "List", "None", "Function", "Tensor"]


def test_decorators_for_the_parser_leave_things_as_they_are():
    @ops.constexpr
    def half(shape):
        return shape[0] // 2

    @ops.constexpr(get_instance=False, name="Length")
    def length(shape):
        return len(shape)

    assert length()(shape=(2, 3)) == 2

    @cellc.ms_class
    class Scale:
        def __init__(self, factor):
            self.factor = factor

    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.scale, self.length = Scale(3.0), length()

        def construct(self, x):
            return x * self.scale.factor + half(x.shape) + self.length(x.shape)

    assert Net()(ops.ones((8, 2))).asnumpy().tolist() == [[9.0, 9.0]] * 8
    assert isinstance(length(), ops.Primitive)
    assert length().name == "Length"


def test_facts_of_tensors():
    x = ops.ones((2, 3), cellc.float16)
    assert (F.shape(x), F.rank(x), F.size(x), F.dtype(x)) == ((2, 3), 2, 6, cellc.float16)


@pytest.mark.parametrize(
    ("use", "error", "said"),
    [
        (lambda: ops.HyperMap(3), TypeError, "'ops' must be a function"),
        (lambda: ops.HyperMap(abs, 1), TypeError, "'reverse'"),
        (lambda: ops.HyperMap()(), TypeError, "a function and something"),
        (lambda: ops.HyperMap()((1,)), TypeError, "a function and something"),
        (lambda: ops.HyperMap(abs)(), TypeError, "a function and something"),
        (lambda: ops.HyperMap(ops.add)((1,), 2), TypeError, "one structure"),
        (lambda: ops.HyperMap(ops.add)((1,), (2, 3)), ValueError, "one length"),
        (lambda: ops.MultitypeFuncGraph(3), TypeError, "'name'"),
        (lambda: scale("x", Tensor(1)), TypeError, r"For 'scale', no function is registered for \(str, Tensor\)"),
        (lambda: scale.register(Tensor), TypeError, "type_names"),
        (lambda: ops.constexpr(3), TypeError, "takes a function, got 3"),
        (lambda: cellc.ms_class(nn.ReLU()), TypeError, "takes a class"),
    ],
)
def test_wrong_use(use, error, said):
    with pytest.raises(error, match=said):
        use()
