"""The page: one file that holds everything it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from stabbench.report import findings, making, numbers
from stabbench.report.content import Content, measured_level
from stabbench.report.figures.distribution import distribution_panel
from stabbench.report.figures.drawing import COLUMN_WIDTH, style
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.figures.rendering import Artists, page_svg
from stabbench.report.figures.training_curves import training_panel
from stabbench.report.layout import STAR, blocks
from stabbench.report.section import CAUSES, MAKING, PARTS, RESULTS, Section

FIXED = {
    RESULTS: (
        ("stability", "Stability"),
        ("scores", "The score of every seed"),
        ("failures", "Failed runs"),
        ("pairs", "All pairs of strategies"),
    ),
    CAUSES: (("training", "Training curves"), ("gradients", "Gradient norms by layer")),
    MAKING: (("cost", "Cost"), ("making", "Strategies and models"), ("data", "Raw data")),
}
"""What the page has beside the sections: (anchor, title) by part; sections follow, but in the last part."""


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


def page(content: Content, sections: Sequence[Section], artists: Artists) -> str:
    """The HTML of `index.html`: no request to any host, everything from records escaped; `artists` draw its figures."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stabbench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        metric=numbers.metric_name,
        percent=numbers.percent,
        p=numbers.p_value,
        share=numbers.share,
        count=numbers.counted,
        listed=numbers.listed,
    )
    with style():
        pictures = _Pictures(_distributions(content), _training(content), _gradients(content))
        artists.draw(pictures.figures, pixels=False)
        context = {**_context(content), **vars(pictures), **_chapters(sections)}
        return environment.get_template("index.html.j2").render(context)


@dataclass(frozen=True)
class _Pictures:
    """The page's own figures, by the names that its template has for them."""

    distributions: Sequence[Picture]
    training: Sequence[tuple[Picture, Sequence[Picture]]]
    gradients: Sequence[Picture]

    @property
    def figures(self) -> list[Figure]:
        panels = [panel for _, panels in self.training for panel in panels]
        return [item.figure for item in (*self.distributions, *panels, *self.gradients) if item.figure is not None]


@dataclass(frozen=True)
class _Drawn:
    """A section with its figures as SVG."""

    section: Section
    figures: Sequence[Picture]
    wide: bool
    """Whether its figures are too wide to stand side by side."""


def _drawn(section: Section) -> _Drawn:
    figures = [
        Picture(item.heading, item.stem, item.figure, f"{section.name}-{item.stem}", item.description)
        for item in section.figures
    ]
    return _Drawn(section, figures, any(picture.width > COLUMN_WIDTH for picture in figures))


def _chapters(sections: Sequence[Section]) -> dict[str, Any]:
    """The sections by their part of the page, and the table of contents."""
    chapters = {part: [_drawn(section) for section in sections if section.part == part] for part in PARTS}
    contents = []
    for part, title in PARTS.items():
        own = [(drawn.section.name, drawn.section.title) for drawn in chapters[part]]
        entries = [*own, *FIXED.get(part, ())] if part == MAKING else [*FIXED.get(part, ()), *own]
        if entries:
            contents.append((part, title, entries))
    return {"chapters": chapters, "contents": contents}


def _context(content: Content) -> dict[str, Any]:
    names = content.strategies
    level = measured_level(content)
    variables = strategy_colors(names)
    palette = themes()
    return {
        "content": content,
        "title": f"Fine-tuning stability of {numbers.listed(names)} on {numbers.listed(content.models)}",
        "star": STAR,
        "blocks": blocks(content),
        "answers": {model: findings.answer(content, model) for model in content.models},
        "regimes": [text for model in content.models if (text := findings.regime(content, model))],
        "warnings": findings.warnings(content),
        "level": level,
        "seeds": _seeds(content),
        "colors": {name: palette[color][0] for name, color in variables.items()},
        "palette": list(palette.values()),
        "cells": _records(content.table),
        "pairs": _records(content.pairs),
        "strategies": making.strategies(content),
        "costs": {model: making.costs(content, model) for model in content.models},
        "models": making.models(content),
        "versions": making.versions(content),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _seeds(content: Content) -> str:
    planned = sorted(set(content.table["planned"]))
    return f"{planned[0]}" if len(planned) == 1 else f"{planned[0]} to {planned[-1]}"


def _distributions(content: Content) -> list[Picture]:
    pictures = []
    for model, task in content.places:
        figure = distribution_panel(content, model, task)
        description = f"Scores of every seed on {task} with {model}: " + "; ".join(
            f"{row['strategy']} median {numbers.percent(row['median'])}, std {numbers.percent(row['std'])}, "
            f"{row['failed']} of {row['n']} failed"
            for _, row in content.rows(model, task).iterrows()
        )
        name = f"distribution-{model}-{task}"
        pictures.append(Picture(content.heading(model, task), "stability", figure, name, description))
    return pictures


def _training(content: Content) -> list[tuple[Picture, list[Picture]]]:
    groups = []
    for model, task in content.places:
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
    for model, task in content.places:
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
