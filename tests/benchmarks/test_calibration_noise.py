"""The committed calibration of the noise floor is what its command writes, and what it says of the floor holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import calibration_noise
from benchmarks.calibration_noise import markdown, measure
from benchmarks.calibration_noise_cases import EQUAL, NORMAL, PAIRS, RECIPES
from stabbench.files import read_json

PAGES = Path(__file__).parents[2] / "reports" / "benchmarks"


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    found: dict[str, Any] = read_json(PAGES / "calibration-noise.json")
    return found


def test_the_committed_page_is_that_of_the_committed_numbers(committed: dict[str, Any]) -> None:
    assert committed["repetitions"] == calibration_noise.REPETITIONS
    assert (PAGES / "calibration-noise.md").read_text(encoding="utf-8") == markdown(committed)
    assert {row["recipe"] for row in committed["cells"]} == {recipe.name for recipe in RECIPES}
    assert {row["pair"] for row in committed["pairs"]} == {pair.name for pair in PAIRS}


def test_a_few_repetitions_agree_with_the_committed_ones(
    committed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_noise, "RECIPES", (EQUAL, NORMAL))
    monkeypatch.setattr(calibration_noise, "SIZES", ((10, 200), (25, 200), (25, 200)))
    monkeypatch.setattr(calibration_noise, "PAIRS", ())
    many = {(row["recipe"], row["metric"], row["runs"], row["examples"]): row for row in committed["cells"]}
    for row in measure(60)["cells"]:
        same = many[row["recipe"], row["metric"], row["runs"], row["examples"]]
        assert row["variance"] == pytest.approx(same["variance"])
        assert abs(row["mean_estimate"] - same["mean_estimate"]) < 5 * row["standard_error"]
        assert row["covered"]["high"] >= same["covered"]["low"]
