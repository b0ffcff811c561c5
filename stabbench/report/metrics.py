"""metrics.json, which `dvc metrics diff` shows line by line, and statistics.json: all numbers and p-values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stabbench.analysis.level_tables import IMPROVEMENT_COLUMNS
from stabbench.analysis.over_tasks import P_VALUES as POOLED_P_VALUES
from stabbench.analysis.over_tasks import RATIOS
from stabbench.analysis.pairwise import ADJUSTED, P_VALUES
from stabbench.analysis.stability import P_VALUES as RIVAL_P_VALUES
from stabbench.report.content import Content
from stabbench.report.numbers import significant
from stabbench.report.over_tasks import models_of, pooled

NUMBERS = ("std", "mean", "max", "median", "iqr", "std_successful", "failed_low", "failed_high")
HEADLINE = ("std", "mean", "n", "failed")
"""Of each cell, in metrics.json."""
COUNTS = ("n", "planned", "failed", "diverged", "collapsed")


def metrics(everything: Mapping[str, Any]) -> dict[str, Any]:
    """What changes when a recipe does: of `statistics` each cell's numbers of `HEADLINE`, and which std is smallest.

    Few enough that `dvc metrics diff` can be read.
    """
    cells = {
        model: {
            task: {name: {key: cell[key] for key in HEADLINE if key in cell} for name, cell in strategies.items()}
            for task, strategies in tasks.items()
        }
        for model, tasks in everything["stability"].items()
    }
    smallest = {
        model: {
            task: {key: found["smallest_std"][key] for key in ("strategy", "star")}
            for task, found in tasks.items()
            if "smallest_std" in found
        }
        for model, tasks in everything["tests"].items()
    }
    return {"stability": cells, "smallest_std": smallest}


def statistics(content: Content) -> dict[str, Any]:
    """Numbers by model, task and strategy, to six significant digits; what does not exist (n/a) is left out.

    `stability` holds each cell's numbers (fractions, or as the metric has them), `tests` by model and task:
    `smallest_std` (which cell, against which, p-values, star) and `pairs` (`devlin vs mosbach`: Fisher's exact test on
    failures, Levene's on variances), `over_tasks` by model what is said over its tasks, where it has several.
    """
    stability: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    for row in content.table.to_dict("records"):
        stability.setdefault(row["model"], {}).setdefault(row["task"], {})[row["strategy"]] = {
            **_numbers(row, NUMBERS),
            **{name: int(row[name]) for name in COUNTS if pd.notna(row[name])},
        }
        task_tests = tests.setdefault(row["model"], {}).setdefault(row["task"], {"pairs": {}})
        if row["rival"]:
            task_tests["smallest_std"] = {
                "strategy": row["strategy"],
                "against": row["rival"],
                "star": bool(row["star"]),
                **_numbers(row, RIVAL_P_VALUES),
            }
    for pair in content.pairs.to_dict("records"):
        names = ("std_ratio", "std_ratio_low", "std_ratio_high", *P_VALUES, *(f"{p}_holm" for p in ADJUSTED))
        found = tests[pair["model"]][pair["task"]]["pairs"]
        found[f"{pair['strategy_a']} vs {pair['strategy_b']}"] = _numbers(pair, names)
    settings: dict[str, Any] = {"star": {"levene_center": content.levene_center, "alpha": content.alpha}, "ddof": 1}
    if content.looks:
        settings["star"]["looks"] = sorted({str(found.decisions.design) for found in content.looks.values()})
    over_tasks = _over_tasks(content)
    settings |= {"equivalence": list(content.equivalence)} if over_tasks else {}
    return {"stability": stability, "tests": tests, **over_tasks, "settings": settings}


def _over_tasks(content: Content) -> dict[str, Any]:
    """By model: `strategies` (std, tied, level) and `pairs` (ratio, intervals, p-values, verdict); or nothing."""
    found = pooled(content)
    if found is None:
        return {}
    models: dict[str, Any] = {model: {"strategies": {}, "pairs": {}} for model in models_of(found)}
    for row in found.strategies.to_dict("records"):
        numbers = _numbers(row, ("relative_std", "iqm", "iqm_low", "iqm_high"))
        models[row["model"]]["strategies"][row["strategy"]] = {**numbers, "tied": row["tied"]}
    for row in found.pairs.to_dict("records"):
        names = (*RATIOS, "tau", *POOLED_P_VALUES, *IMPROVEMENT_COLUMNS)
        told = {"tasks": row["tasks"], "verdict": row["verdict"], "verdict_holm": row["verdict_holm"]}
        models[row["model"]]["pairs"][f"{row['strategy_a']} vs {row['strategy_b']}"] = {**_numbers(row, names), **told}
    return {"over_tasks": models}


def _numbers(row: Mapping[Any, Any], names: tuple[str, ...]) -> dict[str, float]:
    rounded = {name: significant(float(row[name])) for name in names}
    return {name: value for name, value in rounded.items() if value is not None}
