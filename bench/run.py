"""Every measurement, one table."""

import overhead
import startup
import workloads
from rich.console import Console
from rich.table import Table


def main():
    table = Table("measurement", "cellc", "other", "other/cellc")
    for name, value in startup.measure().items():
        table.add_row(name, f"{value:.3f} s", "", "")
    table.add_row("smallest compiled call", f"{overhead.measure():.1f} us", "", "")
    for name, mine, other, ratio in workloads.measure(workloads.WORKLOADS):
        table.add_row(name, f"{mine * 1e3:.3f} ms", f"torch {other * 1e3:.3f} ms", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
