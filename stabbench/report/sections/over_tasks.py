"""One answer over the tasks of a model: pooled ratios of standard deviations, tied strategies, and the level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stabbench.analysis.equivalence import DESCRIPTIVE, LEVEL
from stabbench.analysis.over_tasks import FEWEST_TASKS
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import NOT_AVAILABLE, counted, p_value, percent, score_text, some
from stabbench.report.over_tasks import OverTasks, claims, left_out, models_of, pooled, ratio
from stabbench.report.section import RESULTS, Section

LISTED = 300
"""Pairs that the page shows; pairs.csv has all."""
_NAMED = 4


def section(content: Content) -> Section | None:
    """A row a strategy and a row a pair of each model with two tasks at least; None without such a model."""
    found = pooled(content)
    if found is None:
        return None
    low, high = content.equivalence
    return Section(
        name="over-tasks",
        title="Over tasks",
        looks_for=(
            "How a strategy's std compares with another's over all tasks: the ratio, pooled by its logarithm with "
            "random effects (Paule-Mandel, Knapp-Hartung), its 95 % interval, and the interval in which the ratio that "
            "a new task shows with as many seeds is expected. Ratios from "
            f"{low:g} to {high:g} are declared to make no difference; a verdict (steadier, equivalent, less steady) "
            "stands where the interval lies within one part of that scale, else it is unknown. Under "
            f"{FEWEST_TASKS} tasks everything is descriptive. What it is worth: docs/over-tasks.md."
        ),
        found=[text for model in models_of(found) for text in _found(content, found, model)],
        part=RESULTS,
        tables=grids(content, found),
        data={"strategies": found.strategies, "pairs": found.pairs},
        facts={
            "equivalence": list(content.equivalence),
            "fewest_tasks": FEWEST_TASKS,
            "left_out": [_cell(row) for row in _left_out(content, found).to_dict("records")],
        },
    )


def grids(content: Content, found: OverTasks, most: int = LISTED) -> list[tuple[str, Grid]]:
    """(caption, table) of the strategies and of the pairs, of which the first `most` are shown."""
    several = len(models_of(found)) > 1
    shown = found.pairs.head(most).to_dict("records")
    rest = f" The first {most:,} of {len(found.pairs):,} pairs." if len(found.pairs) > most else ""
    strategies = Grid.of(found.strategies.to_dict("records"), _strategy_columns(content, several), texts=1 + several)
    pairs = Grid.of(shown, _pair_columns(several), texts=1 + several)
    return [(_STRATEGIES, strategies), (_PAIRS + rest, pairs)]


_STRATEGIES = (
    "Strategies, the steadiest first. std: times the geometric mean of all strategies' (pooled over tasks); tied: two "
    "strategies with a letter in common are not told apart (Holm, α = .05), which is not equivalence; level: "
    "interquartile mean (fractions × 100) of all runs of the shared tasks, 95 % interval of other seeds on these tasks."
)
_PAIRS = (
    "Pairs: std of the first over that of the second. tau: standard deviation of the true log ratios between tasks. p: "
    "that the ratio is 1, and adjusted after Holm (claims) and Benjamini-Hochberg (exploration). "
    "verdict: of this pair alone; Holm: with all pairs of the report. better: probability that a run of the first "
    "scores better than one of the second, mean over tasks, 95 % interval of other seeds."
)
_Columns = dict[str, Any]


def _strategy_columns(content: Content, several: bool) -> _Columns:
    def level(row: Mapping[Any, Any]) -> str:
        if pd.isna(row["iqm"]):
            return NOT_AVAILABLE
        kind = content.shown_at(next(place for place in content.places if place.model == row["model"])).kind
        mean, low, high = (score_text(float(row[name]), kind) for name in ("iqm", "iqm_low", "iqm_high"))
        return f"{mean} ({low} to {high})"

    return {
        "strategy": lambda row: str(row["strategy"]),
        **({"model": lambda row: str(row["model"])} if several else {}),
        "tasks": lambda row: str(row["tasks"]),
        "std": lambda row: ratio(row["relative_std"]),
        "tied": lambda row: row["tied"] or NOT_AVAILABLE,
        "level": level,
    }


def _pair_columns(several: bool) -> _Columns:
    return {
        "pair": lambda row: f"{row['strategy_a']} – {row['strategy_b']}",
        **({"model": lambda row: str(row["model"])} if several else {}),
        "tasks": lambda row: f"{row['tasks']} of {row['tasks'] + row['tasks_left_out']}",
        "std ratio (95 %)": lambda row: _interval(row, "std_ratio"),
        "new task (95 %)": lambda row: _between(row, "new_task"),
        "tau": lambda row: ratio(row["tau"]) if row["tau"] else "0",
        "p": lambda row: p_value(row["p_ratio"]),
        "Holm": lambda row: p_value(row["p_ratio_holm"]),
        "B-H": lambda row: p_value(row["p_ratio_bh"]),
        "verdict": lambda row: row["verdict"] or NOT_AVAILABLE,
        "verdict, Holm": lambda row: row["verdict_holm"] or NOT_AVAILABLE,
        "better (%)": lambda row: _share(row, "improvement"),
    }


def _interval(row: Mapping[Any, Any], name: str) -> str:
    return NOT_AVAILABLE if pd.isna(row[name]) else f"{ratio(row[name])} ({_between(row, name)})"


def _between(row: Mapping[Any, Any], name: str) -> str:
    if pd.isna(row[f"{name}_low"]):
        return NOT_AVAILABLE
    return f"{ratio(row[f'{name}_low'])} to {ratio(row[f'{name}_high'])}"


def _share(row: Mapping[Any, Any], name: str) -> str:
    if pd.isna(row[name]):
        return NOT_AVAILABLE
    return f"{percent(row[name])} ({percent(row[f'{name}_low'])} to {percent(row[f'{name}_high'])})"


def _found(content: Content, found: OverTasks, model: str) -> list[str]:
    """The answer of one model, its claims, and what is left out of it."""
    pairs = found.pairs[found.pairs["model"] == model]
    start = f"{model}: " if len(models_of(found)) > 1 else ""
    sentences = [_verdicts(pairs), _level(content, found, model), _not_counted(content, model)]
    return [f"{start}{text}" for text in sentences if text]


def _verdicts(pairs: pd.DataFrame) -> str:
    if not (pairs["tasks"] > 1).any():
        return (
            "No two strategies have a standard deviation that says something on the same two tasks: nothing is pooled."
        )
    if (pairs["verdict"].isin([DESCRIPTIVE, ""])).all():
        most = int(pairs["tasks"].max())
        return (
            f"The ratios are pooled over {counted(most, 'task')} at the most: under {FEWEST_TASKS} they describe these "
            "tasks, and there is no test and no verdict."
        )
    tested = int(pairs["p_ratio"].notna().sum())
    made: dict[str, list[str]] = {}
    for verdict, pair in claims(pairs):
        made.setdefault(verdict, []).append(pair)
    if not made:
        return f"Of {counted(tested, 'pair')} none has a verdict at α = {LEVEL:g} after Holm's adjustment: unknown."
    named = [f"{verdict}: {some(texts, _NAMED)}" for verdict, texts in made.items()]
    others = tested - sum(len(texts) for texts in made.values())
    rest = f"; unknown: {counted(others, 'pair')}" if others else ""
    return f"Of {counted(tested, 'pair')}, after Holm's adjustment, {'; '.join(named)}{rest}."


def _level(content: Content, found: OverTasks, model: str) -> str:
    rows = found.strategies[found.strategies["model"] == model]
    tasks = int(rows["level_tasks"].max()) if rows["level_tasks"].notna().any() else 0
    if tasks < 2:
        return "The level has no mean over tasks: all strategies have fewer than two tasks in common."
    if rows["iqm"].isna().all():
        return "The level has no mean over tasks, as their scores have no unit in common."
    names = dict.fromkeys(str(name) for name in content.table.loc[content.table["model"] == model, "metric"])
    if len(names) < 2:
        return ""
    return f"The level averages {some([content.scoring.name(name) for name in names], _NAMED)} as they stand."


def _left_out(content: Content, found: OverTasks) -> pd.DataFrame:
    return left_out(content.table[content.table["model"].isin(models_of(found))])


def _not_counted(content: Content, model: str) -> str:
    cells = left_out(content.table[content.table["model"] == model])
    if cells.empty:
        return ""
    named = [f"{row['strategy']} on {row['task']} {_reason(content, row)}" for _, row in cells.iterrows()]
    texts = some(named, _NAMED)
    return f"{counted(len(cells), 'cell')} {'counts' if len(cells) == 1 else 'count'} in no ratio: {texts}."


def _reason(content: Content, row: pd.Series) -> str:
    return findings.left_out(content, row) or f"failed in {row['failed']} of its {row['n']} runs"


def _cell(row: Mapping[Any, Any]) -> Sequence[str]:
    return [str(row[name]) for name in ("model", "task", "strategy")]
