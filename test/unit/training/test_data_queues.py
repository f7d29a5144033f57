"""Rows of a dataset through its queue: `Dataset.device_que` and `nn.GetNextSingleOp`."""

import numpy as np
import pytest

import cellc
from cellc import dataset as ds
from cellc import nn


def rows():
    data = np.arange(12, dtype=np.float32).reshape(6, 2)
    return ds.NumpySlicesDataset((data, np.arange(6, dtype=np.uint32)), ["data", "label"], shuffle=False).batch(3)


def reader(dataset, queue):
    return nn.GetNextSingleOp(dataset.output_types(), dataset.output_shapes(), queue.queue_name)


def test_rows_of_all_epochs_one_after_another():
    dataset = rows()
    queue = dataset.device_que()
    assert (queue.get_dataset_size(), queue.get_col_names()) == (2, ["data", "label"])
    queue.send(num_epochs=2)
    next_row = reader(dataset, queue)
    found = [next_row() for _ in range(4)]
    assert [type(value) for value in found[0]] == [cellc.Tensor, cellc.Tensor]
    assert [row[1].asnumpy().tolist() for row in found] == [[0, 1, 2], [3, 4, 5]] * 2
    assert (found[0][0].shape, found[0][1].dtype) == ((3, 2), cellc.int64)
    with pytest.raises(RuntimeError, match="at its end"):
        next_row()


def test_sending_begins_anew():
    dataset = rows()
    queue = dataset.device_que()
    next_row = reader(dataset, queue)
    with pytest.raises(RuntimeError, match=r"call send\(\)"):
        next_row()
    for _ in range(2):
        queue.send()
        assert next_row()[1].asnumpy().tolist() == [0, 1, 2]
    queue.stop_send()
    with pytest.raises(RuntimeError, match=r"call send\(\)"):
        next_row()


def test_rows_go_into_a_network():
    dataset = rows()
    queue = dataset.device_que()
    queue.send()
    data, _ = reader(dataset, queue)()
    assert nn.Dense(2, 4)(data).shape == (3, 4)


def test_a_queue_lives_as_long_as_its_dataset():
    dataset = rows()
    queue = dataset.device_que()
    next_row = reader(dataset, queue)
    del queue
    with pytest.raises(RuntimeError, match="there is no data queue"):
        next_row()


@pytest.mark.parametrize("compiled", ["cell", "function"])
def test_it_cannot_be_compiled(compiled):
    dataset = rows()
    queue = dataset.device_que()
    queue.send()

    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.next_row = reader(dataset, queue)

        def construct(self):
            return self.next_row()[0]

    net = Net() if compiled == "cell" else cellc.jit(reader(dataset, queue).__call__)
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        net()


@pytest.mark.parametrize(
    ("types", "shapes", "name", "error", "said"),
    [
        (cellc.float32, [[3]], "q", TypeError, "dataset_types"),
        ([cellc.float32], 3, "q", TypeError, "dataset_shapes"),
        ([cellc.float32], [3], "q", TypeError, "dataset_shapes"),
        (["text"], [[3]], "q", TypeError, "dataset_types"),
        ([cellc.float32], [[3], [3]], "q", ValueError, "as many"),
        ([cellc.float32], [[3]], 3, TypeError, "queue_name"),
    ],
)
def test_wrong_arguments(types, shapes, name, error, said):
    with pytest.raises(error, match=said):
        nn.GetNextSingleOp(types, shapes, name)


def test_rows_of_other_types():
    queue = rows().device_que()
    queue.send()
    with pytest.raises(ValueError, match="are expected"):
        nn.GetNextSingleOp([cellc.float32], [[3, 2]], queue.queue_name)()
    with pytest.raises(RuntimeError, match="through its queue"):
        iter(queue)
    with pytest.raises(TypeError, match="send_epoch_end"):
        rows().device_que(send_epoch_end=1)
