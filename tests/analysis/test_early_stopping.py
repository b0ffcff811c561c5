"""What would have been known early of runs that failed, and what stopping them would have saved and biased."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from stabbench.analysis.early_stopping import ALL, BUDGET, SHARES, Look, Watched, starting_many, stopping, watched
from stabbench.analysis.place import Place
from stabbench.metrics.contract import MetricKind
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

HERE = Place("m", "t")
KINDS = {HERE: MetricKind()}


def run(score: float, losses: Sequence[float], seen: Sequence[float]) -> Watched:
    looks = {share: Look(loss, early) for share, loss, early in zip(SHARES, losses, seen, strict=True)}
    return Watched(score <= 0.5, score, 0.5, looks)


FAILING = run(0.5, (1.0, 1.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5))
LATE = run(0.8, (1.0, 0.97, 0.6, 0.3), (0.5, 0.5, 0.7, 0.75))
FAST = run(0.9, (0.8, 0.5, 0.4, 0.2), (0.6, 0.7, 0.8, 0.85))


def test_a_rule_stops_runs_that_look_failed_and_counts_what_it_should_not_have_stopped() -> None:
    table = stopping({HERE._replace(strategy="a"): [FAILING, FAILING, LATE, FAST]}, KINDS)
    at = table.set_index(["rule", "share"])
    assert at["stopped_failed"].tolist() == [2] * 8
    assert at["stopped_successful"].tolist() == [1, 1, 0, 0] * 2
    assert at.loc[("loss", 0.3), "saved"] == pytest.approx(2 / 4 * 0.7)
    assert at.loc[("loss", 0.1), "mean_left"] == 0.9
    assert at["std_left"].isna().tolist() == [True, True, False, False] * 2
    assert at.loc[("score", 0.5), "mean_left"] == pytest.approx(mean([0.8, 0.9]))
    assert at.loc[("score", 0.5), "std_left"] == pytest.approx(stdev([0.8, 0.9]))
    assert at.loc[("score", 0.5), "std"] == pytest.approx(stdev([0.5, 0.5, 0.8, 0.9]))


def test_strategies_without_failures_count_among_all_of_them_and_have_no_row_of_their_own() -> None:
    cells = {HERE._replace(strategy="a"): [FAILING, FAST], HERE._replace(strategy="b"): [LATE, FAST]}
    table = stopping(cells, KINDS)
    assert list(dict.fromkeys(table["strategy"])) == ["a", ALL]
    everybody = table[table["strategy"] == ALL]
    assert (everybody["failed"] == 1).all()
    assert (everybody["successful"] == 3).all()
    assert stopping({HERE._replace(strategy="b"): [LATE, FAST]}, KINDS).empty


def test_a_rule_that_sees_nothing_yet_stops_nobody_and_has_no_row() -> None:
    unknown = run(0.5, (np.nan,) * 4, (np.nan, np.nan, 0.5, 0.5))
    table = stopping({HERE._replace(strategy="a"): [unknown, unknown]}, KINDS)
    assert list(zip(table["rule"], table["share"], strict=True)) == [("score", 0.3), ("score", 0.5)]


def test_where_the_lower_score_is_better_a_high_one_looks_failed() -> None:
    failing = Watched(True, 0.9, 0.7, {share: Look(1.0, 0.9) for share in SHARES})
    assert failing.stopped("score", 0.1, MetricKind(lower=True))
    assert not failing.stopped("score", 0.1, MetricKind())


def test_who_starts_many_gets_the_run_that_looked_best() -> None:
    foretold = [run(score, (0.5,) * 4, (score,) * 4) for score in np.linspace(0.6, 0.9, 50).tolist()]
    table = starting_many({HERE._replace(strategy="a"): foretold}, KINDS).set_index("share")
    assert table["started"].to_dict() == {0.1: 41, 0.2: 21, 0.3: 14, 0.5: 9}
    assert (table["early"] > table["full"]).all()
    assert table["single"].to_numpy() == pytest.approx(0.75)
    for started, early in zip(table["started"], table["early"], strict=True):
        assert early == pytest.approx(0.6 + 0.3 * (started / (started + 1) * 51 - 1) / 49, abs=0.004)
    cost = table["started"] * table.index + (1 - table.index)
    assert (cost <= BUDGET + 1e-9).all()


def test_a_look_that_tells_nothing_gets_a_run_as_good_as_any() -> None:
    random = np.random.default_rng(0)
    blind = [run(score, (0.5,) * 4, (early,) * 4) for score, early in random.uniform(0.6, 0.9, (50, 2)).tolist()]
    table = starting_many({HERE._replace(strategy="a"): blind}, KINDS)
    assert table["early"].to_numpy() == pytest.approx(table["single"].to_numpy(), abs=0.05)
    assert (table["full"] > table["early"]).all()


def test_looks_are_read_from_histories(tmp_path: Path) -> None:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.0, DIVERGED, None, "broke"], epochs=10)])
    found = watched(cell)
    assert [item.failed for item in found] == [False, True, True]
    record = next(iter(cell.records.values()))
    history, total = record.history(), record.result.total_steps
    upto = history[(history["step"] <= 0.3 * total) & (history["step"] > 0.2 * total)]
    guess = record.result.train_loss.label_entropy
    assert guess is not None
    assert found[0].looks[0.3].loss == pytest.approx(upto["train_loss"].mean() / guess)
    scores = history.loc[history["step"] <= 0.3 * total, "dev_mcc"].dropna()
    assert found[0].looks[0.3].score == scores.iloc[-1]
