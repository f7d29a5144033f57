"""Requests keep their structure, and their arrays shape and type, on the way to the other process."""

import json
from pathlib import Path

import numpy as np
from differential import exchange


def test_a_request_arrives_as_it_was(tmp_path: Path) -> None:
    h = np.arange(6, dtype=np.float32).reshape(2, 3).T
    request = {"arguments": {"stride": (1, 2), "axis": None}, "inputs": [np.array(1, np.int32), (h, h), -1, True]}
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(exchange.pack(request, arrays))
    exchange.write(tmp_path / "arrays", arrays)
    found = exchange.unpack(json.loads(text), exchange.read(tmp_path / "arrays"))
    assert found["arguments"] == request["arguments"]
    scalar, state, *rest = found["inputs"]
    assert rest == [-1, True]
    assert isinstance(state, tuple)
    for value in state:
        np.testing.assert_array_equal(value, h)
    assert scalar.shape == ()
    assert scalar.dtype == np.int32
