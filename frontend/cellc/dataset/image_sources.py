"""Images and their labels: MNIST and CIFAR-10 files, folders of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cellc.dataset._rows import Gather, Row, taken
from cellc.dataset.sources import Source
from cellc.dataset.vision import Decode
from cellc.errors import bad_argument
from cellc.ops import _validate


class _Images(Source):
    """Images and labels that are in memory."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, samples: int | None, shuffle: bool | None, shards: int | None,
        shard: int | None, sampler: Any,
    ) -> None:  # fmt: skip
        self._images, self._labels = images, labels
        super().__init__(["image", "label"], samples, shuffle, shards, shard, sampler)

    def _length(self) -> int:
        return len(self._images)

    def _row(self, number: int) -> Row:
        return self._images[number].copy(), np.asarray(self._labels[number])

    def gather(self) -> Gather:
        return lambda numbers: taken((self._images, self._labels), numbers)


class MnistDataset(_Images):
    """MNIST: `image` uint8 (28, 28, 1) and `label` uint32.

    Args:
        dataset_dir: where `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
            `t10k-labels-idx1-ubyte` are.
        usage: "train", "test" or "all", the default: those of both that are there.
        num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id: see NumpySlicesDataset.
        cache: not supported.

    Raises:
        TypeError, ValueError: an argument has another type or value, or a file is damaged.
        FileNotFoundError: a file of `usage` is missing, for "all" every one.
    """

    def __init__(
        self,
        dataset_dir: str,
        usage: str | None = None,
        num_samples: int | None = None,
        num_parallel_workers: int | None = None,
        shuffle: bool | None = None,
        sampler: Any = None,
        num_shards: int | None = None,
        shard_id: int | None = None,
        cache: None = None,
    ) -> None:
        parts = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}
        chosen = parts[_validate.one_of("usage", usage or "all", parts, "MnistDataset")]
        folder = _folder(dataset_dir, "MnistDataset")
        if len(chosen) > 1:
            chosen = _present(folder, chosen, "{}-images-idx3-ubyte")
        images = np.concatenate([_idx(folder / f"{part}-images-idx3-ubyte", 3) for part in chosen])
        labels = np.concatenate([_idx(folder / f"{part}-labels-idx1-ubyte", 1) for part in chosen])
        if len(images) != len(labels):
            raise ValueError(f"{folder}: there are {len(images)} images, but {len(labels)} labels")
        super().__init__(
            images[..., None], labels.astype(np.uint32), num_samples, shuffle, num_shards, shard_id, sampler
        )


class Cifar10Dataset(_Images):
    """CIFAR-10, the binary version: `image` uint8 (32, 32, 3) and `label` uint32.

    Args:
        dataset_dir: where `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` are.
        usage: "train", "test" or "all", the default: those of both that are there.
        num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id: see NumpySlicesDataset.
        cache: not supported.

    Raises:
        TypeError, ValueError: an argument has another type or value, or a file is damaged.
        FileNotFoundError: a file of `usage` is missing, for "all" every one.
    """

    def __init__(
        self,
        dataset_dir: str,
        usage: str | None = None,
        num_samples: int | None = None,
        num_parallel_workers: int | None = None,
        shuffle: bool | None = None,
        sampler: Any = None,
        num_shards: int | None = None,
        shard_id: int | None = None,
        cache: None = None,
    ) -> None:
        folder = _folder(dataset_dir, "Cifar10Dataset")
        train, test = [f"data_batch_{number}.bin" for number in range(1, 6)], ["test_batch.bin"]
        parts = {"train": train, "test": test, "all": train + test}
        chosen = parts[_validate.one_of("usage", usage or "all", parts, "Cifar10Dataset")]
        if usage in (None, "all"):
            chosen = _present(folder, chosen, "{}")
        records = np.concatenate([_cifar_records(folder / name) for name in chosen])
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        super().__init__(images, records[:, 0].astype(np.uint32), num_samples, shuffle, num_shards, shard_id, sampler)


class ImageFolderDataset(Source):
    """A folder with a folder of images for each class: `image` uint8 (bytes of the file,) and `label` int32.

    Args:
        dataset_dir: the folder.
        num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id: see NumpySlicesDataset.
        extensions: which files are images; those of BMP, JPEG and PNG by default.
        class_indexing: the labels of classes by the folders' names, which are then all that is read; by default the
            classes in the order of their names have the labels 0, 1 ...
        decode: whether `image` is decoded: (H, W, 3) in RGB.
        cache, decrypt: not supported.

    Raises:
        TypeError, ValueError: an argument has another type or value, or there is no image.

    Examples:
        >>> rows = ImageFolderDataset("pets", class_indexing={"cat": 0, "dog": 1}, decode=True)
    """

    def __init__(
        self,
        dataset_dir: str,
        num_samples: int | None = None,
        num_parallel_workers: int | None = None,
        shuffle: bool | None = None,
        sampler: Any = None,
        extensions: Sequence[str] | None = None,
        class_indexing: dict[str, int] | None = None,
        decode: bool = False,
        num_shards: int | None = None,
        shard_id: int | None = None,
        cache: None = None,
        decrypt: None = None,
    ) -> None:
        owner = type(self).__name__
        if decrypt is not None:
            raise NotImplementedError(f"For '{owner}', 'decrypt' is not supported: decrypt the files before.")
        folder = _folder(dataset_dir, owner)
        endings = {str(one).lower() for one in extensions or (".bmp", ".jpeg", ".jpg", ".png")}
        self._labels = labels = _class_labels(folder, class_indexing, owner)
        self._files = [(path, label) for name, label in labels.items()
                       for path in sorted((folder / name).rglob("*")) if path.suffix.lower() in endings]  # fmt: skip
        if not self._files:
            raise bad_argument(ValueError, f"For '{owner}', there is no image in {folder}/{'|'.join(labels)}.")
        self._decode = Decode() if _validate.boolean("decode", decode, owner) else None
        super().__init__(["image", "label"], num_samples, shuffle, num_shards, shard_id, sampler)

    def num_classes(self) -> int:
        return len(self._labels)

    def get_class_indexing(self) -> dict[str, int]:
        return dict(self._labels)

    def _length(self) -> int:
        return len(self._files)

    def _row(self, number: int) -> Row:
        path, label = self._files[number]
        data = np.frombuffer(path.read_bytes(), np.uint8)
        return data if self._decode is None else self._decode(data), np.asarray(label, np.int32)


def _class_labels(folder: Path, given: Any, owner: str) -> dict[str, int]:
    found = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if given is None:
        return {name: label for label, name in enumerate(found)}
    for name, label in _validate.of_type("class_indexing", given, dict, owner).items():
        _validate.non_negative_int("class_indexing", label, owner)
        if name not in found:
            raise bad_argument(ValueError, f"For '{owner}', 'class_indexing' names {name!r}, which is no folder.")
    return given


def _present(folder: Path, parts: list[str], pattern: str) -> list[str]:
    """Those parts whose files are there; the first where there is none, so that its name is in the error."""
    return [part for part in parts if (folder / pattern.format(part)).exists()] or parts[:1]


def _folder(path: Any, owner: str) -> Path:
    folder = Path(_validate.of_type("dataset_dir", path, str, owner))
    if not folder.is_dir():
        raise bad_argument(ValueError, f"For '{owner}', 'dataset_dir' {path} is no directory.")
    return folder


def _idx(path: Path, rank: int) -> np.ndarray:
    """The array of a file in MNIST's idx format (http://yann.lecun.com/exdb/mnist): uint8, big-endian extents."""
    data = path.read_bytes()
    extents = np.frombuffer(data[4 : 4 + 4 * rank], ">u4").astype(int)
    if data[:4] != bytes([0, 0, 8, rank]) or len(data) != 4 + 4 * rank + math.prod(extents):
        raise ValueError(f"{path}: damaged, or no idx file of uint8 and rank {rank}")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(extents)


def _cifar_records(path: Path) -> np.ndarray:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if data.size == 0 or data.size % 3073:
        raise ValueError(f"{path}: damaged: its length is no multiple of 3073 bytes")
    return data.reshape(-1, 3073)
