"""Strategies by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stabbench.plan import Cell
from stabbench.plugins import Registry, in_file
from stabbench.plugins.options import make_options as made
from stabbench.strategies.checking import check_class
from stabbench.strategies.contract import Strategy
from stabbench.strategies.hooks import Hook, hook_of

STRATEGIES = Registry("strategy", "stabbench.strategies", check_class)


def find(plugin: str, root: Path) -> tuple[type[Strategy], str]:
    """The strategy class that `plugin` names, and what tells its code apart.

    The second is the class's version, with the distribution's for a strategy of another package and the file's hash for
    a file.
    """
    strategy, code = STRATEGIES.load(plugin, root), STRATEGIES.code(plugin, root)
    if in_file(plugin) is not None:
        return strategy, code
    return strategy, f"{strategy.version} of {code}" if code else strategy.version


def make_options(plugin: str, strategy: type[Strategy], values: Mapping[str, Any]) -> Any:
    """The strategy's options with `values` set; UserError for unknown names and values out of range."""
    return made(strategy.Options, values, STRATEGIES.label(plugin))


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
