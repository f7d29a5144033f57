"""`cellc inspect`: what is in a `.cellir` file."""

from __future__ import annotations

import argparse
from collections import Counter

from cellc.cellir import LoadedGraph
from cellc.tools.sources import read_source


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the tool."""
    parser = commands.add_parser("inspect", help="show the inputs, outputs, weights and ops of a .cellir file")
    parser.add_argument("file", metavar="FILE", help="net.cellir")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints tables of the file's contents; 0 on success."""
    from rich.console import Console
    from rich.table import Table

    loaded = read_source(options.file, [], None)
    console = Console()
    for title, rows in _contents(loaded).items():
        table = Table(title=title, title_justify="left", show_header=False)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    return 0


def _contents(loaded: LoadedGraph) -> dict[str, list[tuple[str, str]]]:
    graph = loaded.graph
    updating = {value.updated_by for value in graph.inputs}
    outputs = [value for number, value in enumerate(graph.outputs) if number not in updating]
    ops = Counter(node.op for node in graph.nodes)
    return {
        "inputs": [(value.name, str(value.type)) for value in graph.inputs if value.kind == "input"],
        "outputs": [(f"output{number}", str(value.type)) for number, value in enumerate(outputs)],
        "weights": [(value.name, str(value.type)) for value in graph.inputs if value.kind != "input"],
        "ops": [(f"nn.{name}", str(count)) for name, count in ops.most_common()],
    }
