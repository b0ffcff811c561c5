"""A badge of one cell: `stability: 25 seeds · std 1.6 · 0 failed`, as an SVG and as shields.io's endpoint takes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape

from stabbench.analysis.gate import GateCell
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.errors import UserError
from stabbench.report.gate import Source
from stabbench.report.numbers import counted, some
from stabbench.report.shown import Shown

LABEL = "stability"
FONT = 'font-family="Verdana, DejaVu Sans, Geneva, sans-serif" font-size="11"'
GREY, GREEN, YELLOW, RED = "#9f9f9f", "#3c8527", "#b58900", "#c0392b"
"""Nothing can be said; no run failed; some did; more than half did. White is read on each (WCAG's 3 to 1 or more for
bold text but grey's, which says nothing)."""
_NARROW, _WIDE = set("iljtf.,:;|!'()[]1 ·"), set("mwMW%@")


@dataclass(frozen=True)
class Badge:
    """What it says, and in which colour."""

    message: str
    color: str

    def endpoint(self) -> str:
        """The JSON that shields.io's endpoint badge reads."""
        said = {"schemaVersion": 1, "label": LABEL, "message": self.message, "color": self.color}
        return json.dumps(said, indent=2, ensure_ascii=False) + "\n"

    def svg(self) -> str:
        """The badge as an SVG file that asks nobody for anything, not even for a font."""
        left, right = (_width(text) + 10 for text in (LABEL, self.message))
        whole, said = left + right, escape(f"{LABEL}: {self.message}")
        texts = ((LABEL, left / 2, left - 10), (self.message, left + right / 2, right - 10))
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}">',
            f"<title>{said}</title>",
            f'<clipPath id="corners"><rect width="{whole}" height="20" rx="3"/></clipPath>',
            '<g clip-path="url(#corners)">',
            f'<rect width="{left}" height="20" fill="#3f4650"/>',
            f'<rect x="{left}" width="{right}" height="20" fill="{self.color}"/>',
            "</g>",
            f'<g fill="#fff" text-anchor="middle" {FONT}>',
            *(
                f'<text x="{middle:g}" y="14" textLength="{width}" lengthAdjust="spacingAndGlyphs">'
                f"{escape(text)}</text>"
                for text, middle, width in texts
            ),
            "</g>",
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def badge_of(source: Source, models: tuple[str, ...], tasks: tuple[str, ...], strategies: tuple[str, ...]) -> Badge:
    """The badge of the one cell with these names.

    UserError for an unknown name, where there are several such cells, and where none of its runs has finished.
    """
    places = source.chosen(models, tasks, strategies)
    if len(places) > 1:
        named = some([place.name for place in places], 5)
        raise UserError(
            f"found {len(places)} cells ({named}), expected one: choose it with --strategy, --task and --model"
        )
    cell = source.cells[places[0]]
    if not cell.n:
        raise UserError(f"{cell.place.name}: none of its {cell.planned} runs has finished: run `stabbench train` first")
    return Badge(_message(cell, source), _color(cell))


def _message(cell: GateCell, source: Source) -> str:
    seeds = counted(cell.n, "seed") if cell.n == cell.planned else f"{cell.n}/{cell.planned} seeds"
    shown = Shown.of(source.scoring, cell.metric, [cell.std], float(abs(cell.scores).max()))
    failed = "failed n/a" if cell.failed is None else f"{cell.failed} failed"
    return f"{seeds} · std {shown.text(cell.std)} · {failed}"


def _color(cell: GateCell) -> str:
    if cell.failed is None or cell.n < MINIMUM_SEEDS or cell.seedless is not None:
        return GREY
    return RED if cell.mostly_failed else YELLOW if cell.failed else GREEN


def _width(text: str) -> int:
    """About how wide a text is in 11 pixels' Verdana; `textLength` makes it exactly that."""
    return round(sum(4.3 if letter in _NARROW else 10 if letter in _WIDE else 7 for letter in text))
