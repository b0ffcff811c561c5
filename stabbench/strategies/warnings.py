"""What the strategies of planned cells have to say against their recipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stabbench.plan import Cell
from stabbench.strategies.contract import Strategy
from stabbench.strategies.hooks import Hook, hook_of
from stabbench.strategies.registry import STRATEGIES, make_options


def warnings_of(cells: Sequence[Cell], root: Path) -> Iterator[str]:
    """A sentence for each strategy of a cell that its recipe does not suit (`Strategy.caution`)."""
    known: dict[str, tuple[type[Strategy], Hook]] = {}
    for cell in cells:
        for plugin in cell.spec.plugins:
            name = plugin.name
            source = cell.sources.get(name, name)
            if source not in known:
                found = STRATEGIES.load(source, root)
                known[source] = found, hook_of(found(), "caution")
            strategy, caution = known[source]
            sentence = caution(cell.recipe(), make_options(name, strategy, plugin.options))
            if sentence is not None:
                yield f"{cell.name}: {name}: {sentence}"
