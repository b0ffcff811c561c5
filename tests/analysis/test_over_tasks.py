from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from stabbench.analysis.columns import TABLES
from stabbench.analysis.frame import CELL
from stabbench.analysis.over_tasks import (
    COLUMNS,
    P_VALUES,
    kurtosis_of,
    log_std_variances,
    over_tasks,
    steadiness,
    usable,
)
from stabbench.analysis.stability import cell_numbers, stability
from tests.analysis.test_stability import MAJORITY, runs

REGION = (0.8, 1.25)


def grid(stds: Mapping[str, float], tasks: int = 5, seeds: int = 25, number: int = 0) -> pd.DataFrame:
    """Runs of strategies whose scores have these standard deviations, about .7 on every task."""
    random = np.random.default_rng(number)
    return pd.concat(
        [
            runs({name: list(0.7 + std * random.standard_normal(seeds)) for name, std in stds.items()}, f"task-{task}")
            for task in range(tasks)
        ],
        ignore_index=True,
    )


def pooled(frame: pd.DataFrame) -> pd.DataFrame:
    return over_tasks(frame, stability(frame), REGION)


def test_the_ratio_and_its_interval_are_those_of_statsmodels_from_stds_and_kurtoses() -> None:
    frame = grid({"a": 0.03, "b": 0.02})
    sides = {
        name: [part["score"].to_numpy() for _, part in frame[frame["strategy"] == name].groupby("task")]
        for name in ("a", "b")
    }
    effects = [math.log(np.std(x, ddof=1) / np.std(y, ddof=1)) for x, y in zip(*sides.values(), strict=True)]
    n = 25
    variances = [
        (np.mean([stats.kurtosis(x, fisher=False, bias=False) for x in side]) - (n - 3) / (n - 1)) / (4 * n)
        for side in sides.values()
    ]
    theirs = combine_effects(np.array(effects), np.full(5, sum(variances)), method_re="iterated", use_t=True)
    (row,) = pooled(frame).to_dict("records")
    assert math.log(row["std_ratio"]) == pytest.approx(theirs.mean_effect_re, abs=1e-7)
    error = max(theirs.sd_eff_w_re_hksj, theirs.sd_eff_w_re)
    half = stats.t.isf(0.025, 4) * error
    assert math.log(row["std_ratio_low"]) == pytest.approx(theirs.mean_effect_re - half, abs=1e-5)
    assert row["p_ratio"] == pytest.approx(2 * stats.t.sf(abs(theirs.mean_effect_re) / error, 4), rel=1e-4)


def test_kurtosis_is_scipys_and_the_variance_is_that_of_normal_scores_where_the_kurtosis_is() -> None:
    x = np.random.default_rng(0).normal(size=12)
    centred = x - x.mean()
    found = kurtosis_of(np.array([12.0]), np.array([(centred**2).mean()]), np.array([(centred**4).mean()]))
    assert found[0] == pytest.approx(stats.kurtosis(x, fisher=False, bias=False))
    assert log_std_variances(np.array([[12.0]]), np.array([[3.0]]))[0, 0] == pytest.approx(1 / 22)
    assert log_std_variances(np.array([[12.0]]), np.array([[np.nan]]))[0, 0] == pytest.approx(1 / 22)


def test_an_ample_difference_is_steadier_and_the_pair_turned_round_less_steady() -> None:
    frame = grid({"a": 0.01, "b": 0.05})
    (row,) = pooled(frame).to_dict("records")
    assert (row["verdict"], row["verdict_holm"], row["tasks"]) == ("steadier", "steadier", 5)
    (turned,) = pooled(frame.iloc[::-1].reset_index(drop=True)).to_dict("records")
    assert (turned["strategy_a"], turned["verdict"]) == ("b", "less steady")
    assert turned["std_ratio"] == pytest.approx(1 / row["std_ratio"])
    assert turned["std_ratio_low"] == pytest.approx(1 / row["std_ratio_high"])
    assert turned["new_task_low"] == pytest.approx(1 / row["new_task_high"])
    assert turned["p_verdict"] == pytest.approx(row["p_verdict"])


def test_strategies_that_spread_alike_are_equivalent_once_there_are_runs_enough() -> None:
    assert pooled(grid({"a": 0.02, "b": 0.02}, tasks=8, seeds=200))["verdict"].tolist() == ["equivalent"]
    assert pooled(grid({"a": 0.02, "b": 0.02}, tasks=4, seeds=10))["verdict"].tolist() == ["unknown"]


@pytest.mark.parametrize("tasks", [2, 3])
def test_under_four_tasks_it_is_descriptive_with_intervals_and_without_tests(tasks: int) -> None:
    (row,) = pooled(grid({"a": 0.01, "b": 0.05}, tasks)).to_dict("records")
    assert row["verdict"] == row["verdict_holm"] == "descriptive"
    assert row["std_ratio_low"] < row["std_ratio"] < row["std_ratio_high"]
    assert all(math.isnan(row[name]) for name in P_VALUES)


def test_with_one_task_nothing_is_said() -> None:
    (row,) = pooled(grid({"a": 0.01, "b": 0.05}, tasks=1)).to_dict("records")
    assert (row["tasks"], row["verdict"]) == (1, "")
    assert math.isnan(row["std_ratio"])


def test_a_cell_that_collapsed_or_mostly_failed_takes_its_task_out_and_is_counted() -> None:
    frame = grid({"a": 0.02, "b": 0.03}, tasks=6)
    collapsed = (frame["task"] == "task-0") & (frame["strategy"] == "a")
    failing = (frame["task"] == "task-1") & (frame["strategy"] == "b") & (frame["seed"] <= 13)
    frame.loc[collapsed, "score"] = 0.7
    frame.loc[failing, "score"] = MAJORITY
    frame.loc[failing, "failed"] = True
    table = stability(frame)
    assert (~usable(table)).sum() == 2
    (row,) = over_tasks(frame, table, REGION).to_dict("records")
    assert (row["tasks"], row["tasks_left_out"]) == (4, 2)
    rest = frame[~frame["task"].isin(["task-0", "task-1"])]
    assert row["std_ratio"] == pytest.approx(pooled(rest)["std_ratio"].iloc[0])


def test_unequal_numbers_of_seeds_leave_no_bias() -> None:
    found = []
    for number in range(60):
        frame = grid({"a": 0.02, "b": 0.02}, tasks=6, seeds=20, number=number)
        fewer = frame[(frame["strategy"] == "b") | (frame["seed"] <= 5)]
        cells = pd.DataFrame([cell_numbers(runs) for _, runs in fewer.groupby(CELL, sort=False)])
        found.append(math.log(over_tasks(fewer, cells, REGION)["std_ratio"].iloc[0]))
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(60)
    assert abs(np.mean(found)) < 0.06  # without the correction -0.10


def test_p_values_are_adjusted_over_all_pairs() -> None:
    found = pooled(grid({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.03}))
    p = found["p_ratio"].to_numpy()
    assert found["p_ratio_holm"].to_numpy() == pytest.approx(multipletests(p, method="holm")[1])
    assert found["p_ratio_bh"].to_numpy() == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert (found["p_verdict_holm"] >= found["p_verdict"]).all()


def test_strategies_are_ordered_by_their_std_and_tied_ones_share_a_letter() -> None:
    found = steadiness(pooled(grid({"wild": 0.08, "calm": 0.01, "quiet": 0.0102}, seeds=60)))
    assert found["strategy"].tolist()[2] == "wild"
    assert found["tied"].tolist() == ["a", "a", "b"]
    assert np.exp(np.log(found["relative_std"]).sum()) == pytest.approx(1)


def test_without_a_test_no_strategies_are_tied() -> None:
    assert steadiness(pooled(grid({"a": 0.01, "b": 0.02}, tasks=3)))["tied"].tolist() == ["", ""]


def test_a_scale_of_all_scores_changes_nothing() -> None:
    frame = grid({"a": 0.01, "b": 0.02})
    larger = frame.assign(score=10 * frame["score"])
    assert pooled(larger)["std_ratio_low"].to_numpy() == pytest.approx(pooled(frame)["std_ratio_low"].to_numpy())


def test_models_are_pooled_apart() -> None:
    frame = pd.concat([grid({"a": 0.01, "b": 0.02}), grid({"a": 0.03, "b": 0.02}, number=1).assign(model="other")])
    found = pooled(frame.reset_index(drop=True)).set_index("model")
    assert list(found.reset_index().columns) == COLUMNS
    ratios = found["std_ratio"].to_dict()
    assert ratios["bert"] < 0.7 < 1.2 < ratios["other"]


def test_every_column_is_documented() -> None:
    named = {name for column in TABLES["over-tasks/pairs.csv"] for name in column.all_names}
    assert {name for name in COLUMNS if name not in ("model", "strategy_a", "strategy_b")} <= named
