"""What the runs say over tasks, computed once for a report: pairs, strategies, and a model's answer in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from stabbench.analysis.equivalence import LEVEL, UNKNOWN
from stabbench.analysis.frame import ordered
from stabbench.analysis.level_tables import improvements, levels
from stabbench.analysis.over_tasks import FEWEST_TASKS, over_tasks, steadiness, usable
from stabbench.report.content import Content
from stabbench.report.numbers import NOT_AVAILABLE, counted, some

NAMED = 5
"""Names of a kind in a sentence; of the others it says how many there are."""


@dataclass(frozen=True, eq=False)
class OverTasks:
    """The tables of a report with a model on at least two tasks."""

    pairs: pd.DataFrame
    """`analysis.over_tasks` with the columns of `analysis.level_tables.improvements`."""
    strategies: pd.DataFrame
    """`analysis.over_tasks.steadiness` with the columns of `analysis.level_tables.levels`; the steadiest first."""


@lru_cache(maxsize=1)
def pooled(content: Content) -> OverTasks | None:
    """The tables of the models with at least two tasks and two strategies; None where there is no such model."""
    several = [model for model in content.models if len(content.tasks(model)) > 1]
    runs, table = (rows[rows["model"].isin(several)] for rows in (content.runs, content.table))
    pairs = over_tasks(runs, table, content.equivalence)
    if pairs.empty:
        return None
    pairs = pairs.join(improvements(runs, pairs, content.scoring))
    level = levels(runs, content.scoring).rename(columns={"tasks": "level_tasks"})
    return OverTasks(pairs, steadiness(pairs).merge(level, on=["model", "strategy"], how="left"))


def answer(content: Content, model: str) -> str:
    """Which strategy is the steadiest over the tasks of a model, and which are not told from it; empty under four."""
    if len(content.tasks(model)) < FEWEST_TASKS or (found := pooled(content)) is None:
        return ""
    pairs, rows = (table[table["model"] == model] for table in (found.pairs, found.strategies))
    if pairs["p_ratio"].isna().all():
        return ""
    first, tasks = rows.iloc[0], pairs["tasks"].max()
    told = f"Over {counted(int(tasks), 'task')} pooled, {first['strategy']} has the smallest std"
    mine = pairs[(pairs["strategy_a"] == first["strategy"]) | (pairs["strategy_b"] == first["strategy"])]
    apart = mine["p_ratio_holm"] <= LEVEL
    others = [a if b == first["strategy"] else b for a, b in mine.loc[~apart, ["strategy_a", "strategy_b"]].to_numpy()]
    if not others:
        return f"{told}, told apart from every other (Holm, α = {LEVEL:g})."
    return f"{told}, not told apart from {some(others, NAMED)} (Holm, α = {LEVEL:g})."


def left_out(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `stability` whose std counts in no pooled ratio: those that are not `usable`."""
    return table[~usable(table)]


def claims(pairs: pd.DataFrame) -> list[tuple[str, str]]:
    """(verdict, pair) of the pairs that have one after Holm's adjustment, as `a, b: 0.41 times (0.3 to 0.6)`."""
    claimed = pairs[(pairs["p_verdict_holm"] <= LEVEL) & (pairs["verdict_holm"] != UNKNOWN)]
    return [
        (
            str(row["verdict_holm"]),
            f"{row['strategy_a']} against {row['strategy_b']} {ratio(row['std_ratio'])} times "
            f"({ratio(row['std_ratio_low'])} to {ratio(row['std_ratio_high'])})",
        )
        for row in claimed.to_dict("records")
    ]


def ratio(value: float) -> str:
    """A ratio in two or three digits: `0.41`, `12.3`, `n/a`."""
    if math.isnan(value):
        return NOT_AVAILABLE
    if 0.01 <= value < 100:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def models_of(found: OverTasks) -> list[str]:
    """The models that the tables are about."""
    return ordered(found.pairs["model"])
