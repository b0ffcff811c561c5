from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stabbench.analysis.curves import learning_curves
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs


def test_curves_are_the_mean_and_std_over_the_runs_of_an_outcome(tmp_path: Path) -> None:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.0, 0.4, None, 0.45], epochs=3)])
    successful, failed = learning_curves(cell, points=10)
    assert (successful.outcome, successful.runs, failed.outcome, failed.runs) == ("successful", 3, "failed", 1)
    histories = [cell.records[seed].history() for seed in (1, 3, 5)]
    assert successful.window == 3
    losses = np.array([history["train_loss"].to_numpy().reshape(10, 3).mean(axis=1) for history in histories])
    assert successful.train_loss.step == pytest.approx(np.arange(3, 31, 3))
    assert successful.train_loss.mean == pytest.approx(losses.mean(axis=0))
    assert successful.train_loss.std == pytest.approx(losses.std(axis=0, ddof=1))
    scores = np.array([history["dev_mcc"].dropna() for history in histories])
    assert successful.dev_score.mean == pytest.approx(scores.mean(axis=0))
    assert successful.dev_score.step[-1] == 30
    assert not failed.train_loss.std.any()


def test_a_diverged_run_counts_among_the_failed_up_to_where_it_diverged(tmp_path: Path) -> None:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([0.0, DIVERGED])])
    (failed,) = learning_curves(cell, points=30)
    whole, half = (cell.records[seed].history()["train_loss"].to_numpy() for seed in (1, 2))
    assert len(half) == 15
    assert failed.runs == 2
    assert failed.train_loss.mean[:15] == pytest.approx((whole[:15] + half) / 2)
    assert failed.train_loss.mean[15:] == pytest.approx(whole[15:])
    assert not failed.train_loss.std[15:].any()


def test_the_last_window_ends_with_the_last_update(tmp_path: Path) -> None:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5])])
    (curves,) = learning_curves(cell, points=7)
    assert curves.window == 5
    assert list(curves.train_loss.step) == [5, 10, 15, 20, 25, 30]
    (uneven,) = learning_curves(cell, points=4)
    assert list(uneven.train_loss.step) == [8, 16, 24, 30]


def test_a_cell_without_records_has_no_curves(tmp_path: Path) -> None:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([None, None])])
    assert learning_curves(cell) == []
