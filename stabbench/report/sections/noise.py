"""How much of each spread is the noise of the dev set, and which strategies differ beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stabbench.analysis.noise import CONFIDENCE, WANTED_SHARE, Noise
from stabbench.analysis.noise_frame import SEED, cells_frame
from stabbench.analysis.noise_pairs import CALIBRATED_RUNS, PERMUTATIONS, permutations_of
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.grid import LISTED, Grid, cell_columns
from stabbench.report.numbers import NOT_AVAILABLE, p_value, share, some
from stabbench.report.per_example import per_example
from stabbench.report.section import RESULTS, Section

NAMED = 5
"""Cells of a kind that a sentence names."""


def section(content: Content) -> Section:
    """A table of cells, and one of pairs."""
    known = per_example(content)
    found, pairs = known.noise, known.noise_pairs
    cells = cells_frame(found, {cell: known.metric_of(cell) for cell in found})
    several = len(content.models) > 1
    sentences = [_sentence(content, place) for place in content.traced]
    silent = [cell.name for cell in known.outcomes if cell not in known.contributions]
    if silent:
        sentences.append(
            f"{NOT_AVAILABLE} where predictions do not say how the scores came about (another metric than those that "
            f"stabbench computes, or other examples): {some(silent, NAMED)}."
        )
    tables = [
        (
            "The spread over seeds as seen, what a dev set of this size would make of runs that are all equally good "
            f"(floor), and the spread beyond it with a {CONFIDENCE:.0%} interval ({content.units}).".replace("%", " %"),
            _cells(content, found, several=several),
        )
    ]
    if len(pairs):
        caption = (
            "Is the spread beyond the floor equal? Studentised permutations of runs "
            f"({_how_many(len(pairs))}), two-sided, and adjusted after Holm. No star hangs on it: with fewer than "
            f"{CALIBRATED_RUNS} runs of each it rejects somewhat too often."
        )
        shown = pairs
        if len(pairs) > LISTED:
            shown = pairs.nsmallest(LISTED, "p_beyond")
            caption += f" Those {LISTED} of {len(pairs):,} pairs that have the smallest p."
        tables.append((caption, _pairs(content, shown, several=several)))
    return Section(
        name="noise",
        title="Beyond the noise of the dev set",
        looks_for=(
            "A standard deviation over seeds holds the noise of a finite dev set: runs that are equally good on "
            "endless examples still differ on these. Of the variance V over seeds of a score over n examples v̄/n is "
            "that floor, with v̄ the mean over examples of the variance over runs of what an example contributes; "
            "(nV − v̄)/(n − 1) is beyond it, and estimates the variance that the runs would have on endless examples "
            "of this kind (docs/noise.md). Where the floor is most of what is seen, the table of standard deviations "
            "says little about the strategy."
        ),
        found=[sentence for sentence in sentences if sentence],
        part=RESULTS,
        tables=tables if found else [],
        data={"noise": cells, "noise-pairs": pairs},
        facts={"permutations": PERMUTATIONS, "seed": SEED, "confidence": CONFIDENCE, "wanted_share": WANTED_SHARE},
    )


def _how_many(pairs: int) -> str:
    most = permutations_of(pairs)
    return f"{PERMUTATIONS:,}" + (f", {most:,} where p is small" if most > PERMUTATIONS else "")


def _sentence(content: Content, place: Place) -> str:
    here = {cell: item for cell, item in per_example(content).noise.items() if cell.whole == place}
    if not here:
        return f"{content.heading(place)}: no cell has two runs with predictions that give their scores."
    told = [_told(content, cell, item) for cell, item in here.items() if item.distinguishable]
    rest = [_not_told(content, cell, item) for cell, item in here.items() if not item.distinguishable]
    parts = []
    if told:
        parts.append(f"beyond the floor spread {some(told, NAMED)}")
    if rest:
        parts.append(f"not distinguishable from 0 beyond it: {some(rest, NAMED)}")
    return f"{content.heading(place)}: {'; '.join(parts)}."


def _told(content: Content, cell: Place, item: Noise) -> str:
    return f"{cell.strategy} by {content.shown_at(cell.whole).text(item.beyond_std)} (floor {share(item.share)} of V)"


def _not_told(content: Content, cell: Place, item: Noise) -> str:
    if item.variance == 0:
        return f"{cell.strategy} (all scores are the same)"
    return f"{cell.strategy} (at most {content.shown_at(cell.whole).text(item.interval[1])})"


def _cells(content: Content, found: Mapping[Place, Noise], *, several: bool) -> Grid:
    def text(row: Mapping[str, Any], value: float) -> str:
        return content.shown_at(row["place"].whole).text(value)

    def beyond(row: Mapping[str, Any]) -> str:
        low, high = row["item"].interval
        return f"{text(row, row['item'].beyond_std)} [{text(row, low)}, {text(row, high)}]"

    columns = {
        **cell_columns(several=several),
        "runs": lambda row: str(row["item"].runs),
        "dev examples": lambda row: f"{row['item'].examples:,}",
        "std seen": lambda row: text(row, row["item"].std),
        "floor": lambda row: text(row, row["item"].floor_std),
        "floor's share of the variance": lambda row: share(row["item"].share),
        "std beyond the floor": beyond,
        "told from 0": lambda row: "yes" if row["item"].distinguishable else "no",
    }
    rows = [{**cell._asdict(), "place": cell, "item": item} for cell, item in found.items()]
    return Grid.of(rows, columns, texts=2)


def _pairs(content: Content, pairs: pd.DataFrame, *, several: bool) -> Grid:
    def text(row: Mapping[Any, Any], name: str) -> str:
        return content.shown(row).text(float(row[name]))

    columns = {
        "task": cell_columns(several=several)["task"],
        "strategies": lambda row: f"{row['strategy_a']}, {row['strategy_b']}",
        "std beyond the floor": lambda row: f"{text(row, 'beyond_a')}, {text(row, 'beyond_b')}",
        "p": lambda row: p_value(float(row["p_beyond"])),
        "after Holm": lambda row: p_value(float(row["p_beyond_holm"])),
    }
    rows: Sequence[Any] = pairs.to_dict("records")
    return Grid.of(rows, columns, texts=2)
