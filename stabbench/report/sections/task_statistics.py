"""Table 2 for the loaded data, the paper's own figures beside it, and what preparing and planning saw in the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        caption = "The texts as the models' tokenizers read them; lengths in tokens, as above, before any cut."
        tables.append((caption, _read(readings)))
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
    columns: dict[str, Callable[[TaskStatistics], str]] = {
        "task": lambda item: item.task,
        "data set": lambda item: item.dataset,
        "train": lambda item: _count(item, "train"),
        "dev": lambda item: _count(item, "dev"),
        "class shares (%)": lambda item: (
            "; ".join(_shares(item, split) for split in ("train", "dev") if split in item.label_shares) or "n/a"
        ),
        "metrics (headline first)": lambda item: ", ".join(metric_name(name) for name in item.metrics),
        "best constant": lambda item: ", ".join(_constant(item, name) for name in item.metrics),
        "SHA-256": lambda item: item.content_hash,
    }
    return Grid.of(found, columns, words=True, hashed=7)


def _constant(item: TaskStatistics, metric: str) -> str:
    """The baseline in a metric and what the classifier says; where it scores nothing, so does any other."""
    score = item.majority[metric]
    return f"{metric_name(metric)} {percent(score)}" + (f" ({item.constants[metric]})" if score else "")


def _seen(splits: list[SeenSplit]) -> Grid:
    columns: dict[str, Callable[[SeenSplit], str]] = {
        "task": lambda item: item.task,
        "split": lambda item: item.split,
        "read (official)": lambda item: f"{item.read:,}" + ("" if item.official is None else f" ({item.official:,})"),
        "texts in quotation marks": lambda item: f"{item.figures['quoted']:,}",
        "lost to a CSV reader": lambda item: f"{item.figures['swallowed']:,}",
        "repeated": lambda item: f"{item.figures['repeated']:,}",
        "texts with several labels": lambda item: f"{item.figures['conflicting']:,}",
        "in train too (other label)": lambda item: (
            "" if item.in_train is None else f"{item.in_train['examples']:,} ({item.in_train['other_label']:,})"
        ),
        "words": lambda item: _lengths(item.figures["words"]),
        "characters": lambda item: _lengths(item.figures["characters"]),
        "letters not Latin (%)": lambda item: percent(item.figures["not_latin"]),
    }
    return Grid.of(splits, columns, words=True, texts=2)


def _read(readings: list[TokenReading]) -> Grid:
    columns: dict[str, Callable[[TokenReading], str]] = {
        "model": lambda item: item.model,
        "task": lambda item: item.task,
        "examples looked at": lambda item: f"{item.looked_at:,} of {item.examples:,}",
        "unknown tokens (%)": lambda item: percent(item.unknown_share),
        "tokens": lambda item: _lengths(item.lengths),
        "max_length": lambda item: str(item.max_length),
        "cut (%)": lambda item: percent(item.cut_share),
    }
    return Grid.of(readings, columns, words=True, texts=2)


def _lengths(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def _count(item: TaskStatistics, split: str) -> str:
    return f"{item.counts[split]:,}" + (" (sample)" if split in item.samples else "")


def _shares(item: TaskStatistics, split: str) -> str:
    shares = zip(item.label_names, item.label_shares[split], strict=True)
    return f"{split}: " + ", ".join(f"{name} {percent(share)}" for name, share in shares)


def _comparison(compared: list[Comparison]) -> Grid:
    columns: dict[str, Callable[[Comparison], str]] = {
        "task": lambda row: row.task,
        "what": lambda row: _WHAT[row.what],
        "here": lambda row: f"{row.here:.3f}" if row.what == "majority" else f"{row.here:,.0f}",
        "paper": lambda row: f"{row.paper:.2f}" if row.what == "majority" else f"{row.paper:,.0f}",
        "why they differ": lambda row: row.why or "agrees",
    }
    return Grid.of(compared, columns, words=True)


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
