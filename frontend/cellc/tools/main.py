"""`cellc`: compile, profile and run networks, look into files, check the installation."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from cellc.errors import CompileError
from cellc.tools import compile as compile_command
from cellc.tools import doctor, inspect
from cellc.tools import profile as profile_command
from cellc.tools import run as run_command
from cellc.tools.sources import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 on success, 1 when it fails, 2 for wrong usage. Errors are one message on stderr."""
    parser = argparse.ArgumentParser(prog="cellc", description="The cellc compiler.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (compile_command, profile_command, run_command, inspect, doctor):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()  # here, so that a full disk is an error like any other
        return status
    except UsageError as error:
        print(f"cellc: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _drop_output()
        return 1
    except KeyboardInterrupt:
        print("cellc: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("CELLC_TRACEBACK") == "full":
            raise
        print(f"cellc: {_message(error)}", file=sys.stderr)
        if isinstance(error, OSError):
            _drop_output()
        return 1


def _message(error: Exception) -> str:
    """An error's text; with its type where the text alone says little (`KeyError: 'x'`)."""
    text = str(error).strip()
    explained = isinstance(error, OSError | ValueError | TypeError | RuntimeError | ImportError | CompileError)
    return text if text and explained else f"{type(error).__name__}: {text}".rstrip(": ")


def _drop_output() -> None:
    """What could not be written must not be tried again when Python ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version() -> str:
    from cellc import __version__

    return f"cellc {__version__}"


if __name__ == "__main__":
    sys.exit(main())
