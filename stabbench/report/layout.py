"""The layout of the paper's Table 1: rows are strategies, each task has std, mean, max and failed runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from stabbench.analysis.place import Place
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.report import staged
from stabbench.report.content import Content
from stabbench.report.findings import left_out, untestable
from stabbench.report.numbers import counted, exponent, extremes, interval, listed, of_runs, p_equation, share
from stabbench.report.reported import reported_weights
from stabbench.report.shown import Shown, unit_words

TASKS_A_BLOCK = 3
STAR = "⋆"
MEASURES = ("std", "mean", "max")


@dataclass(frozen=True)
class Entry:
    """One cell of the plan as the table prints it."""

    task: str
    text: dict[str, str]
    """std, mean and max (min where lower is better), × 100 with one decimal; losses as they stand."""
    bold: dict[str, bool]
    star: bool
    failed: str
    """`3/25`, `n/a` where nobody knows; and how many of the planned runs there are where some are missing."""
    interval: str
    """The share of failed runs with its interval, in words."""
    note: str
    """What the star or its absence rests on, in words; empty where the cell was not tested."""


@dataclass(frozen=True)
class Row:
    """One strategy."""

    strategy: str
    reference: str
    entries: tuple[Entry | None, ...]
    """One a task of the block; None where the plan has no such cell."""


@dataclass(frozen=True)
class Block:
    """The part of the table for one model and at most `TASKS_A_BLOCK` tasks."""

    model: str
    number: int
    """Counts the blocks of a model from 1."""
    tasks: tuple[tuple[str, str], ...]
    """(task, what its metric is called)."""
    measures: Mapping[str, Sequence[str]]
    """What the columns of each task are called before `failed`."""
    rows: tuple[Row, ...]
    caption: str


@lru_cache(maxsize=1)  # the page and two tables ask for it
def blocks(content: Content) -> list[Block]:
    """The stability table in blocks, models in the plan's order."""
    found = []
    for model in content.models:
        tasks = content.tasks(model)
        for number, start in enumerate(range(0, len(tasks), TASKS_A_BLOCK), start=1):
            found.append(_block(content, model, tasks[start : start + TASKS_A_BLOCK], number))
    return found


def _block(content: Content, model: str, tasks: list[str], number: int) -> Block:
    table = content.table
    part = table[(table["model"] == model) & table["task"].isin(tasks)]
    references = {item.cell.strategy: item.cell.reference for item in content.selection.cells}
    rows = []
    for strategy in content.strategies:
        mine = {str(row["task"]): row for _, row in part[part["strategy"] == strategy].iterrows()}
        if mine:
            entries = tuple(_entry(content, mine[task]) if task in mine else None for task in tasks)
            rows.append(Row(strategy, references.get(strategy, ""), entries))
    shown = {task: content.shown_at(Place(model, task)) for task in tasks}
    heads = tuple((task, item.name) for task, item in shown.items())
    measures = {task: (*MEASURES[:2], item.best) for task, item in shown.items()}
    return Block(model, number, heads, measures, tuple(rows), _caption(content, model, part))


def _entry(content: Content, row: pd.Series) -> Entry:
    shown = content.shown(row)
    columns = {name: shown.best if name == "max" else name for name in MEASURES}
    n, planned = int(row["n"]), int(row["planned"])
    failed = of_runs(row["failed"], n)
    return Entry(
        task=str(row["task"]),
        text={name: shown.text(float(row[column])) for name, column in columns.items()},
        bold={name: bool(row[f"best_{name}"]) for name in MEASURES},
        star=bool(row["star"]),
        failed=failed if n == planned else f"{failed} (n = {n}/{planned})",
        interval=_interval(row),
        note=_note(content, row),
    )


def _interval(row: pd.Series) -> str:
    if not row["n"]:
        return "no run has finished"
    if pd.isna(row["failed"]):
        return "nobody says which runs failed"
    return f"{share(row['failed'] / row['n'])} failed, 95 % interval {interval(row['failed_low'], row['failed_high'])}"


def _note(content: Content, row: pd.Series) -> str:
    reason = left_out(content, row)
    if reason:
        return f"{row['strategy']} {reason}, so it is neither best nor second smallest" if row["n"] else ""
    if row["best_std"] and (untested := untestable(content, row)):
        return f"{row['strategy']} has the smallest std, which cannot be tested: {untested}"
    looks = content.looks.get(Place(str(row["model"]), str(row["task"])))
    if looks is not None and row["rival"]:
        return f"{row['strategy']} against {row['rival']}: {staged.verdict(looks, row)}"
    if row["rival"]:
        return (
            f"{row['strategy']} against {row['rival']}: Levene median-centred {p_equation(row['p_levene_median'])}, "
            f"mean-centred {p_equation(row['p_levene_mean'])}, permutation {p_equation(row['p_permutation'])}"
        )
    if row["mostly_failed"]:
        return f"{row['failed']} of {row['n']} runs of {row['strategy']} failed, so its std is never the best"
    return ""


def _caption(content: Content, model: str, part: pd.DataFrame) -> str:
    pieces = [
        f"Standard deviation, mean and {_best(content, part)} of the {content.origin.score} when fine-tuning {model} "
        f"over {extremes(part['planned'])} random seeds a cell.",
        learning_rates(content, model),
        reported_weights(content, model),
        "std: ddof 1, lower is more stable; bold: best of the task, where there are two to compare. A cell more than "
        "half of whose runs failed never has the best std, as failing more often lowers it there; one all of whose "
        "runs failed, or whose scores are all the same, is never best.",
        f"failed: runs {content.origin.failed}, of n runs." if content.origin.failed else "",
        f"{star_words(content)}.",
    ]
    missing = int((part["planned"] - part["n"]).sum())
    if missing:
        pieces.append(f"Incomplete: {counted(missing, 'run')} without a record.")
    return " ".join(piece for piece in pieces if piece)


def star_words(content: Content) -> str:
    """The star and what it says."""
    pieces = []
    if len(content.looks) < len(content.places):
        pieces.append(
            f"p < {content.alpha:g} against the second smallest std, {content.test_name}; no star under "
            f"{MINIMUM_SEEDS} seeds"
        )
    if content.looks:
        where = "where seeds were trained by stages " if pieces else ""
        pieces.append(where + staged.star_words([found.decisions.design for found in content.looks.values()]))
    return f"{STAR}: {'; '.join(pieces)}"


def _best(content: Content, part: pd.DataFrame) -> str:
    """What the third column holds, and in which unit the numbers are."""
    shown = [Shown.of(content.scoring, metric) for metric in dict.fromkeys(map(str, part["metric"]))]
    lower = [item for item in shown if item.kind.lower]
    best = "maximum"
    if lower:
        best = "minimum" if len(lower) == len(shown) else "maximum (minimum where lower is better)"
    return f"{best} ({unit_words(shown)})" if any(item.kind.fraction for item in shown) else best


def learning_rates(content: Content, model: str) -> str:
    """`Learning rate: 2e-5.`, or each strategy's own where they differ; empty where none is known."""
    rates: dict[str, set[float]] = {}
    unknown: dict[str, None] = {}
    for item in content.selection.cells:
        if item.cell.model == model and (rate := item.cell.spec.recipe.get("learning_rate")) is not None:
            rates.setdefault(item.cell.strategy, set()).add(float(rate))
        elif item.cell.model == model:
            unknown[item.cell.strategy] = None
    if not rates:
        return ""
    if not unknown and len(set.union(*rates.values())) == 1:
        return f"Learning rate: {exponent(next(iter(set.union(*rates.values()))))} for all strategies."
    named = (
        f"{name} {' or '.join(exponent(rate) for rate in sorted(values))}{' or not known' if name in unknown else ''}"
        for name, values in rates.items()
    )
    others = [name for name in unknown if name not in rates]
    rest = f"; not known of {listed(others)}" if others else ""
    return f"Learning rates: {', '.join(named)}{rest}."
