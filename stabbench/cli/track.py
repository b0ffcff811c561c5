"""`stabbench track`: bring a tracking server up to date with the records."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


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
def track(uri: str | None, models: bool, marker: Path | None, runs: Path, store: Path, params: Path) -> None:
    """Bring an MLflow server up to date: a parent run a cell, a child run a seed, a run a study and a probe.

    Runs that are there already are left alone, so it can be called at any time and again. Where the server cannot be
    reached, nothing is lost: the runs that are not logged are named, the exit status is 1, and the next call logs them.

    \b
    Examples:
      stabbench track && mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///mlflow.db
      MLFLOW_TRACKING_URI=https://mlflow.example.org stabbench track
    """
    from stabbench.files import check_writable, write_json
    from stabbench.project.tracking import track as bring_up_to_date
    from stabbench.signals import status_when_stopped

    if marker is not None:
        check_writable(marker.parent)
    part = "no run is logged yet"

    def progress(done: int, total: int) -> None:
        nonlocal part
        part = f"{done} of {total} runs are logged, {total - done} are left"

    folders = Folders.of(runs=runs, params=params)
    with status_when_stopped(lambda: part):
        outcome = bring_up_to_date(folders, options.open_store(store), uri=uri, models=models, progress=progress)
    click.echo(outcome.line(), err=not outcome.complete)
    if not outcome.complete:
        raise click.exceptions.Exit(1)
    if marker is not None:
        write_json(marker, {"up_to_date": True})
