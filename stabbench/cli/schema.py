"""`stabbench schema`: what params.yaml may hold, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A file to write in place of that."
)
def schema(out: Path | None) -> None:
    """Print the JSON schema of params.yaml, by which an editor completes its keys and underlines mistakes.

    `stabbench init` and `stabbench validate` keep it in .stabbench/params.schema.json, which the first line of
    params.yaml names to editors with a YAML language server (docs/editor.md). The names of installed plugins are in it
    as suggestions.

    \b
    Examples:
      stabbench schema
      stabbench schema --out params.schema.json
    """
    from stabbench.config.json_schema import params_schema
    from stabbench.files import write_json

    found = params_schema()
    if out is None:
        click.echo(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        write_json(out, found)
        click.echo(f"wrote {out}")
