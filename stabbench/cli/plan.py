"""`stabbench plan`: what each cell will run, in full, a file a cell."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.plan import Cell


@click.command()
@click.option(
    "--plan",
    "plan_folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("plan"),
    show_default=True,
    help="Where the plan files go.",
)
@options.params
def plan(plan_folder: Path, params_file: Path) -> None:
    """Resolve params.yaml into one file a cell: effective recipe, content hashes, seeds and fingerprints.

    Unchanged files are left alone, so that `dvc repro` trains exactly the cells whose file changed.

    \b
    Examples:
      stabbench plan
      jq .spec.recipe plan/embedded/acceptability/devlin.json
    """
    from stabbench import resolve
    from stabbench.config import load, model_folders, plugin_files, unwatched
    from stabbench.errors import Mistakes
    from stabbench.plan import write_plan
    from stabbench.probes import probes_of
    from stabbench.strategies.cautions import cautions
    from stabbench.studies import studies_of

    config = load(params_file)
    probes_of(config)
    entries = studies_of(config)
    studies = {entry.name: entry.plugin.variations(entry.options, config) for entry in entries}
    mistakes = Mistakes()
    planned: dict[str, list[Cell]] = {}
    with mistakes.collected():
        cells = resolve.plan(config, Path())
    for name, variations in studies.items():
        with mistakes.collected():
            planned[name] = resolve.plan_variations(config, Path(), variations)
    mistakes.tell()
    write_plan(plan_folder, cells)
    _write_studies(plan_folder / "studies", planned)
    for name, group in {"the grid": cells, **planned}.items():
        click.echo(f"{name}: {len(group)} cells, {sum(len(cell.seeds) for cell in group)} runs")
        for sentence in cautions(group, Path()):
            options.warn(sentence)
    for sentence in _about_texts([*cells, *chain.from_iterable(planned.values())]):
        options.warn(sentence)
    varied = [variation for variations in studies.values() for variation in variations]
    strategies = [*config.grid.strategies, *(variation.strategy for variation in varied)]
    models = [*config.grid.models, *(variation.model for variation in varied)]
    plugins = [plugin for name in strategies for plugin in config.strategies[name].plugin]
    files = plugin_files([*plugins, *(entry.kind for entry in entries)])
    options.warn(unwatched(params_file, "plan", [*files, *model_folders(config, models)]))


def _about_texts(cells: Sequence[Cell]) -> Iterable[str]:
    """What the models' tokenizers make of the tasks' texts, where that is a warning: once for each model and task."""
    sentences = (
        f"{cell.model} on {cell.task}: {sentence}" for cell in cells for sentence in cell.tokens.get("warnings", ())
    )
    return dict.fromkeys(sentences)


def _write_studies(folder: Path, planned: Mapping[str, Sequence[Cell]]) -> None:
    from stabbench.plan import write_plan

    for stale in folder.glob("*"):
        if stale.name not in planned:
            shutil.rmtree(stale)
    for name, cells in planned.items():
        write_plan(folder / name, cells)
