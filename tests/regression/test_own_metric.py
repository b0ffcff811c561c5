"""Reports of metrics that lie in a file: direction, range and words are those that the plan keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stabbench.analysis.scoring import CLASSIFICATION, Scoring
from stabbench.analysis.seed_sanity import seedless_cells
from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.report.content import gather
from stabbench.report.shown import Shown, unit_words
from stabbench.report.tables import markdown
from stabbench.task_facts import OwnMetric, TaskFacts
from tests.analysis.synthetic import SyntheticCell, write_runs

COST = OwnMetric("cost of errors", lower=True, lowest=0.0, highest=None, trivial=None, counted=False)


class OfCost(SyntheticCell):
    """A cell whose metrics `mcc` and `accuracy` are said to be of its own."""

    def plan(self) -> Cell:
        """The cell as the plan would hold it."""
        cell = super().plan()
        return replace(cell, task_facts=facts_with(cell.task_facts, {"mcc": COST}))


def facts_with(facts: TaskFacts, own: dict[str, OwnMetric]) -> TaskFacts:
    return replace(facts, own_metrics=own)


def test_what_the_plan_says_of_an_own_metric_goes_before_what_its_name_says(tmp_path: Path) -> None:
    cells = [OfCost([3.1, 4.5, 6.0]), OfCost([2.0, 2.2, 2.9], strategy="mosbach", epochs=20)]
    write_runs(tmp_path / "runs", cells)
    content = gather(tmp_path / "runs")
    text = markdown(content)
    assert "(acceptability: cost of errors)" in text
    assert "acceptability min" in text
    assert "| **0.4726** | **2.367** | **2** |" in text
    assert content.scoring.lower == {"mcc"}
    assert content.constant == "best constant classifier"


def test_labels_of_classes_keep_their_words_where_a_metric_is_a_loss() -> None:
    cell = OfCost([0.1]).plan()
    found = Scoring.of_cells([cell])
    assert found.each == [CLASSIFICATION]
    assert found.kind("mcc").lower
    assert not found.kind("accuracy").lower
    shown = Shown.of(found, "mcc")
    assert (shown.factor, shown.best, shown.label) == (1.0, "min", "cost of errors, lower is better")
    assert shown.narrow_label == "cost of errors\nlower is better"
    assert unit_words([shown, Shown.of(found, "accuracy")]) == "× 100; cost of errors as it stands"


def test_two_tasks_cannot_call_different_metrics_the_same() -> None:
    first, second = OfCost([0.1]).plan(), SyntheticCell([0.1], task="other").plan()
    other = replace(COST, lower=False)
    second = replace(second, task_facts=facts_with(second.task_facts, {"mcc": other}))
    with pytest.raises(UserError, match="task other: its metric 'mcc' is another one"):
        Scoring.of_cells([first, second])


def test_a_loss_is_one_wherever_another_cell_of_its_task_is_scored_otherwise() -> None:
    other = SyntheticCell([0.1]).plan()
    loss = replace(other, task_facts=replace(other.task_facts, metric="loss", metrics=("loss",)))
    cells = [loss, other]
    for found in (Scoring.of_cells(cells), Scoring.of_cells(cells[::-1])):
        shown = Shown.of(found, "loss")
        assert (shown.kind.lower, shown.factor) == (True, 1.0)


def test_an_own_metric_with_bounds_lies_on_no_grid_that_is_guessed(tmp_path: Path) -> None:
    values = [0.1, 0.3, 0.3, 0.3, 0.6, 0.6, 0.6, 0.8, 0.8, 0.8, 0.9, 0.9]
    named = OwnMetric("mine", lower=False, lowest=0.0, highest=1.0, trivial=None, counted=False)
    write_runs(tmp_path / "runs", [OfCost(values)])
    runs = gather(tmp_path / "runs").runs.assign(accuracy=float("nan"), metric="mine")
    assert not seedless_cells(runs.assign(result_digest=""), scoring=Scoring(own={"mine": named}))
    assert Scoring.of_names({"rmse"}, frozenset({"rmse"})).constant == "best constant prediction"
