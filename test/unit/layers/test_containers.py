"""SequentialCell and CellList: order, names of parameters, changes after construction."""

from collections import OrderedDict

import pytest

from cellc import nn, ops


def names(cell):
    return [parameter.name for parameter in cell.get_parameters()]


class Holder(nn.Cell):
    def __init__(self, part):
        super().__init__()
        self.part = part

    def construct(self, x):
        for cell in self.part:
            x = cell(x)
        return x


def test_sequential_takes_cells_a_list_or_named_cells():
    cells = [nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2)]
    named = OrderedDict(first=cells[0], middle=cells[1], last=cells[2])
    assert names(nn.SequentialCell(*cells)) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert nn.SequentialCell(cells)(ops.ones((5, 4))).shape == (5, 2)
    assert names(nn.SequentialCell(named)) == ["first.weight", "first.bias", "last.weight", "last.bias"]


def test_sequential_indexing():
    cells = [nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2)]
    net = nn.SequentialCell(cells)
    assert len(net) == 3
    assert net[-1] is cells[2]
    assert net[1:].cell_list == cells[1:]
    assert list(net) == cells
    with pytest.raises(IndexError, match=r"must be in \[-3, 3\), but got 3"):
        net[3]
    with pytest.raises(TypeError, match="an index must be an int or a slice"):
        net["0"]


@pytest.mark.parametrize("make", [nn.SequentialCell, nn.CellList])
def test_changes_inside_a_network_keep_the_path_in_names(make):
    net = Holder(make([nn.Dense(4, 4), nn.Dense(4, 4)]))
    net.part.append(nn.Dense(4, 1))
    assert names(net)[-2:] == ["part.2.weight", "part.2.bias"]
    del net.part[0]
    assert names(net) == [f"part.{at}.{name}" for at in (0, 1) for name in ("weight", "bias")]
    net.part[1] = nn.Dense(4, 3, has_bias=False)
    assert names(net) == ["part.0.weight", "part.0.bias", "part.1.weight"]
    assert net(ops.ones((2, 4))).shape == (2, 3)


def test_a_changed_container_compiles_again():
    net = nn.SequentialCell([nn.Dense(4, 3)])
    assert net(ops.ones((2, 4))).shape == (2, 3)
    net.append(nn.Dense(3, 5))
    assert net(ops.ones((2, 4))).shape == (2, 5)
    del net[1]
    assert net(ops.ones((2, 4))).shape == (2, 3)


def test_cell_list_insert_and_extend():
    cells = nn.CellList([nn.Dense(1, 1)])
    cells += [nn.Dense(2, 2), nn.ReLU()]
    inserted = nn.Dense(3, 3)
    cells.insert(1, inserted)
    assert cells[1] is inserted
    assert [parameter.shape for parameter in cells.get_parameters()] == [(1, 1), (1,), (3, 3), (3,), (2, 2), (2,)]
    assert names(cells) == [f"{at}.{name}" for at in (0, 1, 2) for name in ("weight", "bias")]
    assert names(cells[1:3]) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_cell_list_can_leave_names_alone():
    cells = nn.CellList([nn.Dense(1, 1)], auto_prefix=False)
    assert names(cells) == ["weight", "bias"]


def test_an_empty_container():
    assert len(nn.SequentialCell([])) == 0
    assert len(nn.CellList()) == 0
    cells = nn.CellList()
    cells.append(nn.ReLU())
    assert len(cells) == 1


def test_deleting_a_slice():
    net = nn.SequentialCell([nn.Dense(1, 1) for _ in range(4)])
    del net[1:3]
    assert names(net) == ["0.weight", "0.bias", "1.weight", "1.bias"]
