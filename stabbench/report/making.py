"""How the numbers were made: strategies, models, specifications, library versions; no timings and no dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.plan import Cell, Plugin
from stabbench.report.content import Content
from stabbench.report.numbers import plain


@dataclass(frozen=True)
class Grid:
    """A table of text: a head and rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    """Whether its cells hold text, which is set to the left and may wrap, rather than numbers."""
    texts: int = 1
    """How many of its leading columns hold names."""
    hashed: int = -1
    """The column of long hashes, where there is one."""
    sortable: bool = True
    """Whether its rows are alike, so that a column can order them."""


def strategies(content: Content) -> Grid:
    """What each strategy is: description, source, plugins with their options."""
    first: dict[str, Cell] = {}
    for item in content.selection.cells:
        first.setdefault(item.cell.strategy, item.cell)
    rows = [[name, cell.description, cell.reference, _plugins(cell)] for name, cell in first.items()]
    return Grid(["strategy", "what it is", "source", "plugins"], rows, words=True)


def _plugins(cell: Cell) -> str:
    return "; ".join(_plugin(plugin) for plugin in cell.spec.plugins) or "none: a recipe alone"


def _plugin(plugin: Plugin) -> str:
    options = ", ".join(f"{name} = {value_text(value)}" for name, value in plugin.options.items())
    return f"{plugin.name} {plugin.version}" + (f" ({options})" if options else "")


def value_text(value: object) -> str:
    """A hyperparameter as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return plain(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def models(content: Content) -> Grid:
    """Each model's architecture and content hash."""
    first = {item.cell.model: item.cell.spec.model for item in reversed(content.selection.cells)}
    rows = [[name, first[name].architecture, first[name].content_hash] for name in content.models]
    return Grid(["model", "architecture", "SHA-256"], rows, words=True, hashed=2)


def versions(content: Content) -> Grid:
    """Library versions under which the runs were trained; several where runs differ."""
    found: dict[str, set[str]] = {}
    for item in content.selection.cells:
        for record in item.records.values():
            for name, version in record.provenance().get("versions", {}).items():
                found.setdefault(str(name), set()).add(str(version))
    return Grid(["library", "version"], [[name, ", ".join(sorted(found[name]))] for name in sorted(found)], words=True)


def specifications(content: Content) -> list[tuple[str, str]]:
    """(name, JSON) of every cell: all that a fingerprint is made of but the seeds, in full."""
    return [
        (item.cell.name, json.dumps(item.cell.spec, indent=2, sort_keys=True, ensure_ascii=False))
        for item in content.selection.cells
    ]
