from collections.abc import Iterator

import pytest

from support.cells import chosen_backend


@pytest.fixture(autouse=True)
def _backend() -> Iterator[None]:
    with chosen_backend():
        yield
