"""`stabbench track`: bring a tracking server up to date with the records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.tracking import Part


@click.command()
@click.option("--uri", help="The tracking server; default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db.")
@click.option("--models/--no-models", default=True, show_default=True, help="Log kept weights as models.")
@click.option(
    "--marker",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this file once every run is there (the pipeline's stage does).",
)
@options.runs
@options.store
@options.params
def track(uri: str | None, models: bool, marker: Path | None, runs: Path, store: Path, params_file: Path) -> None:
    """Bring an MLflow server up to date: a parent run a cell, a child run a seed, a run a study and a probe.

    Runs that are there already are left alone, so it can be called at any time and again. Where the server cannot be
    reached, nothing is lost: the runs that are not logged are named, the exit status is 1, and the next call logs them.

    \b
    Examples:
      stabbench track && mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///mlflow.db
      MLFLOW_TRACKING_URI=https://mlflow.example.org stabbench track
    """
    from stabbench import tracking
    from stabbench.cli.planned import select_planned
    from stabbench.config import load
    from stabbench.files import check_writable, write_json
    from stabbench.signals import status_when_stopped

    if marker is not None:
        check_writable(marker.parent)
    config = load(params_file)
    figures = Path("reports/figures")
    part = "no run is logged yet"

    def progress(done: int, total: int) -> None:
        nonlocal part
        part = f"{done} of {total} runs are logged, {total - done} are left"

    select_planned(store, runs)
    with status_when_stopped(lambda: part):
        outcome = tracking.bring_up_to_date(
            runs,
            preset=config.preset,
            tracking_uri=uri,
            figures=figures if figures.is_dir() else None,
            store=store,
            models=models,
            studies=[_part("studies", name, block) for name, block in config.studies.items()],
            probes=[_part("probes", name, block) for name, block in config.probes.items()],
            progress=progress,
        )
    click.echo(outcome.line(), err=not outcome.complete)
    if not outcome.complete:
        raise click.exceptions.Exit(1)
    if marker is not None:
        write_json(marker, {"up_to_date": True})


def _part(kind: str, name: str, block: Mapping[str, Any]) -> Part:
    from stabbench.tracking import Part

    return Part(name, block, Path(kind) / name, Path("reports/studies") / name)
