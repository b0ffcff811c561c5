from __future__ import annotations

from pathlib import Path
from statistics import mean, variance

import numpy as np
import pytest

from stabbench.analysis.example_stability import (
    Correctness,
    by_example,
    least_stable,
    outcomes,
    per_point_stability,
    variances,
)
from tests.analysis.synthetic import DEV, DIVERGED, SyntheticCell, write_runs

RIGHT = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 0]], dtype=bool)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_an_examples_variance_is_the_sample_variance_of_its_correctness_over_runs() -> None:
    expected = [variance([float(value) for value in column]) for column in RIGHT.T]
    assert variances(RIGHT) == pytest.approx(expected)


def test_the_measure_equals_a_direct_computation_from_the_records(tmp_path: Path) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.4, 0.0, 0.3, DIVERGED])])
    found = outcomes(selected)
    assert isinstance(found, Correctness)
    tables = {seed: record.predictions().set_index("example") for seed, record in selected.records.items()}

    def direct(seeds: list[int]) -> float:
        hits = [
            [float(tables[seed]["prediction"][e] == tables[seed]["label"][e]) for seed in seeds]
            for e in tables[1].index
        ]
        return mean(variance(values) for values in hits)

    assert per_point_stability(found.correct, random()).value == pytest.approx(direct([1, 2, 3, 4, 5]))
    assert list(found.successful) == [True, True, False, True, False]
    assert per_point_stability(found.correct[found.successful], random()).value == pytest.approx(direct([1, 2, 4]))
    assert list(found.examples) == [3 * row for row in range(DEV)]


def test_runs_that_agree_everywhere_are_stable_and_a_coin_is_not() -> None:
    assert per_point_stability(np.ones((5, 8), dtype=bool), random()).value == 0.0
    halves = np.array([[True] * 8, [False] * 8])
    assert per_point_stability(halves, random()).value == pytest.approx(2 / (4 * (2 - 1)))


def test_the_papers_own_measure_differs_runs_can_be_equally_good_on_other_examples() -> None:
    other = np.array([[1, 0, 1, 0], [0, 1, 0, 1]], dtype=bool)
    found = per_point_stability(other, random())
    assert found.accuracy_variance == 0.0
    assert found.value == pytest.approx(0.5)


def test_the_bootstrap_interval_is_the_one_of_a_mean_over_examples() -> None:
    correct = random().random((10, 400)) < 0.7
    found = per_point_stability(correct, random())
    error = variances(correct).std(ddof=1) / np.sqrt(400)
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.15 * error)
    assert per_point_stability(correct, random()) == found


def test_one_run_alone_has_no_variance() -> None:
    found = per_point_stability(RIGHT[:1], random())
    assert found.runs == 1
    assert np.isnan(found.value)
    assert np.isnan(variances(RIGHT[:1])).all()


def test_a_cell_without_records_has_none(tmp_path: Path) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([None, None])])
    assert outcomes(selected) is None


def test_the_least_stable_examples_come_first_and_those_that_never_change_not_at_all(tmp_path: Path) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.4, 0.3, 0.2])])
    found = outcomes(selected)
    assert isinstance(found, Correctness)
    table = by_example(found)
    chosen = least_stable(table, DEV)
    assert list(chosen["variance"]) == sorted(chosen["variance"], reverse=True)
    assert set(table["example"]) - set(chosen["example"]) == set(table.loc[table["variance"] == 0, "example"])
    first = chosen.iloc[0]
    assert first["variance"] == table["variance"].max()
    assert first["correct"] == pytest.approx(found.correct[:, list(found.examples).index(first["example"])].mean())
    assert set(table.columns) == {
        "example", "label", "correct", "variance", "correct_successful", "variance_successful",
    }  # fmt: skip
