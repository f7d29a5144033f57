"""Checks many random networks and prints the smallest reproducer of each that fails.

python test/random/fuzz.py --seeds 0:10000
python test/random/fuzz.py --seeds 17 --checks forward,train
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.random_networks import CHECKS, check, generate, shrink
from support.random_networks.network import Network


def main() -> int:
    """The number of networks that failed, at most 1."""
    arguments = _arguments()
    failed, start = 0, time.monotonic()
    for seed in arguments.seeds:
        network = generate(seed)
        problems = check(network.case(), *arguments.checks)
        if problems:
            failed += 1
            print(f"# seed {seed}\n" + "\n".join(f"#   {line}" for line in "\n".join(problems).splitlines()))
            if not arguments.no_shrink:
                _print_shrunk(network, problems)
        sys.stdout.flush()
        if sys.stderr.isatty() or seed % 100 == 99:
            print(f"seed {seed}, {failed} failed, {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"# {len(arguments.seeds)} networks, {failed} failed, {time.monotonic() - start:.0f} s")
    return min(failed, 1)


def _print_shrunk(network: Network, problems: list[str]) -> None:
    """As Python code that fails the first of the checks that the network failed."""
    name = problems[0].partition(":")[0]
    kind = _kind(problems[0])

    def fails(candidate: Network) -> bool:
        return any(_kind(problem) == kind for problem in _problems(candidate, name))

    print(shrink(network, fails).source())
    print(f"from support.random_networks import check\n\nprint(*check(case, {name!r}), sep='\\n')\n")


def _problems(candidate: Network, name: str) -> list[str]:
    try:
        return check(candidate.case(), name)
    except Exception as error:  # not a network any more, so no smaller failure
        return [f"invalid: {error}"]


def _kind(problem: str) -> str:
    """Which sort of failure: an exception's type, or that numbers differ."""
    second = problem.split(": ")[1]
    return second if second.endswith(("Error", "Exception")) else "numbers"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_range, required=True, metavar="FIRST:LAST", help="or one seed")
    parser.add_argument("--checks", type=_names, default=(), metavar="NAMES", help=f"of {', '.join(CHECKS)}")
    parser.add_argument("--no-shrink", action="store_true", help="print failures only")
    return parser.parse_args()


def _range(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CHECKS):
        raise argparse.ArgumentTypeError(f"there is no check {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
