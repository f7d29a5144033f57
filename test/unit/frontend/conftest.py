"""Unit tests of the front end run graphs by the ops' NumPy meanings: they test tracing, not the compiler."""

from collections.abc import Iterator

import pytest

from cellc import compile as compiler
from cellc import context
from support.reference import ReferenceBackend


@pytest.fixture(autouse=True)
def reference() -> Iterator[ReferenceBackend]:
    """The backend in use during a test; `reference.compiled` counts programs."""
    backend = ReferenceBackend()
    previous = compiler.set_backend(backend)
    yield backend
    compiler.set_backend(previous)
    context.set_context(mode=context.GRAPH_MODE, log_recompiles=False)
