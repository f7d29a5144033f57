"""What wrong arguments and failing functions of the user's raise."""

import numpy as np
import pytest
from unit.training.pipelines import IMAGE, Squares, numbers, ragged, values

from cellc import dataset as ds
from cellc.dataset import transforms, vision


def test_an_error_in_a_users_function_arrives_where_rows_are_read():
    rows = numbers(5).map(lambda x: 1 // int(2 - x))
    with pytest.raises(ZeroDivisionError):
        list(rows)
    with pytest.raises(ValueError, match=r"column 'x' has"):
        list(ds.GeneratorDataset([np.ones(2), np.ones(3)], ["x"], shuffle=False).batch(2))
    with pytest.raises(ValueError, match="2 values for the columns"):
        list(ds.GeneratorDataset(Squares(), ["a"]))
    with pytest.raises(ValueError, match="gave 2 columns"):
        list(numbers(2).map(lambda x: (x, x)))


def test_no_end_of_a_users_function_is_the_end_of_the_rows():
    def ends(x):
        if x == 2:
            raise StopIteration
        return x

    for workers in (1, 2):
        with pytest.raises(RuntimeError, match="StopIteration"):
            list(numbers(5).map(ends, num_parallel_workers=workers))

    def leaves(x):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(numbers(5).map(leaves))


BAD = [
    (lambda: values(ragged().batch(2, pad_info={"x": ([1], 0)})), ValueError, r"\(1,\) of column 'x' .* up to \(2,\)"),
    (lambda: values(ragged().batch(2, pad_info={"x": ([2, 2], 0)})), ValueError, r"one rank .* \(2, 2\)"),
    (lambda: ragged().batch(2, pad_info={"y": ([2], 0)}), ValueError, "'y'"),
    (lambda: ragged().batch(2, pad_info={"x": [2]}), TypeError, "pad_info"),
    (lambda: ragged().batch(2, pad_info={"x": ([-1], 0)}), TypeError, "pad_info"),
    (lambda: ragged().batch(2, pad_info={"x": ([True], 0)}), TypeError, "pad_info"),
    (lambda: ragged().batch(2, column_order=["y"]), ValueError, "'y'"),
    (lambda: ds.NumpySlicesDataset(([1], [1, 2])), ValueError, "length"),
    (lambda: ds.NumpySlicesDataset([1], ["a", "b"]), ValueError, "column_names"),
    (lambda: ds.NumpySlicesDataset([1], num_shards=2), ValueError, "shard_id"),
    (lambda: ds.NumpySlicesDataset([1], num_shards=2, shard_id=2), ValueError, "shard_id"),
    (lambda: ds.GeneratorDataset(3, ["x"]), TypeError, "source"),
    (lambda: ds.GeneratorDataset([1]), ValueError, "column_names"),
    (lambda: ds.GeneratorDataset(lambda: iter([]), ["x"], shuffle=True), ValueError, "shuffle"),
    (lambda: ds.GeneratorDataset([1], ["x"], column_types=[]), ValueError, "column_types"),
    (lambda: ds.MnistDataset("none"), ValueError, "dataset_dir"),
    (lambda: ds.MnistDataset(".", "other"), ValueError, "usage"),
    (lambda: numbers().shuffle(1), ValueError, "buffer_size"),
    (lambda: numbers().map(3), TypeError, "operations"),
    (lambda: numbers().map(abs, "y"), ValueError, "no column 'y'; there are x"),
    (lambda: numbers().map(abs, "x", num_parallel_workers=0), ValueError, "num_parallel_workers"),
    (lambda: numbers().batch(0), ValueError, "batch_size"),
    (lambda: numbers().batch(2, 1), TypeError, "drop_remainder"),
    (lambda: numbers().batch("2"), TypeError, "batch_size"),
    (lambda: numbers().batch(lambda info: 0).get_dataset_size(), ValueError, "batch_size"),
    (lambda: numbers().map(abs, callbacks=[]), NotImplementedError, "callbacks"),
    (lambda: numbers().apply(3), TypeError, "apply_func"),
    (lambda: numbers().apply(len), TypeError, "must return a Dataset, but it gave"),
    (lambda: numbers().repeat(0), ValueError, "count"),
    (lambda: numbers().take(0), ValueError, "count"),
    (lambda: numbers().skip(-1), ValueError, "count"),
    (lambda: numbers().filter(3), TypeError, "predicate"),
    (lambda: numbers().rename("x", ["a", "b"]), ValueError, "rename"),
    (lambda: numbers().zip(numbers()), ValueError, "different names"),
    (lambda: numbers().concat(numbers().rename("x", "y")), ValueError, "concat"),
    (lambda: numbers().zip(3), TypeError, "int"),
    (lambda: ds.zip([]), TypeError, "datasets"),
    (lambda: numbers().create_tuple_iterator(num_epochs=0), ValueError, "num_epochs"),
    (lambda: numbers().create_tuple_iterator(["y"]), ValueError, "'y'"),
    (lambda: numbers().repeat().get_dataset_size(), RuntimeError, "without end"),
    (lambda: ds.config.set_prefetch_size(0), ValueError, "size"),
    (lambda: transforms.TypeCast("x"), TypeError, "output_type"),
    (lambda: transforms.TypeCast(data_type="x"), TypeError, "data_type"),
    (lambda: transforms.OneHot(0), ValueError, "num_classes"),
    (lambda: transforms.OneHot(2)(np.array(2)), ValueError, "class 2"),
    (lambda: transforms.Compose([]), ValueError, "transforms"),
    (lambda: transforms.RandomApply([abs], 2.0), ValueError, "prob"),
    (lambda: vision.Decode(rgb=False), ValueError, "rgb"),
    (lambda: vision.Decode(1), TypeError, "rgb"),
    (lambda: vision.Resize((0, 1)), ValueError, "size"),
    (lambda: vision.Normalize([1.0], [0.0]), ValueError, "std"),
    (lambda: vision.Normalize([1.0, 2.0], [1.0, 1.0])(IMAGE), ValueError, "2 means"),
    (lambda: vision.HWC2CHW()(IMAGE[0]), ValueError, "rank 3"),
    (lambda: vision.RandomCrop(100)(IMAGE), ValueError, "RandomCrop"),
    (lambda: vision.RandomResizedCrop(0), ValueError, "size"),
    (lambda: vision.RandomResizedCrop(4, scale=(0.5, 0.1)), ValueError, "scale"),
    (lambda: vision.RandomResizedCrop(4, ratio=1.0), ValueError, "ratio"),
    (lambda: vision.RandomResizedCrop(4, max_attempts=0), ValueError, "max_attempts"),
    (lambda: vision.RandomResizedCrop(4)(np.zeros(3)), ValueError, "RandomResizedCrop takes images"),
    (lambda: vision.Pad((1, 2, 3)), ValueError, "padding"),
    (lambda: vision.RandomVerticalFlip(-1), ValueError, "prob"),
]


@pytest.mark.parametrize(("use", "error", "said"), BAD)
def test_wrong_arguments(use, error, said):
    with pytest.raises(error, match=said):
        use()
