"""`stabbench plan`: what each cell will run, in full, a file a cell."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@options.folder("plan", "Where the plan files go.")
@options.params
def plan(plan: Path, params: Path) -> None:
    """Resolve params.yaml into one file a cell: effective recipe, content hashes, seeds and fingerprints.

    Unchanged files are left alone, so that `dvc repro` trains exactly the cells whose file changed.

    \b
    Examples:
      stabbench plan
      jq .spec.recipe plan/embedded/acceptability/devlin.json
    """
    from stabbench.processes import without_garbage_collection

    with without_garbage_collection():  # torch's import makes ten thousands of objects that stay
        from stabbench.project.planning import plan as make_plan

        made = make_plan(Folders.of(plan=plan, params=params))
    click.echo(made)
    options.warn(*made.warnings)
