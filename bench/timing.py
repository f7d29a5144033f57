"""Timing two things in turn, so that a drift of the machine's speed meets both."""

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired_medians(first: Callable[[], object], second: Callable[[], object], rounds: int = 31):
    """Median seconds of each, and the median of the ratio second/first taken round by round."""
    for _ in range(3):
        first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
    )
