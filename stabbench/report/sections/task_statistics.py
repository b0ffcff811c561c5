"""Table 2 for the loaded data, the paper's own figures beside it, and what preparing and planning saw in the texts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from stabbench.analysis.tasks import Comparison, TaskStatistics, beside_the_paper, task_statistics
from stabbench.analysis.texts import SeenSplit, TokenReading, seen_splits, token_readings, warnings
from stabbench.metrics.kinds import metric_name
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import listed, percent
from stabbench.report.section import MAKING, Section

_WHAT = {"train": "training examples", "dev": "dev examples", "majority": "best constant classifier"}


def section(content: Content) -> Section:
    """One row a task; a second table for the data sets that the paper has too."""
    found = task_statistics(content.selection.cells)
    compared = [row for statistics in found for row in beside_the_paper(statistics)]
    tables = [("The data as the runs had them; best constant classifier: × 100, on dev.", _table(found))]
    if compared:
        tables.append(("The paper's Table 2 beside it.", _comparison(compared)))
    cells = [item.cell for item in content.selection.cells]
    splits, readings, warned = seen_splits(cells), token_readings(cells), warnings(cells)
    if splits:
        tables.append(("What preparing the tasks saw; lengths: median, 95th percentile, longest.", _seen(splits)))
    if readings:
        tables.append(
            (
                "The texts as the models' tokenizers read them; lengths in tokens, as above, before any cut.",
                _read(readings),
            )
        )
    return Section(
        name="task-statistics",
        title="Task statistics",
        looks_for=(
            "Sizes, class shares and what the best constant classifier scores on dev in each metric (paper, table 2): "
            "it always says the label that scores highest there. A run that scores no more has failed."
        ),
        found=[_sentence(compared), *(f"Warning: {sentence}." for sentence in warned)],
        part=MAKING,
        tables=tables,
        data={"tasks": _data(found)},
        facts={"beside_the_paper": [vars(row) for row in compared], "warnings": warned},
    )


def _table(found: list[TaskStatistics]) -> Grid:
    rows = [
        [
            item.task,
            item.dataset,
            *(_count(item, split) for split in ("train", "dev")),
            "; ".join(_shares(item, split) for split in ("train", "dev") if split in item.label_shares) or "n/a",
            ", ".join(metric_name(name) for name in item.metrics),
            ", ".join(_constant(item, name) for name in item.metrics),
            item.content_hash,
        ]
        for item in found
    ]
    head = [
        "task",
        "data set",
        "train",
        "dev",
        "class shares (%)",
        "metrics (headline first)",
        "best constant",
        "SHA-256",
    ]
    return Grid(head, rows, words=True, hashed=7)


def _constant(item: TaskStatistics, metric: str) -> str:
    """The baseline in a metric and what the classifier says; where it scores nothing, so does any other."""
    score = item.majority[metric]
    return f"{metric_name(metric)} {percent(score)}" + (f" ({item.constants[metric]})" if score else "")


def _seen(splits: list[SeenSplit]) -> Grid:
    rows = [
        [
            item.task,
            item.split,
            f"{item.read:,}" + ("" if item.official is None else f" ({item.official:,})"),
            *(f"{item.figures[name]:,}" for name in ("quoted", "swallowed", "repeated", "conflicting")),
            "" if item.in_train is None else f"{item.in_train['examples']:,} ({item.in_train['other_label']:,})",
            *(_lengths(item.figures[name]) for name in ("words", "characters")),
            percent(item.figures["not_latin"]),
        ]
        for item in splits
    ]
    head = [
        "task", "split", "read (official)", "texts in quotation marks", "lost to a CSV reader", "repeated",
        "texts with several labels", "in train too (other label)", "words", "characters", "letters not Latin (%)",
    ]  # fmt: skip
    return Grid(head, rows, words=True, texts=2)


def _read(readings: list[TokenReading]) -> Grid:
    rows = [
        [
            item.model,
            item.task,
            f"{item.looked_at:,} of {item.examples:,}",
            percent(item.unknown_share),
            _lengths(item.lengths),
            str(item.max_length),
            percent(item.cut_share),
        ]
        for item in readings
    ]
    head = ["model", "task", "examples looked at", "unknown tokens (%)", "tokens", "max_length", "cut (%)"]
    return Grid(head, rows, words=True, texts=2)


def _lengths(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


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
