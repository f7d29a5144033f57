import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def cache_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One cache for all tests of this folder and the processes they start: each kernel is compiled once."""
    previous = os.environ.get("CELLC_CACHE_DIR")
    os.environ["CELLC_CACHE_DIR"] = chosen = str(tmp_path_factory.mktemp("cache"))
    yield chosen
    if previous is None:
        del os.environ["CELLC_CACHE_DIR"]
    else:
        os.environ["CELLC_CACHE_DIR"] = previous
