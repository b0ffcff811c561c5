from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import calibration_tasks
from benchmarks.calibration_tasks import measure
from benchmarks.calibration_tasks_cases import CASES
from benchmarks.calibration_tasks_report import markdown
from benchmarks.calibration_tasks_rivals import RIVALS
from stabbench.files import read_json

REPORTS = Path(__file__).parents[2] / "reports" / "benchmarks"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration_tasks, "_AT_ONCE", 200)
        return measure(1, [CASES[0], CASES[-1]], [4], [10])


def test_every_setting_has_its_rates_with_bounds(found: dict[str, Any]) -> None:
    assert [(row["case"], row["tau"]) for row in found["rows"]] == [
        (name, tau) for name in ("normal", "heavy against normal") for tau in (0.0, 0.3)
    ]
    for row in found["rows"]:
        assert set(row["coverage"]) >= {"pooled", "new_measured", "new_true", *RIVALS}
        for rate in (*row["coverage"].values(), *row["p_ratio"].values()):
            assert 0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1


def test_coverage_and_the_test_that_the_ratio_is_one_are_two_sides_of_one_interval(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        assert row["coverage"]["pooled"]["rate"] + row["p_ratio"]["0.05"]["rate"] == pytest.approx(1)


def test_a_smaller_true_ratio_is_found_more_often(found: dict[str, Any]) -> None:
    steadier = [found["rows"][0]["verdicts"][ratio]["steadier"] for ratio in ("1", "0.65", "0.5")]
    assert steadier == sorted(steadier)
    assert steadier[-1] > steadier[0]


def test_cases_have_the_ratio_of_stds_that_they_say() -> None:
    for case in CASES:
        if case.new_ratio_known:
            first, second = case.draw(np.random.default_rng(0), 1, 400, 4_000)
            ratios = first.std(axis=2).mean() / second.std(axis=2).mean()
            assert ratios == pytest.approx(case.std_ratio, rel=0.03), case.name


def test_the_committed_page_is_that_of_the_committed_numbers() -> None:
    page = (REPORTS / "calibration-tasks.md").read_text(encoding="utf-8")
    assert page == markdown(read_json(REPORTS / "calibration-tasks.json"))
    assert read_json(REPORTS / "calibration-tasks.json")["repetitions"] == 10_000


def test_in_the_committed_numbers_alike_strategies_keep_the_level_of_intervals_tests_and_verdicts() -> None:
    committed = read_json(REPORTS / "calibration-tasks.json")
    alike = {case["name"] for case in committed["cases"] if case["same_shape"]}
    for row in committed["rows"]:
        if row["case"] in alike:
            assert row["coverage"]["pooled"]["high"] >= 0.95, row
            assert row["coverage"]["new_true"]["high"] >= 0.95, row
            assert all(rate["low"] <= float(alpha) for alpha, rate in row["p_ratio"].items()), row
            assert all(said["wrong"]["low"] <= 0.05 for said in row["verdicts"].values()), row
