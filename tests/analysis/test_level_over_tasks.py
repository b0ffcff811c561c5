from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stabbench.analysis.level_over_tasks import RESAMPLES, Estimate, Resamples, improvement, interquartile_mean
from stabbench.analysis.level_tables import improvements, levels
from stabbench.analysis.scoring import Scoring

RUNS, GAMES = 5, 55
"""The shape of rliable's example, ALE at 200 million frames."""
RLIABLE: Mapping[str, Estimate] = {
    "iqm_x": (0.8391366906474821, 0.8058992805755394, 0.8741007194244604),
    "iqm_y": (0.7399280575539567, 0.7055395683453238, 0.7746043165467625),
    "improvement": (0.5989090909090908, 0.5490909090909092, 0.6454545454545456),
}
"""What rliable 1.2.0 gives for `matrices()`: `rliables_numbers()` with 50,000 repetitions (improvement: 2,000)."""


def matrices() -> tuple[np.ndarray, np.ndarray]:
    """Scores `(runs, games)` of two algorithms, to two digits, so that there are ties."""
    random = np.random.default_rng(5)
    level = random.lognormal(0, 1, GAMES)
    x, y = (np.round(level * random.lognormal(shift, 0.3, (RUNS, GAMES)), 2) for shift in (0.1, 0.0))
    return x, y


def rliables_numbers() -> dict[str, Estimate]:
    """The same from rliable itself, where it is installed: `pip install rliable==1.2.0 'pandas<3'`."""
    library, metrics = (pytest.importorskip(f"rliable.{name}") for name in ("library", "metrics"))
    x, y = matrices()
    np.random.seed(0)  # rliable draws from the global generator
    points, intervals = library.get_interval_estimates(
        {"iqm_x": x, "iqm_y": y}, lambda scores: np.array([metrics.aggregate_iqm(scores)]), reps=2_000
    )
    paired = library.get_interval_estimates(
        {"improvement": (x, y)}, lambda a, b: np.array([metrics.probability_of_improvement(a, b)]), reps=2_000
    )
    points, intervals = {**points, **paired[0]}, {**intervals, **paired[1]}
    ends = {name: (float(interval[0, 0]), float(interval[1, 0])) for name, interval in intervals.items()}
    return {name: (float(points[name][0]), *ends[name]) for name in points}


def ours(resamples: Resamples | None) -> dict[str, Estimate]:
    x, y = matrices()
    return {
        "iqm_x": interquartile_mean(list(x.T), resamples),
        "iqm_y": interquartile_mean(list(y.T), resamples),
        "improvement": improvement(list(x.T), list(y.T), resamples),
    }


def agree(found: Mapping[str, Estimate], theirs: Mapping[str, Estimate]) -> None:
    for name, (point, low, high) in theirs.items():
        assert found[name][0] == pytest.approx(point, abs=1e-12), name
        assert found[name][1:] == pytest.approx((low, high), abs=0.06 * (high - low)), name


def test_numbers_and_intervals_are_rliables() -> None:
    agree(ours(Resamples(20_000)), RLIABLE)


def test_the_numbers_that_stand_for_rliable_are_rliables() -> None:
    agree(RLIABLE, rliables_numbers())


def test_the_mean_of_as_many_scores_a_task_is_scipys_trimmed_mean() -> None:
    for shape in ((5, 3), (7, 4), (25, 3), (4, 1)):
        scores = np.random.default_rng(1).normal(size=shape)
        expected = stats.trim_mean(scores, 0.25, axis=None)
        assert interquartile_mean(list(scores.T), None)[0] == pytest.approx(expected, abs=1e-12)


def test_tasks_count_alike_however_many_seeds_they_have() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 8))
    few, many = interquartile_mean([x, y], None), interquartile_mean([np.tile(x, 3), y], None)
    assert few[0] == pytest.approx(many[0], abs=1e-12)


def test_the_asymptotic_intervals_are_near_those_of_the_bootstrap_with_many_seeds() -> None:
    random = np.random.default_rng(3)
    a, b = (list(random.normal(shift, 1, (3, 200))) for shift in (0.3, 0.0))
    many = Resamples()
    for drawn, formula in (
        (interquartile_mean(a, many), interquartile_mean(a, None)),
        (improvement(a, b, many), improvement(a, b, None)),
    ):
        assert drawn[0] == formula[0]
        assert drawn[1:] == pytest.approx(formula[1:], abs=0.15 * (drawn[2] - drawn[1]))


scores = st.lists(st.integers(0, 20).map(lambda x: x / 20), min_size=2, max_size=6).map(np.array)


@settings(deadline=None, max_examples=30)
@given(st.lists(scores, min_size=2, max_size=3), st.lists(scores, min_size=3, max_size=3))
def test_the_probability_of_improvement_is_the_share_of_pairs_of_runs_and_turns_round_with_them(
    a: list[np.ndarray], b: list[np.ndarray]
) -> None:
    b = b[: len(a)]
    expected = np.mean([np.mean([(u > v) + (u == v) / 2 for u in x for v in y]) for x, y in zip(a, b, strict=True)])
    few = Resamples(99)
    found = improvement(a, b, few)
    assert found[0] == pytest.approx(expected)
    assert improvement(b, a, few)[0] == pytest.approx(1 - expected)
    assert improvement(a, b, None)[0] == pytest.approx(expected)
    assert 0 <= found[1] <= found[2] <= 1


def frame(metric: str, sign: float = 1.0) -> pd.DataFrame:
    random = np.random.default_rng(4)
    rows = [
        ("model", task, strategy, seed, "ok", metric, 0.5 + sign * (shift + 0.02 * random.normal()))
        for task in ("one", "two", "three")
        for strategy, shift in (("good", 0.1), ("bad", 0.0))
        for seed in range(10)
    ]
    return pd.DataFrame(rows, columns=["model", "task", "strategy", "seed", "status", "metric", "score"])


PAIRS = pd.DataFrame({"model": ["model"], "strategy_a": ["good"], "strategy_b": ["bad"]})


def test_of_a_loss_the_lower_score_is_the_better_one() -> None:
    better = improvements(frame("accuracy"), PAIRS, Scoring.of_names({"accuracy"}, frozenset()))
    loss = improvements(frame("loss", -1.0), PAIRS, Scoring.of_names({"loss"}, frozenset({"loss"})))
    assert better["improvement"][0] > 0.95
    assert loss["improvement"][0] == pytest.approx(better["improvement"][0], abs=1e-9)


def test_a_pair_and_the_pair_turned_round_have_intervals_turned_round() -> None:
    scoring = Scoring.of_names({"accuracy"}, frozenset())
    runs = frame("accuracy")
    turned = PAIRS.rename(columns={"strategy_a": "strategy_b", "strategy_b": "strategy_a"})
    one, other = (improvements(runs, pairs, scoring).iloc[0] for pairs in (PAIRS, turned))
    assert other.to_numpy() == pytest.approx(1 - one.to_numpy()[[0, 2, 1]])


def test_scores_without_a_unit_in_common_have_no_mean_and_only_shared_tasks_count() -> None:
    runs = frame("accuracy")
    runs.loc[runs["task"] == "two", "metric"] = "loss"
    scoring = Scoring.of_names({"accuracy", "loss"}, frozenset({"loss"}))
    assert levels(runs, scoring)["iqm"].isna().all()
    alone = frame("accuracy")
    alone = alone[(alone["task"] != "two") | (alone["strategy"] == "good")]
    found = levels(alone, scoring).set_index("strategy")
    assert found["tasks"].tolist() == [2, 2]
    assert found["n"].tolist() == [20, 20]
    expected = alone[(alone["strategy"] == "good") & (alone["task"] != "two")]["score"]
    assert found.loc["good", "iqm"] == pytest.approx(stats.trim_mean(expected, 0.25))


def test_where_there_are_very_many_runs_nothing_is_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    from stabbench.analysis import level_tables

    scoring, runs = Scoring.of_names({"accuracy"}, frozenset()), frame("accuracy")
    drawn = levels(runs, scoring)
    monkeypatch.setattr(level_tables, "RESAMPLED_SCORES", 10)
    formula = levels(runs, scoring)
    assert (drawn["iqm"] == formula["iqm"]).all()
    assert not (drawn["iqm_low"] == formula["iqm_low"]).any()


def test_resamples_draw_each_seed_once_on_average_and_both_sides_apart() -> None:
    found = Resamples()
    assert (found.counts(0, 0, 10).sum(axis=1) == 10).all()
    assert found.counts(0, 0, 10).shape == (RESAMPLES, 10)
    assert not (found.counts(0, 0, 10) == found.counts(1, 0, 10)).all()
    assert not (found.counts(0, 0, 10) == found.counts(0, 1, 10)).all()
