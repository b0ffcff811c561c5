from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stabbench.analysis.frame import frame
from stabbench.analysis.generalisation import fitted, generalisation, variance_between_outcomes
from stabbench.records import Selection
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs


def runs_of(tmp_path: Path, scores: list[float | None], losses: list[float | None]) -> pd.DataFrame:
    cell = SyntheticCell(scores, train_losses=losses, gradient_norms=False)
    return frame(Selection(tuple(write_runs(tmp_path / "runs", [cell]))))


def test_the_rank_correlation_is_that_of_the_ranks(tmp_path: Path) -> None:
    scores, losses = [0.5, 0.45, 0.55, 0.0, 0.3], [1e-4, 2e-2, 1e-5, 0.6, 0.5]
    found = generalisation(runs_of(tmp_path, list(scores), list(losses)), threshold=0.1)
    ranks = [pd.Series(values).rank().to_numpy() for values in (losses, scores)]
    assert found.runs == 5
    assert found.correlation == pytest.approx(np.corrcoef(ranks[0], ranks[1])[0, 1])
    assert found.correlation == pytest.approx(-1)
    assert found.p == pytest.approx(0, abs=1e-9)


def test_the_spread_below_the_threshold_is_that_of_the_runs_that_fitted(tmp_path: Path) -> None:
    found = generalisation(runs_of(tmp_path, [0.5, -0.1, 0.6, 0.0], [0.01, 0.02, 0.1, 0.6]), threshold=0.1)
    assert found.below.n == 2
    assert (found.below.min, found.below.max) == (-0.1, 0.5)
    assert found.below.std == pytest.approx(np.std([0.5, -0.1], ddof=1))
    assert found.failed_below == 1


def test_missing_and_diverged_runs_have_no_training_loss(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [0.5, None, DIVERGED], [0.01, 0.02, None])
    assert list(fitted(runs)["seed"]) == [1]
    found = generalisation(runs, threshold=0.1)
    assert (found.runs, found.correlation, found.p) == (1, None, None)


def test_constant_scores_have_no_correlation_and_no_shares(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [0.5, 0.5, 0.5], [0.1, 0.2, 0.3])
    assert generalisation(runs, threshold=0.1).correlation is None
    assert variance_between_outcomes(runs) is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.0, 0.0, 0.5, 0.5], 1.0), ([0.4, 0.5, 0.6, 0.7], 0.0), ([0.0, -0.1, -0.2, -0.3], 0.0)],
)
def test_the_share_between_failed_and_successful_runs(tmp_path: Path, scores: list[float], expected: float) -> None:
    assert variance_between_outcomes(runs_of(tmp_path, list(scores), [0.1] * 4)) == pytest.approx(expected)


def test_the_shares_between_and_within_outcomes_are_the_whole_variance(tmp_path: Path) -> None:
    scores = np.array([0.0, -0.1, 0.5, 0.6, 0.4])
    failed, successful = scores[:2], scores[2:]
    within = (len(failed) * failed.var() + len(successful) * successful.var()) / len(scores)
    between = variance_between_outcomes(runs_of(tmp_path, [float(score) for score in scores], [0.1] * 5))
    assert between == pytest.approx(1 - within / scores.var())
