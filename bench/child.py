"""A side of a comparison in a process of its own: `python child.py MODULE VARIANT WORKLOAD WEIGHTS`.

Between requests it waits for its standard input, so that its threads sleep while other sides are measured. A line
`results FILE` writes what is compared; a line `slice SECONDS` answers with the median of the steps that fit in them.
What frameworks print goes to the standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from side import Side, SkippedError
from timing import seconds

FEWEST_STEPS = 3


def main() -> None:
    """Answers each request with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for answer in session(*sys.argv[1:]):
        print(json.dumps(answer), file=answers, flush=True)


def session(module: str, variant: str, workload: str, weights: str) -> Iterator[dict[str, object]]:
    """The answers: to the start, then to each line of the standard input."""
    try:
        side = prepared(module, variant, workload, Path(weights))
    except ModuleNotFoundError as error:
        yield {"skipped": f"{error.name} is not installed"}
        return
    except SkippedError as error:
        yield {"skipped": str(error)}
        return
    yield {}
    for line in sys.stdin:
        request, argument = line.split(maxsplit=1)
        yield results(side, Path(argument.strip())) if request == "results" else timed(side, float(argument))


def prepared(module: str, variant: str, name: str, path: Path) -> Side:
    """The side with the weights in `path`."""
    framework = importlib.import_module(module)
    # After it: what stands for `cellc` in them is the side's choice.
    import weights
    import workloads

    workload = next(workload for workload in workloads.WORKLOADS if workload.name == name)
    return framework.prepare(workload, weights.load(path), variant)


def results(side: Side, path: Path) -> dict[str, object]:
    """Writes them to the file."""
    import weights

    weights.save(path, side.results())
    return {}


def timed(side: Side, limit: float) -> dict[str, object]:
    """A slice, and the most memory that this process has had."""
    median = median_step(side.step, limit)
    return {"seconds": median, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def median_step(step: Callable[[], object], limit: float) -> float:
    """Of as many steps as fit into `limit` seconds; before them one or more, not counted, that wake the threads."""
    woken = seconds(step)
    if woken > limit:
        return seconds(step)
    while woken < limit / 10:
        woken += seconds(step)
    times: list[float] = []
    end = perf_counter() + limit
    while len(times) < FEWEST_STEPS or perf_counter() < end:
        times.append(seconds(step))
    return statistics.median(times)


if __name__ == "__main__":
    main()
