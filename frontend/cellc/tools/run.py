"""`cellc run`: a script written for MindSpore."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

from cellc.tools.sources import UsageError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the tool."""
    parser = commands.add_parser("run", help="run a script whose `import mindspore` gives cellc")
    parser.add_argument("script", metavar="SCRIPT", help="script.py")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="arguments of the script")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the script as `python SCRIPT` does; 1 where it ends with an exception, whose traceback is printed."""
    from cellc import compat

    script = Path(options.script)
    if not script.is_file():
        raise UsageError(f"{script}: no such file")
    compat.install()
    sys.argv[:] = [options.script, *options.arguments]
    sys.path[0:0] = [str(script.parent.absolute())]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except Exception as error:
        _print(error, str(script))
        return 1
    except SystemExit as error:
        if error.code:
            _end_others(error.code)
        raise
    return 0


def _end_others(code: Any) -> None:
    """Ends the other processes, where the script has joined some: they would wait for this one."""
    from cellc import communication

    if communication.world_size() > 1:
        if not isinstance(code, int):
            print(code, file=sys.stderr)  # as Python does
        communication.end_all_with_this(communication.get_rank(), code if isinstance(code, int) else 1)


def _print(error: Exception, script: str) -> None:
    """Prints the traceback from the script's own line on."""
    trace = error.__traceback__
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename != script:
        first = first.tb_next
    sys.excepthook(type(error), error.with_traceback(first or trace), first or trace)
