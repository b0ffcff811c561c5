"""The page: one file that holds everything it shows, and asks no host."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from stabbench.report import cost, findings, making, numbers
from stabbench.report import provenance as origins
from stabbench.report.content import Content, measured_level
from stabbench.report.downloads import Download, drawn_rows, figure_downloads, table_link
from stabbench.report.figures.distribution import distribution_panel
from stabbench.report.figures.drawing import COLUMN_WIDTH, style
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.figures.rendering import Artists, page_svg
from stabbench.report.figures.training_curves import training_panel
from stabbench.report.filtering import Marks
from stabbench.report.layout import STAR, blocks
from stabbench.report.matrix import LOW, matrices
from stabbench.report.section import CAUSES, MAKING, PARTS, RESULTS, Section

FIXED = {
    RESULTS: (
        ("stability", "Stability"),
        ("scores", "The score of every seed"),
        ("failures", "Failed runs"),
        ("pairs", "All pairs of strategies"),
        ("cost", "Cost"),
    ),
    CAUSES: (("training", "Training curves"), ("gradients", "Gradient norms by layer")),
    MAKING: (("making", "Strategies and models"), ("definitions", "Definitions"), ("data", "Raw data")),
}
"""What the page has beside the sections: (anchor, title) by part; sections follow, but in the last part."""
OF_RECORDS = ("training", "gradients", "making")
"""Those of them that only records can fill."""

LISTED_RUNS = 2000
"""More are in scores.csv alone."""


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


def page(content: Content, sections: Sequence[Section], artists: Artists, *, provenance: bool = False) -> str:
    """The HTML of `index.html`: no request to any host, everything from records escaped; `artists` draw its figures.

    With `provenance` it also says when, at which commit, on what and how fast runs were trained.
    """
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
        known=numbers.known,
        of_runs=numbers.of_runs,
        p=numbers.p_value,
        share=numbers.share,
        count=numbers.counted,
        listed=numbers.listed,
        interval=lambda cell: numbers.interval(cell["failed_low"], cell["failed_high"]),
        loss=lambda value: numbers.NOT_AVAILABLE if math.isnan(value) else f"{value:.3g}",
    )
    script = resources.files("stabbench.report").joinpath("templates", "page.js").read_text(encoding="utf-8")
    with style():
        pictures = _Pictures(
            _distributions(content), _training(content), _gradients(content) if content.recorded else ()
        )
        artists.draw(pictures.figures, pixels=False)
        context = {**_context(content), **vars(pictures), "downloads_of": figure_downloads(content)}
        missing = [*(() if context["costs"] else ("cost",)), *(() if content.recorded else OF_RECORDS)]
        context |= _chapters(sections, missing)
        context["provenance"] = _provenance(content) if provenance else None
        return environment.get_template("index.html.j2").render(context, script=Markup(script), hash=_hash(script))


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


def _hash(script: str) -> str:
    """By which the page's policy knows its own script: nothing else runs, whatever a name in it may be."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _provenance(content: Content) -> dict[str, Any]:
    return {
        "sentences": origins.origin(content),
        "times": {model: origins.times(content, model) for model in content.models},
    }


@dataclass(frozen=True)
class _Drawn:
    """A section with its figures as SVG."""

    section: Section
    figures: Sequence[Picture]
    wide: bool
    """Whether its figures are too wide to stand side by side."""
    drawn: Sequence[Download | None]
    """What each figure shows."""
    data: Sequence[Download]


def _drawn(section: Section) -> _Drawn:
    figures = [
        Picture(item.heading, item.stem, item.figure, f"{section.name}-{item.stem}", item.description)
        for item in section.figures
    ]
    links = {
        name: table_link(name, table, file=f"studies/{section.name}/{name}.csv") for name, table in section.data.items()
    }
    drawn = [
        links[item.data] if item.data else table_link(f"{item.stem}-as-drawn", drawn_rows(item.figure))
        for item in section.figures
    ]
    wide = any(picture.width > COLUMN_WIDTH for picture in figures)
    return _Drawn(section, figures, wide, drawn, [link for link in links.values() if link is not None])


def _chapters(sections: Sequence[Section], missing: Sequence[str] = ()) -> dict[str, Any]:
    """The sections by their part of the page, and the table of contents."""
    chapters = {part: [_drawn(section) for section in sections if section.part == part] for part in PARTS}
    contents = []
    for part, title in PARTS.items():
        own = [(drawn.section.name, drawn.section.title) for drawn in chapters[part]]
        fixed = [entry for entry in FIXED.get(part, ()) if entry[0] not in missing]
        entries = [*own, *fixed] if part == MAKING else [*fixed, *own]
        if entries:
            contents.append((part, title, entries))
    return {"chapters": chapters, "contents": contents}


def _context(content: Content) -> dict[str, Any]:
    names = content.strategies
    level = measured_level(content)
    variables = strategy_colors(names)
    palette = themes()
    costs = cost.cost_table(content.runs)
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
        "costs": {model: grid for model in content.models if (grid := cost.costs(costs, model)).rows},
        "economy": cost.economy(content, costs),
        "matrices": matrices(content),
        "low": LOW,
        "marks": Marks.of(content),
        "runs": _records(content.runs) if len(content.runs) <= LISTED_RUNS else [],
        **(_making(content) if content.recorded else {}),
    }


def _making(content: Content) -> dict[str, Any]:
    return {
        "strategies": making.strategies(content),
        "models": making.models(content),
        "versions": making.versions(content),
        "specifications": making.specifications(content),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _seeds(content: Content) -> str:
    planned = sorted(set(content.table["planned"]))
    return f"{planned[0]}" if len(planned) == 1 else f"{planned[0]} to {planned[-1]}"


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
    for model, task in content.drawn:
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
        if pair is None or (model, task) not in content.drawn:
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
