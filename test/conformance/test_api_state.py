"""What `cellc doctor --api` prints is what this table finds."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from conformance.table import ROWS, inputs_of

from cellc import nn
from cellc.build_ir import build_module
from cellc.nn._api import API
from cellc.passes.context import make_context
from cellc.passes.pass_registry import get_pass
from cellc.passes.pipelines import TO_KERNELS, run_pipeline
from cellc.targets.target import UnsupportedKernelError
from cellc.tools import api_table
from support.cells import tensors

ROOT = Path(__file__).parents[2]
STATES = ROOT / "frontend/cellc/tools/api_state.json"
PASSES = {"GPU": "map-kernels-to-gpu", "Ascend": "lower-kernels-to-ascend"}


def _lowers(module, name):
    try:
        get_pass(name)().apply(make_context(), module.clone())
    except UnsupportedKernelError:
        return False
    return True


def _found():
    """For each name that has rows: whether one has a gradient, and for each target whether each row lowers."""
    gradients, lowered = defaultdict(bool), defaultdict(lambda: defaultdict(list))
    for row in ROWS:
        name, cell = row.name.split()[0], row.make().set_train(row.training)
        graph = cell._as_function().trace(tensors(inputs_of(row)), {}).graph
        module = run_pipeline(build_module(graph), TO_KERNELS, make_context())
        gradients[name] |= row.gradient
        for target, each in PASSES.items():
            lowered[name][target].append(_lowers(module, each))
    return gradients, lowered


def _states():
    gradients, lowered = _found()
    states = {}
    for name in sorted(API):
        exists = "exists" if name in dir(nn) else "missing"
        states[name] = {"CPU": exists, "GPU": "no kernels", "Ascend": "no kernels"}
        if name in lowered:
            states[name]["CPU"] = "forward, gradient" if gradients[name] else "forward"
            for target, rows in lowered[name].items():
                states[name][target] = "lowers" if all(rows) else "lowers in part" if any(rows) else "no"
    return states


def test_the_table_of_names_is_true():
    """After a change of rows or targets: `CELLC_UPDATE_GOLDEN=1 pytest test/conformance/test_api_state.py`."""
    states = _states()
    if os.environ.get("CELLC_UPDATE_GOLDEN"):
        lines = ",\n".join(f'  "{name}": {json.dumps(each)}' for name, each in states.items())
        STATES.write_text("{\n" + lines + "\n}\n")
        api_table.states.cache_clear()
        _write_readme()
    assert json.loads(STATES.read_text()) == states, test_the_table_of_names_is_true.__doc__


def _write_readme():
    page = (ROOT / "README.md").read_text()
    start = page.index("| target | names |")
    end = page.index("\n\n", start)
    (ROOT / "README.md").write_text(page[:start] + api_table.summary() + page[end:])


def test_readme_has_the_totals():
    assert api_table.summary() + "\n\n" in (ROOT / "README.md").read_text(), test_the_table_of_names_is_true.__doc__


def test_every_state_is_explained():
    found = {state for each in api_table.states().values() for state in each.values()}
    assert found <= api_table.LEGEND.keys()


def test_doctor_prints_the_table(capsys: pytest.CaptureFixture[str]):
    from cellc.tools.main import main

    assert main(["doctor", "--api"]) == 0
    printed = capsys.readouterr().out
    assert all(name[:12] in printed for name in API)
    assert "forward, gradient" in printed
