"""Figures as SVG and PNG: the same bytes every time, drawn by several processes, for files and for the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from stabbench.files import write_bytes
from stabbench.processes import Shared
from stabbench.report.figures.drawing import style
from stabbench.report.figures.palette import PAPER, themes
from stabbench.report.figures.passing import keep_links

DPI = 200
LONGEST, LONGEST_TICK = 60, 32
"""Characters of a line of a figure, and of one at a tick."""
COLOURS = 256
"""Of a PNG: a third of the bytes of one with all shades of the lines' edges, which look the same."""


@dataclass(frozen=True)
class Drawing:
    """A figure as SVG without a ground, and as a PNG file where one was wanted."""

    svg: str
    png: bytes | None


_DRAWN: WeakKeyDictionary[Figure, Drawing] = WeakKeyDictionary()
_IN_PIXELS: WeakSet[Figure] = WeakSet()
"""Figures that will be wanted as PNG, too, so that whoever asks for one as SVG first has it drawn once and for all."""


class Drawings:
    """Figures that processes draw while this one goes on; without any, `save` and `page_svg` draw them."""

    def __init__(self, executor: Executor | None) -> None:
        self._drawn: Shared[tuple[Figure, bool], Drawing] | None = None
        self._figures: list[Figure] = []
        if executor is not None:
            keep_links()
            self._drawn = Shared(executor, _draw_one)

    def begin(self, figure: Figure, *, pixels: bool) -> None:
        """Have a figure drawn, with `pixels` as PNG too: change it no more."""
        if pixels:
            _IN_PIXELS.add(figure)
        if self._drawn is not None:
            self._figures.append(figure)
            self._drawn.add((figure, pixels))

    def finish(self, progress: Callable[[int, int], None] = lambda drawn, figures: None) -> None:
        """Draw what nobody has begun with, and wait for the rest; `progress` is told how many of how many are drawn."""
        if not self._figures or self._drawn is None:
            return
        shared = self._drawn
        found = shared.finish(lambda: progress(shared.done, len(shared)))
        _DRAWN.update(zip(self._figures, found, strict=True))
        self._drawn, self._figures = None, []


def _draw_one(asked: tuple[Figure, bool]) -> Drawing:
    return _draw(*asked)


def _drawing(figure: Figure, *, pixels: bool) -> Drawing:
    """The figure, drawn once, for its files and for the page: change it before."""
    drawing = _DRAWN.get(figure)
    if drawing is None or (pixels and drawing.png is None):
        drawing = _DRAWN[figure] = _draw(figure, pixels or figure in _IN_PIXELS)
    return drawing


@style()
def _draw(figure: Figure, pixels: bool) -> Drawing:
    """Each canvas draws the figure once, where `savefig` would draw it twice; the layout is found for the SVG."""
    figure.set_facecolor("none")
    for axes in figure.axes:
        axes.patch.set_visible(False)
    _shorten(figure)
    svg, png = io.StringIO(), io.BytesIO()
    vectors: Any = FigureCanvasSVG(figure)
    vectors.print_svg(svg, metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")
    if pixels:
        figure.dpi = DPI
        figure.set_facecolor(PAPER)
        raster: Any = FigureCanvasAgg(figure)
        raster.draw()
        image = Image.frombuffer("RGBA", raster.get_width_height(), raster.buffer_rgba()).convert("RGB")
        few = image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(png, "png", dpi=(DPI, DPI))
    return Drawing(svg.getvalue(), png.getvalue() if pixels else None)


def _shorten(figure: Figure) -> None:
    """Cut ticks of more than `LONGEST_TICK` characters and lines of more than `LONGEST`: they leave axes no room."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [text.get_text() for text in axis.get_ticklabels()]
            short = [_shortened(label, LONGEST_TICK) for label in labels]
            if short != labels:
                axis.set_ticks(axis.get_ticklocs(), short)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if (short_text := _shortened(text.get_text(), LONGEST)) != text.get_text():
            text.set_text(short_text)


def _shortened(text: str, longest: int) -> str:
    """Each line of a text in so many characters at the most, cut in its middle, as names differ at their ends."""
    half = longest // 2
    lines = text.split("\n")
    return "\n".join(line if len(line) <= longest else f"{line[: half - 1]}…{line[-half:]}" for line in lines)


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`: the same figure gives the same bytes."""
    drawing = _drawing(figure, pixels=True)
    assert drawing.png is not None
    ground = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    text = drawing.svg.replace('<g id="figure_1">', f'{ground}\n <g id="figure_1">', 1)
    write_bytes(stem.with_name(f"{stem.name}.svg"), text.encode())
    write_bytes(stem.with_name(f"{stem.name}.png"), drawing.png)


def page_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element for the page: its width is the reader's, its colours follow light and dark.

    `name` keeps the ids of several figures apart; `description` is what a screen reader says, its first clause as the
    title. What an artist's gid (`drawing.of_strategy`) calls a strategy's is marked `data-strategy`.
    """
    text = _drawing(figure, pixels=False).svg
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    text = re.sub(r'\bid="strategy-(\d+)-\d+-\d+"', r'data-strategy="\1"', text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    for color, (variable, _, _) in themes().items():
        text = text.replace(f"{color};", f"var({variable});").replace(f'{color}"', f'var({variable})"')
    text = re.sub(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>', _opening(prefix, description), text, count=1)
    return re.sub(r"\n\s*", "\n", text).strip()


def _opening(prefix: str, description: str) -> str:
    short = re.split(r"(?<=\w)[.:;] ", description, maxsplit=1)[0].rstrip(".")
    title, details = (escape(text).replace("\\", r"\\") for text in (short, description))
    named = f'role="img" aria-labelledby="{prefix}-title" aria-describedby="{prefix}-description"'
    return (
        rf'<svg class="figure" viewBox="\1" {named}><title id="{prefix}-title">{title}</title>'
        f'<desc id="{prefix}-description">{details}</desc>'
    )
