"""`stabbench validate`: all mistakes of params.yaml before any work, and what it decides for each stage."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@options.folder("validated", "Where the files go that the stages of dvc.yaml depend on.", flag="out")
@options.params
def validate(validated: Path, params: Path) -> None:
    """Check params.yaml, and write what it decides with all defaults: a file for each stage that reads it.

    The first stage of the pipeline. The others depend on these files and not on keys of params.yaml, each of which may
    be left out. studies/index.json and probes/index.json list what is asked for; so the folders are there without any.

    \b
    Examples:
      stabbench validate
      jq . validated/plan.json
    """
    from stabbench.project.validation import validate as check

    found, warning = check(Folders.of(validated=validated, params=params))
    click.echo(f"{params}: {found}")
    options.warn(warning)
