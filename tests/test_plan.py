"""Recipes, cells and fingerprints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.plan import Cell, Plugin, Spec, read_plan, write_plan
from stabbench.recipe import Recipe, spec_of
from tests.typed import task_facts


def cell(**changes: Any) -> Cell:
    values: dict[str, Any] = {
        "model": "embedded",
        "task": "acceptability",
        "strategy": "devlin",
        "seeds": (1, 2, 3),
        "sources": {"model": "embedded", "task": "data/acceptability"},
        "description": "3 epochs",
        "reference": "Devlin et al. (2019)",
        "task_facts": task_facts(),
        "spec": Spec(training_version=1, recipe=dataclasses.asdict(Recipe())),
    }
    return Cell(**{**values, **changes})


@pytest.mark.parametrize("place", ["model", "task", "strategy"])
@pytest.mark.parametrize("name", ["../x", "..", "", "/etc", "a\0b"])
def test_a_plan_file_with_a_name_that_leads_out_of_its_folder_is_refused(place: str, name: str, tmp_path: Path) -> None:
    write_json(tmp_path / "cell.json", {**cell().to_json(), place: name})
    with pytest.raises(UserError, match=f"{place} is .* which names no folder"):
        Cell.read(tmp_path / "cell.json")


@pytest.mark.parametrize("strange", [[1], "x", None, {"label": 0, "scores": [0.5]}])
def test_a_plan_file_of_an_older_version_whose_baseline_is_no_object_is_told(strange: object, tmp_path: Path) -> None:
    content = {key: value for key, value in cell().to_json().items() if key != "tensors"}
    content["task_facts"]["majority"] = strange
    write_json(tmp_path / "cell.json", {**content, "schema_version": 1})
    with pytest.raises(UserError, match=r"cell.json cannot be read \(task_facts.majority.* expected an object\): run"):
        Cell.read(tmp_path / "cell.json")


def test_names_sources_and_texts_are_not_in_the_fingerprint() -> None:
    renamed = cell(model="m", task="t", strategy="s", sources={}, description="", reference="", position=9)
    assert renamed.fingerprint(1) == cell().fingerprint(1)


def test_seed_recipe_and_training_version_are_in_the_fingerprint() -> None:
    recipe = dataclasses.asdict(Recipe(learning_rate=3e-5))
    others = [
        cell().fingerprint(2),
        cell(spec=Spec(training_version=1, recipe=recipe)).fingerprint(1),
        cell(spec=Spec(cell().spec | {"training_version": 2})).fingerprint(1),
        cell(streams={"1": {"head": 2}}).fingerprint(1),
    ]
    assert len({cell().fingerprint(1), *others}) == 5


def test_the_spec_tells_a_warm_up_that_was_once_an_update_shorter_and_no_other() -> None:
    def fields(recipe: Recipe) -> dict[str, Any]:
        newer = ("schedule", "optimizer", "checkpoint", "early", "adam_beta2_batch")
        return {name: value for name, value in dataclasses.asdict(recipe).items() if not name.startswith(newer)}

    recipe = Recipe(total_steps=100, warmup_ratio=0.29)
    assert spec_of(recipe, 1000) == {"recipe": fields(recipe), "warmup_updates": 29}
    for ratio in (0.0, 0.06, 0.1, 0.2, 0.25, 0.5, 1.0):
        recipe = Recipe(warmup_ratio=ratio)
        assert all(spec_of(recipe, count) == {"recipe": fields(recipe)} for count in range(1, 20_000, 7))


def test_a_recipe_that_nobody_knows_is_none_and_whoever_needs_it_is_told() -> None:
    trainer = {"plugin": "huggingface", "version": "5.2", "options": {"optim": "adamw_torch"}}
    unknown = cell(spec=Spec(training_version=1, recipe={}, trainer=trainer))
    assert unknown.known_recipe() is None
    assert unknown.updates() is None
    assert unknown.spec.trainer == Plugin("huggingface", "5.2", {"optim": "adamw_torch"})
    with pytest.raises(UserError, match="embedded/acceptability/devlin: its hyperparameters are not known"):
        unknown.recipe()
    assert cell().spec.trainer is None
    assert cell().known_recipe() == cell().recipe() == Recipe()


def test_how_many_updates_a_run_makes_is_not_known_without_the_size_of_its_training_set() -> None:
    facts = task_facts(counts={"train": 0, "dev": 0})
    assert cell(task_facts=facts).updates() is None
    fixed = Spec(training_version=1, recipe=dataclasses.asdict(Recipe(total_steps=7)))
    assert cell(task_facts=facts, spec=fixed).updates() == 7
    assert cell().updates() == 30


def test_the_number_of_seeds_does_not_change_the_fingerprint_of_one() -> None:
    assert cell(seeds=(1,)).fingerprint(1) == cell(seeds=tuple(range(1, 26))).fingerprint(1)


def test_a_plan_folder_holds_exactly_what_was_written_in_the_grids_order(tmp_path: Path) -> None:
    write_plan(tmp_path, [cell(strategy="zeta", position=0), cell(strategy="alpha", position=1), cell(strategy="gone")])
    write_plan(tmp_path, [cell(strategy="zeta", position=0), cell(strategy="alpha", position=1)])
    assert [found.strategy for found in read_plan(tmp_path)] == ["zeta", "alpha"]
    assert read_plan(tmp_path)[0] == cell(strategy="zeta", position=0)


def test_an_unchanged_plan_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    cell().write(path)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    cell().write(path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_missing_or_broken_plan_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `stabbench plan` first"):
        Cell.read(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"model": "m"')
    with pytest.raises(UserError, match="run `stabbench plan` again"):
        Cell.read(tmp_path / "half.json")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[]", "it holds a list, where an object is expected"),
        ("null", "it holds null, where an object is expected"),
        ("3", "it holds a number, where an object is expected"),
        ("{}", "schema_version is absent"),
    ],
)
def test_a_file_that_holds_no_plan_says_what_it_holds(content: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(content)
    with pytest.raises(UserError, match=rf"cannot be read \({what}\): run `stabbench plan` again"):
        Cell.read(tmp_path / "cell.json")


@pytest.mark.parametrize("content", ["[]", '{"model": "m"', b"\xff".decode("latin-1")])
def test_planning_again_mends_a_file_that_holds_no_plan(content: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    path.write_bytes(content.encode("latin-1"))
    cell().write(path)
    assert Cell.read(path) == cell()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", -1e-5),
        ("learning_rate", float("nan")),
        ("epochs", 0.0),
        ("batch_size", 0),
        ("warmup_ratio", 1.5),
        ("dropout", 1.0),
        ("adam_formula", "keras"),
        ("precision", "fp16"),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field}: found"):
        Recipe(**{field: value})  # type: ignore[arg-type]


def test_overriding_skips_what_is_not_set_and_zero_switches_clipping_off() -> None:
    recipe = Recipe().override({"learning_rate": None, "max_grad_norm": 0, "epochs": 20})
    assert recipe.learning_rate == 2e-5
    assert recipe.max_grad_norm is None
    assert isinstance(recipe.epochs, float)
