from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stabbench.analysis.place import Place
from stabbench.analysis.stability import stability
from stabbench.analysis.warnings import (
    added_seeds,
    few_seeds,
    in_two_groups,
    stable_in_failure,
    two_groups,
    unequal_seeds,
)
from stabbench.records import SelectedCell
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.analysis.test_stability import runs

STEADY = list(np.linspace(0.6, 0.7, 25))


def planned(selected: SelectedCell, first: list[int], all_seeds: list[int]) -> None:
    """Write into the records what their cell had planned: `first` where the seed is in it, else all seeds."""
    for seed, record in selected.records.items():
        path = record.folder / "provenance.json"
        data = json.loads(path.read_text())
        del data["seal"]
        data["created"] = f"2026-01-0{1 if seed in first else 2}T00:00:00+00:00"
        path.write_text(json.dumps({**data, "planned_seeds": first if seed in first else all_seeds}))


def test_cells_under_ten_finished_runs_are_too_small_for_a_star() -> None:
    table = stability(runs({"a": STEADY[:9], "b": STEADY[:10], "c": [float("nan")] * 10}))
    assert list(few_seeds(table)["strategy"]) == ["a"]


def test_a_small_std_that_comes_from_failing_is_named_and_a_large_one_is_not() -> None:
    cells = {
        "all": [0.2] * 25,
        "nearly all": [0.29] * 24 + [0.31],
        "mostly, but wide": [0.1] * 13 + [0.9] * 12,
        "steady": STEADY,
    }
    assert list(stable_in_failure(stability(runs(cells)))["strategy"]) == ["all", "nearly all"]


def test_where_every_cell_mostly_fails_each_is_named() -> None:
    table = stability(runs({"a": [0.1] * 13 + [0.9] * 12, "b": [0.2] * 20 + [0.5] * 5}))
    assert list(stable_in_failure(table)["strategy"]) == ["a", "b"]


def test_collapsed_and_successful_runs_are_two_groups_with_their_sizes_and_means() -> None:
    groups = two_groups(np.array([*np.linspace(0.0, 0.02, 6), *np.linspace(0.58, 0.62, 19)]))
    assert groups is not None
    assert (groups.lower, groups.higher) == (6, 19)
    assert (groups.mean_lower, groups.mean_higher) == pytest.approx((0.01, 0.6))
    assert groups.between > 0.95


@pytest.mark.parametrize(
    "scores",
    [
        np.linspace(0, 1, 25),
        np.full(25, 0.5),
        np.array([0.0] * 4 + [1.0] * 4),
        np.array([0.0, *np.linspace(0.9, 1, 24)]),
    ],
    ids=["uniform", "constant", "too few", "one outlier"],
)
def test_one_group_constant_scores_few_seeds_and_a_single_outlier_are_no_two_groups(scores: np.ndarray) -> None:
    assert two_groups(scores) is None


def test_normal_scores_are_rarely_called_two_groups() -> None:
    random = np.random.default_rng(0)
    assert sum(two_groups(scores) is not None for scores in random.normal(size=(400, 25))) <= 4


def test_the_cells_in_two_groups_are_named() -> None:
    ((names, _),) = in_two_groups(runs({"split": [0.1] * 12 + [0.9] * 13, "steady": STEADY}))
    assert names == Place("bert", "rte", "split")


def test_tasks_whose_strategies_have_different_seeds_are_named_with_their_numbers() -> None:
    (found,) = unequal_seeds(runs({"a": [0.5, 0.6], "b": [0.4, 0.7, 0.8]}))
    assert (found.place, found.seeds) == (Place("bert", "rte"), {"a": [1, 2], "b": [1, 2, 3]})
    assert found.shared
    assert unequal_seeds(runs({"a": [0.5, 0.6], "b": [0.4, float("nan")]})) == []


def test_strategies_without_a_seed_in_common_are_known_to_have_none() -> None:
    table = runs({"a": [0.5, 0.6], "b": [0.4, 0.7]})
    table.loc[table["strategy"] == "b", "seed"] += 100
    (found,) = unequal_seeds(table)
    assert not found.shared


def test_seeds_that_were_not_planned_when_the_first_run_was_trained_are_named(tmp_path: Path) -> None:
    whole, extended = write_runs(
        tmp_path / "runs", [SyntheticCell([0.4, 0.5, 0.6]), SyntheticCell([0.4, 0.5, 0.6], strategy="mosbach")]
    )
    planned(whole, [1, 2, 3], [1, 2, 3])
    planned(extended, [1, 2], [1, 2, 3])
    assert added_seeds([whole, extended]) == {Place.of(extended.cell): [3]}


def test_records_that_do_not_say_what_was_planned_accuse_nobody(tmp_path: Path) -> None:
    assert added_seeds(write_runs(tmp_path / "runs", [SyntheticCell([0.4, 0.5, 0.6])])) == {}
