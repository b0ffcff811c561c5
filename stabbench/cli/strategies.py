"""`stabbench strategies`: what is installed, and what one strategy does in full."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.strategies.contract import Strategy


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
    from stabbench.strategies.registry import STRATEGIES

    rows = [_row(name) for name in STRATEGIES.names()]
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
    from stabbench.strategies.registry import STRATEGIES

    try:
        found = STRATEGIES.load(name)
    except UserError as error:
        return {"name": name, "description": None, "reference": None, "error": str(error)}
    return {"name": name, "description": found.description, "reference": found.reference, "error": None}


@strategies.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@options.params
def show(name: str, as_json: bool, params: Path) -> None:
    """Show a strategy's effective recipe and options.

    NAME is a strategy of params.yaml, an installed strategy, or a class in a file. Its recipe is shown for each model
    of the grid; without params.yaml, for each architecture that has values of its own in the paper's Table 3.

    \b
    Examples:
      stabbench strategies show mixout
      stabbench strategies show ./my_strategy.py:MyStrategy
    """
    from stabbench.project.named import NamedStrategy

    strategy = NamedStrategy.find(name, params)
    plugins = [_facts(*member) for member in strategy.members()]
    recipes = {model: dataclasses.asdict(recipe) for model, recipe in strategy.recipes().items()}
    if as_json:
        click.echo(json.dumps({"name": name, "plugins": plugins, "recipes": recipes}, indent=2, ensure_ascii=False))
        return
    for plugin in plugins:
        _print_plugin(plugin)
    click.echo(f"{'recipe':24}{_row_of(recipes)}")
    for field in next(iter(recipes.values())):
        click.echo(f"  {field:22}{_row_of(json.dumps(recipe[field]) for recipe in recipes.values())}")


def _facts(plugin: str, found: type[Strategy], values: Any) -> dict[str, Any]:
    from stabbench.strategies.contract import HOOKS, overrides
    from stabbench.strategies.registry import STRATEGIES

    return {
        "plugin": plugin,
        "label": STRATEGIES.label(plugin),
        "description": found.description,
        "reference": found.reference,
        "hooks": [hook for hook in HOOKS if overrides(found, hook)],
        "options": dataclasses.asdict(values),
    }


def _print_plugin(plugin: Mapping[str, Any]) -> None:
    click.echo(plugin["label"])
    for line in (plugin["description"], plugin["reference"]):
        if line:
            click.echo(f"  {line}")
    click.echo(f"  hooks: {', '.join(plugin['hooks']) or 'none, a recipe only'}")
    for option, value in plugin["options"].items():
        click.echo(f"  {option}: {json.dumps(value, ensure_ascii=False)}")


def _row_of(values: Iterable[str]) -> str:
    return "  ".join(f"{value:>14}" for value in values)
