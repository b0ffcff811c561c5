"""Which runs the probes look at, and what they say where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stabbench.execution.settings import Settings
from stabbench.probes import Measurement, ProbeContext
from stabbench.probes.forgetting import Forgetting
from stabbench.probes.forgetting.choice import ForgettingOptions
from stabbench.probes.forgetting.choice import choose as choose_forgetting
from stabbench.probes.runs import FinishedRun, runs_at
from stabbench.probes.surface import Surface
from stabbench.probes.surface.choice import SurfaceOptions
from stabbench.probes.surface.choice import choose as choose_surface
from stabbench.records import Selection, Store
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs


def project(folder: Path, *cells: SyntheticCell) -> ProbeContext:
    write_runs(folder / "runs", list(cells))
    return ProbeContext(
        Selection.read(folder / "runs"), folder / "runs", Store(folder / "runs-store"), Settings(), folder
    )


def names(runs: Sequence[FinishedRun]) -> list[tuple[str, int]]:
    return [(run.cell.strategy, run.seed) for run in runs]


def measured(of: Any, options: Any, project: ProbeContext) -> Measurement:
    found = of.measure(options, project)
    assert isinstance(found, Measurement)
    return found


DEVLIN = SyntheticCell([0.0, 0.5, 0.0, DIVERGED, 0.4])
MOSBACH = SyntheticCell([0.5, 0.6, 0.5, 0.5, 0.0], strategy="mosbach")


def test_diverged_runs_are_never_chosen(tmp_path: Path) -> None:
    runs = runs_at(project(tmp_path, DEVLIN).selection, None, None)
    assert names(runs) == [("devlin", 1), ("devlin", 2), ("devlin", 3), ("devlin", 5)]


def test_the_first_task_with_both_kinds_of_runs_is_taken_where_none_is_named(tmp_path: Path) -> None:
    even = SyntheticCell([0.5, 0.5], task="paraphrase")
    selection = project(tmp_path, even, DEVLIN).selection
    assert {run.cell.task for run in runs_at(selection, None, None)} == {"acceptability"}
    assert {run.cell.task for run in runs_at(selection, None, "paraphrase")} == {"paraphrase"}
    assert runs_at(selection, "other", None) == []


def test_forgetting_takes_the_runs_of_a_strategy_that_has_enough_of_both(tmp_path: Path) -> None:
    runs = runs_at(project(tmp_path, MOSBACH, DEVLIN).selection, None, None, ("mosbach", "devlin"))
    assert names(choose_forgetting(runs, 2, 2)) == [("devlin", 1), ("devlin", 3), ("devlin", 2), ("devlin", 5)]
    assert names(choose_forgetting(runs, 3, 1)) == [("mosbach", 5), ("devlin", 1), ("devlin", 3), ("mosbach", 1)]


def test_a_surface_joins_runs_that_began_with_the_same_head(tmp_path: Path) -> None:
    runs = runs_at(project(tmp_path, DEVLIN, MOSBACH).selection, None, None)
    pair = choose_surface([run for run in runs if run.failed], [run for run in runs if not run.failed])
    assert pair is not None
    assert names(pair) == [("devlin", 1), ("mosbach", 1)]


def test_a_surface_of_runs_with_other_heads_is_the_second_choice(tmp_path: Path) -> None:
    runs = runs_at(project(tmp_path, DEVLIN).selection, None, None)
    pair = choose_surface([run for run in runs if run.failed], [run for run in runs if not run.failed])
    assert pair is not None
    assert names(pair) == [("devlin", 1), ("devlin", 2)]


@pytest.mark.parametrize(
    ("scores", "forgetting_says", "surface_says"),
    [
        (
            [0.5, 0.6],
            "No run of synthetic on acceptability is failed",
            "No run of synthetic on acceptability is failed",
        ),
        ([0.0, 0.0], "is successful, so there is nothing to compare", "is successful, so there is no plane to draw"),
        ([None, DIVERGED], "no finished runs", "no finished runs"),
    ],
)
def test_where_there_is_nothing_to_compare_a_sentence_says_so(
    scores: list[float | None], forgetting_says: str, surface_says: str, tmp_path: Path
) -> None:
    whole = project(tmp_path, SyntheticCell(scores))
    for probe, options, says in (
        (Forgetting(), ForgettingOptions(), forgetting_says),
        (Surface(), SurfaceOptions(), surface_says),
    ):
        found = measured(probe, options, whole)
        assert says in str(found.reason)
        assert not found.tables
        assert not found.chosen


def test_a_named_run_that_did_not_fail_is_a_sentence(tmp_path: Path) -> None:
    options = SurfaceOptions.model_validate({"failed": {"strategy": "devlin", "seed": 2}})
    found = measured(Surface(), options, project(tmp_path, DEVLIN))
    assert found.reason == (
        "devlin seed 2 is not a failed run of synthetic on acceptability, so there is no plane to draw."
    )
