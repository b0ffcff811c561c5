from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration_level import BETTER, CASES, INTERVALS, markdown, measure
from stabbench.files import read_json

REPORTS = Path(__file__).parents[2] / "reports" / "benchmarks"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return measure(20, CASES[:1], [2], [5, 25])


def test_every_setting_has_the_coverage_of_every_interval_with_bounds(found: dict[str, Any]) -> None:
    assert [row["seeds"] for row in found["rows"]] == [5, 25]
    for row in found["rows"]:
        assert set(row["coverage"]) == set(INTERVALS)
        for rate in row["coverage"].values():
            assert 0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1


def test_intervals_are_narrower_with_more_seeds(found: dict[str, Any]) -> None:
    few, many = found["rows"]
    for name in INTERVALS:
        assert many["width"][name] < few["width"][name]


def test_the_truth_of_normal_scores_is_the_one_that_the_normal_distribution_gives(found: dict[str, Any]) -> None:
    """Two tasks of levels apart by symmetry: the mean in the middle; a difference of normal scores has variance 2."""
    for row in found["rows"]:
        assert row["iqm"] == pytest.approx(0, abs=0.01)
        assert row["improvement"] == pytest.approx(stats.norm.cdf(BETTER / np.sqrt(2)), abs=0.002)


def test_the_committed_page_is_that_of_the_committed_numbers() -> None:
    found = read_json(REPORTS / "calibration-level.json")
    assert (REPORTS / "calibration-level.md").read_text(encoding="utf-8") == markdown(found)
    assert found["repetitions"] == 10_000
