"""Table 2: counts, class shares and majority baselines of the loaded data, the paper's own figures beside them."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.tasks import Comparison, TaskStatistics, beside_the_paper, task_statistics
from stabbench.report.content import Content
from stabbench.report.making import Grid
from stabbench.report.numbers import listed, metric_name, percent
from stabbench.report.section import MAKING, Section

_WHAT = {"train": "training examples", "dev": "dev examples", "majority": "majority classifier"}


def section(content: Content) -> Section:
    """One row a task; a second table for the data sets that the paper has too."""
    found = task_statistics(content.selection.cells)
    compared = [row for statistics in found for row in beside_the_paper(statistics)]
    tables = [("The data as the runs had them; majority classifier: × 100, on dev.", _table(found))]
    if compared:
        tables.append(("The paper's Table 2 beside it.", _comparison(compared)))
    return Section(
        name="task-statistics",
        title="Task statistics",
        looks_for=(
            "Sizes, class shares and what always predicting dev's most frequent label scores in each metric "
            "(paper, table 2). A run that scores no more has failed."
        ),
        found=[_sentence(compared)],
        part=MAKING,
        tables=tables,
        data={"tasks": _data(found)},
        facts={"beside_the_paper": [vars(row) for row in compared]},
    )


def _table(found: list[TaskStatistics]) -> Grid:
    rows = [
        [
            item.task,
            item.dataset,
            *(_count(item, split) for split in ("train", "dev")),
            "; ".join(_shares(item, split) for split in ("train", "dev") if split in item.label_shares) or "n/a",
            ", ".join(metric_name(name) for name in item.metrics),
            ", ".join(f"{metric_name(name)} {percent(item.majority[name])}" for name in item.metrics)
            + f" ({item.majority_label})",
            item.content_hash,
        ]
        for item in found
    ]
    head = ["task", "data set", "train", "dev", "class shares (%)", "metrics (headline first)", "majority", "SHA-256"]
    return Grid(head, rows, words=True, hashed=7)


def _count(item: TaskStatistics, split: str) -> str:
    return f"{item.counts[split]:,}" + (" (sample)" if split in item.samples else "")


def _shares(item: TaskStatistics, split: str) -> str:
    shares = zip(item.label_names, item.label_shares[split], strict=True)
    return f"{split}: " + ", ".join(f"{name} {percent(share)}" for name, share in shares)


def _comparison(compared: list[Comparison]) -> Grid:
    rows = []
    for row in compared:
        here, paper = (
            (f"{row.here:.3f}", f"{row.paper:.2f}")
            if row.what == "majority"
            else (f"{row.here:,.0f}", f"{row.paper:,.0f}")
        )
        rows.append([row.task, _WHAT[row.what], here, paper, row.why or "agrees"])
    return Grid(["task", "what", "here", "paper", "why they differ"], rows, words=True)


def _sentence(compared: list[Comparison]) -> str:
    if not compared:
        return "None of the tasks is one of the paper's."
    differing = [row for row in compared if not row.agrees]
    text = f"{len(compared) - len(differing)} of {len(compared)} numbers are those of the paper's Table 2"
    if not differing:
        return f"{text}."
    reasons = [f"{row.task}, {_WHAT[row.what]}: {row.why}" for row in differing]
    return f"{text}; the others differ ({'; '.join(reasons)})."


def _data(found: list[TaskStatistics]) -> pd.DataFrame:
    rows = []
    for item in found:
        row: dict[str, object] = {"task": item.task, "dataset": item.dataset}
        for split in ("train", "dev"):
            row[split] = item.counts[split]
            for name, share in zip(item.label_names, item.label_shares.get(split, ()), strict=False):
                row[f"{split}_share_{name}"] = share
        row |= {f"majority_{name}": score for name, score in item.majority.items()}
        rows.append({**row, "metrics": listed(list(item.metrics)), "content_hash": item.content_hash})
    return pd.DataFrame(rows)
