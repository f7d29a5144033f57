"""Learning rates of lists and schedules, beside their formulas in float64."""

import math

import numpy as np
import pytest

from cellc import Parameter, Tensor, nn

STEPS = range(23)


def rates(schedule):
    return [schedule(Tensor(np.array([step], np.int32))).asnumpy().item() for step in STEPS]


SCHEDULES = [
    (lambda: nn.ExponentialDecayLR(0.1, 0.9, 4), lambda i: 0.1 * 0.9 ** (i / 4)),
    (lambda: nn.ExponentialDecayLR(0.1, 0.9, 4, True), lambda i: 0.1 * 0.9 ** (i // 4)),
    (lambda: nn.NaturalExpDecayLR(0.1, 0.3, 4), lambda i: 0.1 * math.exp(-0.3 * i)),
    (lambda: nn.NaturalExpDecayLR(0.1, 0.3, 4, True), lambda i: 0.1 * math.exp(-0.3 * (i // 4 * 4))),
    (lambda: nn.InverseDecayLR(0.1, 0.5, 4), lambda i: 0.1 / (1 + 0.5 * i / 4)),
    (lambda: nn.InverseDecayLR(0.1, 0.5, 4, True), lambda i: 0.1 / (1 + 0.5 * (i // 4))),
    (lambda: nn.CosineDecayLR(0.01, 0.1, 8), lambda i: 0.01 + 0.045 * (1 + math.cos(math.pi * min(i, 8) / 8))),
    (lambda: nn.PolynomialDecayLR(0.1, 0.01, 8, 0.5), lambda i: 0.09 * (1 - min(i, 8) / 8) ** 0.5 + 0.01),
    (lambda: nn.PolynomialDecayLR(0.1, 0.0, 8, 2.0, True), lambda i: 0.1 * (1 - i / (8 * max(-(-i // 8), 1))) ** 2),
    (lambda: nn.WarmUpLR(0.1, 8), lambda i: 0.1 * min(i, 8) / 8),
]


@pytest.mark.parametrize(("make", "formula"), SCHEDULES)
def test_schedule(make, formula):
    np.testing.assert_allclose(rates(make()), [formula(step) for step in STEPS], rtol=2e-6, atol=1e-9)


FUNCTIONS = [
    (lambda: nn.exponential_decay_lr(0.1, 0.9, 23, 3, 2), lambda e: 0.1 * 0.9 ** (e / 2)),
    (lambda: nn.exponential_decay_lr(0.1, 0.9, 23, 3, 2, True), lambda e: 0.1 * 0.9 ** (e // 2)),
    (lambda: nn.natural_exp_decay_lr(0.1, 0.3, 23, 3, 2), lambda e: 0.1 * math.exp(-0.3 * e)),
    (lambda: nn.natural_exp_decay_lr(0.1, 0.3, 23, 3, 2, True), lambda e: 0.1 * math.exp(-0.3 * (e // 2 * 2))),
    (lambda: nn.inverse_decay_lr(0.1, 0.5, 23, 3, 2), lambda e: 0.1 / (1 + 0.5 * e / 2)),
    (lambda: nn.inverse_decay_lr(0.1, 0.5, 23, 3, 2, True), lambda e: 0.1 / (1 + 0.5 * (e // 2))),
    (lambda: nn.cosine_decay_lr(0.0, 0.1, 23, 3, 4), lambda e: 0.05 * (1 + math.cos(math.pi * min(e, 4) / 4))),
    (lambda: nn.polynomial_decay_lr(0.1, 0.01, 23, 3, 4, 2.0), lambda e: 0.09 * (1 - min(e, 4) / 4) ** 2 + 0.01),
    (lambda: nn.polynomial_decay_lr(0.1, 0.0, 23, 3, 4, 1.0, True), lambda e: 0.1 * (1 - e / (4 * max(-(-e // 4), 1)))),
    (lambda: nn.warmup_lr(0.1, 23, 3, 4), lambda e: 0.1 * min(e, 4) / 4),
]


@pytest.mark.parametrize(("make", "formula"), FUNCTIONS)
def test_list(make, formula):
    np.testing.assert_allclose(make(), [formula(step // 3) for step in STEPS], rtol=1e-12)


def test_piecewise_constant():
    assert nn.piecewise_constant_lr((2, 2, 3), (0.5, 0.2, 0.1)) == [0.5, 0.5, 0.1]


@pytest.mark.parametrize("rate", [nn.WarmUpLR(0.5, 3), nn.warmup_lr(0.5, 5, 1, 3)], ids=["schedule", "list"])
def test_steps_are_made_with_the_rates(rate):
    weight = Parameter(Tensor(np.zeros(2, np.float32)), name="weight")
    optimizer = nn.SGD([weight], learning_rate=rate)
    for step in range(1, 5):
        before = weight.asnumpy()
        optimizer((Tensor(np.ones(2, np.float32)),))
        np.testing.assert_allclose(before - weight.asnumpy(), 0.5 * min(step - 1, 3) / 3, rtol=1e-5, atol=1e-7)


BAD = [
    (lambda: nn.ExponentialDecayLR(1, 0.9, 4), TypeError, "learning_rate"),
    (lambda: nn.ExponentialDecayLR(0.1, -0.9, 4), ValueError, "decay_rate"),
    (lambda: nn.InverseDecayLR(0.1, 0.9, 0), ValueError, "decay_steps"),
    (lambda: nn.NaturalExpDecayLR(0.1, 0.9, 4, 1), TypeError, "is_stair"),
    (lambda: nn.CosineDecayLR(0.1, 0.1, 4), ValueError, "max_lr"),
    (lambda: nn.CosineDecayLR(0, 0.1, 4), TypeError, "min_lr"),
    (lambda: nn.PolynomialDecayLR(0.1, -0.1, 4, 1.0), ValueError, "end_learning_rate"),
    (lambda: nn.PolynomialDecayLR(0.1, 0.1, 4, 1), TypeError, "power"),
    (lambda: nn.WarmUpLR(0.1, 1.5), TypeError, "warmup_steps"),
    (lambda: nn.exponential_decay_lr(0.1, 0.9, 4, 2.0, 1), TypeError, "step_per_epoch"),
    (lambda: nn.inverse_decay_lr(0.1, 0.9, 0, 2, 1), ValueError, "total_step"),
    (lambda: nn.natural_exp_decay_lr(0.1, 0.9, 4, 2, 0), ValueError, "decay_epoch"),
    (lambda: nn.cosine_decay_lr(0.2, 0.1, 4, 2, 1), ValueError, "max_lr"),
    (lambda: nn.polynomial_decay_lr(0.1, 0.0, 4, 2, 1, 1.0, 0), TypeError, "update_decay_epoch"),
    (lambda: nn.warmup_lr(0.1, 4, 2, 0), ValueError, "warmup_epoch"),
    (lambda: nn.piecewise_constant_lr([2, 1], [0.1, 0.2]), ValueError, r"milestone\[1\]"),
    (lambda: nn.piecewise_constant_lr([2], [0.1, 0.2]), ValueError, "length"),
    (lambda: nn.piecewise_constant_lr([2.0], [0.1]), TypeError, r"milestone\[0\]"),
    (lambda: nn.piecewise_constant_lr(2, [0.1]), TypeError, "milestone"),
]


@pytest.mark.parametrize(("use", "error", "named"), BAD)
def test_bad_input(use, error, named):
    with pytest.raises(error, match=named):
        use()
