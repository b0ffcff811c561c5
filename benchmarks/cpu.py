"""`python -m benchmarks.cpu`: the parts of the CPU benchmark, their table on screen and their report."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks import step
from benchmarks.machine import conditions
from benchmarks.report import render
from stabbench.errors import UserError
from stabbench.files import read_json, write_json, write_text

SCHEMA_VERSION = 1
PARTS = ("step", "cell", "scaling", "pipeline")


@click.command()
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, help="A part; may be given more than once.")
@click.option("--cells", help=f"Of the part step, comma-separated. Default: {','.join(step.CELLS)}")
@click.option("--rounds", type=click.IntRange(min=2), help="Rounds of the part step.  [default: 5]")
@click.option("--quick", is_flag=True, help="Every part in small: shows that it works, not how fast.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where cpu.json and cpu.md go.",
)
def main(parts: tuple[str, ...], cells: str | None, rounds: int | None, quick: bool, out: Path) -> None:
    """Measure the parts (by default all but pipeline) and write cpu.json and cpu.md."""
    try:
        _main(parts or PARTS[:3], cells, rounds, quick, out)
    except UserError as error:
        raise click.ClickException(str(error)) from error


def _main(parts: tuple[str, ...], cells: str | None, rounds: int | None, quick: bool, out: Path) -> None:
    if importlib.util.find_spec("accelerate") is None:
        raise UserError("the rivals need accelerate, which is not installed: run `pip install accelerate`")
    path = out / "cpu.json"
    report: dict[str, Any] = read_json(path) if path.is_file() else {"schema_version": SCHEMA_VERSION, "parts": {}}
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "step": lambda: step.measure(
            tuple(cells.split(",")) if cells else (step.CELLS[:1] if quick else step.CELLS),
            rounds or (2 if quick else 5),
            quick=quick,
            say=click.echo,
        ),
    }
    for part in parts:
        click.echo(f"{part}:")
        where, began = conditions(), time.monotonic()
        found = measure[part]()
        report["parts"][part] = {**where, "quick": quick, "seconds": time.monotonic() - began, **found}
        write_json(path, report)
        write_text(out / "cpu.md", render(report))
    click.echo()
    click.echo(render(report))
    click.echo(f"wrote {path} and {out / 'cpu.md'}")


if __name__ == "__main__":
    sys.exit(main())
