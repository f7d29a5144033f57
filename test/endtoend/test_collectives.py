"""Collectives of 2 and 4 processes against their meanings: values, gradients, tangents, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from endtoend.helpers import python
from endtoend.mpi import needs_mpi, run

pytestmark = needs_mpi

# Each process draws the operands of all, so that it knows what it must get.
OPERANDS = """
    from cellc.dialects.nn import definition_of

    def draw(shape, dtype="f8", seed=0):
        values = np.random.default_rng(seed).integers(1, 100, (size, *shape)) / 8
        return list((values > 6).astype(dtype) if dtype == "?" else values.astype(dtype))

    reductions = ("sum", "prod", "min", "max")
    group = {"group": "world"}
    cases = [("all_gather", {"processes": size} | group, lambda x: ops.all_gather(x))]
    roots = (0, size - 1)
    for root in roots:
        cases.append(("broadcast", {"root": root} | group, lambda x, root=root: ops.broadcast(x, root)))
    moved = len(cases)
    for op in reductions:
        named = {"reduction": op} | group
        cases.append(("all_reduce", named, lambda x, op=op: ops.all_reduce(x, op)))
        cases.append(("reduce_scatter", {"processes": size} | named, lambda x, op=op: ops.reduce_scatter(x, op)))
        for root in roots:
            cases.append(("reduce", {"root": root} | named, lambda x, op=op, root=root: ops.reduce(x, root, op)))
"""


@pytest.mark.parametrize("processes", [2, 4])
def test_values(tmp_path: Path, processes: int) -> None:
    run(tmp_path, processes, OPERANDS + """
    for number, (name, attributes, function) in enumerate(cases):
        for dtype in ("f4", "f8", "i4", "i8", "f2", "?", "u1")[: 7 if number < moved else 4]:
            for shape in ((size * 3, 5), (size,), (0, 2), (size * 2, 0))[: 4 if dtype == "f4" else 1]:
                xs = draw(shape, dtype)
                wanted = definition_of(name).meaning(xs, **attributes)[rank]
                found = function(Tensor(xs[rank])).asnumpy()
                assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), (name, attributes, found.shape)
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=f"{name} {attributes} {dtype} {shape}")
                np.testing.assert_array_equal(xs[rank], draw(shape, dtype)[rank])  # the operand is only read
    x = draw((), "f4")
    assert float(ops.broadcast(Tensor(x[rank]), 1)) == x[1]
    """)  # fmt: skip


@pytest.mark.parametrize("processes", [2, 4])
def test_classes_and_groups(tmp_path: Path, processes: int) -> None:
    run(tmp_path, processes, """
    x = Tensor(np.full((4, 2), rank + 1, np.float32))
    total = size * (size + 1) / 2
    assert (ops.AllGather()(x).asnumpy()[::4, 0] == np.arange(size) + 1).all()
    assert (ops.ReduceScatter(ops.ReduceOp.MAX)(x).asnumpy() == size).all()
    assert (ops.Reduce(1)(x).asnumpy() == (total if rank == 1 else 0)).all()
    one, other = ops.Broadcast(size - 1)((x, Tensor(rank)))
    assert (one.asnumpy() == size).all() and int(other) == size - 1
    mine = [r for r in range(size) if r % 2 == rank % 2][::-1]  # ranks in the group are not those in the world
    communication.create_group(f"half{rank % 2}", mine)
    place = {"group": f"half{rank % 2}"}
    gathered = ops.all_gather(x, **place).asnumpy()
    assert (gathered[::4, 0] == [r + 1 for r in mine]).all(), gathered
    assert (ops.broadcast(x, 0, **place).asnumpy() == mine[0] + 1).all()
    share = ops.reduce_scatter(Tensor(np.arange(size) + rank), **place).asnumpy()
    rows = np.arange(size).reshape(len(mine), -1)[mine.index(rank)]
    assert (share == len(mine) * rows + sum(mine)).all(), share
    """)  # fmt: skip


@pytest.mark.parametrize("processes", [2, 4])
def test_gradients_and_tangents(tmp_path: Path, processes: int) -> None:
    """Against differences of the sum of the processes' losses, and of results as all operands move."""
    run(tmp_path, processes, OPERANDS + """
    shape = (size, 3)
    xs, directions = draw(shape), draw(shape, seed=1)
    for name, attributes, function in cases:
        meaning = lambda operands: definition_of(name).meaning(operands, **attributes)
        weights = [np.random.default_rng(p).random(y.shape) for p, y in enumerate(meaning(xs))]

        def loss(x):
            operands = [*xs[:rank], x, *xs[rank + 1 :]]
            return sum((w * np.sin(y)).sum() for w, y in zip(weights, meaning(operands)))

        wanted = np.zeros(shape)
        for at in np.ndindex(shape):
            step = np.zeros(shape)
            step[at] = 1e-6
            wanted[at] = (loss(xs[rank] + step) - loss(xs[rank] - step)) / 2e-6
        own = Tensor(weights[rank])
        found = ops.grad(lambda x: ops.reduce_sum(own * ops.sin(function(x))))(Tensor(xs[rank])).asnumpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4, err_msg=f"{name} {attributes}")

        ahead, back = (meaning([x + s * v for x, v in zip(xs, directions)])[rank] for s in (1e-6, -1e-6))
        _, moved_by = ops.jvp(function, Tensor(xs[rank]), Tensor(directions[rank]))
        np.testing.assert_allclose(moved_by.asnumpy(), (ahead - back) / 2e-6, rtol=1e-6, atol=1e-6)
    half = Tensor(draw((2,), "f2")[rank])
    assert (ops.grad(lambda x: ops.reduce_sum(ops.all_gather(x)))(half).asnumpy() == size).all()
    """)  # fmt: skip


def test_bad_input(tmp_path: Path) -> None:
    run(tmp_path, 2, """
    def fails(error, said, use, *operands):
        try:
            use(*operands)
        except error as found:
            assert said in str(found), found
            return
        raise AssertionError(said)

    x = Tensor(np.ones((3, 2), np.float32))
    fails(ValueError, "'root_rank' must be in [0, 1], but got 2", ops.Broadcast(2), (x,))
    fails(ValueError, "'root_rank' must be in [0, 1], but got -1", ops.broadcast, x, -1)
    fails(TypeError, "'root_rank' must be int", ops.broadcast, x, "first")
    fails(TypeError, "'input_x' must be tuple or list", ops.Broadcast(0), x)
    fails(ValueError, "'dest_rank' must be in [0, 1], but got 2", ops.Reduce(2), x)
    fails(ValueError, "2 processes cannot share the 3 rows of x evenly", ops.ReduceScatter(), x)
    fails(ValueError, "'op' must be one of", ops.ReduceScatter("mean"), x)
    fails(TypeError, "reduce_scatter: x must have f32", ops.reduce_scatter, x.astype(cellc.float16))
    fails(ValueError, "all_gather: x must have a first axis, got f32[]", ops.all_gather, Tensor(1.0))
    for use in (ops.AllGather("none"), ops.ReduceScatter(group="none"), ops.Reduce(0, group="none")):
        fails(ValueError, "there is no group 'none'", use, x)
    fails(ValueError, "there is no group 'none'", ops.Broadcast(0, "none"), (x,))
    """)  # fmt: skip


@pytest.mark.parametrize(
    ("op", "said"),
    [
        ("all_gather', x, processes=2", "the program's all_gather needs 2 processes, the group 'world' has 1"),
        ("broadcast', x, root=1", "the program's broadcast needs a process 1, the group 'world' has 1"),
    ],
)
def test_a_program_of_more_processes_ends_with_a_message(op: str, said: str) -> None:
    done = python(
        "from cellc import Tensor; from cellc.trace import apply;"
        f"x = Tensor([1.0]); apply('{op}, group='world').asnumpy(); print('went on')"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
