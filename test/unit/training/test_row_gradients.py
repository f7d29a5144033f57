"""Fifty steps over a table of which each step looks up some rows, against NumPy float64, and what counts as such."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, context, nn, ops

ROWS, COLUMNS, STEPS = 9, 4, 50
SEEN = 7  # the last rows are looked up in no step


class Ranking(nn.Cell):
    """mean(exp(e) - e) of e = rows w, with the rows that `lookup(table, ids)` gives."""

    def __init__(self, lookup):
        super().__init__()
        rng = np.random.default_rng(2)
        self.table = cellc.Parameter(Tensor(rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)), name="table")
        self.weight = cellc.Parameter(Tensor(rng.standard_normal(COLUMNS).astype(np.float32)), name="weight")
        self.lookup = lookup

    def construct(self, ids):
        error = (self.lookup(self.table, ids) * self.weight).sum(-1)
        return (ops.exp(error * 0.3) - error * 0.3).mean()


def sparse(table, ids):
    return ops.SparseGatherV2()(table, ids, 0)


def with_offset(table, ids):
    return ops.EmbeddingLookup()(table, ids + 3, 3)


def in_two_parts(table, ids):
    return ops.concat((sparse(table, ids[:1]), sparse(table, ids[1:])))


def dense(table, ids):
    return ops.gather(table, ids, 0)


def tied(table, ids):
    return sparse(table, ids) + 0 * table.sum()


def batches():
    rng = np.random.default_rng(4)
    return [rng.integers(0, SEEN, (2, 3)).astype(np.int32) for _ in range(STEPS)]


def train(lookup, make, cell=lambda net, optimizer: nn.TrainOneStepCell(net, optimizer)):
    net = Ranking(lookup)
    step = cell(net, make(net.trainable_params())).set_train()
    for ids in batches():
        step(Tensor(ids))
    return {p.name: p.asnumpy() for p in net.trainable_params()}


def numpy_gradients(p, ids):
    rows = p["table"][ids]
    error = rows @ p["weight"]
    slope = 0.3 * (np.exp(error * 0.3) - 1)[..., None] / error.size
    table = np.zeros_like(p["table"])
    np.add.at(table, ids, slope * p["weight"])
    return {"table": table, "weight": (slope * rows).sum((0, 1))}


def train_numpy(update, wd=0.0, lazy=True):
    """The same in float64: update(t, w, g, state) of the rows of the table that were looked up, or of all."""
    net = Ranking(dense)
    p = {x.name: x.asnumpy().astype(np.float64) for x in net.trainable_params()}
    states = {name: {} for name in p}
    for t, ids in enumerate(batches(), 1):
        g = numpy_gradients(p, ids)
        times = np.bincount(ids.ravel(), minlength=ROWS)[:, None]
        decays = {"table": g["table"] + times * wd * p["table"], "weight": g["weight"] + wd * p["weight"]}
        for name, gradient in decays.items():
            keep = (times == 0) & lazy if name == "table" else False
            before = dict(states[name])
            p[name] = np.where(keep, p[name], update(t, p[name], gradient, states[name]))
            for slot in before:
                states[name][slot] = np.where(keep, before[slot], states[name][slot])
    return p


def adam(lr, b1=0.9, b2=0.999, eps=1e-8, nesterov=False):
    def update(t, w, g, state):
        state.setdefault("m", 0 * w)
        state.setdefault("v", 0 * w)
        state["m"] = b1 * state["m"] + (1 - b1) * g
        state["v"] = b2 * state["v"] + (1 - b2) * g * g
        mean = b1 * state["m"] + (1 - b1) * g if nesterov else state["m"]
        return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * mean / (np.sqrt(state["v"]) + eps)

    return update


def ftrl(lr, l1, l2):
    def update(t, w, g, state):
        before = state.setdefault("n", 0.1 + 0 * w)
        state.setdefault("u", 0 * w)
        state["n"] = before + g * g
        state["u"] = state["u"] + g - (np.sqrt(state["n"]) - np.sqrt(before)) / lr * w
        u = state["u"]
        return np.where(np.abs(u) > l1, (np.sign(u) * l1 - u) / (np.sqrt(state["n"]) / lr + 2 * l2), 0)

    return update


def proximal_adagrad(lr, l1, l2):
    def update(t, w, g, state):
        state["a"] = state.setdefault("a", 0.1 + 0 * w) + g * g
        rate = lr / np.sqrt(state["a"])
        moved = w - rate * g
        return np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0) / (1 + rate * l2)

    return update


CASES = {
    "LazyAdam": (lambda p: nn.LazyAdam(p, 0.05), {"update": adam(0.05)}),
    "LazyAdam nesterov": (lambda p: nn.LazyAdam(p, 0.05, use_nesterov=True), {"update": adam(0.05, nesterov=True)}),
    "LazyAdam decay": (lambda p: nn.LazyAdam(p, 0.05, weight_decay=0.1), {"update": adam(0.05), "wd": 0.1}),
    "Adam decay": (lambda p: nn.Adam(p, 0.05, weight_decay=0.1), {"update": adam(0.05), "wd": 0.1, "lazy": False}),
    "FTRL": (lambda p: nn.FTRL(p, learning_rate=0.1, l1=0.01, l2=0.1, weight_decay=0.1),
             {"update": ftrl(0.1, 0.01, 0.1), "wd": 0.1}),
    "ProximalAdagrad": (lambda p: nn.ProximalAdagrad(p, learning_rate=0.1, l1=0.01, l2=0.1),
                        {"update": proximal_adagrad(0.1, 0.01, 0.1)}),
}  # fmt: skip


def agree(found, wanted, tolerance=2e-5):
    for name, value in wanted.items():
        assert np.abs(found[name] - value).max() <= tolerance * np.abs(value).max(), name


@pytest.mark.parametrize("lookup", [sparse, with_offset, in_two_parts])
@pytest.mark.parametrize("case", CASES)
def test_steps(case, lookup):
    make, reference = CASES[case]
    agree(train(lookup, make), train_numpy(**reference))


def test_rows_that_no_step_looks_up_stay():
    first = Ranking(sparse).table.asnumpy()[SEEN:]
    for make in (nn.LazyAdam, lambda p: nn.FTRL(p, l1=0.5), lambda p: nn.ProximalAdagrad(p, l1=0.5)):
        assert np.array_equal(train(sparse, make)["table"][SEEN:], first)
        assert not np.array_equal(train(dense, lambda p, m=make: m(p))["table"][:SEEN], first[:1])


@pytest.mark.parametrize("lookup", [dense, tied])
def test_other_gradients_are_dense(lookup):
    found, wanted = (train(lookup, lambda p, kind=kind: kind(p, 0.05)) for kind in (nn.LazyAdam, nn.Adam))
    assert all(np.array_equal(found[name], wanted[name]) for name in found)
    assert not np.array_equal(found["table"], train(sparse, lambda p: nn.LazyAdam(p, 0.05))["table"])


def test_the_layer():
    for kind, keeps in (
        (nn.EmbeddingLookup(9, 4), True),
        (nn.EmbeddingLookup(9, 4, target="DEVICE", sparse=False), False),
    ):
        net = nn.SequentialCell(kind, nn.Dense(4, 1))
        step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.LazyAdam(net.trainable_params(), 0.1))
        label = Tensor(np.ones((2, 1), np.float32))
        step(Tensor(np.array([1, 2], np.int32)), label)
        before = kind.embedding_table.asnumpy()
        step(Tensor(np.array([2, 5], np.int32)), label)
        changed = (kind.embedding_table.asnumpy() != before).any(axis=1)
        assert changed.tolist() == [False, not keeps, True, False, False, True, False, False, False]


class Scaled(nn.TrainOneStepCell):
    def construct(self, ids):
        loss = self.network(ids)
        gradients = self.grad(self.network, self.weights)(ids, ops.ones_like(loss) * 8.0)
        return ops.depend(loss, self.optimizer(tuple(g / 8.0 for g in gradients)))


class Accumulated(nn.TrainOneStepCell):
    """Gradients that pass through a Parameter have no rows that the program knows."""

    def __init__(self, network, optimizer):
        super().__init__(network, optimizer)
        self.sums = self.weights.clone(prefix="sum", init="zeros")

    def construct(self, ids):
        gradients = self.grad(self.network, self.weights)(ids, Tensor(1.0))
        for total, gradient in zip(self.sums, gradients, strict=True):
            ops.assign_add(total, gradient)
        return self.optimizer(tuple(self.sums))


class Hooked(nn.Cell):
    """The network behind a boundary."""

    def __init__(self, net):
        super().__init__(auto_prefix=False)
        self.net = net
        self.head = nn.ReLU()
        self.head.register_backward_hook(lambda cell, inputs, outputs: None)

    def construct(self, ids):
        return self.net(ids) + self.head(self.net(ids)) * 0


def with_scale(net, optimizer):
    return nn.TrainOneStepWithLossScaleCell(net, optimizer, Tensor(1024.0))


def test_cells_that_keep_rows():
    def make(parameters):
        return nn.LazyAdam(parameters, 0.05)

    wanted = train_numpy(adam(0.05))
    for cell in (Scaled, with_scale, lambda net, optimizer: nn.TrainOneStepCell(Hooked(net), optimizer)):
        agree(train(sparse, make, cell), wanted)


def test_decay_counts_the_lookups_behind_the_loss():
    def twice(net, optimizer):
        return nn.TrainOneStepCell(Hooked(net), optimizer)

    make, _ = CASES["LazyAdam decay"]
    update = adam(0.05)
    once, both = train(sparse, make), train(sparse, make, twice)
    agree(once, train_numpy(update, wd=0.1))
    assert not np.allclose(once["table"], both["table"], rtol=1e-3)


def test_sums_over_steps_are_dense():
    found, wanted = (train(sparse, lambda p, kind=kind: kind(p, 0.05), Accumulated) for kind in (nn.LazyAdam, nn.Adam))
    assert all(np.array_equal(found[name], wanted[name]) for name in found)


def test_pynative():
    make, reference = CASES["LazyAdam decay"]
    context.set_context(mode=context.PYNATIVE_MODE)
    try:
        found = train(sparse, make)
    finally:
        context.set_context(mode=context.GRAPH_MODE)
    agree(found, train_numpy(**reference))


def test_bad_input():
    table, ids = Tensor(np.ones((3, 2), np.float32)), Tensor(np.ones(2, np.float32))
    with pytest.raises(TypeError, match="'SparseGatherV2', 'input_indices' must hold integers, but got Float32"):
        ops.SparseGatherV2()(table, ids, 0)
    with pytest.raises(TypeError, match="'EmbeddingLookup', 'offset' must be"):
        ops.EmbeddingLookup()(table, ids.astype(cellc.int32), 1.0)
