"""`stabbench plan`: what each cell will run, in full, a file a cell."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


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
    from stabbench.config import load
    from stabbench.plan import write_plan

    cells = resolve.plan(load(params_file), Path())
    write_plan(plan_folder, cells)
    runs = sum(len(cell.seeds) for cell in cells)
    click.echo(f"{len(cells)} cells, {runs} runs planned in {plan_folder}/")
