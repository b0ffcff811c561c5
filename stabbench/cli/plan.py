"""`stabbench plan`: what each cell will run, in full, a file a cell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the cells of the grid and of each study.")
@options.folder("plan", "Where the plan files go.")
@options.params
def plan(as_json: bool, plan: Path, params: Path) -> None:
    """Resolve params.yaml into one file a cell: effective recipe, content hashes, seeds and fingerprints.

    Unchanged files are left alone, so that `dvc repro` trains exactly the cells whose file changed.

    \b
    Examples:
      stabbench plan
      stabbench plan --json | jq '[.groups[][] | .updates * (.seeds | length)] | add'
      jq .spec.recipe plan/embedded/acceptability/devlin.json
    """
    from stabbench.project.planning import plan as make_plan

    made = make_plan(Folders.of(plan=plan, params=params))
    click.echo(json.dumps(made.to_dict(), indent=2, ensure_ascii=False) if as_json else made)
    options.warn(*made.warnings)
