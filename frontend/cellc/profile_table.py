"""What a profile holds, and how it is shown."""

from __future__ import annotations

import io
import linecache
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from cellc.targets.cpu.peak import Peak


@dataclass(frozen=True)
class CommandProfile:
    """One command of a program: a launch of kernel `name`, or a copy or fill of the runtime.

    Attributes:
        kind: the kernel's kind, or "runtime".
        blocks: how many pieces the kernel is cut into; at most that many threads work on it.
        seconds: median time of one run.
        flops, bytes: what one run computes and moves.
        label: the user's `file:line`, "" where there is none.
    """

    name: str
    kind: str
    blocks: int
    seconds: float
    flops: int
    bytes: int
    label: str


@dataclass(frozen=True)
class KernelProfile:
    """All commands that run the same kernel."""

    name: str
    kind: str
    blocks: int
    calls: int
    seconds: float
    flops: int
    bytes: int
    labels: tuple[str, ...]


class Profile:
    """Where the time of a step goes.

    Attributes:
        commands: in the order of the program.
        rows: the kernels, the slowest first.
        seconds: median time of a whole step that is not timed inside.
        peak: the limits of the machine, measured in the same run.
        level: the CPU level that the kernels are written for.
    """

    def __init__(self, commands: list[CommandProfile], seconds: float, peak: Peak, level: str) -> None:
        self.commands = commands
        self.rows = _by_kernel(commands)
        self.seconds = seconds
        self.peak = peak
        self.level = level

    def of_peak(self, row: KernelProfile | CommandProfile) -> float:
        """The time that the peak allows, over the time taken: by multiply-adds or by memory, whichever takes longer.

        It passes 1 where operands lie in a cache, which is quicker than the memory that the limit is measured on.
        """
        bound = max(row.flops / self.peak.flops, row.bytes / self.peak.bytes)
        return bound / row.seconds if row.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Times are seconds, `of_peak` a fraction."""
        total = sum(row.seconds for row in self.rows)
        return {
            "seconds": self.seconds,
            "cpu_level": self.level,
            "peak": {"flops": self.peak.flops, "bytes": self.peak.bytes, "threads": self.peak.threads},
            "kernels": [
                {
                    "name": row.name, "kind": row.kind, "blocks": row.blocks, "calls": row.calls,
                    "seconds": row.seconds, "share": row.seconds / total if total else 0.0, "flops": row.flops,
                    "bytes": row.bytes, "of_peak": self.of_peak(row), "lines": list(row.labels),
                }
                for row in self.rows
            ],
        }  # fmt: skip

    def table(self, limit: int | None = None) -> Table:
        """A table for `rich`; `limit` keeps the slowest kernels only."""
        from rich.table import Table

        total = sum(row.seconds for row in self.rows)
        peak = self.peak
        table = Table(
            title=f"{self.seconds * 1e6:.1f} us a step, {total * 1e6:.1f} us in {len(self.commands)} commands; peak of "
            f"{peak.threads} threads: {peak.flops * 1e-9:.0f} GFLOP/s, {peak.bytes * 1e-9:.0f} GB/s ({self.level})",
            title_justify="left",
        )
        for heading in ("kernel", "calls", "us", "share", "GFLOP/s", "GB/s", "of peak", "line"):
            text = heading in ("kernel", "line")
            table.add_column(heading, justify="left" if text else "right", no_wrap=not text, overflow="fold")
        for row in self.rows[:limit]:
            rate = 1e-9 / row.seconds if row.seconds else 0.0
            table.add_row(
                row.name, str(row.calls), f"{row.seconds * 1e6:.1f}", f"{row.seconds / total:.1%}" if total else "",
                f"{row.flops * rate:.1f}", f"{row.bytes * rate:.1f}", f"{self.of_peak(row):.0%}", _lines(row.labels),
            )  # fmt: skip
        return table

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=140).print(self.table())
        return text.getvalue()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), record=True, width=140)
        console.print(self.table())
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _by_kernel(commands: list[CommandProfile]) -> list[KernelProfile]:
    groups: dict[str, list[CommandProfile]] = {}
    for command in commands:
        groups.setdefault(command.name, []).append(command)
    rows = [
        KernelProfile(
            name,
            group[0].kind,
            group[0].blocks,
            len(group),
            sum(command.seconds for command in group),
            sum(command.flops for command in group),
            sum(command.bytes for command in group),
            tuple(dict.fromkeys(command.label for command in group if command.label)),
        )
        for name, group in groups.items()
    ]
    return sorted(rows, key=lambda row: -row.seconds)


def _lines(labels: tuple[str, ...]) -> str:
    """The first of the user's lines with its text, and how many more there are."""
    if not labels:
        return ""
    file, _, line = labels[0].rpartition(":")
    source = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    more = f" (+{len(labels) - 1})" if len(labels) > 1 else ""
    return f"{os.path.basename(file)}:{line}{more}  {source}".rstrip()
