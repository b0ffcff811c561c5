from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stabbench.analysis.early_gradients import ALL, area_under_curve, early_norm, early_norms, failure_prediction
from tests.analysis.synthetic import SyntheticCell, write_runs


def test_the_early_norm_is_that_of_the_bottom_quarter_from_the_warm_up_to_a_third_of_training(tmp_path: Path) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.4], layers=8, epochs=20)])
    record = selected.records[1]
    table = record.gradnorms()
    total, warmup = record.result.total_steps, record.result.warmup_steps
    bottom = table[table["parameter"].str.contains(r"encoder\.layer\.[01]\.")]
    early = bottom[(bottom["step"] >= warmup) & (bottom["step"] <= total / 3)]
    expected = early.groupby("step")["norm"].apply(lambda norm: np.sqrt((norm**2).sum())).median()
    assert early["step"].nunique() > 2
    assert early_norm(record, selected.cell.tensors) == pytest.approx(expected)


def test_runs_that_recorded_no_gradient_norms_are_left_out(tmp_path: Path) -> None:
    cells = [SyntheticCell([0.4, 0.0]), SyntheticCell([0.4], strategy="mosbach", gradient_norms=False)]
    table = early_norms(write_runs(tmp_path / "runs", cells))
    assert list(zip(table["strategy"], table["seed"], table["failed"], strict=True)) == [
        ("devlin", 1, False),
        ("devlin", 2, True),
    ]


def norms(failed: list[float], successful: list[float], strategy: str = "devlin") -> pd.DataFrame:
    flags = [True] * len(failed) + [False] * len(successful)
    table = pd.DataFrame({"failed": flags, "norm": [*failed, *successful], "seed": range(len(flags))})
    return table.assign(model="bert", task="rte", strategy=strategy)


def test_the_area_under_the_curve_is_the_mann_whitney_statistic_as_a_share() -> None:
    random = np.random.default_rng(0)
    failed, successful = random.random(7).round(1), random.random(9).round(1)
    assert area_under_curve(failed, successful) == pytest.approx(stats.mannwhitneyu(successful, failed).statistic / 63)
    (row,) = failure_prediction(norms(list(failed), list(successful))).to_dict("records")
    assert row["auc"] == area_under_curve(failed, successful)
    assert row["p_auc"] == pytest.approx(stats.mannwhitneyu(failed, successful).pvalue)


def test_vanishing_early_gradients_foretell_every_failure() -> None:
    (row,) = failure_prediction(norms([1e-4, 2e-4, 3e-4], [0.1, 0.2, 0.3, 0.4])).to_dict("records")
    assert (row["auc"], row["failed"], row["successful"]) == (1.0, 3, 4)


def test_a_strategy_without_both_kinds_of_runs_counts_among_all_strategies_only() -> None:
    table = failure_prediction(pd.concat([norms([0.1, 0.2], [0.3]), norms([], [0.4, 0.5], strategy="mosbach")]))
    assert list(table["strategy"]) == ["devlin", ALL]
    assert table.set_index("strategy").loc[ALL, "successful"] == 3
    assert failure_prediction(norms([], [0.4, 0.5])).empty
