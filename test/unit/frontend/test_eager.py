"""Operations outside Cells: one pending graph, run when asked, found in the cache when seen before."""

import numpy as np
import pytest

from cellc import Parameter, Tensor, context, nn
from cellc import trace as tracing
from support.reference import ReferenceBackend


def test_nothing_runs_before_a_value_is_asked_for(reference: ReferenceBackend) -> None:
    y = Tensor([1.0, 2.0]) * 2 + 1
    assert reference.compiled == 0
    assert y.shape == (2,)
    assert reference.compiled == 0
    assert y.asnumpy().tolist() == [3, 5]
    assert reference.compiled == 1


def test_equal_graphs_compile_once(reference: ReferenceBackend) -> None:
    total = Tensor(0.0)
    for step in range(5):
        total = total + Tensor([float(step)] * 3).sum()
        assert total.item() == sum(3 * s for s in range(step + 1))
    assert reference.compiled == 1


def test_dead_tensors_are_not_computed(reference: ReferenceBackend) -> None:
    x = Tensor([1.0])
    keep = x + 1
    x.exp()
    assert keep.item() == 2
    assert "exp" not in [node.op for node in reference.graphs[0].nodes]


def test_a_long_loop_is_cut() -> None:
    x = Tensor([0.0])
    for _ in range(2000):
        x = x + 1
    assert len(tracing.current().nodes) < 600
    assert x.item() == 2000


def test_set_data_does_not_change_what_was_recorded_before() -> None:
    parameter = Parameter(Tensor([1.0]))
    y = parameter * 10
    parameter.set_data(Tensor([2.0]))
    assert y.item() == 10
    assert (parameter * 10).item() == 20


def test_assignment_through_an_index_updates_a_parameter_in_place() -> None:
    parameter = Parameter(np.zeros(3, np.float32))
    address = parameter._elements().ctypes.data
    parameter[1] = 5
    assert parameter.asnumpy().tolist() == [0, 5, 0]
    assert parameter._elements().ctypes.data == address


class Counter(nn.Cell):
    """Counts its calls and adds the count."""

    def __init__(self) -> None:
        super().__init__()
        self.count = Parameter(Tensor(0.0), requires_grad=False)

    def construct(self, x: Tensor) -> Tensor:
        self.count = self.count + 1
        return x + self.count


@pytest.mark.parametrize("mode", [context.GRAPH_MODE, context.PYNATIVE_MODE])
def test_state_in_both_modes(mode: int) -> None:
    context.set_context(mode=mode)
    counter = Counter()
    assert [counter(Tensor([1.0])).item() for _ in range(3)] == [2, 3, 4]
    assert counter.count.asnumpy() == 3


def test_pynative_updates_without_asking() -> None:
    context.set_context(mode=context.PYNATIVE_MODE)
    counter = Counter()
    counter(Tensor([1.0]))
    counter(Tensor([1.0]))
    assert counter.count.asnumpy() == 2


def test_a_failed_program_is_forgotten(monkeypatch: pytest.MonkeyPatch, reference: ReferenceBackend) -> None:
    def fail(graph: object, key: str) -> None:
        raise RuntimeError("no compiler")

    y = Tensor([1.0]) + 1
    with monkeypatch.context() as patch:
        patch.setattr(reference, "compile", fail)
        with pytest.raises(RuntimeError, match="no compiler"):
            y.asnumpy()
    assert (Tensor([1.0]) + 2).item() == 3
    with pytest.raises(RuntimeError, match="failed earlier"):
        y.asnumpy()


def test_a_step_leaves_earlier_eager_reads_alone() -> None:
    counter = Counter()
    before = counter.count * 10
    counter(Tensor([1.0]))
    assert before.item() == 0
    assert (counter.count * 10).item() == 10


def test_a_compiled_call_sees_earlier_eager_assignments() -> None:
    counter = Counter()
    counter.count[...] = 41
    assert counter(Tensor([0.0])).item() == 42
