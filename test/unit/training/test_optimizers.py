"""Fifty steps of each optimizer against the same formulas in NumPy float64, and what surrounds the update."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops
from cellc.nn._learning_rate import LearningRateSchedule
from support.optimizer_steps import STEPS, Quadratic, batches, check


def momentum_update(lr, u, wd=0.0, nesterov=False, decays=lambda name: "gamma" not in name):
    def update(t, name, w, g, state):
        g = g + (wd * w if decays(name) else 0)
        rate = lr(t, name) if callable(lr) else lr
        state["v"] = u * state.get("v", 0) + g
        return w - rate * (g + u * state["v"] if nesterov else state["v"])

    return update


def adam_update(lr=1e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, nesterov=False, amsgrad=False):
    def update(t, name, w, g, state):
        g = g + (wd * w if "gamma" not in name else 0)
        state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
        state["v"] = b2 * state.get("v", 0) + (1 - b2) * g * g
        state["top"] = np.maximum(state.get("top", 0), state["v"])
        lr_t = lr * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
        m = b1 * state["m"] + (1 - b1) * g if nesterov else state["m"]
        return w - lr_t * m / (np.sqrt(state["top"] if amsgrad else state["v"]) + eps)

    return update


def sgd_update(lr, u=0.0, dampening=0.0, wd=0.0, nesterov=False):
    def update(t, name, w, g, state):
        g = g + (wd * w if "gamma" not in name else 0)
        if u == 0:
            return w - lr * g
        state["v"] = g if t == 0 else u * state["v"] + (1 - dampening) * g
        return w - lr * (g + u * state["v"] if nesterov else state["v"])

    return update


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_momentum(nesterov, decay):
    check(
        lambda net: nn.Momentum(net.trainable_params(), 0.5, 0.9, weight_decay=decay, use_nesterov=nesterov),
        momentum_update(0.5, 0.9, decay, nesterov),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "weight_decay": 0.05},
        {"momentum": 0.9, "nesterov": True},
        {"weight_decay": 0.05},
    ],
    ids=str,
)
def test_sgd(options):
    names = {"momentum": "u", "weight_decay": "wd"}
    check(
        lambda net: nn.SGD(net.trainable_params(), 0.5, **options),
        sgd_update(0.5, **{names.get(key, key): value for key, value in options.items()}),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learning_rate": 0.05, "weight_decay": 0.1},
        {"use_nesterov": True},
        {"use_amsgrad": True},
        {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
    ],
    ids=str,
)
def test_adam(options):
    names = {
        "learning_rate": "lr", "weight_decay": "wd", "use_nesterov": "nesterov", "use_amsgrad": "amsgrad",
        "beta1": "b1", "beta2": "b2",
    }  # fmt: skip
    check(
        lambda net: nn.Adam(net.trainable_params(), **options),
        adam_update(**{names.get(key, key): value for key, value in options.items()}),
    )


def test_loss_scale_divides_gradients_and_not_weight_decay():
    check(
        lambda net: nn.Momentum(net.trainable_params(), 0.5, 0.9, weight_decay=0.05, loss_scale=1024),
        momentum_update(0.5, 0.9, 0.05),
        sens=1024.0,
    )


@pytest.mark.parametrize("kind", [list, iter, lambda rates: Tensor(np.array(rates, np.float32))])
def test_learning_rate_for_each_step(kind):
    rates = [0.5 / (t + 1) for t in range(STEPS)]
    optimizer = check(
        lambda net: nn.Momentum(net.trainable_params(), kind(rates), 0.9),
        momentum_update(lambda t, name: rates[t], 0.9),
    )
    assert optimizer.global_step.asnumpy().tolist() == [STEPS]


def test_learning_rate_schedule_starts_at_step_0():
    class Harmonic(LearningRateSchedule):
        def construct(self, global_step):
            return 0.5 / (global_step.astype(cellc.float32) + 1.0)

    check(
        lambda net: nn.Momentum(net.trainable_params(), Harmonic(), 0.9),
        momentum_update(lambda t, name: 0.5 / (t + 1), 0.9),
    )


def test_constant_learning_rate_does_not_count_steps_and_can_be_set():
    net = Quadratic()
    optimizer = nn.Momentum(net.trainable_params(), 0.5, 0.9)
    step = nn.TrainOneStepCell(net, optimizer)
    x, y = (Tensor(a.astype(np.float32)) for a in batches()[0])
    step(x, y)
    assert optimizer.global_step.asnumpy().tolist() == [0]
    optimizer.learning_rate.set_data(0.0)
    before = net.weight.asnumpy()
    step(x, y)
    assert np.array_equal(before, net.weight.asnumpy())


def groups(net, **others):
    return [
        {"params": [net.gamma], "lr": 0.25, "weight_decay": 0.05},
        {"params": [net.weight, net.bias], **others},
        {"order_params": net.trainable_params()},
    ]


def test_groups_have_their_rates_and_decays_and_keep_the_order_of_gradients():
    """In groups gamma decays too: names do not count there."""
    optimizer = check(
        lambda net: nn.Momentum(groups(net), 0.5, 0.9, weight_decay=0.0),
        momentum_update(
            lambda t, name: 0.25 if name == "gamma" else 0.5, 0.9, 0.05, decays=lambda name: name == "gamma"
        ),
    )
    assert [p.name for p in optimizer.parameters] == ["weight", "bias", "gamma"]
    assert optimizer.is_group_lr
    assert optimizer.is_group_params_ordered
    assert float(optimizer.get_lr_parameter(optimizer.parameters[2]).asnumpy()) == 0.25


def test_groups_decay_in_sgd_too():
    check(
        lambda net: nn.SGD(groups(net), 0.5, momentum=0.9, loss_scale=8.0),
        momentum_update(
            lambda t, name: 0.25 if name == "gamma" else 0.5, 0.9, 0.05, decays=lambda name: name == "gamma"
        ),
        sens=8.0,
    )


def test_group_with_rates_for_each_step_beside_a_constant_one():
    rates = [0.5 / (t + 1) for t in range(STEPS)]
    check(
        lambda net: nn.Momentum(groups(net, lr=rates), 0.1, 0.9),
        momentum_update(
            lambda t, name: 0.25 if name == "gamma" else rates[t], 0.9, 0.05, decays=lambda name: name == "gamma"
        ),
    )


def test_gradient_centralization():
    """Only the weight has an axis 1 that is a multiple of 16."""
    plain = momentum_update(0.5, 0.9)

    def centralized(t, name, w, g, state):
        return plain(t, name, w, g - g.mean(axis=1, keepdims=True) if name == "weight" else g, state)

    check(
        lambda net: nn.Momentum([{"params": net.trainable_params(), "grad_centralization": True}], 0.5, 0.9),
        centralized,
    )


def test_weight_decay_that_is_a_cell():
    class Half(nn.Cell):
        def construct(self, global_step):
            return 0.1 / (global_step.astype(cellc.float32) + 1.0)

    def update(t, name, w, g, state):
        return momentum_update(0.5, 0.9, 0.1 / (t + 1))(t, name, w, g, state)

    check(
        lambda net: nn.Momentum(net.trainable_params(), 0.5, 0.9, weight_decay=Half(), loss_scale=2), update, sens=2.0
    )


def test_an_optimizer_takes_gradients_directly():
    net = Quadratic()
    before = net.bias.asnumpy()
    gradients = tuple(ops.ones(p.shape) for p in net.trainable_params())
    assert nn.SGD(net.trainable_params(), 0.5)(gradients) == (True, True, True)
    np.testing.assert_allclose(net.bias.asnumpy(), before - 0.5, rtol=1e-6)


def names(optimizer):
    return [(name, parameter.shape) for name, parameter in optimizer.parameters_dict().items()]


def test_names_and_shapes_of_slots():
    net = nn.SequentialCell([nn.Dense(3, 2)])
    weights = [("0.weight", (2, 3)), ("0.bias", (2,))]

    def slots(prefix):
        return [(f"{prefix}.{name}", shape) for name, shape in weights]

    def of(make):
        return set(names(make(net.trainable_params()))) - set(weights)

    shared = {("learning_rate", ()), ("global_step", (1,))}
    assert of(lambda p: nn.Momentum(p, 0.1, 0.9)) == {*shared, ("momentum", ()), *slots("moments")}
    assert of(nn.SGD) == {*shared, ("momentum", ()), *slots("accum"), *slots("stat")}
    powers = {("beta1_power", (1,)), ("beta2_power", (1,))}
    assert of(nn.Adam) == {*shared, *powers, *slots("moment1"), *slots("moment2")}


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"params": None}, ValueError, "'params' must not be None"),
        ({"params": 3}, TypeError, "'params' must be an iterable, but got int"),
        ({"params": []}, ValueError, "'params' must not be empty"),
        ({"params": [1]}, TypeError, "'params' must hold Parameters or dicts, but got int"),
        ({"learning_rate": "fast"}, TypeError, "'learning_rate' must be a number"),
        ({"learning_rate": -0.1}, ValueError, "'learning_rate' must not be negative, but got -0.1"),
        ({"learning_rate": Tensor([[0.1]])}, ValueError, "'learning_rate' must have rank 0 or 1"),
        ({"momentum": 1}, TypeError, "'momentum' must be float, but got 1 of type int"),
        ({"momentum": -0.5}, ValueError, "'momentum' must not be negative, but got -0.5"),
        ({"weight_decay": "x"}, TypeError, "'weight_decay' must be a number or a Cell, but got 'x'"),
        ({"weight_decay": -1.0}, ValueError, "'weight_decay' must not be negative, but got -1.0"),
        ({"loss_scale": 0.0}, ValueError, "'loss_scale' must be finite and greater than 0, but got 0.0"),
        ({"use_nesterov": 1}, TypeError, "'use_nesterov' must be bool, but got 1 of type int"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_arguments(arguments, error, said):
    given = {"params": Quadratic().trainable_params(), "learning_rate": 0.1, "momentum": 0.9} | arguments
    with pytest.raises(error, match=said.replace("(", r"\(")):
        nn.Momentum(**given)


@pytest.mark.parametrize(
    ("group", "error", "said"),
    [
        ({"params": "net", "speed": 1}, KeyError, "speed"),
        ({"lr": 0.1}, KeyError, "must have the key 'params'"),
        ({"params": "net", "order_params": []}, ValueError, "'order_params' must be alone"),
        ({"params": [3]}, TypeError, "'params' must be Parameter, but got 3"),
        ({"params": []}, ValueError, "'params' of a group must not be empty"),
        ({"params": "net", "grad_centralization": 1}, TypeError, "'grad_centralization' must be bool"),
        ({"params": "twice"}, RuntimeError, "weight is in 'params' twice"),
        ({"order_params": []}, ValueError, "each once"),
    ],
)
def test_wrong_groups(group, error, said):
    net = Quadratic()
    chosen = {"net": [net.weight], "twice": [net.weight, net.weight]}
    group = {key: chosen.get(value, value) if isinstance(value, str) else value for key, value in group.items()}
    others = [{"params": [net.bias]}]
    with pytest.raises(error, match=said):
        nn.Momentum([group, *others], 0.1, 0.9)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda p: nn.SGD(p, momentum=-1.0), ValueError, "'momentum' must not be negative"),
        (lambda p: nn.SGD(p, dampening="x"), TypeError, "'dampening' must be float"),
        (lambda p: nn.SGD(p, nesterov=True), ValueError, "'nesterov' needs 'momentum' > 0"),
        (lambda p: nn.Adam(p, beta1=1.0), ValueError, "'beta1' must be in"),
        (lambda p: nn.Adam(p, beta2=1), TypeError, "'beta2' must be float, but got 1"),
        (lambda p: nn.Adam(p, eps=0.0), ValueError, "'eps' must be finite and greater than 0"),
        (lambda p: nn.Adam(p, use_locking=1), TypeError, "'use_locking' must be bool"),
        (
            lambda p: nn.Momentum(p, 0.1, 0.9)((ops.ones((1,)),)),
            ValueError,
            "a tuple of 3 gradients is taken, but got 1",
        ),
    ],
)
def test_wrong_values(make, error, said):
    with pytest.raises(error, match=said):
        make(Quadratic().trainable_params())


def test_train_one_step_needs_one_loss():
    class Two(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = cellc.Parameter(Tensor([1.0]), name="w")

        def construct(self, x):
            return x * self.w, x

    net = Two()
    with pytest.raises(TypeError, match="'network' must return one Tensor, but got tuple"):
        nn.TrainOneStepCell(net, nn.SGD(net.trainable_params()))(ops.ones((1,)))


def test_train_one_step_written_anew_with_grad():
    """As MindSpore's tutorials do; the step is the same."""

    class Own(nn.TrainOneStepCell):
        def construct(self, *inputs):
            loss = self.network(*inputs)
            sens = ops.fill(loss.dtype, loss.shape, self.sens)
            gradients = self.grad_reducer(self.grad(self.network, self.weights)(*inputs, sens))
            return ops.depend(loss, self.optimizer(gradients))

    x, y = (Tensor(a.astype(np.float32)) for a in batches()[0])
    trained = []
    for step in (nn.TrainOneStepCell, Own):
        net = Quadratic()
        loss = step(net, nn.SGD(net.trainable_params(), 0.5))(x, y)
        trained.append([loss.asnumpy(), *(p.asnumpy() for p in net.trainable_params())])
    for ours, own in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, own, rtol=1e-6)


def test_gradients_are_those_before_the_network_changes_its_parameters():
    class Clamping(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = cellc.Parameter(Tensor([-1.0, 2.0]), name="w")

        def construct(self, x):
            y = ops.reduce_sum(self.w * x)
            ops.assign(self.w, ops.relu(self.w))
            return y

    net = Clamping()
    nn.TrainOneStepCell(net, nn.SGD(net.trainable_params(), 0.5))(Tensor([3.0, 4.0]))
    assert net.w.asnumpy().tolist() == [-1.5, 0.0]
