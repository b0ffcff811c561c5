"""Table 2 for the loaded data, the paper's own figures beside it, and what preparing and planning saw in the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from stabbench import metrics
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.tasks import Comparison, beside_the_paper, is_sample, readings_of, tasks_of, warnings
from stabbench.metrics import METRICS
from stabbench.plan import Cell
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import NOT_AVAILABLE, listed, percent
from stabbench.report.section import MAKING, Section
from stabbench.report.shown import Shown, unit_words
from stabbench.task_facts import SeenInTexts, TaskFacts

Tasks = Sequence[tuple[str, TaskFacts]]
_RANGE = ("smallest", "mean", "std", "largest")
"""What `TaskFacts.label_ranges` holds."""
_WHAT = {"train": "training examples", "dev": "dev examples", "majority": "best constant classifier"}


def section(content: Content) -> Section:
    """One row a task; a second table for the data sets that the paper has too."""
    cells = [item.cell for item in content.selection.cells]
    found = tasks_of(cells)
    classes = not any(facts.label_ranges for _, facts in found)
    compared = [row for task, facts in found for row in beside_the_paper(task, facts)]
    units = unit_words([Shown.of(content.scoring, metric) for _, facts in found for metric in facts.metrics])
    tables = [(f"The data as the runs had them; {content.constant}: {units}, on dev.", _table(found, content.scoring))]
    if compared:
        tables.append(("The paper's Table 2 beside it.", _comparison(compared)))
    seen = [(task, facts.seen) for task, facts in found if facts.seen is not None]
    readings, warned = readings_of(cells), warnings(cells)
    if seen:
        tables.append(("What preparing the tasks saw; lengths: median, 95th percentile, longest.", _seen(seen)))
    if readings:
        caption = "The texts as the models' tokenizers read them; lengths in tokens, as above, before any cut."
        tables.append((caption, _read(readings)))
    return Section(
        name="task-statistics",
        title="Task statistics",
        looks_for=(
            f"Sizes, {_distributions(found)} and what the {content.constant} scores on dev in each metric (paper, "
            f"table 2): it always says {'the label that scores highest' if classes else 'what scores best'} there. A "
            f"run that scores no {'more' if classes else 'better'} has failed."
        ),
        found=[_sentence(compared), *(f"Warning: {sentence}." for sentence in warned)],
        part=MAKING,
        tables=tables,
        data={"tasks": _data(found)},
        facts={"beside_the_paper": [vars(row) for row in compared], "warnings": warned},
    )


def _distributions(found: Tasks) -> str:
    """What the tasks' labels are described by."""
    kinds = {bool(facts.label_ranges) for _, facts in found}
    return " and ".join(text for kind, text in ((False, "class shares"), (True, "ranges of labels")) if kind in kinds)


def _table(found: Tasks, scoring: Scoring) -> Grid:
    rows = [
        [
            task,
            facts.dataset,
            *(_count(facts, split) for split in ("train", "dev")),
            "; ".join(filter(None, (_labels(facts, split) for split in ("train", "dev")))) or NOT_AVAILABLE,
            ", ".join(scoring.name(name) for name in facts.metrics),
            ", ".join(_constant(facts, Shown.of(scoring, name)) for name in facts.metrics),
            facts.content_hash,
        ]
        for task, facts in found
    ]
    labels = [
        *(["class shares (%)"] if any(facts.label_names for _, facts in found) else []),
        *([f"labels: {', '.join(_RANGE)}"] if any(facts.label_ranges for _, facts in found) else []),
    ]
    head = [
        *("task", "data set", "train", "dev", "; ".join(labels), "metrics (headline first)", "best constant"),
        "SHA-256",
    ]
    return Grid(head, rows, words=True, hashed=7)


def _constant(facts: TaskFacts, shown: Shown) -> str:
    """The baseline in a metric and what the constant is; where it scores nothing, so does any other."""
    score = facts.constant.scores.get(shown.metric)
    if score is None:
        return f"{shown.name} {NOT_AVAILABLE}"
    if shown.metric not in facts.constant.labels:
        return f"{shown.name} {shown.text(score)}"
    label = facts.label(facts.constant.labels[shown.metric])
    if METRICS.has(shown.metric) and metrics.find(shown.metric).takes == "probabilities":
        label = "the labels' shares"
    return f"{shown.name} {shown.text(score)}" + (f" ({label})" if score else "")


def _seen(found: Sequence[tuple[str, SeenInTexts]]) -> Grid:
    rows = []
    for task, seen in found:
        for split, figures in ((split, seen.splits[split]) for split in ("train", "dev")):
            official = (seen.official or {}).get(split)
            in_train = f"{seen.dev_in_train['examples']:,} ({seen.dev_in_train['other_label']:,})"
            rows.append(
                [
                    task,
                    split,
                    f"{seen.read[split]:,}" + ("" if official is None else f" ({official:,})"),
                    *(f"{figures[name]:,}" for name in ("quoted", "swallowed", "repeated", "conflicting")),
                    in_train if split == "dev" else "",
                    *(_lengths(figures[name]) for name in ("words", "characters")),
                    percent(figures["not_latin"]),
                ]
            )
    head = [
        "task", "split", "read (official)", "texts in quotation marks", "lost to a CSV reader", "repeated",
        "texts with several labels", "in train too (other label)", "words", "characters", "letters not Latin (%)",
    ]  # fmt: skip
    return Grid(head, rows, words=True, texts=2)


def _read(readings: Sequence[Cell]) -> Grid:
    rows = [
        [
            cell.model,
            cell.task,
            f"{cell.tokens['looked_at']:,} of {cell.tokens['examples']:,}",
            percent(cell.tokens["unknown_share"]),
            _lengths(cell.tokens["lengths"]),
            str(cell.tokens["max_length"]),
            percent(cell.tokens["cut_share"]),
        ]
        for cell in readings
    ]
    head = ["model", "task", "examples looked at", "unknown tokens (%)", "tokens", "max_length", "cut (%)"]
    return Grid(head, rows, words=True, texts=2)


def _lengths(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def _count(facts: TaskFacts, split: str) -> str:
    count = facts.counts.get(split)
    return f"{count:,}{' (sample)' if is_sample(facts, split) else ''}" if count else NOT_AVAILABLE


def _labels(facts: TaskFacts, split: str) -> str:
    if split not in facts.label_shares or not (facts.label_names or facts.label_ranges):
        return ""
    if facts.label_ranges:
        return f"{split}: " + ", ".join(f"{value:.4g}" for value in facts.label_ranges[split])
    shares = zip(facts.label_names, facts.label_shares[split], strict=True)
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


def _data(found: Tasks) -> pd.DataFrame:
    rows = []
    for task, facts in found:
        row: dict[str, object] = {"task": task, "dataset": facts.dataset}
        for split in ("train", "dev"):
            row[split] = facts.counts.get(split) or pd.NA
            for name, share in zip(facts.label_names, facts.label_shares.get(split, ()), strict=False):
                row[f"{split}_share_{name}"] = share
            for name, value in zip(_RANGE, (facts.label_ranges or {}).get(split, ()), strict=False):
                row[f"{split}_{name}"] = value
        row |= {f"majority_{name}": score for name, score in facts.constant.scores.items()}
        rows.append({**row, "metrics": listed(list(facts.metrics)), "content_hash": facts.content_hash})
    return pd.DataFrame(rows)
