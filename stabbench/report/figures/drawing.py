"""Making a matplotlib figure and saving it: as files with the same bytes every time, and for the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.files import write_bytes
from stabbench.report.figures.palette import GRID, INK, MUTED, themes

PAGE_WIDTH = 7.2
"""Width of a figure file in inches: a page with its margins."""
DPI = 200

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "stabbench",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, _STYLE))
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches that lays itself out and belongs to no window."""
    return Figure(figsize=(width, height), layout="constrained")


def axes_of(figure: Figure, rows: int, columns: int, **options: Any) -> list[list[Axes]]:
    """A grid of axes, always as rows of columns."""
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    return [list(row) for row in grid]


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`: the same figure gives the same bytes."""
    write_bytes(stem.with_name(f"{stem.name}.svg"), _svg(figure, transparent=False).encode())
    figure.set_layout_engine("none")  # the SVG's layout holds; finding it again would take half of the time
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None}, backend="agg")
    write_bytes(stem.with_name(f"{stem.name}.png"), content.getvalue())


def page_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element for the page: its width is the reader's, its colours follow light and dark.

    `name` keeps the ids of several figures apart; `description` is what a screen reader says.
    """
    text = _svg(figure, transparent=True)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    for color, (variable, _, _) in themes().items():
        text = text.replace(f"{color};", f"var({variable});").replace(f'{color}"', f'var({variable})"')
    text = re.sub(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>', _opening(prefix, description), text, count=1)
    return re.sub(r"\n\s*", "\n", text).strip()


def _opening(prefix: str, description: str) -> str:
    title = escape(description).replace("\\", r"\\")
    named = f'role="img" aria-labelledby="{prefix}-title"'
    return rf'<svg class="figure" viewBox="\1" {named}><title id="{prefix}-title">{title}</title>'


def _svg(figure: Figure, *, transparent: bool) -> str:
    face = figure.get_facecolor()
    visible = [axes.patch.get_visible() for axes in figure.axes]
    if transparent:
        figure.set_facecolor("none")
        for axes in figure.axes:
            axes.patch.set_visible(False)
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None}, backend="svg")
    figure.set_facecolor(face)
    for axes, was in zip(figure.axes, visible, strict=True):
        axes.patch.set_visible(was)
    return content.getvalue()
