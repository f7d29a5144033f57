"""`cellc profile`: the time of each kernel of a network, beside what the machine could do."""

from __future__ import annotations

import argparse
import json

import numpy as np

from cellc.cellir import LoadedGraph
from cellc.dtype import dtype_of
from cellc.graph import Input
from cellc.tools.sources import UsageError, read_source

DESCRIPTION = """\
Times each kernel of a network on random data. SOURCE is as for `cellc compile`; a function in a Python file that
makes a training step (nn.TrainOneStepCell) profiles that step.

  cellc profile net.cellir
  cellc profile model.py:Net --input x:32x1x28x28xf32
"""

MIN_WIDTH = 120


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the tool."""
    parser = commands.add_parser(
        "profile",
        help="time each kernel of a network, with its share of the machine's peak",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="net.cellir or model.py:Net")
    add("--input", action="append", default=[], metavar="NAME:TYPE", help="an argument's type, x:1x28x28xf32")
    add("--weights", metavar="FILE", help="safetensors file with the parameters' values")
    add("--runs", type=int, default=20, metavar="N", help="how often to run; times are medians (default: 20)")
    add("--limit", type=int, metavar="N", help="show the N slowest kernels only")
    add("--json", action="store_true", help="print JSON: seconds, flops and bytes of each kernel")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; 0 on success."""
    from cellc.profiling import profile_graph

    if options.runs < 1:
        raise UsageError(f"--runs must be at least 1, is {options.runs}")
    loaded = read_source(options.source, options.input, options.weights)
    found = profile_graph(loaded.graph, _arrays(loaded), options.runs)
    if options.json:
        print(json.dumps(found.to_dict(), indent=2))
        return 0
    from rich.console import Console

    # The table does not fold into the 80 columns of a pipe.
    width = max(Console().width, MIN_WIDTH)
    Console(width=width).print(found.table(options.limit))
    return 0


def _arrays(loaded: LoadedGraph) -> dict[int, np.ndarray]:
    """The network's weights, and for its inputs normal floats and small integers that serve as labels or indices."""
    random = np.random.default_rng(0)
    return {
        number: _random(value, random) if value.kind == "input" else loaded.weights[value.name]
        for number, value in enumerate(loaded.graph.inputs)
    }


def _random(value: Input, random: np.random.Generator) -> np.ndarray:
    dtype, shape = dtype_of(value.type.dtype), value.type.shape
    if dtype.kind == "float":
        return random.standard_normal(shape, np.float32).astype(dtype.numpy)
    return random.integers(0, 2, shape).astype(dtype.numpy)
