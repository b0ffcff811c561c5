"""The page's own figures: distributions, training curves, gradient norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from stabbench.report import findings, numbers
from stabbench.report.content import Content
from stabbench.report.figures.distribution import distribution_panel
from stabbench.report.figures.drawing import COLUMN_WIDTH
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.rendering import page_svg
from stabbench.report.figures.training_curves import training_panel


@dataclass(frozen=True)
class Picture:
    """A figure of the page."""

    heading: str
    file: str
    """Stem of the figure's files below `figures/`; empty where it has none of its own."""
    figure: Figure | None = None
    name: str = ""
    """Keeps the ids of several figures apart."""
    description: str = ""
    """What a screen reader says."""
    text: str = ""

    @property
    def svg(self) -> Markup:
        """The figure as an element of the page, drawn when it is asked for; empty where there is none."""
        return Markup("" if self.figure is None else page_svg(self.figure, self.name, self.description))

    @property
    def width(self) -> float:
        """In inches, as it was drawn."""
        return COLUMN_WIDTH if self.figure is None else self.figure.get_figwidth()


@dataclass(frozen=True)
class Pictures:
    """The page's own figures, by the names that its template has for them."""

    distributions: Sequence[Picture]
    training: Sequence[tuple[Picture, Sequence[Picture]]]
    gradients: Sequence[Picture]

    @classmethod
    def of(cls, content: Content) -> Pictures:
        """What the page shows of the runs; chapters bring their own."""
        gradients = _gradients(content) if content.recorded else ()
        return cls(_distributions(content), _training(content), gradients)

    @property
    def figures(self) -> list[Figure]:
        """All of them."""
        panels = [panel for _, panels in self.training for panel in panels]
        return [item.figure for item in (*self.distributions, *panels, *self.gradients) if item.figure is not None]


def _distributions(content: Content) -> list[Picture]:
    pictures = []
    for model, task in content.drawn:
        figure = distribution_panel(content, model, task)
        description = f"Scores of every seed on {task} with {model}: " + "; ".join(
            f"{row['strategy']} median {numbers.percent(row['median'])}, std {numbers.percent(row['std'])}, "
            f"{'an unknown number' if pd.isna(row['failed']) else row['failed']} of {row['n']} failed"
            for _, row in content.rows(model, task).iterrows()
        )
        name = f"distribution-{model}-{task}"
        pictures.append(Picture(content.heading(model, task), "stability", figure, name, description))
    return pictures


def _training(content: Content) -> list[tuple[Picture, list[Picture]]]:
    groups = []
    for model, task in content.traced:
        panels = []
        for item in content.cells(model, task):
            strategy = item.cell.strategy
            if not content.curves[item.cell.name]:
                continue
            runs = ", ".join(f"{curves.runs} {curves.outcome}" for curves in content.curves[item.cell.name])
            figure = training_panel(content, model, task, strategy)
            description = f"Training loss and dev score of {strategy} on {task} with {model}: {runs} runs"
            panels.append(Picture(strategy, "", figure, f"training-{model}-{task}-{strategy}", description))
        if panels:
            whole = Picture(content.heading(model, task), training_stem(model, task))
            groups.append((whole, panels))
    return groups


def _gradients(content: Content) -> list[Picture]:
    pictures = []
    for model, task in content.traced:
        pair, text = findings.gradients(content, model, task)
        heading = content.heading(model, task)
        if pair is None:
            pictures.append(Picture(heading, "", text=text))
            continue
        figure, description = gradient_figure(pair, width=COLUMN_WIDTH), f"Gradient norms by layer. {text}"
        name = f"gradients-{model}-{task}"
        pictures.append(Picture(heading, gradient_stem(model, task), figure, name, description, text))
    return pictures


def training_stem(model: str, task: str) -> str:
    """File name without ending of the training curves of a model and task."""
    return f"training-curves-{model}-{task}"


def gradient_stem(model: str, task: str) -> str:
    """File name without ending of the gradient norms of a model and task."""
    return f"gradient-norms-{model}-{task}"
