"""`cellc-opt`: reads IR, runs passes on it, prints IR. The mlir-opt of our dialects, for tests and reproducers.

cellc-opt net.mlir -p "differentiate,convert-nn-to-linalg"
cellc-opt net.mlir --pipeline cpu --print-ir-after-all
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

from cellc.passes.context import make_context, parse_module
from cellc.passes.pass_registry import PASSES, UnknownPassError
from cellc.passes.pipelines import PIPELINES, PassError, parse_passes, print_module, run_pipeline

_SEPARATOR = re.compile(r"^// -----.*$", re.MULTILINE)
_EXPECTED = re.compile(r"//\s*expected-error\s*\{\{(.*?)\}\}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool; 0 on success, 1 when a part of the input fails, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    if options.list_passes:
        print("\n".join(PASSES))
        return 0
    try:
        passes = parse_passes(",".join(options.passes + options.pipeline))
    except UnknownPassError as error:
        print(f"cellc-opt: {error}", file=sys.stderr)
        return 2
    if options.print_pipeline:
        print(",".join(str(step.pipeline_pass_spec()) for step in passes))
        return 0
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text()
    except OSError as error:
        print(f"cellc-opt: {options.file}: {error.strerror}", file=sys.stderr)
        return 2
    name = "<stdin>" if options.file == "-" else options.file
    parts = _SEPARATOR.split(text) if options.split_input_file else [text]
    failures = [_run_part(part, name, options) for part in parts]
    return int(any(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cellc-opt", description="Run cellc's passes on IR text.")
    add = parser.add_argument
    add("file", nargs="?", default="-", help="input, - for standard input (default)")
    add("-p", "--passes", action="append", default=[], metavar="A,B", help="passes to run, by name")
    add("--pipeline", action="append", default=[], choices=list(PIPELINES), help="a named pipeline to run")
    add("--print-pipeline", action="store_true", help="print the passes that would run, and stop")
    add("--list-passes", action="store_true", help="print the names of all passes, and stop")
    add("--print-ir-after-all", action="store_true", help="print the IR after each pass to standard error")
    add("--print-locations", action="store_true", help="print source locations")
    add("--split-input-file", action="store_true", help="treat parts between `// -----` lines as separate inputs")
    add("--verify-diagnostics", action="store_true", help="each part must fail as its expected-error {{...}} says")
    add("--allow-unregistered-dialect", action="store_true", help="accept ops of unknown dialects")
    add("--reproducer-dir", type=Path, help="where a failing pass writes the IR before it and the command")
    return parser


def _run_part(text: str, name: str, options: argparse.Namespace) -> bool:
    """Runs the passes on one input and prints the result; true when that fails."""
    error: Exception | None = None
    module: ModuleOp | None = None
    context = make_context()
    context.allow_unregistered = options.allow_unregistered_dialect
    try:
        module = _parse_and_run(text, name, context, options)
    except (ParseError, VerifyException, PassError, DiagnosticException) as caught:
        error = caught
    if options.verify_diagnostics:
        return _unexpected(text, error)
    if error is not None:
        print(f"error: {error}", file=sys.stderr)
        return True
    assert module is not None
    sys.stdout.write(print_module(module, locations=options.print_locations))
    if options.split_input_file:
        print("\n// -----\n")
    return False


def _parse_and_run(text: str, name: str, context: Context, options: argparse.Namespace) -> ModuleOp:
    module = parse_module(text, name, context)
    module.verify()

    def print_after(step: str, module: ModuleOp) -> None:
        print(f"// ----- IR after {step} -----", file=sys.stderr)
        sys.stderr.write(print_module(module, locations=options.print_locations))

    return run_pipeline(
        module,
        parse_passes(",".join(options.passes + options.pipeline)),
        context,
        verify_each=True,
        print_after=print_after if options.print_ir_after_all else None,
        reproducer_dir=options.reproducer_dir,
    )


def _unexpected(text: str, error: Exception | None) -> bool:
    """Compares the error with the part's expected-error comments; prints what does not agree."""
    expected = _EXPECTED.findall(text)
    message = str(error) if error is not None else ""
    missing = [wanted for wanted in expected if wanted not in message]
    for wanted in missing:
        print(f"expected error not produced: {wanted}\n  got: {message or 'no error'}", file=sys.stderr)
    if error is not None and not expected:
        print(f"unexpected error: {message}", file=sys.stderr)
    return bool(missing) or (error is not None and not expected)


if __name__ == "__main__":
    sys.exit(main())
