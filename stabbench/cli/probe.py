"""`stabbench probe`: one measurement on the weights of chosen runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stabbench.cli import options


@click.command()
@click.argument("name")
@options.machine
@options.params
@options.store
@options.runs
def probe(
    name: str,
    launcher: str | None,
    workers: int | None,
    device: str | None,
    params_file: Path,
    store: Path,
    runs: Path,
) -> None:
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
    from stabbench.cli.planned import select_planned
    from stabbench.cli.sections import write_chapter
    from stabbench.config import load, plugin_files, unwatched
    from stabbench.execution.settings import Settings
    from stabbench.files import check_writable
    from stabbench.lifeline import die_with_pipeline
    from stabbench.probes import Measurement, Project, probe_named, probe_section
    from stabbench.probes.contract import write_measurement
    from stabbench.records import Selection
    from stabbench.records.dead_weights import DeadWeightsError

    die_with_pipeline()
    check_writable(Path("probes") / name)
    config = load(params_file)
    entry = probe_named(config, name)
    settings = Settings.from_environment(workers=workers, device=device, launcher=launcher)
    select_planned(store, runs)
    selection = Selection.read(runs, plan=Path("plan") if Path("plan").is_dir() else None)
    out = Path("probes") / name
    with _progress(name) as progress:
        project = Project(selection, runs, options.open_store(store), settings, progress=progress)
        try:
            found = entry.plugin.measure(entry.options, project)
        except DeadWeightsError as error:
            found = Measurement(reason=f"{error}.")
    write_measurement(out, entry.kind, entry.options, found)
    click.echo(f"wrote {out}/")
    options.warn(unwatched(params_file, "probe", plugin_files([entry.kind])))
    if "DVC_STAGE" not in os.environ:
        write_chapter(config, name, lambda content: probe_section(out, content))


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the time left; nothing where the output is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from stabbench.stopping import standing

    part = "nothing is measured yet"

    def update(what: str, done: int, total: int) -> None:
        nonlocal part
        part = f"{what}: {done} of {total} done and kept"
        bar.update(task, description=f"{name}: {what}", completed=done, total=total)

    def told() -> str:
        return f"{part}, probes/{name}/ is as before"

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=None)
        with standing(told):
            yield update
