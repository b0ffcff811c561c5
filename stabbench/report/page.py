"""The page: one file that holds everything it shows, and asks no host."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from stabbench.metrics.kinds import metric_name
from stabbench.report import cost, findings, making, numbers
from stabbench.report import provenance as origins
from stabbench.report.cautions import cautions
from stabbench.report.content import Content, measured_level
from stabbench.report.downloads import Download, drawn_rows, figure_downloads, table_link
from stabbench.report.figures.drawing import COLUMN_WIDTH, style
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.filtering import Marks
from stabbench.report.layout import STAR, blocks
from stabbench.report.matrix import LOW, matrices
from stabbench.report.pictures import Picture, Pictures
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
MOST_NAMED = 8
"""Of more strategies or models the page's title gives the number."""


@dataclass(frozen=True)
class Page:
    """`index.html` before its figures are drawn, which is what takes long."""

    context: Mapping[str, Any]

    @classmethod
    def of(cls, content: Content, sections: Sequence[Section], pictures: Pictures, *, provenance: bool = False) -> Page:
        """What the page will say; with `provenance` also when, at which commit, on what and how fast runs were made."""
        with style():
            context = {**_context(content), **vars(pictures), "downloads_of": figure_downloads(content)}
            missing = [*(() if context["costs"] else ("cost",)), *(() if content.recorded else OF_RECORDS)]
            context |= _chapters(sections, missing)
        context["provenance"] = _provenance(content) if provenance else None
        return cls(context)

    def html(self) -> str:
        """The HTML: no request to any host, everything from records escaped."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("stabbench.report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        content: Content = self.context["content"]
        environment.filters.update(
            metric=metric_name,
            percent=numbers.percent,
            known=numbers.known,
            of_runs=numbers.of_runs,
            p=numbers.p_value,
            share=numbers.share,
            count=numbers.counted,
            listed=numbers.listed,
            some=numbers.some,
            score=lambda value, metric: numbers.score_text(value, content.kind(metric)),
            interval=lambda cell: numbers.interval(cell["failed_low"], cell["failed_high"]),
            loss=lambda value: numbers.NOT_AVAILABLE if math.isnan(value) else f"{value:.3g}",
        )
        script = resources.files("stabbench.report").joinpath("templates", "page.js").read_text(encoding="utf-8")
        template = environment.get_template("index.html.j2")
        with style():
            return template.render(self.context, script=Markup(script), hash=_hash(script))


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


def _named(names: Sequence[str], what: str) -> str:
    return numbers.listed(names) if len(names) <= MOST_NAMED else f"{len(names)} {what}"


def _context(content: Content) -> dict[str, Any]:
    names = content.strategies
    level = measured_level(content)
    variables = strategy_colors(names)
    palette = themes()
    costs = cost.cost_table(content.runs)
    return {
        "content": content,
        "title": f"Fine-tuning stability of {_named(names, 'strategies')} on {_named(content.models, 'models')}",
        "most_named": MOST_NAMED,
        "star": STAR,
        "blocks": blocks(content),
        "answers": {model: findings.answer(content, model) for model in content.models},
        "regimes": [text for model in content.models if (text := findings.regime(content, model))],
        "cautions": cautions(content),
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
