from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stabbench.analysis.frame import COLUMNS
from stabbench.analysis.pairwise import holm, pairwise
from stabbench.analysis.place import Place
from stabbench.analysis.stability import stability
from tests.analysis.synthetic import scores_with

MAJORITY = 0.3


def runs(cells: Mapping[str, Sequence[float]], task: str = "rte") -> pd.DataFrame:
    """A frame of runs with these scores by strategy; one of at most `MAJORITY` is a failed run, NaN a missing one."""
    rows = [
        {
            "model": "bert",
            "task": task,
            "strategy": strategy,
            "seed": seed,
            "status": "missing" if math.isnan(score) else "failed" if score <= MAJORITY else "ok",
            "metric": "accuracy",
            "score": score,
            "majority": MAJORITY,
            "failed": score <= MAJORITY,
            "diverged": False,
            "collapsed": score <= MAJORITY,
        }
        for strategy, scores in cells.items()
        for seed, score in enumerate(scores, start=1)
    ]
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def row(table: pd.DataFrame, strategy: str) -> pd.Series:
    return table[table["strategy"] == strategy].iloc[0]


def papers_rte() -> dict[str, list[float]]:
    moments = {"devlin": (0.509, 0.045, 0.675), "mixout": (0.653, 0.079, 0.744), "mosbach": (0.673, 0.027, 0.711)}
    return {name: scores_with(*values) for name, values in moments.items()}


def test_the_smallest_std_is_tested_against_the_second_smallest() -> None:
    cells = papers_rte()
    table = stability(runs(cells))
    best = row(table, "mosbach")
    assert (best["rival"], best["best_std"], best["best_mean"]) == ("devlin", True, True)
    assert best["p_levene_median"] == pytest.approx(stats.levene(cells["mosbach"], cells["devlin"]).pvalue)
    expected = stats.levene(cells["mosbach"], cells["devlin"], center="mean").pvalue
    assert best["p_levene_mean"] == pytest.approx(expected)
    assert list(table["rival"]) == ["", "", "devlin"]
    assert row(table, "mixout")["best_max"]


@pytest.mark.parametrize(("alpha", "star"), [(0.9, True), (1e-9, False)])
def test_the_star_stands_only_under_alpha(alpha: float, star: bool) -> None:
    table = stability(runs(papers_rte()), alpha=alpha)
    assert list(table["star"]) == [False, False, star]


def test_a_mostly_failed_cell_never_has_the_best_std_and_is_a_rival_only_where_its_std_is_larger() -> None:
    steady, wild = list(np.linspace(0.6, 0.7, 25)), list(np.linspace(0.4, 0.9, 25))
    lower = [0.29] * 24 + [0.31]
    table = stability(runs({"lower": lower, "steady": steady, "wild": wild}))
    assert row(table, "lower")["std"] < row(table, "steady")["std"]
    assert row(table, "lower")[["eligible", "mostly_failed"]].all()
    assert not row(table, "lower")[["best_std", "star"]].any()
    assert (row(table, "steady")["best_std"], row(table, "steady")["rival"]) == (True, "wild")
    between = [0.1] * 13 + list(np.linspace(0.31, 0.4, 12))
    assert row(stability(runs({"between": between, "steady": steady, "wild": wild})), "steady")["rival"] == "between"


def test_where_all_cells_mostly_failed_none_has_the_best_std() -> None:
    table = stability(runs({"a": [0.1, 0.2, 0.31], "b": [0.05, 0.2, 0.4]}))
    assert not table["best_std"].any()
    assert list(table["rival"]) == ["", ""]


def test_the_stars_p_value_is_the_larger_of_the_asymptotic_and_the_permutation_one() -> None:
    best = row(stability(runs(papers_rte())), "mosbach")
    assert best["p_spread"] == max(best["p_levene_median"], best["p_permutation"])
    asymptotic, permutation = sorted((best["p_levene_median"], best["p_permutation"]))
    if asymptotic < permutation:
        middle = (asymptotic + permutation) / 2
        assert not row(stability(runs(papers_rte()), alpha=middle), "mosbach")["star"]


def test_the_star_follows_the_chosen_centre() -> None:
    cells = {"devlin": [0.9] * 20 + [0.31] * 5, "mosbach": [0.9, 0.91] * 12 + [0.905]}
    table = stability(runs(cells))
    p = row(table, "mosbach")
    between = (p["p_levene_median"] * p["p_levene_mean"]) ** 0.5
    assert p["p_levene_mean"] < between < p["p_levene_median"]
    assert not row(stability(runs(cells), alpha=between), "mosbach")["star"]
    assert row(stability(runs(cells), alpha=between, levene_center="mean"), "mosbach")["star"]


@pytest.mark.parametrize(("n", "star"), [(9, False), (10, True)])
def test_no_star_is_given_under_ten_seeds(n: int, star: bool) -> None:
    steady, wild = np.linspace(0.9, 0.901, n), np.linspace(0.4, 0.9, n)
    table = stability(runs({"wild": list(wild), "steady": list(steady)}))
    assert row(table, "steady")["p_levene_median"] < 1e-3
    assert row(table, "steady")["star"] == star


def test_a_cell_all_of_whose_runs_failed_is_neither_best_nor_second_smallest() -> None:
    cells = {
        "collapsed": list(np.linspace(0.29, 0.3, 25)),
        "steady": list(np.linspace(0.8, 0.82, 25)),
        "wild": list(np.linspace(0.4, 0.9, 25)),
    }
    table = stability(runs(cells))
    collapsed = row(table, "collapsed")
    assert collapsed["std"] < row(table, "steady")["std"]
    assert not collapsed[["eligible", "best_std", "best_mean", "best_max", "star"]].any()
    assert row(table, "steady")["best_std"]
    assert row(table, "steady")["rival"] == "wild"


def test_constant_cells_are_not_eligible_and_the_next_two_are_compared() -> None:
    steady, wild = list(np.linspace(0.7, 0.8, 25)), list(np.linspace(0.4, 0.9, 25))
    table = stability(runs({"constant": [0.8] * 25, "wild": wild, "steady": steady}))
    constant = row(table, "constant")
    assert constant["std"] == 0
    assert not constant[["eligible", "best_std", "best_mean", "best_max", "star"]].any()
    assert math.isnan(constant["p_levene_median"])
    assert row(table, "steady")["rival"] == "wild"
    expected = row(stability(runs({"wild": wild, "steady": steady})), "steady")
    assert row(table, "steady")["p_spread"] == expected["p_spread"]


def test_of_two_cells_one_of_which_is_not_eligible_none_is_best() -> None:
    table = stability(runs({"constant": [0.8] * 25, "wild": list(np.linspace(0.4, 0.9, 25))}))
    assert not table[["best_std", "best_mean", "best_max"]].any(axis=None)
    assert list(table["rival"]) == ["", ""]


def test_a_cell_that_its_caller_calls_seedless_is_not_eligible() -> None:
    table = stability(runs(papers_rte()), seedless=[Place("bert", "rte", "mosbach")])
    assert not row(table, "mosbach")[["eligible", "best_std", "best_max"]].any()
    assert row(table, "devlin")["rival"] == "mixout"


def test_of_a_metric_that_is_better_lower_the_smallest_mean_and_min_are_best() -> None:
    cells = {"low": list(np.linspace(0.31, 0.5, 12)), "high": list(np.linspace(0.4, 0.9, 12))}
    for table in (stability(runs(cells), lower=["accuracy"]), stability(runs(cells).assign(metric="eval_loss"))):
        assert row(table, "low")[["best_std", "best_mean", "best_max"]].all()
        assert not row(table, "high")[["best_std", "best_mean", "best_max"]].any()


def test_missing_runs_lower_n_and_nothing_else() -> None:
    complete = [0.5, 0.6, 0.7]
    table = stability(runs({"devlin": [*complete, math.nan], "mosbach": [math.nan] * 4}))
    devlin = row(table, "devlin")
    assert (devlin["n"], devlin["planned"], devlin["failed"]) == (3, 4, 0)
    assert devlin["std"] == pytest.approx(0.1)
    assert row(table, "mosbach")["n"] == 0
    assert not row(table, "mosbach")["eligible"]


def test_the_std_among_successful_runs_leaves_failed_ones_out() -> None:
    devlin = row(stability(runs({"devlin": [0.1, 0.2, 0.5, 0.6, 0.7]})), "devlin")
    assert devlin["std_successful"] == pytest.approx(0.1)
    assert devlin["failed"] == 2


def test_tasks_are_judged_apart() -> None:
    both = pd.concat([runs(papers_rte()), runs({"devlin": [0.8, 0.81], "mixout": [0.5, 0.9]}, task="mrpc")])
    table = stability(both)
    assert list(table.loc[table["best_std"], "strategy"]) == ["mosbach", "devlin"]
    assert list(table["task"]) == ["rte"] * 3 + ["mrpc"] * 2


def test_the_order_of_rows_and_an_added_constant_change_no_statistic_of_spread() -> None:
    table = runs(papers_rte())
    columns = ["std", "iqr", "p_levene_median", "p_levene_mean", "p_permutation", "star"]
    expected = stability(table).set_index("strategy")[columns]
    reversed_rows = stability(table.iloc[::-1]).set_index("strategy")[columns]
    pd.testing.assert_frame_equal(reversed_rows.loc[expected.index], expected)
    shifted = stability(table.assign(score=table["score"] + 0.125)).set_index("strategy")[columns]
    pd.testing.assert_frame_equal(shifted, expected, atol=2e-4)


def test_every_pair_of_a_task_is_compared_and_adjusted_over_all() -> None:
    cells = {"devlin": [0.2] * 10 + [0.6, 0.7] * 7, "mosbach": list(np.linspace(0.68, 0.7, 24))}
    pairs = pairwise(pd.concat([runs(cells), runs(papers_rte(), task="mrpc")]))
    assert len(pairs) == 1 + 3
    first = pairs.iloc[0]
    expected = stats.fisher_exact([[10, 14], [0, 24]]).pvalue
    assert first["p_fisher"] == pytest.approx(expected)
    assert first["p_fisher_holm"] == pytest.approx(4 * expected)
    ordered = np.sort(pairs["p_levene_median"].to_numpy())
    holm = np.minimum(1, np.maximum.accumulate(ordered * np.arange(4, 0, -1)))
    assert np.sort(pairs["p_levene_median_holm"].to_numpy()) == pytest.approx(holm)


def test_pairs_without_a_p_value_are_left_out_of_the_adjustment() -> None:
    pairs = pairwise(
        runs({"a": [0.5] * 12, "b": list(np.linspace(0.4, 0.6, 12)), "c": list(np.linspace(0.4, 0.9, 12))})
    )
    assert list(pairs["p_levene_median"].isna()) == [True, True, False]
    assert pairs["p_levene_median_holm"].iloc[2] == pairs["p_levene_median"].iloc[2]


def test_holms_adjustment_is_that_of_statsmodels_ties_included() -> None:
    draws = np.random.default_rng(0)
    for size in (0, 1, 2, 7, 40):
        p_values = np.round(draws.random(size) ** 3, 2)
        found = holm(pd.Series(p_values, index=range(5, 5 + size)))
        expected = multipletests(p_values, method="holm")[1] if size else []
        assert found.index.equals(pd.RangeIndex(5, 5 + size))
        assert found.to_list() == list(expected)
