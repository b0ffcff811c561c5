"""Colours: one a strategy, the same everywhere, for light and dark, told apart by colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib as mpl
from matplotlib.colors import to_hex

INK, MUTED, GRID = "#1f2328", "#656d77", "#d8dde3"
PAPER = "#ffffff"
"""The ground of figure files; on the page figures have none."""

MARK, MARK_EDGE = "#ffffff", "#101214"
"""A mark on a filled surface: the same on light and dark, since it never stands on the page itself."""

STRATEGIES = (
    ("#0067a3", "#56a8e0"),
    ("#c58400", "#f2b63c"),
    ("#cb73a4", "#dd93bb"),
    ("#009a70", "#2cc498"),
    ("#b33c00", "#f28340"),
    ("#3d9bd3", "#8bcdf3"),
    ("#7a1a4c", "#c4649a"),
    ("#7d7a2c", "#c2c25a"),
)
"""(on light, on dark): Okabe and Ito's colours without yellow and black, then two of Paul Tol's, those on light
darkened until each has a contrast of 3 to 1 with the page."""

SHADES = 25
"""Different colours that `depth_color` has."""

Color = str


def strategy_colors(strategies: Sequence[str]) -> Mapping[str, Color]:
    """A colour a strategy by its place in their order; from the ninth on they repeat (names stand beside them)."""
    return {name: STRATEGIES[index % len(STRATEGIES)][0] for index, name in enumerate(strategies)}


def depth_color(place: int, count: int) -> Color:
    """The colour of the `place`-th of `count` layers, from dark (lowest) to light (highest)."""
    return _depth_pair(round(place / max(1, count - 1) * (SHADES - 1)))[0]


def _depth_pair(index: int) -> tuple[Color, Color]:
    fraction = index / (SHADES - 1)
    viridis = mpl.colormaps["viridis"]
    return to_hex(viridis(0.85 * fraction)), to_hex(viridis(0.3 + 0.7 * fraction))


@cache
def themes() -> Mapping[Color, tuple[str, Color, Color]]:
    """Every colour that figures use: its name as a CSS variable, on light, on dark."""
    named = {
        INK: ("--figure-ink", INK, "#e6e9ed"),
        MUTED: ("--figure-muted", MUTED, "#9aa4af"),
        GRID: ("--figure-grid", GRID, "#353c44"),
        MARK: ("--figure-mark", MARK, MARK),
        MARK_EDGE: ("--figure-mark-edge", MARK_EDGE, MARK_EDGE),
    }
    for index, (light, dark) in enumerate(STRATEGIES):
        named[light] = (f"--strategy-{index}", light, dark)
    for index in range(SHADES):
        light, dark = _depth_pair(index)
        named[light] = (f"--depth-{index}", light, dark)
    return named
