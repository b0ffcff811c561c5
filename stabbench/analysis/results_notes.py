"""What was taken for granted of somebody's table of scores, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from stabbench.analysis.frame import COLUMNS
from stabbench.analysis.results_columns import PLACE, Columns
from stabbench.analysis.results_scores import Scores
from stabbench.analysis.results_shape import OPTIONAL, REQUIRED, some

UNNAMED_METRIC = "score"


def on_scores(scores: Scores, runs: pd.DataFrame) -> list[str]:
    """Unit and direction, and what is not known of a metric by its name."""
    kinds = scores.kinds
    lower = [name for name, kind in kinds.items() if kind.lower]
    whole = [name for name, kind in kinds.items() if not kind.fraction]
    strange = [name for name, kind in kinds.items() if not kind.known and name != UNNAMED_METRIC]
    percent = scores.unit != 1
    read = f"read as {'per cent' if percent else 'fractions'}" if len(whole) < len(kinds) else "taken as they stand"
    better = "the lower the better" if len(lower) == len(kinds) else "the higher the better"
    notes = [f"Scores were {read}, {better}."]
    if lower and len(lower) < len(kinds):
        notes.append(f"Of {some(lower)} the lower is the better.")
    if whole and len(whole) < len(kinds):
        notes.append(f"Scores of {some(whole)} were taken as they stand.")
    if strange:
        notes.append(
            f"Which way is better is not known by the name of {some(strange)}: the higher was taken to be. If the "
            f"lower is: --lower-is-better {strange[0]} (lower_is_better=…)."
        )
    if percent and len(whole) < len(kinds) and runs["score"].abs().max() <= 0.01:
        notes.append("No score is above 1 per cent: if they are fractions, leave --percent (percent=True) out.")
    if scores.columns.decimal_commas:
        notes.append(f"In {some(scores.columns.decimal_commas)} the comma was read as the decimal point.")
    return notes


def on_failures(implied: Mapping[str, float], failed: int, missing: int, assumed: Collection[str]) -> list[str]:
    """What a metric's definition says of failed runs; how many runs without a score failed or are missing."""
    notes = [
        f"A constant prediction has a {name} of {value:g} by definition: a run that is no better failed."
        for name, value in implied.items()
    ]
    if failed:
        value = f", taken to be 0 on {some(sorted(assumed))} as of a correlation" if assumed else ""
        notes.append(
            f"{failed} {'run' if failed == 1 else 'runs'} without a score failed: each counts with what a constant "
            f"prediction scores{value}."
        )
    if missing:
        notes.append(f"{missing} {'run' if missing == 1 else 'runs'} without a score: planned, and not finished.")
    return notes


def on_predictions(shares: Mapping[str, float]) -> list[str]:
    """Where failed runs are known by the labels that predictions hold: `shares` is that of the most frequent one."""
    if not shares:
        return []
    found = some([f"{task} {share:.10g}" for task, share in shares.items()])
    return [f"The best constant classifier's accuracy was counted in the labels beside the predictions: {found}."]


def on_columns(columns: Columns, shape: Sequence[str]) -> list[str]:
    """Columns that are not there or were not used; `shape` is said of their names."""
    notes = list(shape)
    if "model" not in columns:
        notes.append("There is no column model: all runs were taken for those of one model.")
    unused = [
        str(name).strip() or "one without a name"
        for name in columns.table
        if name not in (*REQUIRED, *OPTIONAL, *COLUMNS, PLACE)
    ]
    if unused:
        notes.append(f"Columns that were not used: {some(unused)}.")
    return notes
