"""An attribute that changes at every call does not keep every program it ever had."""

import numpy as np

import cellc
from cellc import nn
from cellc.function import KEPT_PROGRAMS


class Scaled(nn.Cell):
    def __init__(self):
        super().__init__()
        self.scale = 0.0

    def construct(self, x):
        return x * self.scale


def test_programs_of_old_attributes_are_dropped():
    cell, x = Scaled(), cellc.Tensor(np.ones(2, np.float32))
    for scale in range(KEPT_PROGRAMS + 3):
        cell.scale = float(scale)
        assert cell(x).asnumpy().tolist() == [scale, scale]
    assert [len(kept) for kept in cell._function._entries.values()] == [KEPT_PROGRAMS]
