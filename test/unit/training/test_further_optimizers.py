"""Fifty steps of the further optimizers against their formulas in NumPy float64, and their arguments."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn
from support.optimizer_steps import Quadratic, batches, check


def decayed(name, w, g, wd):
    return g + (0 if "gamma" in name else wd * w)


def adagrad(lr, accum=0.1, wd=0.0, update_slots=True):
    def update(t, name, w, g, state):
        g = decayed(name, w, g, wd)
        a = state.get("a", accum + 0 * g)
        state["a"] = a + g * g if update_slots else a
        return w - lr * g / np.sqrt(state["a"])

    return update


def proximal_adagrad(lr, l1=0.0, l2=0.0):
    def update(t, name, w, g, state):
        state["a"] = state.get("a", 0.1) + g * g
        rate = lr / np.sqrt(state["a"])
        moved = w - rate * g
        return np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0) / (1 + rate * l2)

    return update


def ftrl(lr, power=-0.5, l1=0.0, l2=0.0, wd=0.0):
    def update(t, name, w, g, state):
        g = g + wd * w  # gamma too
        before = state.get("n", 0.1 + 0 * g)
        state["n"] = before + g * g
        state["u"] = state.get("u", 0) + g - (state["n"] ** -power - before**-power) / lr * w
        u = state["u"]
        return np.where(np.abs(u) > l1, (np.sign(u) * l1 - u) / (state["n"] ** -power / lr + 2 * l2), 0)

    return update


def rmsprop(lr, decay=0.9, momentum=0.0, epsilon=1e-10, centered=False, wd=0.0):
    def update(t, name, w, g, state):
        g = decayed(name, w, g, wd)
        state["s"] = decay * state.get("s", 1.0) + (1 - decay) * g * g
        state["a"] = decay * state.get("a", 0.0) + (1 - decay) * g
        variance = state["s"] - state["a"] ** 2 * centered
        state["m"] = momentum * state.get("m", 0.0) + lr * g / np.sqrt(variance + epsilon)
        return w - state["m"]

    return update


def adam_weight_decay(lr=1e-3, b1=0.9, b2=0.999, eps=1e-6, wd=0.0):
    def update(t, name, w, g, state):
        state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
        state["v"] = b2 * state.get("v", 0) + (1 - b2) * g * g
        return w - lr * (state["m"] / (np.sqrt(state["v"]) + eps) + (0 if "gamma" in name else wd * w))

    return update


def lamb(lr, b1=0.9, b2=0.999, eps=1e-6, wd=0.0):
    def update(t, name, w, g, state):
        state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
        state["v"] = b2 * state.get("v", 0) + (1 - b2) * g * g
        m, v = state["m"] / (1 - b1 ** (t + 1)), state["v"] / (1 - b2 ** (t + 1))
        trust = np.linalg.norm(w) / np.linalg.norm(m / np.sqrt(v + eps) + wd * w)
        step = m / (np.sqrt(v) + eps) + (0 if "gamma" in name else wd * w)
        return w - lr * min(trust, 10) * step

    return update


def asgd(lr, lambd=1e-4, alpha=0.75, t0=1e6, averages=None):
    def update(t, name, w, g, state):
        eta, mu, step = state.get("eta", lr), state.get("mu", 1.0), t + 1
        w = w * (1 - lambd * eta) - eta * g
        state["ax"] = w if mu == 1 else state["ax"] + (w - state["ax"]) * mu
        state["eta"], state["mu"] = lr / (1 + lambd * lr * step) ** alpha, 1 / max(1, step - t0)
        if averages is not None:
            averages[name] = state["ax"]
        return w

    return update


def rprop(lr=0.1, etas=(0.5, 1.2), sizes=(1e-6, 50.0)):
    def update(t, name, w, g, state):
        sign = np.sign(g * state.get("prev", 0))
        factor = np.where(sign > 0, etas[1], np.where(sign < 0, etas[0], 1))
        state["size"] = np.clip(state.get("size", lr) * factor, *sizes)
        state["prev"] = np.where(sign < 0, 0, g)
        return w - np.sign(state["prev"]) * state["size"]

    return update


def lars(lr, u, coefficient=1e-3, epsilon=1e-5, wd=0.0, clip=False):
    def update(t, name, w, g, state):
        if "bias" not in name:
            share = 0 if "gamma" in name else wd
            length, slope = np.linalg.norm(w), np.linalg.norm(g)
            ratio = coefficient * length / (slope + share * length + epsilon)
            g = (g + share * w) * (min(ratio / lr, 1) if clip else ratio)
        state["v"] = u * state.get("v", 0) + g
        return w - lr * state["v"]

    return update


CASES = [
    (lambda p: nn.Adagrad(p, learning_rate=0.1, weight_decay=0.05), adagrad(0.1, wd=0.05)),
    (lambda p: nn.Adagrad(p, 0.5, 0.1, update_slots=False), adagrad(0.1, 0.5, update_slots=False)),
    (lambda p: nn.ProximalAdagrad(p, learning_rate=0.1), proximal_adagrad(0.1)),
    (lambda p: nn.ProximalAdagrad(p, learning_rate=0.1, l1=0.01, l2=0.02), proximal_adagrad(0.1, 0.01, 0.02)),
    (lambda p: nn.FTRL(p, learning_rate=0.1, l1=0.01, l2=0.02, weight_decay=0.05), ftrl(0.1, -0.5, 0.01, 0.02, 0.05)),
    (lambda p: nn.RMSProp(p, 0.01, weight_decay=0.05), rmsprop(0.01, wd=0.05)),
    (lambda p: nn.RMSProp(p, 0.01, 0.8, 0.5, 1e-3, centered=True), rmsprop(0.01, 0.8, 0.5, 1e-3, True)),
    (lambda p: nn.Lamb(p, 0.01, weight_decay=0.1), lamb(0.01, wd=0.1)),
    (lambda p: nn.ASGD(p, 0.5, lambd=0.01), asgd(0.5, 0.01)),
    (lambda p: nn.Rprop(p, 0.01, (0.3, 1.5), (0.001, 0.05)), rprop(0.01, (0.3, 1.5), (0.001, 0.05))),
    (lambda p: nn.LARS(nn.Momentum(p, 0.5, 0.9, weight_decay=0.1), coefficient=0.1), lars(0.5, 0.9, 0.1, wd=0.1)),
    (lambda p: nn.LARS(nn.Momentum(p, 0.05, 0.9), 1e-3, 0.1, True), lars(0.05, 0.9, 0.1, 1e-3, clip=True)),
]


# A difference of powers that are nearly equal, a gradient over its own length, a step that hangs on a sign.
AMPLIFYING = [
    (lambda p: nn.FTRL(p, learning_rate=0.1, lr_power=-0.3), ftrl(0.1, -0.3)),
    (lambda p: nn.AdamWeightDecay(p, 0.01, weight_decay=0.1), adam_weight_decay(0.01, wd=0.1)),
    (lambda p: nn.Rprop(p, 0.01), rprop(0.01)),
]


@pytest.mark.parametrize(("make", "update"), CASES)
def test_steps(make, update):
    check(lambda net: make(net.trainable_params()), update)


@pytest.mark.parametrize(("make", "update"), AMPLIFYING)
def test_steps_that_amplify_rounding(make, update):
    check(lambda net: make(net.trainable_params()), update, tolerance=2e-4)


@pytest.mark.parametrize("kind", [nn.LazyAdam, nn.AdamOffload])
def test_adam_by_other_names(kind):
    def train(kind):
        net = Quadratic()
        step = nn.TrainOneStepCell(net, kind(net.trainable_params(), 0.01, weight_decay=0.1))
        for x, y in batches()[:5]:
            step(Tensor(x.astype(np.float32)), Tensor(y.astype(np.float32)))
        return [parameter.asnumpy() for parameter in net.trainable_params()]

    for found, wanted in zip(train(kind), train(nn.Adam), strict=True):
        assert np.array_equal(found, wanted)


def test_averages_of_asgd():
    averages = {}
    optimizer = check(lambda net: nn.ASGD(net.trainable_params(), 0.5, t0=10.0), asgd(0.5, t0=10.0, averages=averages))
    for parameter in optimizer.ax:
        name = parameter.name.removeprefix("ax_.")
        np.testing.assert_allclose(parameter.asnumpy(), averages[name], rtol=1e-4, atol=1e-6)


def test_centered_rmsprop_leaves_elements_whose_variance_is_not_positive():
    weight = cellc.Parameter(Tensor(np.ones(2, np.float32)), name="w")
    optimizer = nn.RMSProp([weight], 0.1, decay=0.0, epsilon=1e-12, centered=True)
    optimizer((Tensor(np.array([0.0, 0.0], np.float32)),))
    optimizer((Tensor(np.array([3.0, 0.0], np.float32)),))  # decay 0: the variance of one value is 0
    assert np.isfinite(weight.asnumpy()).all()


def test_zero_parameter_and_zero_gradient_have_trust_1():
    for value, gradient in ((0.0, 2.0), (3.0, 0.0)):
        weight = cellc.Parameter(Tensor(np.full(2, value, np.float32)), name="w")
        nn.LARS(nn.SGD([weight], 0.5), coefficient=0.01)((Tensor(np.full(2, gradient, np.float32)),))
        np.testing.assert_allclose(weight.asnumpy(), value - 0.5 * gradient)


def test_lars_takes_over_decay_and_scale_of_its_optimizer():
    update = lars(0.5, 0.9, 0.1, wd=0.1)
    check(
        lambda net: nn.LARS(
            nn.Momentum(net.trainable_params(), 0.5, 0.9, weight_decay=0.1, loss_scale=8.0), coefficient=0.1
        ),
        update,
        sens=8.0,
    )


def test_groups_and_rates_of_each_step():
    rates = nn.warmup_lr(0.1, 50, 1, 10)

    def update(t, name, w, g, state):
        return lamb(0.02 if name == "gamma" else rates[t], wd=0.0 if name == "gamma" else 0.1)(t, name, w, g, state)

    def make(net):
        rest = [p for p in net.trainable_params() if p.name != "gamma"]
        groups = [{"params": [net.gamma], "lr": 0.02}, {"params": rest, "weight_decay": 0.1},
                  {"order_params": net.trainable_params()}]  # fmt: skip
        return nn.Lamb(groups, Tensor(np.array(rates, np.float32)))

    optimizer = check(make, update)
    assert optimizer.global_step.asnumpy().tolist() == [50]


@pytest.mark.parametrize("dtype", [cellc.float16, cellc.bfloat16])
def test_narrow_parameters_are_updated_in_float32(dtype):
    weight = cellc.Parameter(Tensor(np.array([1.0, 2.0]), dtype), name="w")
    nn.AdamWeightDecay([weight], 0.5)((Tensor(np.array([1e-4, -1e-4]), dtype),))
    gradient = Tensor(np.array([1e-4, -1e-4]), dtype).astype(cellc.float32).asnumpy()
    step = 0.1 * gradient / (np.sqrt(0.001 * gradient**2) + 1e-6)
    expected = Tensor(np.array([1.0, 2.0]) - 0.5 * step, dtype).astype(cellc.float32).asnumpy()
    assert weight.dtype == dtype
    np.testing.assert_allclose(weight.astype(cellc.float32).asnumpy(), expected, rtol=2**-7)


def test_names_of_slots():
    net = nn.SequentialCell([nn.Dense(3, 2, has_bias=False)])

    def of(make):
        return set(make(net.trainable_params()).parameters_dict()) - {"0.weight", "learning_rate", "global_step"}

    assert of(nn.Adagrad) == of(nn.ProximalAdagrad) == {"accum.0.weight"}
    assert of(nn.FTRL) == {"moments.0.weight", "linear.0.weight"}
    assert of(nn.RMSProp) == {"mean_square.0.weight", "moment.0.weight"}
    assert of(lambda p: nn.RMSProp(p, centered=True)) == {
        "mean_square.0.weight", "moment.0.weight", "mean_grad.0.weight"
    }  # fmt: skip
    assert of(nn.AdamWeightDecay) == {"adam_m.0.weight", "adam_v.0.weight"}
    assert of(lambda p: nn.Lamb(p, 0.1)) == {"lamb_m.0.weight", "lamb_v.0.weight"}
    assert of(nn.ASGD) == {"mu_0.weight", "eta_0.weight", "ax_.0.weight"}
    assert of(nn.Rprop) == {"prev.0.weight", "step_size.0.weight"}
    assert of(lambda p: nn.LARS(nn.Momentum(p, 0.1, 0.9))) == {"momentum", "moments.0.weight"}


BAD = [
    (lambda p: nn.Adagrad(p, accum=-1.0), ValueError, "'accum'"),
    (lambda p: nn.Adagrad(p, update_slots=1), TypeError, "'update_slots'"),
    (lambda p: nn.ProximalAdagrad(p, l1=1), TypeError, "'l1'"),
    (lambda p: nn.ProximalAdagrad(p, l2=-1.0), ValueError, "'l2'"),
    (lambda p: nn.FTRL(p, learning_rate=[0.1, 0.2]), ValueError, "'learning_rate'"),
    (lambda p: nn.FTRL(p, lr_power=0.5), ValueError, "'lr_power'"),
    (lambda p: nn.FTRL(p, initial_accum=-0.5), ValueError, "'initial_accum'"),
    (lambda p: nn.FTRL(p, use_locking=1), TypeError, "'use_locking'"),
    (lambda p: nn.RMSProp(p, decay=-0.5), ValueError, "'decay'"),
    (lambda p: nn.RMSProp(p, momentum=1), TypeError, "'momentum'"),
    (lambda p: nn.RMSProp(p, epsilon=0.0), ValueError, "'epsilon'"),
    (lambda p: nn.RMSProp(p, centered=None), TypeError, "'centered'"),
    (lambda p: nn.LazyAdam(p, beta1=1.5), ValueError, "'beta1'"),
    (lambda p: nn.AdamOffload(p, eps=0.0), ValueError, "'eps'"),
    (lambda p: nn.AdamWeightDecay(p, beta2=0), TypeError, "'beta2'"),
    (lambda p: nn.Lamb(p, 0.1, eps=-1.0), ValueError, "'eps'"),
    (lambda p: nn.ASGD(p, lambd=1), TypeError, "'lambd'"),
    (lambda p: nn.ASGD(p, t0="x"), TypeError, "'t0'"),
    (lambda p: nn.Rprop(p, etas=[0.5, 1.2]), TypeError, "'etas'"),
    (lambda p: nn.Rprop(p, etas=(0.5,)), ValueError, "'etas'"),
    (lambda p: nn.Rprop(p, etas=(1.5, 1.2)), ValueError, "'etas'"),
    (lambda p: nn.Rprop(p, step_sizes=(2.0, 1.0)), ValueError, "'step_sizes'"),
    (lambda p: nn.Rprop(p, step_sizes=(1, 1.0)), TypeError, r"step_sizes\[0\]"),
    (lambda p: nn.LARS(p), TypeError, "'optimizer'"),
    (lambda p: nn.LARS(nn.SGD(p), coefficient=1), TypeError, "'coefficient'"),
    (lambda p: nn.LARS(nn.SGD([{"params": p, "lr": [0.1]}]), use_clip=True), ValueError, "'use_clip'"),
]


@pytest.mark.parametrize(("make", "error", "said"), BAD)
def test_wrong_arguments(make, error, said):
    with pytest.raises(error, match=said):
        make(Quadratic().trainable_params())
