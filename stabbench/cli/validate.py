"""`stabbench validate`: all mistakes of params.yaml before any work, and what it decides for each stage."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("validated"),
    show_default=True,
    help="Where the files go that the stages of dvc.yaml depend on.",
)
@options.params
def validate(out: Path, params_file: Path) -> None:
    """Check params.yaml, and write what it decides with all defaults: a file for each stage that reads it.

    The first stage of the pipeline. The others depend on these files and not on keys of params.yaml, each of which may
    be left out. studies/index.json and probes/index.json list what is asked for; so the folders are there without any.

    \b
    Examples:
      stabbench validate
      jq . validated/plan.json
    """
    from stabbench.config import load, own_files, parts, unprepared, unwatched
    from stabbench.files import whole_folder, write_json
    from stabbench.probes import probes_of
    from stabbench.studies import studies_of

    config = load(params_file)
    unprepared(params_file)
    probes = [entry.name for entry in probes_of(config)]
    studies = studies_of(config)
    for entry in studies:
        entry.plugin.variations(entry.options, config)
    with whole_folder(out) as folder:
        for name, value in parts(config, params_file.parent).items():
            write_json(folder / name, value)
    write_json(Path("studies/index.json"), sorted(entry.name for entry in studies))
    write_json(Path("probes/index.json"), sorted(probes))
    grid = config.grid
    cells = len(grid.models) * len(grid.tasks) * len(grid.strategies)
    click.echo(f"{params_file}: no mistakes; {cells} cells, {len(studies)} studies, {len(probes)} probes")
    options.warn(unwatched(params_file, "validate", own_files(config, params_file.parent)))
