"""`stabbench strategies`: what is installed, and what one strategy does in full."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stabbench.cli import options


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON list of strategies.")
@click.pass_context
def strategies(ctx: click.Context, as_json: bool) -> None:
    """List the installed strategies, a line each; one that fails to import is listed with its error.

    \b
    Examples:
      stabbench strategies
      stabbench strategies --json | jq -r '.[].name'
      stabbench strategies show mixout
    """
    if ctx.invoked_subcommand is not None:
        return
    from stabbench.strategies import registry

    rows = [_row(name) for name in registry.installed()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        reference = f" ({row['reference']})" if row["reference"] else ""
        text = f"error: {row['error']}" if row["error"] else f"{row['description']}{reference}"
        click.echo(f"{row['name']:{width}}  {text}")


def _row(name: str) -> dict[str, Any]:
    from stabbench.errors import UserError
    from stabbench.strategies import registry

    try:
        found = registry.load(name)
    except UserError as error:
        return {"name": name, "description": None, "reference": None, "error": str(error)}
    return {"name": name, "description": found.description, "reference": found.reference, "error": None}


@strategies.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@options.params
def show(name: str, as_json: bool, params_file: Path) -> None:
    """Show a strategy's effective recipe and options.

    NAME is a strategy of params.yaml (with its recipe for each model of the grid), an installed strategy, or a class in
    a file. Values that are not Table 3's for the model are marked.

    \b
    Examples:
      stabbench strategies show mixout
      stabbench strategies show ./my_strategy.py:MyStrategy
    """
    from stabbench.resolve import explain

    facts = explain(name, params_file)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for plugin in facts["plugins"]:
        _print_plugin(plugin)
    recipes = facts["recipes"]
    click.echo(f"recipe    {'  '.join(f'{model:>12}' for model in recipes)}".rstrip())
    for field in next(iter(recipes.values())):
        click.echo(f"  {field:22}" + "  ".join(_shown(recipe[field]) for recipe in recipes.values()).rstrip())


def _print_plugin(plugin: Mapping[str, Any]) -> None:
    click.echo(plugin["label"])
    for line in (plugin["description"], plugin["reference"]):
        if line:
            click.echo(f"  {line}")
    click.echo(f"  hooks: {', '.join(plugin['hooks']) or 'none, a recipe only'}")
    for option, value in plugin["options"].items():
        click.echo(f"  {option}: {json.dumps(value, ensure_ascii=False)}")


def _shown(value: object) -> str:
    return f"{'null' if value is None else str(value).lower() if isinstance(value, bool) else value!s:>12}"
