"""`Model` and its callbacks: what is trained, evaluated, printed, saved, and when it stops."""

import io
import os
import sys
import time

import numpy as np
import pytest

import cellc
from cellc import Model, Tensor, dataset, nn, train
from support.list_dataset import ListDataset


def data(batches=4, rows=8):
    rng = np.random.default_rng(0)
    return ListDataset([(rng.random((rows, 4), np.float32), rng.random((rows, 3), np.float32)) for _ in range(batches)])


def network():
    cellc.set_seed(1)
    return nn.SequentialCell([nn.Dense(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.9)])


def model(rate=0.1, **others):
    net = network()
    return Model(net, nn.MSELoss(), nn.Momentum(net.trainable_params(), rate, 0.9), **others)


def weights(cell):
    return [parameter.asnumpy().copy() for parameter in cell.get_parameters()]


class Recorder(cellc.Callback):
    """Keeps the order of events and some of what a run tells."""

    def __init__(self, stop_at=None):
        self.events, self.losses, self.stop_at = [], [], stop_at

    def begin(self, run_context):
        self.events.append("begin")

    def epoch_begin(self, run_context):
        self.events.append("epoch_begin")

    def step_begin(self, run_context):
        self.events.append("step_begin")

    def step_end(self, run_context):
        run = run_context.original_args()
        self.events.append(("step_end", run.cur_epoch_num, run.cur_step_num))
        self.losses.append(float(np.mean((run.net_outputs[0] if run.mode == "eval" else run.net_outputs).asnumpy())))
        if run.cur_step_num == self.stop_at:
            run_context.request_stop()

    def epoch_end(self, run_context):
        self.events.append("epoch_end")

    def end(self, run_context):
        self.events.append("end")


def test_training_is_that_of_the_bare_step():
    made = model()
    recorder = Recorder()
    made.train(2, data(), callbacks=[recorder], dataset_sink_mode=False)
    net = network()
    step = nn.TrainOneStepCell(
        nn.WithLossCell(net, nn.MSELoss()), nn.Momentum(net.trainable_params(), 0.1, 0.9)
    ).set_train()
    losses = [float(step(*map(Tensor, batch)).asnumpy()) for _ in range(2) for batch in data()]
    assert recorder.losses == losses
    for found, wanted in zip(weights(made.train_network), weights(step), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("evaluate", [
    lambda made: made.eval(data()),
    lambda made: made.predict(Tensor(data().batches[0][0])),
    lambda made: Model(made.predict_network, nn.MSELoss(), metrics={"mae"}).eval(data()),
], ids=["eval", "predict", "eval of another model"])  # fmt: skip
def test_training_goes_on_as_training_where_a_callback_evaluates(evaluate):
    class Evaluating(cellc.Callback):
        def epoch_end(self, run_context):
            evaluate(made)

        def step_end(self, run_context):
            if run_context.original_args().cur_step_num == 2:
                evaluate(made)

    made = model(metrics={"mae"})
    made.train(3, data(), callbacks=Evaluating())
    plain = model(metrics={"mae"})
    plain.train(3, data())
    for found, wanted in zip(weights(made.train_network), weights(plain.train_network), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_callbacks_are_told_of_checkpoints_and_evaluations(tmp_path):
    told = []

    class Listening(cellc.Callback):
        def epoch_end(self, run_context):
            run = run_context.original_args()
            told.append((run.last_save_ckpt_step, run.latest_ckpt_file, sorted(run.eval_results), run.valid_dataset))

    saving = train.ModelCheckpoint("net", str(tmp_path), train.CheckpointConfig(save_checkpoint_steps=6))
    valid = data()
    model(metrics={"mae"}).fit(2, data(), valid, valid_frequency=2, callbacks=[saving, Listening()])
    path = str(tmp_path / "net-2_2.ckpt")
    assert told == [(None, None, [], valid), (6, path, ["mae"], valid)]


class Counting:
    """A dataset that is its own iterator, as MindSpore's tests have them: `reset` begins it anew."""

    def __init__(self, batches):
        self.batches, self.at = batches, 0

    def get_dataset_size(self):
        return len(self.batches)

    def create_tuple_iterator(self, num_epochs=-1, do_copy=True):
        return self

    def reset(self):
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == len(self.batches):
            raise StopIteration
        self.at += 1
        return tuple(map(Tensor, self.batches[self.at - 1]))


def test_a_dataset_of_ones_own_is_reset_after_each_epoch():
    made = model()
    made.train(3, Counting(data().batches))
    plain = model()
    plain.train(3, data())
    for found, wanted in zip(weights(made.train_network), weights(plain.train_network), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_dataset_of_ones_own_is_reset_after_the_last_epoch_too():
    dataset, valid = Counting(data().batches), Counting(data(1).batches)
    made = model(metrics={"mae"})
    for _ in range(2):
        made.fit(2, dataset, valid)
    plain = model(metrics={"mae"})
    for _ in range(2):
        plain.fit(2, data(), data(1))
    for found, wanted in zip(weights(made.train_network), weights(plain.train_network), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert made.eval(valid) == plain.eval(data(1))
    assert (dataset.at, valid.at) == (0, 0)


def test_order_of_events():
    recorder = Recorder()
    model().train(2, data(2), callbacks=recorder)
    epoch = ["epoch_begin", "step_begin", ("step_end", 1, 1), "step_begin", ("step_end", 1, 2), "epoch_end"]
    second = ["epoch_begin", "step_begin", ("step_end", 2, 3), "step_begin", ("step_end", 2, 4), "epoch_end"]
    assert recorder.events == ["begin", *epoch, *second, "end"]


def test_a_callback_can_stop():
    recorder = Recorder(stop_at=3)
    model().train(5, data(2), callbacks=recorder)
    assert recorder.events[-3:] == [("step_end", 2, 3), "epoch_end", "end"]


def test_methods_of_one_callback_are_called_too():
    called = []
    callback = cellc.Callback()
    callback.step_end = lambda run_context: called.append(run_context.original_args().cur_step_num)
    model().train(1, data(3), callbacks=callback)
    assert called == [1, 2, 3]


@pytest.mark.parametrize(("done", "epochs"), [(0, 1), (0, 2), (5, 2)])
def test_nothing_is_read_beyond_the_last_step(done, epochs):
    made = []

    class Rows:
        def __getitem__(self, number):
            made.append(number)
            return np.full((8, 4), number, np.float32), np.zeros((8, 3), np.float32)

        def __len__(self):
            return 4

    rows = dataset.GeneratorDataset(Rows(), ["data", "label"], shuffle=False)
    model().train(epochs, rows, initial_step=done)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3] * (epochs - done // 4)


def test_sink_size_is_the_length_of_an_epoch():
    recorder = Recorder()
    model().train(2, data(4), callbacks=recorder, sink_size=3)
    assert [event[1:] for event in recorder.events if event[0] == "step_end"] == [
        (1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)
    ]  # fmt: skip


def test_eval_gives_metrics_in_inference_mode():
    made = model(metrics={"mse": nn.MSE(), "loss": nn.Loss()})
    made.train(1, data())
    before = weights(made.predict_network)
    found = made.eval(data())
    net = made.predict_network
    errors = [(net(Tensor(x)).asnumpy() - y) ** 2 for x, y in data()]
    assert not net.training
    np.testing.assert_allclose(found["mse"], np.sum(errors) / 32, rtol=1e-5)
    np.testing.assert_allclose(found["loss"], np.mean(errors), rtol=1e-5)
    for one, other in zip(before, weights(net), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(made.predict(Tensor(data().batches[0][0])).asnumpy(),
                                  net(Tensor(data().batches[0][0])).asnumpy())  # fmt: skip


def test_names_of_metrics_and_an_eval_network():
    class Eval(nn.Cell):
        def __init__(self, net):
            super().__init__(auto_prefix=False)
            self.net = net

        def construct(self, x, y):
            return y, self.net(x)

    net = network()
    made = Model(net, eval_network=Eval(net), metrics={"mae"})
    wanted = sum(np.abs(net(Tensor(x)).asnumpy() - y).sum() for x, y in data()) / 32
    np.testing.assert_allclose(made.eval(data())["mae"], wanted, rtol=1e-5)


def test_fit_evaluates_after_epochs():
    made = model(metrics={"mse"})
    seen = []

    class Metrics(cellc.Callback):
        def on_train_epoch_end(self, run_context):
            seen.append(dict(run_context.original_args().metrics))

    made.fit(4, data(), data(1), valid_frequency=2, callbacks=[Metrics()])
    assert [set(metrics) for metrics in seen] == [set(), {"mse"}, set(), {"mse"}]
    made.fit(3, data(), data(1), valid_frequency=[1, 3], callbacks=[Metrics()])
    assert [bool(metrics) for metrics in seen[4:]] == [True, False, True]
    assert made.train_network.training


def test_a_model_of_a_training_step_and_one_of_a_loss():
    net = network()
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.1))
    recorder = Recorder()
    Model(step).train(1, data(), callbacks=recorder)
    wanted = Recorder()
    other = network()
    Model(other, nn.MSELoss(), nn.SGD(other.trainable_params(), 0.1)).train(1, data(), callbacks=wanted)
    assert recorder.losses == wanted.losses


def test_build_compiles_before_the_first_step(monkeypatch):
    made = model(metrics={"mse"})
    made.build(data(), data(1))
    before = weights(made.train_network)
    made.build(data())
    for one, other in zip(before, weights(made.train_network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loss_monitor_prints(capsys):
    made = model()
    recorder = Recorder()
    made.train(2, data(3), callbacks=[train.LossMonitor(2), recorder])
    wanted = [f"epoch: {epoch} step: {step}, loss is {recorder.losses[3 * (epoch - 1) + step - 1]}"
              for epoch, step in ((1, 2), (2, 1), (2, 3))]  # fmt: skip
    assert capsys.readouterr().out.splitlines() == wanted
    made.train(1, data(1), callbacks=train.LossMonitor(0))
    assert capsys.readouterr().out == ""


def test_loss_monitor_stops_at_a_loss_that_is_no_number():
    x, y = data().batches[0]
    bad = ListDataset([(x, y), (x, y * np.nan)])
    with pytest.raises(ValueError, match=r"epoch: 1 step: 2\. The loss is nan"):
        model().train(1, bad, callbacks=train.LossMonitor())


def test_time_monitor_prints(capsys):
    model().train(2, data(3), callbacks=train.TimeMonitor())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch time: ")
    assert " ms, per step time: " in lines[0]


def test_learning_rate_scheduler():
    made = model(rate=0.5)
    scheduler = train.LearningRateScheduler(lambda rate, step: rate * 0.5 if step == 2 else rate)
    made.train(1, data(3), callbacks=scheduler)
    assert float(made.train_network.optimizer.learning_rate.asnumpy()) == 0.25
    with pytest.raises(TypeError, match="IteratorLearningRate"):
        model(rate=[0.1, 0.2, 0.3]).train(1, data(3), callbacks=scheduler)


def test_checkpoints_of_training(tmp_path):
    appended = ["epoch_num", "step_num", {"lr": 0.1}]
    config = train.CheckpointConfig(save_checkpoint_steps=2, keep_checkpoint_max=2, append_info=appended)
    callback = train.ModelCheckpoint("net", str(tmp_path / "made"), config)
    made = model()
    made.train(3, data(3), callbacks=callback)
    assert sorted(os.listdir(tmp_path / "made")) == ["net-3_2.ckpt", "net-3_3.ckpt"]
    assert callback.latest_ckpt_file_name == str(tmp_path / "made" / "net-3_3.ckpt")
    found = cellc.load_checkpoint(callback.latest_ckpt_file_name)
    assert [float(found[name]) for name in ("epoch_num", "step_num")] == [3, 9]
    again = model()
    cellc.load_param_into_net(again.train_network, found)
    for one, other in zip(weights(again.train_network), weights(made.train_network), strict=True):
        np.testing.assert_array_equal(one, other)
    train.ModelCheckpoint("net", str(tmp_path / "made"))
    model().train(1, data(1), callbacks=train.ModelCheckpoint("net", str(tmp_path / "made")))
    assert "net_1-1_1.ckpt" in os.listdir(tmp_path / "made")


def test_no_checkpoint_is_removed_before_the_next_is_written(tmp_path, monkeypatch):
    from cellc import checkpoint_file

    config = train.CheckpointConfig(1, keep_checkpoint_max=1, async_save=True)
    model().train(1, data(3), callbacks=train.ModelCheckpoint("net", str(tmp_path), config))
    assert os.listdir(tmp_path) == ["net-1_3.ckpt"]

    def full(path, arrays):
        raise OSError(28, "cannot write")

    monkeypatch.setattr(checkpoint_file, "write", full)
    callback = train.ModelCheckpoint("net", str(tmp_path), config)
    callback._prefix, callback._kept = "net", [(0.0, tmp_path / "net-1_3.ckpt")]
    with pytest.warns(RuntimeWarning, match="cannot write"):
        model().train(2, data(2), callbacks=callback)
    assert os.listdir(tmp_path) == ["net-1_3.ckpt"]


def test_checkpoint_of_a_network_and_after_an_exception(tmp_path):
    class Fails(cellc.Callback):
        def step_end(self, run_context):
            if run_context.original_args().cur_step_num == 2:
                raise RuntimeError("interrupted")

    made = model()
    config = train.CheckpointConfig(100, saved_network=made.predict_network, exception_save=True)
    with pytest.raises(RuntimeError, match="interrupted"):
        made.train(1, data(), callbacks=[train.ModelCheckpoint("net", str(tmp_path), config), Fails()])
    assert os.listdir(tmp_path) == ["net-1_2_breakpoint.ckpt"]
    assert set(cellc.load_checkpoint(str(tmp_path / "net-1_2_breakpoint.ckpt"))) == {
        parameter.name for parameter in made.predict_network.get_parameters()
    }


def test_early_stopping():
    class Chosen(nn.Metric):
        def __init__(self):
            self.values = [3.0, 2.0, 2.5, 2.6, 1.0]

        def clear(self):
            pass

        def update(self, *inputs):
            pass

        def eval(self):
            return self.values.pop(0)

    made = model(metrics={"own": Chosen()})
    recorder = Recorder()
    kept = []

    class Keep(cellc.Callback):
        def on_train_epoch_end(self, run_context):
            kept.append(weights(run_context.original_args().train_network))

    stopping = train.EarlyStopping("own", patience=2, restore_best_weights=True)
    made.fit(5, data(2), data(1), callbacks=[recorder, Keep(), stopping])
    assert len(kept) == 4
    for one, other in zip(weights(made.train_network), kept[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert train.EarlyStopping("accuracy").mode == "max"
    with pytest.raises(ValueError, match="'monitor' 'eval_loss' does not exist; there are loss"):
        model().train(1, data(1), callbacks=train.EarlyStopping())


def test_the_progress_bar_draws_on_a_terminal_only(monkeypatch, capsys):
    model().train(1, data(2))
    assert capsys.readouterr().err == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    model(metrics={"mse"}).fit(2, data(2), data(1))
    for part in ("epoch 2/2", "4/4", "steps/s", "loss ", "mse "):
        assert part in terminal.getvalue()


def test_resumed_training_is_bit_equal(tmp_path):
    """Killed after any checkpoint, training goes on as if it had not been."""
    whole = model()
    whole.train(2, data(4), callbacks=train.ModelCheckpoint("net", str(tmp_path),
                train.CheckpointConfig(1, keep_checkpoint_max=20)))  # fmt: skip
    for step in (1, 3):
        resumed = model()
        cellc.set_seed(50 + step)
        cellc.load_param_into_net(resumed.train_network, cellc.load_checkpoint(str(tmp_path / f"net-1_{step}.ckpt")))
        resumed.train(1, ListDataset((data(4).batches * 2)[step:]))
        for one, other in zip(weights(whole.train_network), weights(resumed.train_network), strict=True):
            np.testing.assert_array_equal(one, other)


def rows():
    values = np.random.default_rng(0).random((24, 7), np.float32)
    source = dataset.NumpySlicesDataset((values[:, :4], values[:, 4:]), ["x", "y"])
    return source.map(lambda x: x + np.float32(1), "x").shuffle(5).batch(8)


@pytest.mark.parametrize("sink_size", [-1, 2, 5])
@pytest.mark.parametrize("method", ["train", "fit"])
def test_an_initial_epoch_leaves_out_the_rows_of_those_before(tmp_path, sink_size, method):
    """Though rows are shuffled anew each time."""
    path = str(tmp_path / "step.ckpt")
    whole = model()
    whole.train(3, rows(), sink_size=sink_size)
    first = model()
    first.train(1, rows(), sink_size=sink_size)
    cellc.save_checkpoint(first.train_network, path)
    resumed = model()
    cellc.load_param_into_net(resumed.train_network, cellc.load_checkpoint(path))
    getattr(resumed, method)(3, rows(), sink_size=sink_size, initial_epoch=1)
    for one, other in zip(weights(whole.train_network), weights(resumed.train_network), strict=True):
        np.testing.assert_array_equal(one, other)


def shuffled_rows():
    """Rows with random numbers of their own."""
    flipped = [dataset.vision.HWC2CHW(), dataset.vision.RandomHorizontalFlip(), np.ravel]
    values = np.random.default_rng(0).random((24, 7), np.float32)
    source = dataset.NumpySlicesDataset((values[:, :4].reshape(24, 2, 2, 1), values[:, 4:]), ["x", "y"])
    return source.map(flipped, "x").shuffle(5).batch(4)


class StopsAfter(train.Callback):
    def __init__(self, step):
        self.step, self.seen = step, []

    def on_train_step_end(self, run_context):
        run = run_context.original_args()
        self.seen.append((run.cur_epoch_num, run.cur_step_num, run.train_dataset_element[0].asnumpy().tolist()))
        if run.cur_step_num == self.step:
            run_context.request_stop()


@pytest.mark.parametrize("sink_size", [-1, 4, 7])
@pytest.mark.parametrize("stop", [1, 6, 8, 9])
def test_a_run_that_ended_within_an_epoch_goes_on_bit_equal(tmp_path, sink_size, stop):
    cellc.set_seed(3)
    whole, all_steps = model(), StopsAfter(None)
    whole.train(3, shuffled_rows(), all_steps, sink_size=sink_size)
    config = train.CheckpointConfig(save_checkpoint_steps=5, append_info=["epoch_num", "step_num"])
    saving, before = train.ModelCheckpoint("step", str(tmp_path), config), StopsAfter(stop)
    model().train(3, shuffled_rows(), [saving, before], sink_size=sink_size)
    found = cellc.load_checkpoint(saving.latest_ckpt_file_name)
    done = int(found.pop("step_num").asnumpy())
    assert done == stop == len(before.seen)
    resumed, rest = model(), StopsAfter(None)
    found.pop("epoch_num")
    assert cellc.load_param_into_net(resumed.train_network, found) == []
    resumed.train(3, shuffled_rows(), rest, sink_size=sink_size, initial_step=done)
    assert before.seen + rest.seen == all_steps.seen
    for one, other in zip(weights(whole.train_network), weights(resumed.train_network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_resumed_run_saves_after_the_same_steps(tmp_path):
    config = train.CheckpointConfig(save_checkpoint_steps=4, keep_checkpoint_max=9)
    model().train(2, shuffled_rows(), train.ModelCheckpoint("whole", str(tmp_path), config))
    model().train(2, shuffled_rows(), train.ModelCheckpoint("rest", str(tmp_path), config), initial_step=4)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["rest-2_2.ckpt", "rest-2_6.ckpt", "whole-1_4.ckpt", "whole-2_2.ckpt", "whole-2_6.ckpt"]


def test_other_datasets_leave_out_the_begun_epochs_steps():
    batches = [(np.full((2, 4), n, np.float32), np.ones((2, 3), np.float32)) for n in range(3)]
    steps = StopsAfter(None)
    model().train(3, ListDataset(batches), steps, initial_step=4)
    assert [(step, value[0][0]) for _, step, value in steps.seen] == [(5, 1), (6, 2), (7, 0), (8, 1), (9, 2)]


class NoLength:
    def __iter__(self):
        return iter([])


BAD = [
    (lambda: Model(3), TypeError, "'network'"),
    (lambda: Model(network(), loss_fn=3), TypeError, "'loss_fn'"),
    (lambda: Model(network(), optimizer=3), TypeError, "'optimizer'"),
    (lambda: Model(network(), nn.MSELoss(), amp_level="O2"), ValueError, "'optimizer'"),
    (lambda: model(amp_level="O9"), ValueError, "O9"),
    (lambda: model(speed=3), ValueError, "'speed'"),
    (lambda: model(metrics={"other"}), KeyError, "other"),
    (lambda: model(metrics=3), TypeError, "metrics"),
    (lambda: Model(network(), metrics={"mse"}), ValueError, "'eval_network'"),
    (lambda: model(metrics={"mse"}, eval_network=network(), eval_indexes=[1]), ValueError, "'eval_indexes'"),
    (lambda: model().train(0, data()), ValueError, "'epoch'"),
    (lambda: model().train(1, data(), initial_epoch=-1), ValueError, "'initial_epoch'"),
    (lambda: model().train(1, data(), initial_step=-1), ValueError, "'initial_step'"),
    (lambda: model().train(2, data(), initial_epoch=1, initial_step=1), ValueError, "both"),
    (lambda: model().train(1.5, data()), TypeError, "'epoch'"),
    (lambda: model().train(1, ListDataset([])), ValueError, "empty"),
    (lambda: model().train(1, NoLength()), TypeError, "get_dataset_size"),
    (lambda: model().train(1, data(), callbacks=3), TypeError, "'callbacks'"),
    (lambda: model().train(1, data(), sink_size=0), ValueError, "'sink_size'"),
    (lambda: model().train(1, ListDataset([(np.ones((2, 4), np.float32),)])), ValueError, "gave 1"),
    (lambda: model().eval(data()), ValueError, "'metrics'"),
    (lambda: train.RunContext([]), TypeError, "'original_args'"),
    (lambda: train.LossMonitor(-1), ValueError, "'per_print_times'"),
    (lambda: train.CheckpointConfig(0, 0, 0, 0), ValueError, "all be 0"),
    (lambda: train.CheckpointConfig(-1), ValueError, "'save_checkpoint_steps'"),
    (lambda: train.CheckpointConfig(saved_network=3), TypeError, "'saved_network'"),
    (lambda: train.CheckpointConfig(append_info=["x"]), ValueError, "'append_info'"),
    (lambda: train.ModelCheckpoint("a/b"), ValueError, "'prefix'"),
    (lambda: train.ModelCheckpoint(config=3), TypeError, "'config'"),
    (lambda: train.EarlyStopping(mode="up"), ValueError, "'mode'"),
    (lambda: train.EarlyStopping(patience=-1), ValueError, "'patience'"),
    (lambda: train.FixedLossScaleManager(0.5), ValueError, "'loss_scale'"),
    (lambda: train.DynamicLossScaleManager(scale_window=0), ValueError, "'scale_window'"),
    (lambda: train.build_train_network(network(), 3), TypeError, "'optimizer'"),
]


@pytest.mark.parametrize(("use", "error", "said"), BAD)
def test_wrong_arguments(use, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        use()
