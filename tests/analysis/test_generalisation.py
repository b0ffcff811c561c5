from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stabbench.analysis.generalisation import correlation, generalisation, share_between, shares_of_variance


def runs(losses: list[float], scores: list[float], failed: list[bool], strategy: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"train_loss_final": losses, "score": scores, "failed": failed}).assign(
        model="m", task="t", strategy=strategy, metric="accuracy", status="ok", label_entropy=0.6
    )


LOSSES, SCORES = [0.01, 0.02, 0.05, 0.5, 0.61], [0.8, 0.7, 0.75, 0.6, 0.5]
FAILED = [False, False, False, False, True]


def test_the_correlation_is_spearmans_over_all_and_over_successful_runs() -> None:
    (row,) = generalisation(runs(LOSSES, SCORES, FAILED)).to_dict("records")
    whole, successful = stats.spearmanr(LOSSES, SCORES), stats.spearmanr(LOSSES[:4], SCORES[:4])
    assert (row["n"], row["n_successful"]) == (5, 4)
    assert (row["rho"], row["p"]) == pytest.approx((whole.statistic, whole.pvalue))
    assert (row["rho_successful"], row["p_successful"]) == pytest.approx((successful.statistic, successful.pvalue))


def test_the_spread_under_the_threshold_leaves_runs_of_a_higher_loss_out() -> None:
    (row,) = generalisation(runs(LOSSES, SCORES, FAILED)).to_dict("records")
    assert row["threshold"] == pytest.approx(0.06)
    assert (row["below"], row["below_failed"]) == (3, 0)
    assert row["std_below"] == pytest.approx(np.std(SCORES[:3], ddof=1))
    assert row["std"] == pytest.approx(np.std(SCORES, ddof=1))


def test_a_diverged_run_has_no_place_in_the_correlation() -> None:
    found = correlation(runs([0.1, 0.2, 0.3, float("nan")], [0.3, 0.2, 0.1, 0.0], [False] * 4))
    assert found.n == 3
    assert found.rho == pytest.approx(-1)


@pytest.mark.parametrize(("losses", "scores"), [([0.1, 0.2], [0.5, 0.6]), ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])])
def test_where_no_correlation_exists_there_is_none(losses: list[float], scores: list[float]) -> None:
    assert np.isnan(correlation(runs(losses, scores, [False] * len(losses))).rho)


def test_the_parts_of_the_variance_add_up() -> None:
    scores, failed = np.array(SCORES), np.array(FAILED)
    within = sum(((scores[kind] - scores[kind].mean()) ** 2).sum() for kind in (failed, ~failed)) / len(scores)
    assert share_between(scores, failed) == pytest.approx(1 - within / scores.var())


@pytest.mark.parametrize(
    ("scores", "failed", "expected"),
    [([0.1, 0.2], [False, False], 0.0), ([0.1, 0.1, 0.5], [True, True, False], 1.0), ([0.1, 0.2], [True, True], 0.0)],
)
def test_the_share_between_is_none_of_it_or_all_of_it_at_the_ends(
    scores: list[float], failed: list[bool], expected: float
) -> None:
    assert share_between(np.array(scores), np.array(failed)) == pytest.approx(expected)


def test_a_constant_cell_has_no_share() -> None:
    assert np.isnan(share_between(np.array([0.1, 0.1]), np.array([True, False])))


def test_cells_have_a_row_each_and_tasks_one_for_all() -> None:
    both = pd.concat([runs(LOSSES, SCORES, FAILED), runs([0.01, 0.02], [0.9, 0.8], [False, False], strategy="b")])
    assert list(generalisation(both)["n"]) == [7]
    table = shares_of_variance(both).set_index("strategy")
    assert list(table["below"]) == [3, 2]
    assert table.loc["b", "between"] == 0.0
    assert table.loc["a", "train_loss_median"] == 0.05
