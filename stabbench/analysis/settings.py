"""Cells as settings of a recipe, and what bias correction changes at the same learning rate and epochs."""

from __future__ import annotations

import math

import pandas as pd

from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.frame import CELL, finished
from stabbench.analysis.pairwise import holm
from stabbench.analysis.place import Place
from stabbench.analysis.spread import of_one_pair, standard_deviation
from stabbench.analysis.variances import levene
from stabbench.records import Selection

SETTING = ["learning_rate", "epochs", "bias_correction"]


def with_settings(table: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """`table` (a row a run or a cell, with the columns of `CELL`) with the columns of `SETTING` from the recipes."""
    rows = [
        {**Place.of(item.cell)._asdict(), **{name: item.cell.spec.recipe[name] for name in SETTING}}
        for item in selection.cells
    ]
    return table.merge(pd.DataFrame(rows), on=CELL, how="left", validate="many_to_one")


def correction_effects(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs without beside runs with bias correction, a row for each model, task, rate and epochs that have both.

    `runs` is a frame with the columns of `SETTING`; missing runs are left out. Columns: the setting, n, failed and std
    `_without` and `_with`, `p_fisher` (failures, two-sided) with Holm's adjustment over all rows, and `p_levene`
    (variances, median-centred); NaN where a test is not defined.
    """
    rows = []
    for keys, part in finished(runs).groupby(["model", "task", "learning_rate", "epochs"], sort=False):
        sides = [part[~part["bias_correction"]], part[part["bias_correction"]]]
        if not any(side.empty for side in sides):
            rows.append([*keys, *_effect(*sides)])
    table = pd.DataFrame(rows, columns=EFFECT_COLUMNS)
    return table.assign(p_fisher_holm=holm(table["p_fisher"].astype("float64")))


def _effect(without: pd.DataFrame, corrected: pd.DataFrame) -> list[int | float]:
    failed = [int(side["failed"].sum()) for side in (without, corrected)]
    scores = [side["score"].to_numpy(dtype="float64") for side in (without, corrected)]
    fisher = fisher_exact(failed[0], len(without), failed[1], len(corrected))
    variances = of_one_pair(levene, *scores)
    numbers = [len(without), len(corrected), *failed, *(standard_deviation(values) for values in scores)]
    return [*numbers, *(math.nan if p is None else p for p in (fisher, variances))]


EFFECT_COLUMNS = [
    *("model", "task", "learning_rate", "epochs"),
    *(f"{name}_{side}" for name in ("n", "failed", "std") for side in ("without", "with")),
    *("p_fisher", "p_levene"),
]
