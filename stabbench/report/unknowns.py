"""What is not known of cells that other people's code trained, in sentences: their records tell less than our own."""

from __future__ import annotations

from collections.abc import Sequence

from stabbench.analysis.place import Place
from stabbench.plan import Cell, Plugin
from stabbench.report.content import Content
from stabbench.report.grid import value_text
from stabbench.report.numbers import some

NAMED = 5
"""Cells that a sentence names; of the others it says how many there are."""


def trained_elsewhere(cell: Cell) -> bool:
    """Whether other people's code trained it, or nobody says how it was trained."""
    return cell.spec.trainer is not None or cell.known_recipe() is None


def plugin_text(plugin: Plugin) -> str:
    """`mixout 1 (probability = 0.7)`: its name and version, with its options where it has some."""
    options = ", ".join(f"{name} = {value_text(value)}" for name, value in plugin.options.items())
    return f"{plugin.name} {plugin.version}" + (f" ({options})" if options else "")


def cell_name(content: Content, cell: Cell) -> str:
    """`devlin-hf on rte (trained by huggingface 5.2)`, as far as that is known, the task where there are several."""
    where = f" on {content.heading(Place.of(cell).whole)}" if len(content.places) > 1 else ""
    trainer = cell.spec.trainer
    return f"{cell.strategy}{where}" + (f" (trained by {trainer.name} {trainer.version})" if trainer else "")


def not_known(content: Content, what: str, cells: Sequence[Cell]) -> list[str]:
    """A sentence: of which cells nobody knows it; none where there are none."""
    if not cells:
        return []
    names = some([cell_name(content, cell) for cell in cells], NAMED)
    return [f"{what[0].upper()}{what[1:]} not known of {names}."]
