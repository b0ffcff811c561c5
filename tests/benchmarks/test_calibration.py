from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration import measure
from benchmarks.calibration_cases import CASES, COLLAPSED_AT, Case
from benchmarks.calibration_report import markdown
from benchmarks.calibration_tests import FAILURES, TESTS, p_values
from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.levels import mann_whitney, welch
from stabbench.analysis.paired import mcnemar, pitman_morgan, swap_tests, wilcoxon
from stabbench.analysis.permutation import permutation_tests
from stabbench.analysis.spread import of_one_pair
from stabbench.analysis.variances import fligner_killeen, levene, spread_p_value
from stabbench.files import read_json, write_json

PERMUTATIONS = 199
ROWS = 12


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def permuted(a: np.ndarray, b: np.ndarray) -> tuple[float | None, float]:
    found = permutation_tests(a[None], b[None], random(), PERMUTATIONS)
    return None if of_one_pair(levene, a, b) is None else float(found.levene[0]), float(found.log_std_ratio[0])


ONE_PAIR: Mapping[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    "star": lambda a, b: spread_p_value(of_one_pair(levene, a, b), permuted(a, b)[0]),
    "permutation": lambda a, b: permuted(a, b)[0],
    "Levene, median": partial(of_one_pair, levene),
    "Levene, mean": partial(of_one_pair, partial(levene, center="mean")),
    "log std ratio, permutation": lambda a, b: permuted(a, b)[1],
    "Fligner-Killeen": partial(of_one_pair, fligner_killeen),
    "paired: Pitman-Morgan": partial(of_one_pair, pitman_morgan),
    "Welch": partial(of_one_pair, welch),
    "Mann-Whitney": partial(of_one_pair, mann_whitney),
    "paired: Wilcoxon": partial(of_one_pair, wilcoxon),
    "Fisher": lambda a, b: fisher_exact(int((a == COLLAPSED_AT).sum()), len(a), int((b == COLLAPSED_AT).sum()), len(b)),
    "paired: McNemar": lambda a, b: mcnemar(a == COLLAPSED_AT, b == COLLAPSED_AT),
}


@pytest.mark.parametrize("n", [7, 12, 25])
@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: case.name)
def test_every_test_for_many_pairs_at_once_gives_the_p_value_that_the_package_gives_each(case: Case, n: int) -> None:
    a, b = case.draw(np.random.default_rng(n), ROWS, n)
    found = p_values(a, b, a == COLLAPSED_AT, b == COLLAPSED_AT, random(), PERMUTATIONS)
    assert set(found) == set(TESTS)
    for test, one in ONE_PAIR.items():
        single = [one(x, y) for x, y in zip(a, b, strict=True)]
        assert found[test] == pytest.approx([1.0 if p is None else p for p in single], abs=1e-9), test


def test_swaps_within_seeds_are_tested_as_the_package_tests_them() -> None:
    a, b = CASES[0].draw(np.random.default_rng(0), 1, 20)
    found = p_values(a, b, a == COLLAPSED_AT, b == COLLAPSED_AT, random(), 1_999)
    single = swap_tests(a, b, random(), 1_999)[0]
    assert found["paired: swaps within seeds"][0] == pytest.approx(single, abs=0.05)


MEASURED = [case for case in CASES if case.name in ("collapsed", "normal, shifted")]


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return measure(1, MEASURED, [10])


def test_every_case_number_of_seeds_and_test_has_its_rates_with_bounds(found: dict[str, list[dict]]) -> None:  # type: ignore[type-arg]
    rates = found["rates"]
    assert len(rates) == len(TESTS) + (len(TESTS) - len(FAILURES))
    for row in rates:
        for bounded in row["rates"].values():
            assert 0 <= bounded["low"] <= bounded["rate"] <= bounded["high"] <= 1


def test_a_shift_of_one_arm_leaves_tests_of_spread_at_their_null_and_makes_level_tests_reject(
    found: dict[str, list[dict]],  # type: ignore[type-arg]
) -> None:
    rows = {row["test"]: row for row in found["rates"] if row["case"] == "normal, shifted"}
    assert rows["star"]["null"]
    assert not rows["Welch"]["null"]
    assert rows["Welch"]["rates"]["0.001"]["rate"] == 1
    assert rows["star"]["rates"]["0.05"]["low"] < 0.05


def test_the_page_says_where_the_star_keeps_its_level_and_has_a_row_for_each_case(found: dict[str, object]) -> None:
    text = markdown(found)
    assert "The star keeps its level" in text or "The star does not keep its level" in text
    for case in MEASURED:
        assert f"| {case.name} | 10 |" in text


def test_the_page_made_from_the_file_is_the_page_made_from_the_measurement(
    found: dict[str, object], tmp_path: Path
) -> None:
    write_json(tmp_path / "calibration.json", found)
    assert markdown(read_json(tmp_path / "calibration.json")) == markdown(found)


def test_the_committed_page_is_that_of_the_committed_numbers() -> None:
    folder = Path(__file__).parents[2] / "reports" / "benchmarks"
    assert (folder / "calibration.md").read_text() == markdown(read_json(folder / "calibration.json"))
