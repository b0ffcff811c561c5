"""The cells of a study: resolved as the grid's are, with changes, under the same fingerprints where nothing differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stabbench.config import load
from stabbench.errors import UserError
from stabbench.plan import Cell, Variation
from stabbench.resolve import plan, plan_variations
from stabbench.tasks.preparation import prepare

SAME = Variation(name="same", model="embedded", task="acceptability", strategy="devlin", seeds=(1, 2, 9))


def planned(variation: Variation) -> Cell:
    (cell,) = plan_variations(load(Path("params.yaml")), Path(), [variation])
    return cell


def test_a_variation_without_changes_has_the_fingerprints_of_the_grid(project: Path) -> None:
    (grid,) = plan(load(Path("params.yaml")), Path())
    cell = planned(SAME)
    assert (cell.strategy, cell.seeds) == ("same", (1, 2, 9))
    assert [cell.fingerprint(seed) for seed in (1, 2)] == [grid.fingerprint(seed) for seed in (1, 2)]


def test_changes_that_come_out_like_the_strategy_itself_are_the_same_runs_too(project: Path) -> None:
    changes = {"learning_rate": 1e-3, "epochs": 3, "bias_correction": False}
    assert planned(dataclasses.replace(SAME, recipe=changes)).fingerprint(1) == planned(SAME).fingerprint(1)


def test_changes_go_into_the_recipe_and_the_fingerprint(project: Path) -> None:
    cell = planned(dataclasses.replace(SAME, recipe={"epochs": 20, "bias_correction": True}))
    assert (cell.recipe().epochs, cell.recipe().bias_correction, cell.recipe().learning_rate) == (20.0, True, 1e-3)
    assert cell.fingerprint(1) != planned(SAME).fingerprint(1)


def test_a_warm_up_that_was_once_an_update_shorter_is_told_for_the_variation_alone(project: Path) -> None:
    cell = planned(dataclasses.replace(SAME, recipe={"warmup_ratio": 0.29, "total_steps": 100}))
    assert cell.spec["warmup_updates"] == 29
    assert "warmup_updates" not in planned(SAME).spec


def test_single_streams_take_their_own_seeds(project: Path) -> None:
    streams = {"2": {"head": 1, "order": 1, "dropout": 1, "strategy": 1}, "9": {"dropout": 4}}
    cell = planned(dataclasses.replace(SAME, streams=streams))
    assert cell.run_spec(9)["seeds"] == {"head": 9, "order": 9, "dropout": 4, "strategy": 9}
    assert cell.fingerprint(2) == cell.fingerprint(1) == planned(SAME).fingerprint(1)
    path = Path("cell.json")
    cell.write(path)
    assert Cell.read(path).fingerprint(9) == cell.fingerprint(9)


def test_cells_keep_the_order_in_which_they_are_given(project: Path) -> None:
    names = ["second", "first", "third"]
    cells = plan_variations(load(Path("params.yaml")), Path(), [dataclasses.replace(SAME, name=name) for name in names])
    assert [(cell.strategy, cell.position) for cell in cells] == [("second", 0), ("first", 1), ("third", 2)]


def test_steps_of_a_task_are_the_updates_of_the_recipes_epochs_on_it(project: Path) -> None:
    prepare("larger", {"dataset": "acceptability"}, train_size=75, dev_size=32, out=Path("data/larger"))
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        text.replace("tasks:\n  acc", "tasks:\n  larger: {dataset: acceptability, train_size: 75, dev_size: 32}\n  acc")
    )
    assert planned(dataclasses.replace(SAME, steps_of="larger")).recipe().total_steps == 15
    longer = dataclasses.replace(SAME, steps_of="larger", recipe={"epochs": 2.5, "batch_size": 10})
    assert planned(longer).recipe().total_steps == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "embeded"}, "unknown model 'embeded': did you mean 'embedded'"),
        ({"task": "acceptabilty"}, "unknown task 'acceptabilty': did you mean 'acceptability'"),
        ({"strategy": "devln"}, "unknown strategy 'devln': did you mean 'devlin'"),
        ({"steps_of": "acceptabilty"}, "unknown task 'acceptabilty': did you mean 'acceptability'"),
        ({"recipe": {"epochs": -1.0}}, r"embedded/acceptability/same: epochs: found -1.0, expected a positive number"),
        ({"recipe": {"learnig_rate": 1.0}}, "embedded/acceptability/same: .*learnig_rate"),
    ],
)
def test_what_cannot_be_resolved_is_named(project: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        planned(dataclasses.replace(SAME, **changes))


def test_epochs_are_not_varied_where_the_recipe_sets_the_updates(project: Path) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("{plugin: devlin}", "{plugin: devlin, recipe: {total_steps: 5}}"))
    assert planned(SAME).recipe().total_steps == 5
    changed: list[dict[str, Any]] = [{"recipe": {"epochs": 20.0}}, {"steps_of": "acceptability"}]
    for changes in changed:
        with pytest.raises(UserError, match="the recipe of devlin sets total_steps"):
            planned(dataclasses.replace(SAME, **changes))
