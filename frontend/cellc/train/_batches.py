"""The batches of a dataset, over and over, and how many make an epoch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from cellc.dataset import Dataset
from cellc.dataset._iterator import TupleIterator
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.tensor import Tensor


def steps_of(dataset: Any, sink_size: int, owner: str) -> int:
    """The number of steps of an epoch."""
    _validate.integer("sink_size", sink_size, owner)
    if sink_size < -1 or sink_size == 0:
        raise bad_argument(ValueError, f"For '{owner}', 'sink_size' must be -1 or positive, but got {sink_size}.")
    size = getattr(dataset, "get_dataset_size", dataset.__len__ if hasattr(dataset, "__len__") else None)
    if size is None or not isinstance(dataset, Iterable):
        kind = type(dataset).__name__
        message = f"For '{owner}', the dataset must be iterable and have get_dataset_size(), but got {kind}."
        raise bad_argument(TypeError, message)
    steps = size()
    if steps == 0:
        raise bad_argument(ValueError, f"For '{owner}', the dataset is empty.")
    return steps if sink_size == -1 else sink_size


def steps_done(initial_epoch: int, initial_step: int, steps: int, owner: str) -> int:
    """How many steps an earlier run has trained."""
    _validate.non_negative_int("initial_epoch", initial_epoch, owner)
    _validate.non_negative_int("initial_step", initial_step, owner)
    if initial_epoch and initial_step:
        message = f"For '{owner}', 'initial_epoch' and 'initial_step' must not both be given."
        raise bad_argument(ValueError, message)
    return initial_step or initial_epoch * steps


def batches_of(dataset: Any) -> Iterator[Any]:
    """The batches of one time over the dataset, as tuples of Tensors."""
    if hasattr(dataset, "create_tuple_iterator"):
        return iter(dataset.create_tuple_iterator(num_epochs=1))
    return (_as_tensors(batch) for batch in dataset)


def again_and_again(dataset: Any, done: int, begun: int, last: int) -> Generator[Any, None, None]:
    """The batches of the dataset up to the one numbered `last`, over and over.

    The first `done` ones, which are trained already, are left out. Of datasets that are not ours only the `begun` ones
    of the present epoch are: how the order of their rows goes on from epoch to epoch is their own matter. Where they
    have `reset()`, it is called after each time over them, also where that ends early, as MindSpore does.
    """
    ours = isinstance(dataset, Dataset)
    size = dataset.get_dataset_size() if done and ours else 1
    passes, skipped = divmod(done, size) if ours else (0, begun)
    # A dataset's own iterator reads the next pass ahead while this one ends.
    found = _iterator(dataset, passes, skipped + last - done)
    try:
        while done < last:
            empty = True
            for batch in batches_of(dataset) if found is None else found:
                empty = False
                if skipped:
                    skipped -= 1
                    continue
                yield batch
                done += 1
                if done == last:
                    break
            if empty:
                raise bad_argument(ValueError, "For 'Model.train', the dataset gave nothing.")
            if done < last:
                reset(dataset)
    finally:
        reset(dataset)
        if isinstance(found, TupleIterator):
            found.close()


def reset(dataset: Any) -> None:
    """Has a dataset that is not ours begin anew, where it knows how to."""
    if not isinstance(dataset, Dataset) and hasattr(dataset, "reset"):
        dataset.reset()


def _iterator(dataset: Any, first_epoch: int, limit: int) -> Any:
    """The dataset's iterator over many passes, ours for `limit` batches; None where it has none."""
    if isinstance(dataset, Dataset):
        return TupleIterator(dataset, -1, False, first_epoch, limit)
    return dataset.create_tuple_iterator() if hasattr(dataset, "create_tuple_iterator") else None


def _as_tensors(batch: Any) -> tuple[Any, ...]:
    values = batch if isinstance(batch, tuple | list) else (batch,)
    return tuple(value if isinstance(value, Tensor) else Tensor(value) for value in values)
