"""`python -m benchmarks.cpu`: the parts of the CPU benchmark, their table on screen and their report."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import cell, pipeline, scaling, step
from benchmarks.machine import OtherProcesses, conditions
from benchmarks.report import render
from stabbench.errors import UserError
from stabbench.files import read_json, write_json, write_text
from stabbench.processor import cpu

SCHEMA_VERSION = 2
PARTS = ("step", "cell", "scaling", "pipeline")


@dataclass(frozen=True)
class Options:
    """What is measured: rounds and cells of the part step, the project of the part pipeline."""

    cells: tuple[str, ...]
    rounds: int | None
    quick: bool
    run: bool
    grid_only: bool
    project: Path
    wall_seconds: float | None
    workers: int | None


@click.command()
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, help="A part; may be given more than once.")
@click.option("--cells", help=f"step: some of {','.join(step.CELLS)}.")
@click.option("--rounds", type=click.IntRange(min=2), help="step: how many.  [default: 5, of large models 3]")
@click.option("--run", is_flag=True, help="pipeline: run `dvc repro` of the preset demo in a fresh folder.")
@click.option("--grid-only", is_flag=True, help="pipeline: leave out the preset's studies and probes.")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="pipeline: a finished project folder.  [default: this one]",
)
@click.option("--wall-seconds", type=float, help="pipeline: how long the finished project's `dvc repro` took.")
@click.option("--workers", type=click.IntRange(min=1), help="pipeline: its workers.  [default: the cores]")
@click.option("--quick", is_flag=True, help="Every part in small: shows that it works, not how fast.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where cpu.json and cpu.md go.",
)
def main(parts: tuple[str, ...], out: Path, cells: str | None, rounds: int | None, quick: bool, **given: Any) -> None:
    """Measure the parts (by default all but pipeline) and write cpu.json and cpu.md."""
    chosen = tuple(cells.split(",")) if cells else step.CELLS[:1] if quick else step.CELLS
    options = Options(chosen, rounds or (2 if quick else None), quick, **given)
    try:
        _main(parts or PARTS[:3], options, out)
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from error


def _main(parts: Sequence[str], options: Options, out: Path) -> None:
    if importlib.util.find_spec("accelerate") is None:
        raise UserError("the rivals need accelerate, which is not installed: run `pip install accelerate`")
    path = out / "cpu.json"
    report = _report(path)
    kept = report["machines"].setdefault(cpu(), {})
    for part in parts:
        click.echo(f"{part}:")
        where, others, began = conditions(), OtherProcesses(), time.monotonic()
        found = _measure(part, options)
        took = {"seconds": time.monotonic() - began, "other_processes_share": others.share()}
        kept[part] = {**where, "quick": options.quick, **took, **found}
        write_json(path, report)
        write_text(out / "cpu.md", render(read_json(path)))
    click.echo(f"\n{render(read_json(path))}\nwrote {path} and {out / 'cpu.md'}")


def _report(path: Path) -> dict[str, Any]:
    """What the file holds: parts by kind of CPU. UserError where it is of another version."""
    if not path.is_file():
        return {"schema_version": SCHEMA_VERSION, "machines": {}}
    report: dict[str, Any] = read_json(path)
    version = report.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: found schema_version {version}, expected {SCHEMA_VERSION}: take another --out")
    return report


def _measure(part: str, options: Options) -> dict[str, Any]:
    quick, say = options.quick, click.echo
    if part == "step":
        return step.measure(options.cells, options.rounds, quick=quick, say=say)
    if part == "cell":
        return cell.measure(quick=quick, say=say)
    if part == "scaling":
        return scaling.measure(quick=quick, say=say)
    if options.run:
        return pipeline.measure_run(quick=quick, grid_only=options.grid_only, say=say)
    return pipeline.measure_folder(options.project, options.wall_seconds, options.workers, say)


if __name__ == "__main__":
    main()
