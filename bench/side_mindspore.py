"""MindSpore's side: the cells of `networks.py` with MindSpore where they import cellc, compiled as one graph."""

import sys

import mindspore

sys.modules["cellc"] = mindspore  # before anything imports it
mindspore.set_context(mode=mindspore.GRAPH_MODE)

from side_cells import prepare as prepare  # noqa: E402
