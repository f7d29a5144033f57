"""Large parameters get their first values while the program that wants them is being compiled.

Drawing the values of BERT-base takes as long as a third of its compilation, and NumPy lets other threads run meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cellc.initializer import Initializer
from cellc.tensor_base import TensorBase

LARGE = 1 << 18
"""Bytes from which a tensor is worth a thread's while."""

_MOST_THREADS = 4


@contextmanager
def filled_ahead(tensors: Iterable[TensorBase]) -> Iterator[None]:
    """Fills tensors that wait for their initializer beside what runs inside; all are filled at the end.

    When that raises an error, those not begun stay as they are. An initializer's error is raised at the end.
    """
    waiting = _fillable(tensors)
    failures: list[BaseException] = []

    def fill() -> None:
        try:
            while waiting:
                waiting.pop().init_data()
        except IndexError:
            return  # another thread took the last one
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=fill, daemon=True) for _ in range(min(len(waiting), _cores(), _MOST_THREADS))]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        waiting.clear()
        raise
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def _fillable(tensors: Iterable[TensorBase]) -> list[Any]:
    """Large tensors with an initializer of cellc's and of their own.

    A user's initializer may draw from a generator that others draw from too, and must be asked in order.
    """
    lazy = [tensor for tensor in tensors if tensor.has_init and tensor.nbytes >= LARGE]
    shared = Counter(id(tensor._init) for tensor in lazy)
    return [tensor for tensor in lazy if shared[id(tensor._init)] == 1 and _is_ours(tensor._init)]


def _is_ours(init: Any) -> bool:
    return isinstance(init, Initializer) and type(init).__module__ == Initializer.__module__


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
