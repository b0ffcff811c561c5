from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from stabbench.analysis.hyperparameters import departures, hyperparameters
from stabbench.records import Record, RecordContent, SelectedCell
from tests.analysis.synthetic import SyntheticCell, write_runs


@pytest.fixture
def selected(tmp_path: Path) -> SelectedCell:
    (cell,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.4, 0.3])])
    return cell


def changed(selected: SelectedCell, seed: int, change: Callable[[dict[str, Any]], None]) -> SelectedCell:
    """The cell with one record's content changed, as if training had done otherwise than planned."""
    record = selected.records[seed]
    data = deepcopy(record.content.to_json())
    change(data)
    return dataclasses.replace(
        selected, records={**selected.records, seed: Record(RecordContent.from_json(data), record.folder)}
    )


def test_the_values_are_those_of_the_records(selected: SelectedCell) -> None:
    found = hyperparameters(selected)
    assert found is not None
    assert found.recipe["learning_rate"] == (2e-5,)
    assert found.recipe["bias_correction"] == (False,)
    assert found.steps == ((30, 3),)
    (groups,) = found.groups
    assert [(group.weight_decay, group.tensors, group.parameters) for group in groups] == [(0.01, 1, 64), (0.0, 1, 64)]


def test_records_that_disagree_show_all_their_values(selected: SelectedCell) -> None:
    def change(data: dict[str, Any]) -> None:
        data["spec"]["recipe"]["learning_rate"] = 3e-5

    found = hyperparameters(changed(selected, 2, change))
    assert found is not None
    assert found.recipe["learning_rate"] == (2e-5, 3e-5)


def test_a_cell_without_records_has_no_values(selected: SelectedCell) -> None:
    assert hyperparameters(dataclasses.replace(selected, records={})) is None


def test_records_that_follow_their_plan_depart_nowhere(selected: SelectedCell) -> None:
    assert departures(selected) == []


def test_weight_decay_that_was_switched_off_unnoticed_is_found(selected: SelectedCell) -> None:
    def change(data: dict[str, Any]) -> None:
        for group in data["parameter_groups"]:
            group["weight_decay"] = 0.0

    (found,) = departures(changed(selected, 3, change))
    assert (found.seed, found.name, found.recorded, found.planned) == (3, "weight_decay", "0 on 1 tensors", "0.01")


def test_a_bias_that_decays_is_found(selected: SelectedCell) -> None:
    def change(data: dict[str, Any]) -> None:
        data["parameter_groups"][1]["weight_decay"] = 0.01

    assert [(item.recorded, item.planned) for item in departures(changed(selected, 1, change))] == [
        ("0.01 on 1 tensors", "0")
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data["spec"]["recipe"].update(epochs=9.0), ("epochs", "9.0", "3.0")),
        (lambda data: data.update(total_steps=31), ("total_steps", "31", "30")),
        (lambda data: data.update(warmup_steps=0), ("warmup_steps", "0", "3")),
        (
            lambda data: data["parameter_groups"][0].update(learning_rate=1e-3),
            ("learning_rate", "0.001 on 1 tensors", "2e-05"),
        ),
        (lambda data: data["parameter_groups"][0].update(epsilon=1e-8), ("epsilon", "1e-08 on 1 tensors", "1e-06")),
    ],
)
def test_every_other_departure_is_named(
    selected: SelectedCell, change: Callable[[dict[str, Any]], None], expected: tuple[str, str, str]
) -> None:
    assert [(item.name, item.recorded, item.planned) for item in departures(changed(selected, 1, change))] == [expected]
