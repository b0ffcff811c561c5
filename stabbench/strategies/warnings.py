"""What the strategies of planned cells have to say against their recipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stabbench.plan import Cell
from stabbench.strategies.contract import Strategy
from stabbench.strategies.hooks import hook_of
from stabbench.strategies.registry import STRATEGIES, make_options


def warnings_of(cells: Sequence[Cell], root: Path) -> Iterator[str]:
    """A sentence for each strategy of a cell that its recipe does not suit (`Strategy.caution`)."""
    known: dict[str, type[Strategy]] = {}
    for cell in cells:
        for plugin in cell.spec.plugins:
            name = plugin.name
            source = cell.sources.get(name, name)
            if source not in known:
                known[source] = STRATEGIES.load(source, root)
            options = make_options(name, known[source], plugin.options)
            sentence = hook_of(known[source](), "caution")(cell.recipe(), options)
            if sentence is not None:
                yield f"{cell.name}: {name}: {sentence}"
