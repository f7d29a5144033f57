"""Hooks of Cells and `bprop`: in PYNATIVE mode they see values, in graph mode they become part of the program."""

import pytest

from cellc import Parameter, Tensor, context, nn, ops
from cellc import compile as compiler
from support.meanings import MeaningsBackend


@pytest.fixture(autouse=True, params=[context.GRAPH_MODE, context.PYNATIVE_MODE], ids=["graph", "pynative"])
def _mode(request, reference):
    previous = compiler.set_backend(MeaningsBackend())
    context.set_context(mode=request.param)
    yield
    compiler.set_backend(previous)


class Scale(nn.Cell):
    """x * weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = Parameter(Tensor([weight]))

    def construct(self, x: Tensor) -> Tensor:
        return x * self.weight


class Net(nn.Cell):
    """5 * (3 * (2 * x))."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = Scale(2.0), Scale(3.0), Scale(5.0)

    def construct(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x)))


X = Tensor([1.0])


def test_forward_hooks_replace_inputs_and_outputs() -> None:
    net, seen = Net(), []

    def before(cell_id, inputs):
        seen.append((cell_id, len(inputs)))
        return inputs[0] + 1

    def after(cell_id, inputs, output):
        return output + inputs[0]

    handles = [net.middle.register_forward_pre_hook(before), net.middle.register_forward_hook(after)]
    assert net(X).tolist() == [5 * (3 * 3 + 3)]
    assert seen == [(f"Scale({id(net.middle)})", 1)]
    for handle in handles:
        handle.remove()
        handle.remove()
    assert net(X).tolist() == [30]


def test_hooks_run_in_order_and_may_only_look() -> None:
    net, seen = Net(), []
    net.register_forward_pre_hook(lambda cell_id, inputs: seen.append(1))
    handle = net.register_forward_pre_hook(lambda cell_id, inputs: seen.append(2))
    net.register_forward_pre_hook(lambda cell_id, inputs: seen.append(3))
    assert net(X).tolist() == [30]
    assert seen == [1, 2, 3]
    handle.remove()
    net(X)
    assert seen == [1, 2, 3, 1, 3]


def test_keyword_arguments_reach_the_hooks() -> None:
    net, seen = Scale(2.0), []
    net.register_forward_pre_hook(lambda cell_id, inputs: seen.append(inputs[0].shape))
    assert net(x=X).tolist() == [2]
    assert seen == [(1,)]


def test_a_backward_hook_sees_and_replaces_gradients() -> None:
    net = Net()
    weights = net.trainable_params()
    seen = []

    def hook(cell_id, grad_input, grad_output):
        seen.append((cell_id, len(grad_input), len(grad_output)))
        return grad_output[0] * 10 + grad_input[0]

    handle = net.middle.register_backward_hook(hook)
    of_x, of_weights = ops.GradOperation(get_all=True, get_by_list=True)(net, weights)(X)
    assert seen == [(f"Scale({id(net.middle)})", 1, 1)]
    assert of_x[0].tolist() == [2 * (10 * 15 + 5)]
    assert [g.tolist() for g in of_weights] == [[155], [10], [6]]
    handle.remove()
    assert ops.grad(net)(X).tolist() == [30]


def test_backward_hooks_nest() -> None:
    net = Net()
    order = []

    def hook(name, factor):
        def run(cell_id, grad_input, grad_output):
            order.append(name)
            return grad_output[0] * factor

        return run

    net.register_backward_hook(hook("net", 2))
    net.first.register_backward_hook(hook("first", 3))
    net.last.register_backward_hook(hook("last", 7))
    assert ops.grad(net)(X).tolist() == [30 * 42]
    assert order == ["last", "first", "net"]


def test_a_second_derivative_goes_through_the_hook() -> None:
    class Square(nn.Cell):
        def construct(self, x):
            return x * x

    net = Square()
    net.register_backward_hook(lambda cell_id, grad_input, grad_output: grad_output[0] * grad_output[0])
    assert ops.grad(ops.grad(net))(Tensor([3.0])).tolist() != [2]
    assert ops.grad(net)(Tensor([3.0])).tolist() == [36]


def test_bprop_replaces_the_gradient() -> None:
    class Rounded(nn.Cell):
        """Straight-through estimator."""

        def construct(self, x, y):
            return ops.round(x) * y

        def bprop(self, x, y, out, dout):
            return dout * y, dout * out

    output, (dx, dy) = ops.value_and_grad(Rounded(), (0, 1))(Tensor([2.6]), Tensor([5.0]))
    assert (output.tolist(), dx.tolist(), dy.tolist()) == ([15], [5], [15])


@pytest.mark.parametrize(("returned", "message"), [
    ((X,), r"Wrong\.bprop must return a gradient for each of the 2 input\(s\), but returned 1"),
    ((X, ops.ones((2,))), r"bprop of Wrong must return gradients f32\[1\], f32\[1\], but returned f32\[1\], f32\[2\]"),
])  # fmt: skip
def test_a_wrong_bprop(returned, message) -> None:
    class Wrong(nn.Cell):
        def construct(self, x, y):
            return x * y

        def bprop(self, x, y, out, dout):
            return returned

    with pytest.raises(TypeError, match=message):
        ops.grad(Wrong())(X, X)


@pytest.mark.parametrize("method", ["register_forward_pre_hook", "register_forward_hook", "register_backward_hook"])
def test_a_hook_is_a_function(method: str) -> None:
    with pytest.raises(TypeError, match=f"{method} takes a Python function, got 3"):
        getattr(nn.ReLU(), method)(3)


def test_values_are_seen_in_pynative_mode_only() -> None:
    net, seen = Net(), []
    net.middle.register_backward_hook(lambda cell_id, given, made: seen.append((given[0].item(), made[0].item())))
    if context.get_context("mode") == context.PYNATIVE_MODE:
        assert ops.grad(net)(X).tolist() == [30]
        assert seen == [(5, 15)]
    else:
        with pytest.raises(TypeError, match="item"):
            ops.grad(net)(X)


def test_several_outputs_come_back_through_a_hook_together() -> None:
    """One backward pass, whatever the number of outputs."""

    class Split(nn.Cell):
        def construct(self, x):
            return x * 2, x * 3

    net, seen = Split(), []
    net.register_backward_hook(lambda cell_id, given, made: seen.append((len(given), len(made))))
    assert ops.grad(net)(X).tolist() == [5]
    assert seen == [(2, 1)]
