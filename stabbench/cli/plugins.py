"""`stabbench plugins`: what is installed of every kind, and what of it cannot be used."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stabbench.plugins import Registry

KINDS = {
    "strategies": "stabbench.strategies.registry:STRATEGIES",
    "task-sources": "stabbench.tasks.sources:TASK_SOURCES",
    "objectives": "stabbench.tasks.objectives:OBJECTIVES",
    "metrics": "stabbench.metrics:METRICS",
    "families": "stabbench.models.families:FAMILIES",
    "optimizers": "stabbench.training.optimizers:OPTIMIZERS",
    "trainers": "stabbench.training.trainers:TRAINERS",
    "studies": "stabbench.studies:STUDIES",
    "probes": "stabbench.probes:PROBES",
    "readers": "stabbench.readers:READERS",
}
"""Where the registry of each kind is."""


@click.command()
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@click.option("--json", "as_json", is_flag=True, help="One JSON list of plugins.")
def plugins(kind: str | None, as_json: bool) -> None:
    """List what is installed, a line each: of one KIND, or of all.

    A plugin that fails to import or does not keep to its contract is listed with what is wrong.

    \b
    Examples:
      stabbench plugins
      stabbench plugins studies
    """
    rows = [row for name in ([kind] if kind else KINDS) for row in _rows(name)]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = [(row["kind"], row["name"], f"{row['distribution']} {row['version']}".rstrip()) for row in rows]
    widths = [max((len(line[column]) for line in table), default=0) for column in range(3)]
    for line, row in zip(table, rows, strict=True):
        cells = "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo(f"{cells}  {row['description'] if row['error'] is None else 'error: ' + row['error']}")


def _rows(kind: str) -> Iterator[dict[str, Any]]:
    from stabbench.errors import UserError

    module, _, attribute = KINDS[kind].partition(":")
    registry: Registry[Any] = getattr(import_module(module), attribute)
    for plugin in registry.listed():
        line, error = None, None
        try:
            line = _one_line(registry.load(plugin.name))
        except UserError as problem:
            error = str(problem)
        yield {"kind": kind, **dataclasses.asdict(plugin), "description": line, "error": error}


def _one_line(plugin: object) -> str:
    """Its `description`, or else the first line of its docstring."""
    return str(getattr(plugin, "description", "") or (plugin.__doc__ or "").partition("\n")[0])
