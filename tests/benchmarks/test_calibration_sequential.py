from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration_sequential import _fisher_table, _with_acceptance, measure
from benchmarks.sequential_report import markdown
from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.group_sequential import asymptotic, first_crossings, look, permutation_p
from stabbench.analysis.sequential import _orders, decisions
from stabbench.files import read_json, write_json
from stabbench.looks import Design


def test_a_small_calibration_has_every_case_and_its_page_is_made_of_its_file(tmp_path: Path) -> None:
    found = measure(100, (Design(4, 2),), of_families=20)
    assert found["repetitions"] == 100
    assert {row["question"] for row in found["two_arms"]} == {"spread", "level"}
    assert len({row["case"] for row in found["two_arms"]}) == len(found["cases"])
    write_json(tmp_path / "calibration-sequential.json", found)
    assert markdown(read_json(tmp_path / "calibration-sequential.json")) == markdown(found)


def test_the_committed_page_is_that_of_the_committed_numbers() -> None:
    folder = Path(__file__).parent.parent.parent / "reports/benchmarks"
    found = read_json(folder / "calibration-sequential.json")
    assert (folder / "calibration-sequential.md").read_text(encoding="utf-8") == markdown(found)
    assert found["repetitions"] >= 10_000
    assert all(row["repetitions"] >= 10_000 for row in found["families"])


def test_the_test_that_is_offered_keeps_its_level_wherever_it_was_simulated() -> None:
    folder = Path(__file__).parent.parent.parent / "reports/benchmarks"
    found = read_json(folder / "calibration-sequential.json")
    offered = [row for row in found["above_level"] if row["guarded"]]
    assert offered == []
    assert all(row["wrong"]["low"] <= 0.05 for row in found["families"])
    assert all(row["apart"]["high"] <= 0.05 for row in found["failures"] if row["null"])


def test_the_simulation_of_two_arms_decides_as_the_package_does() -> None:
    design, permutations = Design(5, 4), 199
    random = np.random.default_rng(1)
    a, b = random.normal(0, 2.5, (12, 20)), random.normal(0, 1, (12, 20))
    orders = [_orders(5, stage, permutations, "spread") for stage in range(4)]
    for x, y in zip(a, b, strict=True):
        found = decisions({"a": x, "b": y}, {}, design, permutations).pairs[0]
        first, second = sorted((np.sort(v.reshape(4, 5), axis=1).ravel() for v in (x, y)), key=tuple)
        parts = [(first[None, :n], second[None, :n]) for n in (5, 10, 15, 20)]
        looks = [look(one, other, orders[: number + 1], "spread") for number, (one, other) in enumerate(parts)]
        beside = [asymptotic(one, other, "spread") for one, other in parts]
        crossed = first_crossings(looks, beside, design.alpha, 4)
        p = np.stack([permutation_p(statistics) for statistics in looks])
        told, taken = _with_acceptance(crossed, p, design.accept, 4)
        assert (found.state == "apart", found.look) == (told[0], taken[0])


@pytest.mark.parametrize("n", [1, 4, 9])
def test_the_table_of_fishers_test_is_the_packages(n: int) -> None:
    expected = [[fisher_exact(a, n, b, n) for b in range(n + 1)] for a in range(n + 1)]
    assert _fisher_table(n) == pytest.approx(np.array(expected, dtype=float))
