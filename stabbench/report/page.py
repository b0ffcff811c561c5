"""The page: one file that holds everything it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from stabbench.report import findings, making, numbers
from stabbench.report.content import Content, measured_level
from stabbench.report.figures.distribution import distribution_panel
from stabbench.report.figures.drawing import COLUMN_WIDTH, page_svg, style
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.palette import strategy_colors, themes
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
    MAKING: (
        ("cost", "Cost"),
        ("making", "Strategies and models"),
        ("definitions", "Definitions"),
        ("data", "Raw data"),
    ),
}
"""What the page has beside the sections: (anchor, title) by part; sections follow, but in the last part."""
OF_RECORDS = ("training", "gradients", "cost", "making")
"""Those of them that only records can fill."""


@dataclass(frozen=True)
class Picture:
    """A figure of the page."""

    heading: str
    svg: Markup
    file: str
    """Stem of the figure's files below `figures/`; empty where it has none of its own."""
    text: str = ""
    width: float = COLUMN_WIDTH
    """In inches, as it was drawn."""


def page(content: Content, sections: Sequence[Section] = ()) -> str:
    """The HTML of `index.html`: no request to any host, everything from records escaped."""
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
    )
    with style():
        return environment.get_template("index.html.j2").render({**_context(content), **_chapters(content, sections)})


@dataclass(frozen=True)
class _Drawn:
    """A section with its figures as SVG."""

    section: Section
    figures: Sequence[Picture]
    wide: bool
    """Whether its figures are too wide to stand side by side."""


def _drawn(section: Section) -> _Drawn:
    figures = []
    for item in section.figures:
        svg = Markup(page_svg(item.figure, f"{section.name}-{item.stem}", item.description))
        figures.append(Picture(item.heading, svg, item.stem, width=item.figure.get_figwidth()))
    return _Drawn(section, figures, any(picture.width > COLUMN_WIDTH for picture in figures))


def _chapters(content: Content, sections: Sequence[Section]) -> dict[str, Any]:
    """The sections by their part of the page, and the table of contents."""
    chapters = {part: [_drawn(section) for section in sections if section.part == part] for part in PARTS}
    contents = []
    for part, title in PARTS.items():
        own = [(drawn.section.name, drawn.section.title) for drawn in chapters[part]]
        fixed = [entry for entry in FIXED.get(part, ()) if content.recorded or entry[0] not in OF_RECORDS]
        entries = [*own, *fixed] if part == MAKING else [*fixed, *own]
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
        "distributions": _distributions(content),
        **(_context_of_records(content) if content.recorded else {}),
    }


def _context_of_records(content: Content) -> dict[str, Any]:
    return {
        "training": _training(content),
        "gradients": _gradients(content),
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
            f"{'an unknown number' if pd.isna(row['failed']) else row['failed']} of {row['n']} failed"
            for _, row in content.rows(model, task).iterrows()
        )
        svg = Markup(page_svg(figure, f"distribution-{model}-{task}", description))
        pictures.append(Picture(content.heading(model, task), svg, "stability"))
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
            svg = Markup(page_svg(figure, f"training-{model}-{task}-{strategy}", description))
            panels.append(Picture(strategy, svg, ""))
        if panels:
            whole = Picture(content.heading(model, task), Markup(""), training_stem(model, task))
            groups.append((whole, panels))
    return groups


def _gradients(content: Content) -> list[Picture]:
    pictures = []
    for model, task in content.places:
        pair, text = findings.gradients(content, model, task)
        svg = Markup("")
        if pair is not None:
            figure = gradient_figure(pair, width=COLUMN_WIDTH)
            svg = Markup(page_svg(figure, f"gradients-{model}-{task}", f"Gradient norms by layer. {text}"))
        stem = gradient_stem(model, task) if pair is not None else ""
        pictures.append(Picture(content.heading(model, task), svg, stem, text))
    return pictures


def training_stem(model: str, task: str) -> str:
    """File name without ending of the training curves of a model and task."""
    return f"training-curves-{model}-{task}"


def gradient_stem(model: str, task: str) -> str:
    """File name without ending of the gradient norms of a model and task."""
    return f"gradient-norms-{model}-{task}"
