"""Several processes over MPI: collectives, data parallelism, and what happens when one ends."""

import numpy as np
import pytest
from endtoend.mpi import needs_mpi, run

pytestmark = needs_mpi

TRAINING = """
    cellc.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
    cellc.set_seed(1)
    net = nn.SequentialCell([nn.Dense(6, 16), nn.SyncBatchNorm(16), nn.ReLU(), nn.Dense(16, 3)])
    loss = nn.WithLossCell(net, nn.MSELoss())
    step = nn.TrainOneStepCell(loss, nn.Momentum(net.trainable_params(), 0.1, 0.9)).set_train()
    rng = np.random.default_rng(0)
    for _ in range(6):
        x, y = rng.random((16, 6), np.float32), rng.random((16, 3), np.float32)
        rows = slice(rank * 16 // size, (rank + 1) * 16 // size)
        step(Tensor(x[rows]), Tensor(y[rows]))
    np.savez(f"{sys.argv[0]}.{size}.{rank}.npz", **{p.name: p.asnumpy() for p in net.get_parameters()})
"""


ROWS_OF_A_TABLE = """
    cellc.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
    cellc.set_seed(1)
    net = nn.SequentialCell([nn.EmbeddingLookup(9, 4), nn.Flatten(), nn.Dense(8, 3)])
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.LazyAdam(net.trainable_params(), 0.1))
    rng = np.random.default_rng(0)
    for _ in range(6):
        x, y = rng.integers(0, 9, (4, 2), np.int32), rng.random((4, 3), np.float32)
        rows = slice(rank * 4 // size, (rank + 1) * 4 // size)
        step(Tensor(x[rows]), Tensor(y[rows]))
    np.savez(f"{sys.argv[0]}.{size}.{rank}.npz", **{p.name: p.asnumpy() for p in net.get_parameters()})
"""


def test_rows_that_some_process_looks_up_are_updated_in_all(tmp_path):
    for processes in (1, 2):
        run(tmp_path, processes, ROWS_OF_A_TABLE)
    one, first, second = (np.load(tmp_path / f"script.py.{name}.npz") for name in ("1.0", "2.0", "2.1"))
    for name in one.files:
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], one[name], rtol=1e-4, atol=1e-6)


def test_data_parallel_training_gives_the_weights_of_one_process(tmp_path):
    found = {}
    for processes in (1, 2, 4):
        run(tmp_path, processes, TRAINING)
        for rank in range(processes):
            found[processes, rank] = dict(np.load(tmp_path / f"script.py.{processes}.{rank}.npz"))
    for (processes, rank), weights in found.items():
        for name, wanted in found[1, 0].items():
            np.testing.assert_allclose(weights[name], wanted, rtol=1e-4, atol=1e-6, err_msg=f"{processes} {rank}")
            np.testing.assert_array_equal(weights[name], found[processes, 0][name])


def test_collectives(tmp_path):
    run(tmp_path, 3, """
        values = {"sum": 6, "prod": 6, "min": 1, "max": 3}
        for op, wanted in values.items():
            for dtype in (cellc.float32, cellc.float64, cellc.int32, cellc.int64):
                found = ops.AllReduce(op)(Tensor(np.full((2, 3), rank + 1), dtype))
                assert found.dtype == dtype and (found.asnumpy() == wanted).all(), (op, dtype, found)
        assert ops.all_reduce(ops.zeros((0,), cellc.float32)).shape == (0,)
        communication.create_group("two", [0, 2])
        if rank != 1:
            assert communication.get_group_size("two") == 2 and communication.get_rank("two") == rank // 2
            assert float(ops.all_reduce(Tensor(float(rank)), group="two")) == 2.0
        else:
            try:
                ops.all_reduce(Tensor(1.0), group="two")
                raise AssertionError("a process outside of the group took part")
            except ValueError as error:
                assert "no group 'two' with this process" in str(error)
        # The loss is the sum of (rank + 1) * total^2 over the ranks, and d total / dx is 1 everywhere.
        x = Tensor(float(rank + 1))
        gradient = ops.grad(lambda x: (rank + 1) * ops.all_reduce(x) ** 2)(x)
        assert float(gradient) == sum(2 * (r + 1) * 6 for r in range(3))
        for op, wanted in (("max", 6.0 * (rank == 2)), ("min", 6.0 * (rank == 0)), ("prod", 6 * 6 / (rank + 1))):
            found = float(ops.grad(lambda x: (rank + 1) * ops.all_reduce(x, op))(x))
            assert abs(found - wanted) < 1e-5, (op, found)
    """)  # fmt: skip


def test_model_trains_on_shards_and_parameters_are_broadcast(tmp_path):
    run(tmp_path, 2, """
        cellc.set_auto_parallel_context(parallel_mode=cellc.ParallelMode.DATA_PARALLEL, gradients_mean=True,
                                        parameter_broadcast=True)
        cellc.set_seed(rank)
        rng = np.random.default_rng(0)
        x = rng.random((64, 4), np.float32)
        cellc.dataset.config.set_seed(3)
        rows = ds.NumpySlicesDataset((x, x.sum(axis=1, keepdims=True)), ["x", "y"], num_shards=size, shard_id=rank)
        net = nn.Dense(4, 1)
        model = Model(net, nn.MSELoss(), nn.Momentum(net.trainable_params(), 0.05, 0.9))
        model.train(10, rows.batch(8))
        # 10 epochs of 32 rows a process in batches of 8.
        weights = np.concatenate([p.asnumpy().ravel() for p in net.get_parameters()])
        total = ops.all_reduce(Tensor(weights)).asnumpy()
        np.testing.assert_array_equal(total, 2 * weights)
        assert np.abs(net.weight.asnumpy() - 1).max() < 0.2, net.weight  # not printed: two processes' lines may mix
    """, tool=True)  # fmt: skip


def test_gradients_travel_in_buckets_of_one_type(tmp_path):
    run(tmp_path, 2, """
        from cellc.nn import _grad_reducer
        _grad_reducer.BUCKET_BYTES = 100
        shapes = [(3, 4), (2,), (5, 5), (), (0,), (7,)]
        dtypes = [cellc.float32, cellc.float16, cellc.float64, cellc.float32, cellc.float32, cellc.bfloat16]
        weights = [cellc.Parameter(Tensor(np.zeros(s), d), name=f"w{i}")
                   for i, (s, d) in enumerate(zip(shapes, dtypes))]
        weights[3].layerwise_parallel = True
        grads = tuple(Tensor(np.full(s, rank + 1 + i), d) for i, (s, d) in enumerate(zip(shapes, dtypes)))
        for mean, scale in ((True, 0.5), (False, 1.0)):
            found = nn.DistributedGradReducer(weights, mean=mean)(grads)
            for i, (shape, dtype) in enumerate(zip(shapes, dtypes)):
                wanted = rank + 1 + i if i == 3 else scale * (3 + 2 * i)
                assert found[i].dtype == dtype and found[i].shape == shape
                assert (found[i].astype(cellc.float64).asnumpy() == wanted).all(), (i, found[i])
    """)  # fmt: skip


@pytest.mark.parametrize(
    "end", ["raise RuntimeError('lost')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
)
def test_a_process_that_dies_ends_the_others(tmp_path, end):
    done = run(tmp_path, 2, f"""
        for number in range(1000000):
            if rank == 1 and number == 3:
                {end}
            ops.all_reduce(Tensor(1.0)).asnumpy()
    """, check=False)  # fmt: skip
    assert done.returncode != 0
    if "lost" in end:
        assert "RuntimeError: lost" in done.stderr
        assert "cellc: process 1 has failed: the others are ended" in done.stderr
    else:
        assert "KILL" in (done.stdout + done.stderr).upper()


@pytest.mark.parametrize(
    ("code", "status", "said"), [("5", 5, "cellc"), ("'no data'", 1, "no data\ncellc"), ("[1]", 1, "[1]\ncellc")]
)
def test_a_process_that_exits_with_a_failure_ends_the_others(tmp_path, code, status, said):
    done = run(tmp_path, 2, f"""
        if rank == 1:
            sys.exit({code})
        ops.all_reduce(Tensor(1.0)).asnumpy()
    """, tool=True, check=False)  # fmt: skip
    assert done.returncode == status
    assert f"{said}: process 1 has failed: the others are ended" in done.stderr


def test_bad_input(tmp_path):
    run(tmp_path, 2, """
        def fails(error, said, use):
            try:
                use()
            except error as found:
                assert said in str(found), found
                return
            raise AssertionError(said)

        fails(ValueError, "backend_name", lambda: communication.init("other"))
        fails(ValueError, "'none'", lambda: communication.get_rank("none"))
        fails(ValueError, "'none'", lambda: ops.all_reduce(Tensor(1.0), group="none"))
        fails(ValueError, "op", lambda: ops.all_reduce(Tensor(1.0), "mean"))
        fails(TypeError, "f16", lambda: ops.all_reduce(Tensor(1.0, cellc.float16)))
        fails(ValueError, "'group'", lambda: communication.create_group("a b", [0]))
        fails(ValueError, "ranks", lambda: communication.create_group("g", [0, 2]))
        fails(TypeError, "ranks", lambda: communication.create_group("g", (0,)))
        fails(ValueError, "world", lambda: communication.destroy_group(communication.WORLD_GROUP))
        fails(ValueError, "'speed'", lambda: cellc.set_auto_parallel_context(speed=3))
        fails(ValueError, "parallel_mode", lambda: cellc.set_auto_parallel_context(parallel_mode="semi_auto_parallel"))
        fails(TypeError, "gradients_mean", lambda: cellc.set_auto_parallel_context(gradients_mean=1))
        fails(ValueError, "'degree'", lambda: nn.DistributedGradReducer([], degree=0))
        fails(ValueError, "must divide", lambda: nn.GlobalBatchNorm(3, device_num_each_group=3))
        assert communication.get_local_rank_size() == 2 and communication.get_local_rank() == rank
        batch = nn.SyncBatchNorm(2, process_groups=[[0], [1]])
        assert batch._statistics is None
    """)  # fmt: skip
