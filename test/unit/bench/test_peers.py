"""The tools of the benchmarks: what they compare, and the processes that they measure."""

import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
import compare
import peers
import processes
import report
import weights
from child import median_step
from side import SkippedError
from workloads import WORKLOADS

MLP = next(workload for workload in WORKLOADS if workload.name.startswith("MLP"))


def test_an_error_is_judged_by_the_operations_behind_it() -> None:
    exact = {"loss": np.ones(()), "gradient of w": np.ones(4), "gradient of b": np.full(4, 1e-11)}
    values = {"loss": np.ones(()), "gradient of w": np.full(4, 1 + 2.0**-22), "gradient of b": np.zeros(4)}
    share, name = compare.worst(values, exact, flops=4)
    assert name == "gradient of w"
    assert share == pytest.approx(2.0**-22 / (4 * 2.0**-24 * 9))


@pytest.mark.parametrize("wrong", [1.001, np.nan])
def test_a_wrong_result_is_past_its_bound(wrong: float) -> None:
    values = {"loss": np.array(1.0), "gradient of w": np.full(4, wrong)}
    share, name = compare.worst(values, {"loss": np.array(1.0), "gradient of w": np.ones(4)}, flops=100)
    assert name == "gradient of w"
    assert not share <= 1


def test_a_missing_gradient_is_an_error() -> None:
    with pytest.raises(AssertionError, match="gradient of w"):
        compare.worst({"loss": np.ones(())}, {"loss": np.ones(()), "gradient of w": np.ones(4)}, 1)


def test_weights_keep_order_shape_and_type(tmp_path: Path) -> None:
    arrays = {"b.weight": np.arange(6, dtype=np.int64).reshape(2, 3).T, "a.weight": np.array(1.5, np.float32)}
    weights.save(tmp_path / "weights", arrays)
    loaded = weights.load(tmp_path / "weights")
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_a_slice_has_steps_that_wake_the_threads_and_steps_that_count() -> None:
    calls = []
    assert 0 < median_step(lambda: calls.append(1), 0.01) < 0.01
    assert len(calls) > 4


def test_a_slow_step_is_measured_once() -> None:
    calls = []
    median_step(lambda: calls.append(1), 0.0)
    assert len(calls) == 2


def test_a_child_computes_what_this_process_does(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    initial = peers.initial_weights(MLP)
    weights.save(path, initial)
    with processes.Child(processes.Framework("cellc", "side_cells"), MLP.name, path, os.environ) as child:
        found = child.results()
        seconds, mebibytes = child.slice(0.01)
    from side_cells import prepare

    expected = prepare(MLP, initial, "default").results()
    assert set(found) == {"loss", *(f"gradient of {name}" for name in initial)}
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert seconds > 0
    assert mebibytes > 10


def test_a_framework_that_is_not_there_is_skipped_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SkippedError, match="side_of_nothing is not installed"):
        processes.Child(processes.Framework("nothing", "side_of_nothing"), MLP.name, tmp_path, {})


def test_a_process_that_fails_is_skipped_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(SkippedError, match=r"status 1: .*No such file"):
        processes.Child(processes.Framework("cellc", "side_cells"), MLP.name, tmp_path / "absent", {})


def test_the_table_has_ratios_and_reasons() -> None:
    results = [
        peers.Result("net", "cellc", 0.1, 0.002, 1.0, 0.5, 100),
        peers.Result("net", "torch", 0.1, 0.003, 1.5, 0.33, 100),
        peers.Result("net", "JAX", skipped="jax is not installed"),
    ]
    lines = report.table(results).splitlines()
    assert lines[0] == "| workload | cellc ms | of peak | torch / cellc | JAX / cellc |"
    assert lines[2] == "| net | 2.00 | 50% | 1.50 |  |"
    assert lines[-1] == "* JAX: jax is not installed"


def test_the_report_is_a_page_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", exc_type=ImportError)
    results = [peers.Result("net", "cellc", 0.1, 0.002, 1.0, 0.5, 100), peers.Result("net", "torch", 0.1, 0.003, 1.5)]
    report.write(tmp_path, results)
    assert report.table(results) in (tmp_path / "speed.md").read_text("utf-8")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_ratios_are_of_the_same_round() -> None:
    drifting = [(1.0, 10.0), (2.0, 12.0), (4.0, 11.0)]
    result = peers.with_times(peers.Result("net", "torch"), [(3 * s, m) for s, m in drifting], drifting, 0.6)
    assert result.ratio == pytest.approx(3)
    assert result.seconds == 6
    assert result.of_peak == pytest.approx(0.1)
    assert result.mebibytes == 12
    assert math.isnan(result.error)
