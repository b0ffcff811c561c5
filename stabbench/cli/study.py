"""`stabbench study`: the runs of one study, and what they show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@click.argument("name")
@options.machine
@options.params
@options.store
def study(name: str, params: Path, store: Path, **machine: Any) -> None:
    """Train what the study NAME of params.yaml lacks, and put its records into studies/NAME/.

    Runs that the main grid or another study has trained already are taken from the store. Outside the pipeline its
    chapter (data, figures) is written to reports/studies/NAME/ at once; `stabbench report` puts it into the page.

    \b
    Examples:
      stabbench study ablation
      STABBENCH_WORKERS=8 stabbench study small-data
    """
    from stabbench.cli.progress import watch_runs
    from stabbench.execution.settings import Settings
    from stabbench.project.studies import study_chapter, train_study
    from stabbench.watchdog import die_with_pipeline

    die_with_pipeline()
    settings = Settings.from_environment(**machine)
    folders = Folders.of(params=params, store=store)
    trained = train_study(name, folders, options.open_store(store), settings, watch_runs)
    options.print_trained(trained)
    if "DVC_STAGE" not in os.environ:
        options.print_chapter(name, study_chapter(name, folders))
    if trained.errors:
        raise click.exceptions.Exit(1)
