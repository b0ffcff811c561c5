"""How the numbers were made: strategies, models, specifications, library versions; no timings and no dates."""

from __future__ import annotations

import json

from stabbench.plan import Cell
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.provenance import origin
from stabbench.report.section import MAKING, Section
from stabbench.report.unknowns import plugin_text


def section(content: Content) -> Section:
    """Tables, and every cell's specification in full; where and when runs were trained only where it is wanted."""
    block = {
        "strategies": strategies(content),
        "models": models(content),
        "versions": versions(content),
        "specifications": [
            (item.cell.name, json.dumps(item.cell.spec, indent=2, sort_keys=True, ensure_ascii=False))
            for item in content.selection.cells
        ],
        "origin": origin(content) if content.provenance else None,
    }
    return Section("making", "Strategies and models", part=MAKING, block=block)


def strategies(content: Content) -> Grid:
    """What each strategy is: description, source, plugins with their options."""
    first: dict[str, Cell] = {}
    for item in content.selection.cells:
        first.setdefault(item.cell.strategy, item.cell)
    rows = [
        [name, cell.description, cell.reference, "; ".join(_plugins(cell)) or "none: a recipe alone"]
        for name, cell in first.items()
    ]
    return Grid(["strategy", "what it is", "source", "plugins"], rows, words=True)


def _plugins(cell: Cell) -> list[str]:
    found = list(map(plugin_text, cell.spec.plugins))
    if cell.spec.trainer is not None:
        found.append(f"trained by {plugin_text(cell.spec.trainer)}")
    elif cell.known_recipe() is None:
        found.append("nobody says how it was trained")
    return found


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
