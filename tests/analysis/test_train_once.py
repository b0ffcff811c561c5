from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stabbench.analysis.failures import wilson_interval
from stabbench.analysis.stability import stability
from stabbench.analysis.train_once import COLUMNS, train_once, worst_mean
from tests.analysis.test_stability import runs

SCORES = [0.62, 0.1, 0.64, 0.65, 0.66, 0.67, 0.68, 0.69, 0.7, 0.71, 0.72, 0.2]


def of(scores: Sequence[float], lower: frozenset[str] = frozenset()) -> pd.Series:
    frame = runs({"devlin": scores})
    return train_once(frame, stability(frame, lower=lower), lower).iloc[0]


def test_the_worst_fifth_holds_failed_runs_and_a_part_of_the_run_at_its_edge() -> None:
    found = of(SCORES)
    assert found["worst_fifth_mean"] == pytest.approx((0.1 + 0.2 + 0.4 * 0.62) / 2.4)
    assert found["worst"] == 0.1
    assert found["worst_tenth"] == pytest.approx(np.quantile(SCORES, 0.1))
    assert (found["mean"], found["median"]) == (pytest.approx(np.mean(SCORES)), pytest.approx(np.median(SCORES)))


def test_the_probability_of_failing_has_wilsons_interval() -> None:
    found = of(SCORES)
    assert (found["failed"], found["n"], found["failed_share"]) == (2, 12, pytest.approx(2 / 12))
    assert (found["failed_low"], found["failed_high"]) == pytest.approx(wilson_interval(2, 12))


def test_where_lower_is_better_the_highest_scores_are_the_worst() -> None:
    found = of(SCORES, frozenset({"accuracy"}))
    assert found["worst"] == 0.72
    assert found["worst_fifth_mean"] == pytest.approx((0.72 + 0.71 + 0.4 * 0.7) / 2.4)
    assert found["worst_tenth"] == pytest.approx(np.quantile(SCORES, 0.9))


def test_of_fewer_than_ten_runs_nothing_is_said_of_the_tail() -> None:
    found = of(SCORES[:9])
    assert math.isnan(found["worst_fifth_mean"])
    assert math.isnan(found["worst_tenth"])
    assert found["worst"] == 0.1


def test_a_cell_without_a_finished_run_has_a_row_without_numbers() -> None:
    frame = runs({"devlin": SCORES, "mosbach": [math.nan] * 3})
    found = train_once(frame, stability(frame))
    assert list(found.columns) == COLUMNS
    assert found["n"].tolist() == [12, 0]
    assert found.loc[1, ["failed_share", "worst", "worst_fifth_mean"]].isna().all()


def test_without_a_score_the_worst_mean_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected one at least"):
        worst_mean(np.empty(0))


scores = st.lists(st.floats(-1, 1).map(lambda x: round(x, 6)), min_size=1, max_size=30).map(np.array)


@given(scores, st.floats(0.05, 1))
def test_the_worst_mean_is_between_the_worst_and_the_mean_and_turns_round_with_the_scores(
    values: np.ndarray, share: float
) -> None:
    found = worst_mean(values, share)
    assert values.min() - 1e-9 <= found <= values.mean() + 1e-9
    assert worst_mean(-values, share, lower=True) == pytest.approx(-found, abs=1e-9)
    assert worst_mean(values, 1.0) == pytest.approx(values.mean(), abs=1e-9)
