"""Fig. 14: training loss and dev score over the updates, of successful and of failed runs."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.place import Place
from stabbench.records.content import UNJUDGED
from stabbench.report.content import Content
from stabbench.report.figures.training_curves import curve_rows, training_figure, training_panel
from stabbench.report.section import CAUSES, Data, SavedFigure, Section, SectionFigure
from stabbench.report.unknowns import not_known


def section(content: Content) -> Section:
    """A figure a cell on the page, those of a model and task in one as a file."""
    figures, files, places = [], [], []
    for place in content.traced:
        panels = [
            _panel(content, Place.of(item.cell))
            for item in content.cells(place)
            if any(curves.known for curves in content.curves[Place.of(item.cell)])
        ]
        if panels:
            places.append((place, content.heading(place)))
            figures += panels
            files.append(SavedFigure(f"training-curves-{place.stem}", training_figure(content, place), place))
    cells = {Place.of(item.cell): item.cell for item in content.traced_cells}
    without = [
        cells[cell]
        for cell, found in content.curves.items()
        if found and not any(item.train_loss.step.size for item in found)
    ]
    notes = not_known(content, "the training loss is", without)
    if any(curves.outcome == UNJUDGED for found in content.curves.values() for curves in found):
        notes.append("Runs of which nobody knows whether they failed are drawn as successful ones are.")
    block = {"places": places, "notes": notes}
    return Section("training", "Training curves", part=CAUSES, figures=figures, files=files, block=block)


def _panel(content: Content, cell: Place) -> SectionFigure:
    curves = content.curves[cell]
    runs = ", ".join(f"{found.runs} {found.outcome}" for found in curves)
    return SectionFigure(
        f"training-{content.heading(cell)}-{cell.strategy}",
        training_panel(content, cell),
        f"Training loss and dev score of {cell.strategy} on {cell.task} with {cell.model}: {runs} runs",
        Data(f"training-curves-{cell.stem}", pd.concat(map(curve_rows, curves), ignore_index=True)),
        cell,
        cell.strategy,
        name=f"training-{cell.stem}",
    )
