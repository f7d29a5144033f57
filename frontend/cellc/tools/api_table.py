"""The names of MindSpore's `nn` API and what each target makes of them: `cellc doctor --api`.

`api_state.json` is written by the tests (`test/conformance/test_api_state.py`) from their table of layers: what has a
row runs on the CPU and is compared with an oracle; the same rows are lowered for the other targets.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from importlib import resources

TARGETS = ("CPU", "GPU", "Ascend")

LEGEND = {
    "forward, gradient": "runs compiled; values and gradients are compared with an oracle",
    "forward": "runs compiled; values are compared with an oracle (there is nothing to differentiate)",
    "exists": "not a layer with a row of its own: containers, optimizers, metrics; tested elsewhere",
    "lowers": "kernels for this target can be written; nothing has run on a device",
    "lowers in part": "kernels can be written for some of the tested configurations",
    "no": "some kernel has no form for this target yet",
    "no kernels": "nothing to lower: no layer with a row of its own",
    "missing": "does not exist yet",
}
"""What each state means."""


@cache
def states() -> dict[str, dict[str, str]]:
    """The state of each name on each target."""
    return json.loads(resources.files("cellc.tools").joinpath("api_state.json").read_text())


def totals() -> dict[str, Counter[str]]:
    """How many names are in each state, by target."""
    return {target: Counter(each[target] for each in states().values()) for target in TARGETS}


def summary() -> str:
    """The totals as lines of Markdown, as README has them."""
    lines = [
        f"| {target} | {'; '.join(f'{state}: {counts[state]}' for state in LEGEND if counts[state])} |"
        for target, counts in totals().items()
    ]
    return "\n".join(["| target | names |", "|---|---|", *lines])


def print_table() -> None:
    """Prints a row a name, then what the states mean and how many names are in each."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", *TARGETS)
    for name, each in states().items():
        table.add_row(name, *(each[target] for target in TARGETS))
    legend = Table("state", *TARGETS, "meaning")
    for state, meaning in LEGEND.items():
        legend.add_row(state, *(str(totals()[target][state]) for target in TARGETS), meaning)
    console = Console()
    console.print(table)
    console.print(legend)
