"""The page: one file that holds everything it shows, and asks no host."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import CodeType
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from stabbench.analysis.place import Place
from stabbench.report import findings, numbers
from stabbench.report.content import Content
from stabbench.report.figures.drawing import COLUMN_WIDTH
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.figures.rendering import page_svg
from stabbench.report.filtering import Marks
from stabbench.report.layout import STAR
from stabbench.report.section import PARTS, Data, Section, SectionFigure
from stabbench.report.warnings import warnings_of

WIDEST_COLUMN = 4.5
"""Inches: 27rem, the most that style.css gives a column."""
LARGEST = 200_000
"""Characters; a table that is longer stays a file beside the page."""
MOST_NAMED = 8
"""Of more strategies or models the page's title gives the number."""


class _Compiled(jinja2.BytecodeCache):
    """Templates as this process compiled them once, for all of its pages."""

    def __init__(self) -> None:
        self._codes: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key] = bucket.code


_COMPILED = _Compiled()


@dataclass(frozen=True)
class Page:
    """`index.html` before its figures are drawn, which is what takes long."""

    context: Mapping[str, Any]

    @classmethod
    def of(cls, content: Content, sections: Sequence[Section]) -> Page:
        """What the page will say."""
        parts = [
            (part, title, [_chapter(section) for section in sections if section.part == part])
            for part, title in PARTS.items()
        ]
        return cls({**_context(content), "parts": [found for found in parts if found[2]]})

    def html(self) -> str:
        """The HTML: no request to any host, everything from records escaped."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("stabbench.report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            bytecode_cache=_COMPILED,
        )
        content: Content = self.context["content"]
        environment.filters.update(
            percent=numbers.percent,
            known=numbers.known,
            of_runs=numbers.of_runs,
            p=numbers.p_value,
            share=numbers.share,
            count=numbers.counted,
            listed=numbers.listed,
            some=numbers.some,
            score=lambda value, row: content.shown(row).text(value),
            interval=lambda cell: numbers.interval(cell["failed_low"], cell["failed_high"]),
            loss=lambda value: numbers.NOT_AVAILABLE if math.isnan(value) else f"{value:.3g}",
        )
        script = resources.files("stabbench.report").joinpath("templates", "page.js").read_text(encoding="utf-8")
        template = environment.get_template("index.html.j2")
        return template.render(self.context, script=Markup(script), hash=_hash(script))


def _hash(script: str) -> str:
    """By which the page's policy knows its own script: nothing else runs, whatever a name in it may be."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


class _Download(NamedTuple):
    """A link: what the file is called and where its content is."""

    name: str
    href: str


@dataclass(frozen=True)
class _Picture:
    """A figure of the page; what it shows can be had from `links`, unless that is too much."""

    figure: SectionFigure
    name: str
    links: Sequence[_Download]

    @property
    def svg(self) -> Markup:
        """The figure as an element of the page, drawn when it is asked for."""
        return Markup(page_svg(self.figure.figure, self.name, self.figure.description))

    @property
    def width(self) -> float:
        """In inches, as it was drawn."""
        return self.figure.figure.get_figwidth()

    @property
    def across(self) -> bool:
        """Whether it is to have the page's width: in a column its texts would be too small to be read."""
        return self.width > WIDEST_COLUMN


@dataclass(frozen=True)
class _Chapter:
    """A section as the page has it."""

    section: Section
    pictures: Sequence[_Picture]
    data: Sequence[_Download]

    @property
    def wide(self) -> bool:
        """Whether its figures are too wide to stand side by side."""
        return any(picture.width > COLUMN_WIDTH for picture in self.pictures)

    def of(self, place: Place) -> list[_Picture]:
        """What it shows of a model and task."""
        return [item for item in self.pictures if item.figure.place and item.figure.place.whole == place]

    def file(self, place: Place | None) -> str:
        """The path without ending of the figure that is kept of a model and task, or of all."""
        (found,) = (item.stem for item in self.section.saved if item.place == place)
        return f"{self.section.folder}/{found}"


def _chapter(section: Section) -> _Chapter:
    data = {
        name: _download(Data(name, table, file=f"{section.folder}/{name}.csv")) for name, table in section.data.items()
    }
    pictures = []
    for item in section.figures:
        link = data[item.data] if isinstance(item.data, str) else _download(item.data)
        pictures.append(_Picture(item, item.name or f"{section.name}-{item.stem}", [link] if link else []))
    return _Chapter(section, pictures, [link for link in data.values() if link])


def _download(data: Data) -> _Download | None:
    """A link with the table in it; to its file beside the page where it is too long, None where it has none."""
    name = f"{data.name}.csv"
    if data.table.size <= LARGEST:  # a character a number at the least
        text = data.table.to_csv(index=False, float_format=f"%.{data.digits}g", lineterminator="\n")
        if len(text) <= LARGEST:
            return _Download(name, "data:text/csv;charset=utf-8," + quote(text, safe=" ,:;()[]+=.-_!*'@$"))
    return _Download(name, data.file) if data.file else None


def _named(names: Sequence[str], what: str) -> str:
    return numbers.listed(names) if len(names) <= MOST_NAMED else f"{len(names)} {what}"


def _context(content: Content) -> dict[str, Any]:
    names, palette = content.strategies, themes()
    return {
        "content": content,
        "title": f"Fine-tuning stability of {_named(names, 'strategies')} on {_named(content.models, 'models')}",
        "most_named": MOST_NAMED,
        "star": STAR,
        "answers": {model: findings.answer(content, model) for model in content.models},
        "regimes": [text for model in content.models if (text := findings.regime(content, model))],
        "warnings": warnings_of(content),
        "seeds": numbers.extremes(content.table["planned"]),
        "colors": {name: palette[color][0] for name, color in strategy_colors(names).items()},
        "palette": list(palette.values()),
        "marks": Marks.of(content),
    }
