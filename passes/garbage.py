"""Python's cycle collector, kept off IR: IR is one large cycle, and looking through it takes as long as the passes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MOST_AGED = 2_000_000
"""New objects that may have gathered while collection was paused before there is a full collection."""

_aged = 0


@contextmanager
def collection_paused() -> Iterator[None]:
    """No cycle collection inside; nor right behind, as what was made inside counts as old then."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            _age()
            gc.enable()


def _age() -> None:
    """Moves the new objects to the oldest generation, unseen: else the next allocation would look through them all.

    That is a second for a network of ten thousand ops. A full collection comes when as much as two such have gathered.
    """
    global _aged
    _aged += gc.get_count()[0]
    if _aged > MOST_AGED:
        _aged = 0
        gc.collect()
    elif not gc.get_freeze_count():  # what the user froze stays frozen
        gc.freeze()
        gc.unfreeze()
