"""What the records' provenance says: when, at which commit, on what and how fast runs were trained.

None of it is a result, and another training of the same runs changes it: a report has it only where it is asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import NOT_AVAILABLE, counted, listed


def times(content: Content, model: str) -> Grid:
    """Median seconds of a run by cell (updates, evaluations, all), and all runs' seconds over the successful runs."""
    rows = []
    for item in content.selection.cells:
        found = [record.provenance() for record in item.records.values()]
        if item.cell.model != model or not found:
            continue
        told = [each.get("seconds") or {} for each in found]
        seconds = {
            name: [float(each.get(name, math.nan)) for each in told] for name in ("training", "evaluation", "total")
        }
        successful = sum(record.status == "ok" for record in item.records.values())
        rows.append(
            [
                item.cell.task,
                item.cell.strategy,
                *(_seconds(float(np.median(values))) for values in seconds.values()),
                _seconds(sum(seconds["total"]) / successful) if successful else NOT_AVAILABLE,
                _each(found, "device"),
                _each(found, "threads"),
                _each(found, "stacked_seeds"),
            ]
        )
    head = ["task", "strategy", "updates (s)", "evaluations (s)", "run (s)", "per success (s)", "device", "threads"]
    return Grid([*head, "seeds side by side"], rows, texts=2)


def origin(content: Content) -> list[str]:
    """Sentences: which commits trained the runs, whether the working tree was clean, and between which moments."""
    found = [record.provenance() for item in content.selection.cells for record in item.records.values()]
    if not found:
        return []
    commits = Counter(
        f"{each.get('git_commit') or 'no commit'}{', changed' if each.get('git_dirty') else ''}" for each in found
    )
    created = sorted(str(each["created"]) for each in found if "created" in each)
    named = [f"{commit} ({counted(runs, 'run')})" for commit, runs in commits.most_common()]
    between = [f"Records were made between {created[0]} and {created[-1]}."] if created else []
    return [f"Trained at {listed(named)}.", *between]


def _seconds(value: float) -> str:
    if math.isnan(value):
        return NOT_AVAILABLE
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _each(found: list[dict[str, Any]], name: str) -> str:
    return ", ".join(sorted({str(each.get(name, NOT_AVAILABLE)) for each in found}))
