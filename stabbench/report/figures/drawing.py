"""Making a matplotlib figure and saving it: as files with the same bytes every time, and for the page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from stabbench.files import write_bytes
from stabbench.report.figures.palette import GRID, INK, MUTED, PAPER, themes

PAGE_WIDTH = 7.2
"""Width of a figure file in inches: a page with its margins."""
COLUMN_WIDTH = 3.1
"""Width of a narrow one: a column, and a telephone."""
DPI = 200

_SHORT = 20  # letters of a label, of which two stand side by side in a column

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


def legend_above(figure: Figure, axes: Axes) -> None:
    """One legend for the whole of a narrow figure, above it, from what has a label in `axes`."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 2 if max(map(len, labels)) < _SHORT else 1
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=1.8, columnspacing=1.2)


def logarithmic(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, its ticks `10⁻³`, or `0.02` in a short range; to be called when all is drawn."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.yaxis if which == "y" else axes.xaxis
    low, high = sorted(axis.get_view_interval())
    between = [1, 2, 5] if high < 30 * low else [1, 3] if high < 1000 * low else [1]
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if len(between) > 1 else _power(value)))


def _power(value: float) -> str:
    return f"10{str(round(math.log10(value))).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`: the same figure gives the same bytes."""
    ground = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    text = drawn(figure).replace('<g id="figure_1">', f'{ground}\n <g id="figure_1">', 1)
    write_bytes(stem.with_name(f"{stem.name}.svg"), text.encode())
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None}, backend="agg", facecolor=PAPER)
    write_bytes(stem.with_name(f"{stem.name}.png"), content.getvalue())


_DRAWN: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()


def drawn(figure: Figure) -> str:
    """The figure as SVG without a ground. It is drawn once, for its file and for the page: change it before."""
    if figure not in _DRAWN:
        figure.set_facecolor("none")
        for axes in figure.axes:
            axes.patch.set_visible(False)
        content = io.StringIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None}, backend="svg")
        figure.set_layout_engine("none")  # the layout that was found holds: finding it again would take half the time
        _DRAWN[figure] = content.getvalue()
    return _DRAWN[figure]


def page_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element for the page: its width is the reader's, its colours follow light and dark.

    `name` keeps the ids of several figures apart; `description` is what a screen reader says, its first clause as the
    title. What an artist's gid (`of_strategy`) calls a strategy's is marked `data-strategy`.
    """
    text = drawn(figure)
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


def of_strategy(axes: Axes, artists: Iterable[Artist], place: int) -> None:
    """Mark artists in `axes` as those of the `place`-th strategy, so that the page can leave it out."""
    panel = cast(Figure, axes.figure).axes.index(axes)
    for number, artist in enumerate(artists):
        artist.set_gid(f"strategy-{place}-{panel}-{number}")
