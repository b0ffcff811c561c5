"""`stabbench probe`: one measurement on the weights of chosen runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
@options.runs
def probe(name: str, params: Path, store: Path, runs: Path, **machine: Any) -> None:
    """Measure what the probe NAME of params.yaml asks for, and put it into probes/NAME/.

    It needs the runs of the grid. Those whose weights are not kept are trained again, their records left as they are;
    --launcher is about that alone, the measuring is done on this machine.
    What a killed measurement had done is not done again. Outside the pipeline its chapter (data, figures) is written to
    reports/studies/NAME/ at once; `stabbench report` puts it into the page.

    \b
    Examples:
      stabbench probe surface
      stabbench probe forgetting --device cuda
    """
    from stabbench.execution.settings import Settings
    from stabbench.project.probes import measure, probe_chapter, unwatched
    from stabbench.watchdog import die_with_pipeline

    die_with_pipeline()
    settings = Settings.from_environment(**machine)
    folders = Folders.of(params=params, store=store, runs=runs)
    with _progress(name) as progress:
        measure(name, folders, options.open_store(store), settings, progress)
    click.echo(f"wrote {folders.probes / name}/")
    options.warn(unwatched(name, folders))
    if "DVC_STAGE" not in os.environ:
        options.print_chapter(name, probe_chapter(name, folders))


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """The display; where the measuring is stopped, the message says what is done and kept."""
    from stabbench.cli.progress import watch_parts
    from stabbench.signals import status_when_stopped

    part = "nothing is measured yet"

    def update(what: str, done: int, total: int) -> None:
        nonlocal part
        part = f"{what}: {done} of {total} done and kept"
        show(what, done, total)

    with watch_parts(name) as show, status_when_stopped(lambda: f"{part}, probes/{name}/ is as before"):
        yield update
