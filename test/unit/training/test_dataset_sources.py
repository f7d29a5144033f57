"""What sources give: arrays, generators and files, all rows or a shard, in which order."""

import itertools
import struct

import numpy as np
import pytest
from unit.training.pipelines import IMAGE, Squares, numbers, values

import cellc
from cellc import dataset as ds
from cellc.dataset import transforms, vision


def test_numpy_slices():
    rows = ds.NumpySlicesDataset({"a": [1, 2], "b": [[3.0], [4.0]]}, shuffle=False)
    assert rows.get_col_names() == ["a", "b"]
    found = list(rows)
    assert [type(value) for value in found[0]] == [cellc.Tensor, cellc.Tensor]
    assert (int(found[1][0]), found[1][1].shape) == (2, (1,))
    assert ds.NumpySlicesDataset(([1], [2])).get_col_names() == ["column_0", "column_1"]
    assert len(numbers(7, num_samples=4)) == 4
    assert values(numbers(7, num_samples=4)) == [0, 1, 2, 3]


def test_generators():
    rows = ds.GeneratorDataset(Squares(), ["a", "b"], shuffle=False, column_types=[cellc.float32, cellc.int32])
    assert [tuple(map(float, row)) for row in rows] == [(n, n * n) for n in range(6)]
    assert rows.output_types() == [np.float32, np.int32]
    rows = ds.GeneratorDataset(lambda: iter(range(4)), ["x"])
    assert values(rows) == values(rows) == [0, 1, 2, 3]
    assert rows.get_dataset_size() == 4
    assert values(ds.GeneratorDataset([(1,), (2,)], "x", shuffle=False)) == [1, 2]
    assert values(ds.GeneratorDataset(lambda: itertools.count(), ["x"], num_samples=3)) == [0, 1, 2]


@pytest.mark.parametrize("code", [">f4", ">f8", ">i2", ">u2"])
@pytest.mark.parametrize("source", [ds.NumpySlicesDataset, ds.GeneratorDataset])
def test_columns_of_the_other_byte_order(source, code):
    data = np.arange(12).reshape(6, 2).astype(code)
    rows = source(data, column_names=["x"], shuffle=False)
    for batches in (
        rows.batch(3),
        rows.map(lambda x: x, "x").batch(3),
        rows.map(transforms.TypeCast(cellc.int32)).batch(3),
    ):
        assert [batch.asnumpy().tolist() for (batch,) in batches] == [data[:3].tolist(), data[3:].tolist()]
    assert [row.asnumpy().tolist() for (row,) in rows] == data.tolist()


def test_sources_shuffle_by_default_and_anew_each_time():
    cellc.set_seed(3)
    rows = numbers(50, shuffle=None)
    iterator = rows.create_tuple_iterator(num_epochs=2, output_numpy=True)
    first, second, third = ([int(row[0]) for row in iterator] for _ in range(3))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert third == []
    cellc.set_seed(3)
    assert [int(row[0]) for row in rows.create_tuple_iterator(num_epochs=1)] == first
    cellc.set_seed(4)
    assert [int(row[0]) for row in rows.create_tuple_iterator(num_epochs=1)] != first


@pytest.mark.parametrize("seed", [1, None])
def test_shards_share_the_rows(seed, monkeypatch):
    monkeypatch.setattr(cellc.seed, "_seed", seed)
    parts = [values(numbers(10, shuffle=True, num_shards=3, shard_id=shard)) for shard in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert set(itertools.chain.from_iterable(parts)) == set(range(10))
    assert values(numbers(4, num_shards=2, shard_id=1)) == [1, 3]


@pytest.mark.parametrize("wrong", [6, -7])
def test_a_sampler_that_names_a_row_which_is_not_there(wrong):
    rows = ds.NumpySlicesDataset(np.arange(6), ["x"], sampler=[0, wrong]).batch(2)
    with pytest.raises((IndexError, ValueError), match=str(wrong)):
        list(rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_generator_are_copies(dtype):
    held = [np.ones(2, dtype) for _ in range(3)]
    data = ds.GeneratorDataset(held, ["x"], [cellc.float32], shuffle=False)
    kept = data.map(lambda x: held[0], "x")
    changing = data.map(lambda x: x.__imul__(2), "x")
    for rows in (data, kept, changing, changing.batch(2)):
        for (x,) in rows.create_tuple_iterator(num_epochs=1, output_numpy=True):
            x += 5
        for (x,) in rows.create_tuple_iterator(num_epochs=1):
            assert x.asnumpy().max() == (2 if rows not in (data, kept) else 1)
    assert all((array == 1).all() for array in held)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_mnist(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    labels = np.array([3, 1, 4, 1, 5], np.uint8)
    for part, count in (("train", 5), ("t10k", 2)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images[:count]))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[:count]))
    rows = ds.MnistDataset(str(tmp_path), "train", shuffle=False)
    found = list(rows.create_dict_iterator(1, output_numpy=True))
    assert [int(row["label"]) for row in found] == labels.tolist()
    assert (found[0]["image"].shape, found[0]["image"].dtype, found[0]["label"].dtype) == ((28, 28, 1), "u1", "u4")
    np.testing.assert_array_equal(found[2]["image"][..., 0], images[2])
    assert (len(ds.MnistDataset(str(tmp_path))), len(ds.MnistDataset(str(tmp_path), "test"))) == (7, 2)
    assert next(iter(rows))[1].dtype == cellc.int64
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(images)[:-1])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte: damaged"):
        ds.MnistDataset(str(tmp_path), "test")


def test_a_folder_with_the_files_of_one_usage(tmp_path):
    """As in the published archives of MNIST, with a folder for each usage."""
    images = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
    for part in ("train", "t10k"):
        folder = tmp_path / part
        folder.mkdir()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(images[:, 0, 0]))
        assert len(ds.MnistDataset(str(folder))) == 3
    with pytest.raises(FileNotFoundError, match="t10k-images"):
        ds.MnistDataset(str(tmp_path / "train"), "test")
    with pytest.raises(FileNotFoundError, match="train-images"):
        ds.MnistDataset(str(tmp_path))
    (tmp_path / "data_batch_2.bin").write_bytes(bytes(3073 * 2))
    assert len(ds.Cifar10Dataset(str(tmp_path))) == 2
    with pytest.raises(FileNotFoundError, match="data_batch_1"):
        ds.Cifar10Dataset(str(tmp_path), "train")


def test_cifar10(tmp_path):
    records = np.random.default_rng(0).integers(0, 10, (3, 3073), np.uint8)
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]:
        (tmp_path / name).write_bytes(records.tobytes())
    rows = list(ds.Cifar10Dataset(str(tmp_path), "test", shuffle=False).create_tuple_iterator(output_numpy=True,
                                                                                             num_epochs=1))  # fmt: skip
    assert (rows[1][0].shape, int(rows[1][1])) == ((32, 32, 3), records[1, 0])
    np.testing.assert_array_equal(rows[1][0][2, 7], records[1, 1:].reshape(3, 32, 32)[:, 2, 7])
    assert len(ds.Cifar10Dataset(str(tmp_path))) == 18


def pets(folder):
    pillow = pytest.importorskip("PIL.Image")
    for name, count in (("dog", 2), ("cat", 1)):
        (folder / name).mkdir()
        for number in range(count):
            pillow.fromarray(IMAGE + np.uint8(number)).save(folder / name / f"{number}.png")
    (folder / "cat" / "notes.txt").write_text("no image")
    return str(folder)


def test_classes_of_folders(tmp_path):
    folder = pets(tmp_path)
    rows = ds.ImageFolderDataset(folder).batch(2)
    assert (rows.num_classes(), rows.get_class_indexing()) == (2, {"cat": 0, "dog": 1})
    rows = ds.ImageFolderDataset(folder, class_indexing={"dog": 7})
    assert (rows.num_classes(), rows.get_class_indexing()) == (1, {"dog": 7})
    assert (numbers().num_classes(), numbers().get_class_indexing()) == (None, {})


def test_image_folders(tmp_path):
    folder = pets(tmp_path)
    rows = list(ds.ImageFolderDataset(folder, shuffle=False).create_tuple_iterator(num_epochs=1, output_numpy=True))
    assert [int(label) for _, label in rows] == [0, 1, 1]
    np.testing.assert_array_equal(vision.Decode()(rows[2][0]), IMAGE + np.uint8(1))
    rows = ds.ImageFolderDataset(folder, class_indexing={"dog": 7}, decode=True, shuffle=False)
    assert [(image.shape, int(label)) for image, label in rows] == [((6, 9, 3), 7)] * 2
    assert rows.output_types() == [np.uint8, np.int32]
    for arguments, said in (({"class_indexing": {"cow": 0}}, "no folder"), ({"extensions": [".gif"]}, "no image")):
        with pytest.raises(ValueError, match=said):
            ds.ImageFolderDataset(folder, **arguments)
    with pytest.raises(NotImplementedError, match="decrypt"):
        ds.ImageFolderDataset(folder, decrypt=abs)
