"""Making a matplotlib figure: its look, its size, its axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from stabbench.report.figures.palette import GRID, INK, MUTED

PAGE_WIDTH = 7.2
"""Width of a figure file in inches: a page with its margins."""
COLUMN_WIDTH = 3.1
"""Width of a narrow one: a column, and a telephone."""

_ROWS_WITHIN, _ROW = 3, 0.17  # rows of a legend that a narrow figure has room for; inches of each further one
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
    "text.parse_math": False,
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


def panels_of(figure: Figure, count: int, columns: int) -> list[Axes]:
    """`count` axes in rows of `columns`, the last row with as many as are left."""
    grid = [axes for row in axes_of(figure, -(-count // columns), columns) for axes in row]
    for unused in grid[count:]:
        unused.remove()
    return grid[:count]


def legend_above(figure: Figure, axes: Axes) -> None:
    """One legend for the whole of a narrow figure, above it, from what has a label in `axes`.

    Beyond a few rows the figure grows by its legend, which would leave nothing of the axes.
    """
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 2 if max(map(len, labels)) < _SHORT else 1
        beyond = max(0, -(-len(labels) // columns) - _ROWS_WITHIN)
        figure.set_figheight(figure.get_figheight() + beyond * _ROW)
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=1.8, columnspacing=1.2)


def logarithmic(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, its ticks `10⁻³`, or `0.02` in a short range; to be called when all is drawn."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.yaxis if which == "y" else axes.xaxis
    low, high = sorted(axis.get_view_interval())
    between = [1, 2, 5] if high < 30 * low else [1, 3] if high < 1000 * low else [1]
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_plain if len(between) > 1 else _power))


def _plain(value: float, position: int | None) -> str:
    return f"{value:g}"


def _power(value: float, position: int | None) -> str:
    return f"10{str(round(math.log10(value))).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def of_strategy(axes: Axes, artists: Iterable[Artist], place: int) -> None:
    """Mark artists in `axes` as those of the `place`-th strategy, so that the page can leave it out."""
    panel = cast(Figure, axes.figure).axes.index(axes)
    for number, artist in enumerate(artists):
        artist.set_gid(f"strategy-{place}-{panel}-{number}")
