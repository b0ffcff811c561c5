"""A recipe's optimizer from params.yaml to a record: one of a file, as the page has it, and what planning says."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import stabbench
from stabbench.config import load
from stabbench.errors import UserError
from stabbench.execution.loading import load_inputs
from stabbench.files import sha256_of_file
from stabbench.plan import Cell, Variation
from stabbench.resolve import plan, plan_variations
from stabbench.training import optimizers

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n# signum\.py\n(.*?)```", PAGE, flags=re.DOTALL)
(BLOCK,) = re.findall(r"```yaml\nstrategies:\n(  signum:.*?)```", PAGE, flags=re.DOTALL)
SAME = Variation(name="same", model="embedded", task="acceptability", strategy="devlin", seeds=(1, 2))


def cells(block: str = "", name: str = "mine") -> list[Cell]:
    """The plan of the project with one more strategy, whose recipe is that."""
    params = Path("params.yaml")
    text = params.read_text().replace("strategies: [devlin]", f"strategies: [devlin, {name}]")
    params.write_text(text + (block if block.startswith("  ") else f"  {name}: {{plugin: devlin, recipe: {block}}}\n"))
    return plan(load(params), Path())


def varied(**recipe: Any) -> Cell:
    (cell,) = plan_variations(load(Path("params.yaml")), Path(), [dataclasses.replace(SAME, recipe=recipe)])
    return cell


def test_the_optimizer_of_the_page_is_planned_trained_and_reported(project: Path) -> None:
    Path("signum.py").write_text(EXAMPLE)
    _, cell = cells(BLOCK, "signum")
    recipe = cell.spec.recipe
    assert (recipe["optimizer"], recipe["optimizer_options"]) == ("signum.py:Signum", {"momentum": 0.95})
    assert not {"adam_beta1", "adam_beta2", "adam_epsilon", "adam_formula", "bias_correction"} & recipe.keys()
    assert cell.spec["optimizer_version"] == f"sha256:{sha256_of_file(Path('signum.py'))}"
    assert cell.sources["optimizer"] == "./signum.py:Signum"
    Path("dvc.yaml").write_text("stages:\n  plan: {cmd: stabbench plan, deps: [models/embedded]}\n")
    mine = stabbench.Project(project)
    assert any("signum.py" in warning for warning in mine.plan().warnings)
    assert mine.train(workers=1).counts == "8 runs trained, 0 already there"
    record = json.loads(next(Path("runs").rglob("signum/seed-0001/record.json")).read_text())
    assert record["status"] in ("ok", "failed")
    assert {group["epsilon"] for group in record["parameter_groups"]} == {0.0}
    mine.report()
    assert "all 8 records recipe, updates, warm-up and every tensor" in Path("reports/index.html").read_text()
    values = pd.read_csv("reports/studies/hyperparameters/hyperparameters.csv").set_index(["strategy", "name"])["value"]
    assert json.loads(values["signum", "optimizer"]) == "signum.py:Signum"
    assert ("signum", "adam_beta1") not in values.index


def test_a_file_that_changed_since_the_plan_is_refused(project: Path) -> None:
    Path("signum.py").write_text(EXAMPLE)
    _, cell = cells(BLOCK, "signum")
    assert load_inputs(cell, Path()).optimizer is not None
    Path("signum.py").write_text(EXAMPLE.replace("sign()", "tanh()"))
    with pytest.raises(UserError, match=r"optimizer 'signum\.py:Signum' is of version .*: run `stabbench plan` again"):
        load_inputs(cell, Path())


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("{optimizer: lino}", "recipe.optimizer: unknown optimizer 'lino': did you mean 'lion'"),
        ('{optimizer: "./no.py:No"}', "there is no file no.py"),
        ("{optimizer: sgd, optimizer_options: {momentm: 0.5}}", "option of optimizer 'sgd'.*did you mean 'momentum'"),
        ("{optimizer: sgd, optimizer_options: {momentum: 1.5}}", "momentum: found 1.5, expected a number from 0 to"),
        ("{optimizer_options: {beta1: 0.8}}", "found beta1, but AdamW's settings are fields of the recipe: adam_beta1"),
        ("{optimizer: lion, adam_beta2: 0.98}", "adam_beta2: the optimizer 'lion' does not go by it; .*: beta1, beta2"),
        (
            "{optimizer: lion, adam_beta2_batch_size: 8}",
            "adam_beta2_batch_size: the optimizer 'lion' does not go by it",
        ),
        (
            "{schedule_power: 3.0}",
            "schedule_power: the schedule is 'linear', and schedule_power is one of 'polynomial'",
        ),
        ("{optimizer: schedule-free-adamw}", "found schedule 'linear', but it averages .*: set `schedule: constant`"),
    ],
)
def test_what_is_wrong_with_an_optimizer_is_told_when_planning(project: Path, recipe: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        cells(recipe)


@pytest.mark.parametrize(
    ("plugin", "recipe", "message"),
    [
        ("recadam", "{optimizer: lion}", "RecAdam is defined with Adam's step: leave the optimizer out, or set it to"),
        ("ema", "{optimizer: schedule-free-adamw, schedule: constant}", "scores weights of its own, and Exponential"),
        ("swa", "{optimizer: schedule-free-adamw, schedule: constant}", "goes by those after each update"),
    ],
)
def test_what_does_not_go_with_a_strategy_is_told_when_planning(
    project: Path, plugin: str, recipe: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        cells(f"  mine: {{plugin: {plugin}, recipe: {recipe}}}\n")


def test_a_strategy_of_adam_takes_adam_and_others_take_any(project: Path) -> None:
    *_, adam = cells("  mine: {plugin: recadam, recipe: {optimizer: adam}}\n")
    assert adam.recipe().optimizer == "adam"
    *_, muon = cells("  other: {plugin: ema, recipe: {optimizer: muon}}\n", "other")
    assert muon.spec.recipe["adam_beta2"] == 0.999, "Muon leaves other tensors to AdamW, which goes by these"


def test_a_study_may_vary_the_optimizer_and_come_back_to_adamw(project: Path) -> None:
    (grid,) = plan(load(Path("params.yaml")), Path())
    lion, adamw = varied(optimizer="lion", learning_rate=1e-4), varied(optimizer="adamw")
    assert adamw.fingerprint(1) == grid.fingerprint(1)
    assert lion.fingerprint(1) != grid.fingerprint(1)
    assert lion.spec.recipe["optimizer_options"] == {"beta1": 0.9, "beta2": 0.99}
    assert load_inputs(lion, Path()).optimizer == optimizers.find("lion", {})
    with pytest.raises(UserError, match="bias_correction: the optimizer 'lion' does not go by it"):
        varied(optimizer="lion", bias_correction=True)
