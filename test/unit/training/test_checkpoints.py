"""Checkpoints: what comes back, files that are damaged, and training that goes on where it stopped."""

import contextlib
import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, checkpoint_file, nn, seed

FORMATS = (".ckpt", ".safetensors")


def network():
    cellc.set_seed(1)
    return nn.SequentialCell([nn.Dense(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)])


def values(cell):
    return {parameter.name: parameter.asnumpy().copy() for _, parameter in cell.parameters_and_names()}


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_saved_comes_back(tmp_path, suffix):
    net = network()
    path = tmp_path / f"net{suffix}"
    cellc.save_checkpoint(net, str(path), append_dict={"epoch": 3, "loss": 0.5, "done": True})
    assert os.listdir(tmp_path) == [path.name]
    found = cellc.load_checkpoint(str(path))
    assert (int(found["epoch"]), float(found["loss"]), bool(found["done"])) == (3, 0.5, True)
    assert all(isinstance(value, Parameter) and value.name == name for name, value in found.items())
    other = network()
    for parameter in other.get_parameters():
        parameter.set_data(np.full(parameter.shape, 7, np.float32))
    assert cellc.load_param_into_net(other, found) == []
    assert_same(values(other), values(net))


@pytest.mark.parametrize("dtype", cellc.dtype.ALL)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 0, 3)])
def test_every_type_and_shape(tmp_path, dtype, shape):
    data = Tensor(np.arange(np.prod(shape, dtype=int)).reshape(shape), dtype)
    cellc.save_checkpoint([{"name": "x", "data": data}], str(tmp_path / "x"))
    found = cellc.load_checkpoint(str(tmp_path / "x.ckpt"))["x"]
    assert (found.dtype, found.shape) == (dtype, shape)
    np.testing.assert_array_equal(found.asnumpy(), data.asnumpy())


def test_bytes_of_a_small_file(tmp_path):
    """Worked out by hand from protobuf's encoding; MindSpore writes the same."""
    cellc.save_checkpoint([{"name": "w", "data": Tensor(np.array([1.0], np.float32))}], str(tmp_path / "w"))
    tensor = b"\x08\x01" + b"\x12\x07Float32" + b"\x1a\x04\x00\x00\x80\x3f"
    value = b"\x0a\x01w" + b"\x12" + bytes([len(tensor)]) + tensor
    assert (tmp_path / "w.ckpt").read_bytes() == b"\x0a" + bytes([len(value)]) + value


def test_large_arrays_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "PIECE_BYTES", 16)
    data = Tensor(np.arange(10, dtype=np.float32).reshape(5, 2))
    cellc.save_checkpoint([{"name": "x", "data": data}], str(tmp_path / "x"))
    assert (tmp_path / "x.ckpt").read_bytes().count(b"Float32") == 3
    np.testing.assert_array_equal(cellc.load_checkpoint(str(tmp_path / "x.ckpt"))["x"].asnumpy(), data.asnumpy())


def test_async_save_keeps_the_values_of_its_call(tmp_path):
    net = network()
    wanted = values(net)
    cellc.save_checkpoint(net, str(tmp_path / "net"), async_save=True)
    net[0].weight.set_data(np.zeros((3, 4), np.float32))
    cellc.load_checkpoint(str(tmp_path / "net.ckpt"), net)
    assert_same(values(net), wanted)


def test_filters(tmp_path):
    cellc.save_checkpoint(network(), str(tmp_path / "net"))
    path = str(tmp_path / "net.ckpt")
    assert set(cellc.load_checkpoint(path, filter_prefix="1")) == {"0.weight", "0.bias"}
    assert set(cellc.load_checkpoint(path, specify_prefix=["1.gamma", "0."])) == {"0.weight", "0.bias", "1.gamma"}
    with pytest.raises(ValueError, match="filter_prefix"):
        cellc.load_checkpoint(path, filter_prefix=("0", "1"))


def test_names_with_a_prefix_more(tmp_path):
    class Outer(nn.Cell):
        def __init__(self):
            super().__init__()
            self.backbone = network()

    outer, net = Outer(), network()
    outer.backbone[0].weight.set_data(np.ones((3, 4), np.float32))
    found = {parameter.name: parameter for parameter in outer.get_parameters()}
    assert cellc.load_param_into_net(net, found) == []
    np.testing.assert_array_equal(net[0].weight.asnumpy(), 1)
    with pytest.warns(UserWarning, match="0.weight"):
        assert len(cellc.load_param_into_net(net, found, strict_load=True)) == 6


def test_dtypes_and_trailing_ones_are_converted():
    net = nn.Dense(2, 1)
    given = {"weight": Parameter(Tensor(np.ones((1, 2, 1)), cellc.float16), name="weight"),
             "bias": Parameter(Tensor(2.0), name="bias")}  # fmt: skip
    assert cellc.load_param_into_net(net, given) == []
    assert (net.weight.dtype, net.weight.asnumpy().tolist(), net.bias.asnumpy().tolist()) == (
        cellc.float32, [[1.0, 1.0]], [2.0]
    )  # fmt: skip


def test_nothing_is_loaded_where_something_does_not_fit():
    net = network()
    wanted = values(net)
    found = {name: Parameter(np.zeros_like(value), name=name) for name, value in wanted.items()}
    found["1.gamma"] = Parameter(np.zeros(5, np.float32), name="1.gamma")
    with pytest.raises(RuntimeError, match=r"1.gamma has shape \(3,\), but \(5,\)"):
        cellc.load_param_into_net(net, found)
    found["1.gamma"] = Parameter(np.zeros(3, np.int32), name="1.gamma")
    with pytest.raises(RuntimeError, match=r"1\.gamma is Float32, but Int32"):
        cellc.load_param_into_net(net, found)
    assert_same(values(net), wanted)


def training(net):
    return nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.Adam(net.trainable_params(), 0.01)).set_train()


@pytest.mark.parametrize("suffix", FORMATS)
def test_training_goes_on_bit_equal(tmp_path, suffix):
    """Parameters, moments, the optimizer's count, moving averages and dropout's random numbers."""
    rng = np.random.default_rng(0)
    batches = [(Tensor(rng.random((6, 4), np.float32)), Tensor(rng.random((6, 3), np.float32))) for _ in range(8)]
    step = training(network())
    for batch in batches[:4]:
        step(*batch)
    cellc.save_checkpoint(step, str(tmp_path / f"step{suffix}"))
    wanted = [step(*batch).asnumpy() for batch in batches[4:]]
    cellc.set_seed(99)
    again = training(network())
    cellc.set_seed(77)
    cellc.load_param_into_net(again, cellc.load_checkpoint(str(tmp_path / f"step{suffix}")))
    assert [again(*batch).asnumpy() for batch in batches[4:]] == wanted
    assert_same(values(again), values(step))


def test_a_network_without_an_optimizer_leaves_the_random_state(tmp_path):
    cellc.save_checkpoint(training(network()), str(tmp_path / "step"))
    cellc.set_seed(5)
    state = seed.random_state().asnumpy().copy()
    net = network()
    cellc.set_seed(5)
    cellc.load_checkpoint(str(tmp_path / "step.ckpt"), net)
    np.testing.assert_array_equal(seed.random_state().asnumpy(), state)


def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.ckpt"
    cellc.save_checkpoint(network(), str(path))
    old = path.read_bytes()

    def broken(name, array):
        yield b"half of"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_file, "_messages", broken)
    with pytest.raises(OSError, match=r"cannot write .*net.ckpt: No space left"):
        cellc.save_checkpoint(network(), str(path))
    assert (path.read_bytes(), os.listdir(tmp_path)) == (old, ["net.ckpt"])


def test_what_killed_saves_left_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()
    ours = f".net.ckpt.{host}.{os.getpid()}.{threading.get_ident()}.part"
    others = f".net.ckpt.elsewhere.{ended.pid}.1.part", f".net.ckpt.{host}.{os.getppid()}.1.part", ".net.ckpt.part"
    for name in (f".net.ckpt.{host}.{ended.pid}.1.part", ours, *others):
        (tmp_path / name).write_bytes(b"half of")
    cellc.save_checkpoint(network(), str(tmp_path / "net.ckpt"))
    assert sorted(os.listdir(tmp_path)) == sorted(["net.ckpt", *others])
    assert len(cellc.load_checkpoint(str(tmp_path / "net.ckpt"))) == len(list(network().get_parameters()))


def test_damaged_files(tmp_path):
    """Each prefix of a file, and each byte changed: a CheckpointError or other values, never another error."""
    path = tmp_path / "x.ckpt"
    cellc.save_checkpoint([{"name": "weight", "data": Tensor([1.0, 2.0])}, {"name": "b", "data": Tensor(3)}], str(path))
    whole = path.read_bytes()
    cut = [whole[:length] for length in range(len(whole))]
    changed = [whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in (1, 128)]
    failed = 0
    for content in cut + changed:
        path.write_bytes(content)
        with contextlib.suppress(checkpoint_file.CheckpointError):
            cellc.load_checkpoint(str(path))
            continue
        failed += 1
    assert failed > len(cut)


def test_unknown_types_and_wrong_sizes_are_named(tmp_path):
    path = tmp_path / "x.ckpt"
    cellc.save_checkpoint([{"name": "w", "data": Tensor([1.0, 2.0])}], str(path))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Float32", b"Complex"))
    with pytest.raises(ValueError, match=r"x.ckpt: value 0 \('w'\): tensor_type is 'Complex'"):
        cellc.load_checkpoint(str(path))
    path.write_bytes(whole.replace(b"\x08\x02\x12", b"\x08\x03\x12"))
    with pytest.raises(ValueError, match=r"'w' has 2 elements, which are not of dims \[3\]"):
        cellc.load_checkpoint(str(path))


BAD = [
    (lambda p: cellc.save_checkpoint(3, "x"), TypeError, "save_obj"),
    (lambda p: cellc.save_checkpoint([{"name": "x"}], "x"), TypeError, "save_obj"),
    (lambda p: cellc.save_checkpoint(network(), 3), TypeError, "ckpt_file_name"),
    (lambda p: cellc.save_checkpoint(network(), str(p)), IsADirectoryError, "directory"),
    (lambda p: cellc.save_checkpoint(network(), str(p / "none" / "x")), OSError, "cannot write"),
    (lambda p: cellc.save_checkpoint(network(), "x", append_dict={"a": "b"}), TypeError, "append_dict"),
    (lambda p: cellc.save_checkpoint(network(), "x", enc_key=b"0"), NotImplementedError, "enc_key"),
    (lambda p: cellc.save_checkpoint(network(), "x", format="h5"), ValueError, "format"),
    (lambda p: cellc.load_checkpoint("x.pt"), ValueError, "ckpt_file_name"),
    (lambda p: cellc.load_checkpoint(str(p / "x.ckpt")), ValueError, "does not exist"),
    (lambda p: cellc.load_checkpoint("x.ckpt", filter_prefix=()), ValueError, "filter_prefix"),
    (lambda p: cellc.load_checkpoint("x.ckpt", filter_prefix=[1]), TypeError, "filter_prefix"),
    (lambda p: cellc.load_checkpoint("x.ckpt", dec_key=b"0"), NotImplementedError, "dec_key"),
    (lambda p: cellc.load_param_into_net(3, {}), TypeError, "net"),
    (lambda p: cellc.load_param_into_net(network(), []), TypeError, "parameter_dict"),
    (lambda p: cellc.load_param_into_net(network(), {"x": 3}), TypeError, "parameter_dict"),
    (lambda p: cellc.load_param_into_net(network(), {}, strict_load=1), TypeError, "strict_load"),
]


@pytest.mark.parametrize(("use", "error", "named"), BAD)
def test_bad_input(use, error, named, tmp_path):
    with pytest.raises(error, match=named):
        use(tmp_path)
