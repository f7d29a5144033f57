"""First values depend on the seed and the order of construction, not on which parameter is looked at first."""

import numpy as np

import cellc
from cellc import nn
from cellc.initializer import Uniform, initializer


def values(cell: nn.Cell, *, backwards: bool) -> list[np.ndarray]:
    parameters = list(cell.get_parameters())
    looked = [parameter.asnumpy() for parameter in (parameters[::-1] if backwards else parameters)]
    return looked[::-1] if backwards else looked


def test_the_order_of_first_use_does_not_matter():
    made = []
    for backwards in (False, True):
        cellc.set_seed(11)
        made.append(values(nn.LSTM(3, 4, num_layers=2), backwards=backwards))
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tensors_of_one_initializer_differ():
    cellc.set_seed(11)
    shared = Uniform(1.0)
    first, second = initializer(shared, (20,)), initializer(shared, (20,))
    later = second.asnumpy()
    assert not np.array_equal(first.asnumpy(), later)
    cellc.set_seed(11)
    shared = Uniform(1.0)
    first, second = initializer(shared, (20,)), initializer(shared, (20,))
    first.asnumpy()
    np.testing.assert_array_equal(second.asnumpy(), later)
