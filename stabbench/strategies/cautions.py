"""What the strategies of a planned cell have to say against its recipe."""

from __future__ import annotations

from pathlib import Path

from stabbench.plan import Cell
from stabbench.strategies import registry


def cautions(cell: Cell, root: Path) -> list[str]:
    """A sentence for each strategy of the cell that its recipe does not suit (`Strategy.caution`)."""
    found = []
    for plugin in cell.spec["plugins"]:
        name = plugin["plugin"]
        strategy, _ = registry.find(cell.sources.get(name, name), root)
        sentence = strategy().caution(cell.recipe(), registry.make_options(name, strategy, plugin["options"]))
        if sentence is not None:
            found.append(f"{cell.name}: {name}: {sentence}")
    return found
