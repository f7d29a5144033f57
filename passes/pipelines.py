"""Pipelines are tuples of pass names, and `run_pipeline` runs one with checks after each pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.arg_spec import parse_pipeline
from xdsl.utils.exceptions import DiagnosticException

from cellc.passes.garbage import collection_paused
from cellc.passes.pass_registry import get_pass
from cellc.passes.rewriting import without_location
from cellc.passes.stage_times import stage

TO_NN = ("canonicalize-nn", "differentiate", "share-sums", "canonicalize-nn")
TO_LINALG = (*TO_NN, "expand-cumsum", "convert-nn-to-linalg")
TO_KERNELS = (*TO_LINALG, "drop-unused-results", "fuse-elementwise", "form-dispatches")
CPU_KERNELS = (
    "fold-scales", "convert-nn-to-linalg", "drop-unused-results", "channels-last", "sum-in-lanes", "split-k",
    "fuse-elementwise", "form-dispatches", "fuse-copies", "fuse-attention-gradient", "fuse-attention", "merge-sums",
    "share-filters", "fuse-pads", "fuse-padded-reads", "fuse-pads", "fuse-prologues", "widen-factors",
)  # fmt: skip
# Panels change which factor is read element by element.
PREPARED = ("pack-constants", "widen-factors", "hoist-constants")
PIPELINES: dict[str, tuple[str, ...]] = {
    "linalg": TO_LINALG,
    "kernels": TO_KERNELS,
    "cpu": (*TO_NN, *CPU_KERNELS, "plan-buffers"),
    "cpu-prepared": (*TO_NN, *CPU_KERNELS, *PREPARED, "plan-buffers"),
}
"""What a target runs before it turns kernels into code, by name."""


class PassError(DiagnosticException):
    """A pass failed; `reproducer` is the IR before it, when a directory for it was given."""

    def __init__(self, message: str, reproducer: Path | None = None) -> None:
        super().__init__(message)
        self.reproducer = reproducer


def parse_passes(text: str) -> list[ModulePass]:
    """Passes from `"a,b{option=1}"`, where a name may also be a pipeline's."""
    passes: list[ModulePass] = []
    for spec in parse_pipeline(text):
        names = PIPELINES.get(spec.name)
        if names is not None:
            passes.extend(get_pass(name)() for name in names)
        else:
            passes.append(get_pass(spec.name).from_pass_spec(spec))
    return passes


def print_module(module: ModuleOp, *, locations: bool = True) -> str:
    """The module's text; with locations it reads back to the same IR."""
    stream = StringIO()
    Printer(stream, print_debuginfo=locations).print_op(module)
    return stream.getvalue() + "\n"


def run_pipeline(
    module: ModuleOp,
    pipeline: Sequence[str] | Sequence[ModulePass],
    context: Context,
    *,
    verify_each: bool = False,
    print_after: Callable[[str, ModuleOp], None] | None = None,
    reproducer_dir: Path | None = None,
) -> ModuleOp:
    """Runs the passes on the module in place and verifies at the end (after each pass with `verify_each`).

    When every op of the input has a location, every op of the output has one: looked at when the IR is verified.
    Raises `PassError` naming the pass, and the reproducer and the command that
    runs it when `reproducer_dir` is given.
    """
    passes = [get_pass(step)() if isinstance(step, str) else step for step in pipeline]
    with collection_paused():
        return _run(module, passes, context, verify_each, print_after, reproducer_dir)


def _run(
    module: ModuleOp,
    passes: Sequence[ModulePass],
    context: Context,
    verify_each: bool,
    print_after: Callable[[str, ModuleOp], None] | None,
    reproducer_dir: Path | None,
) -> ModuleOp:
    located = not without_location(module)
    for position, step in enumerate(passes):
        before = print_module(module) if reproducer_dir is not None else ""
        try:
            with stage(step.name):
                step.apply(context, module)
            if verify_each or position == len(passes) - 1:
                with stage("verification"):
                    module.verify()
                    _check_locations(step, module, located)
        except Exception as error:
            raise _failure(step, error, before, reproducer_dir) from error
        if print_after is not None:
            print_after(step.name, module)
    return module


def _check_locations(step: ModulePass, module: ModuleOp, located: bool) -> None:
    if located and (lost := without_location(module)):
        names = ", ".join(sorted({op.name for op in lost}))
        raise DiagnosticException(f"{step.name} lost the source location of {len(lost)} op(s): {names}")


def _failure(step: ModulePass, error: Exception, before: str, directory: Path | None) -> PassError:
    reason = f"pass {step.name} failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if directory is None:
        return PassError(reason)
    directory.mkdir(parents=True, exist_ok=True)
    number = len(list(directory.glob(f"{step.name}-*.mlir")))
    source = directory / f"{step.name}-{number}.mlir"
    command = directory / f"{step.name}-{number}.sh"
    source.write_text(before)
    command.write_text(f"cellc-opt {source} -p '{step.pipeline_pass_spec()}'\n")
    return PassError(f"{reason}\n  IR before it: {source}\n  command: {command}", source)
