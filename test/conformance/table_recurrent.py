"""Rows of recurrent layers that are not in `table.py`."""

from conformance.row import Row

ROWS: list[Row] = []
