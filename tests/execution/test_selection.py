"""What a recipe reports from params.yaml to the page: kept weights, tables, warnings, and what planning says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import stabbench
from stabbench.config import load
from stabbench.config.parts import parts
from stabbench.errors import UserError
from stabbench.execution.loading import load_inputs
from stabbench.plan import Cell
from stabbench.resolve import plan
from stabbench.training.loop import train

MIXED = r"report different weights, and their scores are not comparable: devlin \(last step\) and mine \(best on dev\)"


def cells(recipe: str = "", more: str = "plugin: devlin") -> list[Cell]:
    """The plan of the project with one more strategy, whose recipe is that."""
    params = Path("params.yaml")
    text = params.read_text().replace("strategies: [devlin]", "strategies: [devlin, mine]")
    params.write_text(f"{text}  mine: {{{more}, recipe: {recipe}}}\n")
    return plan(load(params), Path())


def test_the_best_evaluations_weights_are_kept_scored_and_never_compared_in_silence(project: Path) -> None:
    cell = cells("{checkpoint_selection: best, learning_rate: 1.0e-2, epochs: 6}")[1]
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("seeds: 1-4", "seeds: 1-4\nkeep_weights: 1-4"))
    mine = stabbench.Project(project)
    mine.plan()
    assert mine.train(workers=1).counts == "8 runs trained, 0 already there"
    moved, lasts = 0, []
    for seed in (1, 2, 3, 4):
        folder = Path(f"runs/embedded/acceptability/mine/seed-{seed:04d}")
        record = json.loads((folder / "record.json").read_text())
        (expected,) = train(load_inputs(cell, Path()), [cell.run_spec(seed).seeds])
        assert (record["final"], record["last"]) == (expected.data["final"], expected.data["last"])
        assert record["final"] == record["best"]
        lasts.append(record["last"]["scores"]["mcc"])
        moved += record["final"] != record["last"]
        (kept,) = Path(".stabbench").rglob(f"{record['fingerprint']}/weights/model.safetensors")
        tensors = load_file(kept)
        assert tensors.keys() == expected.weights.keys()
        assert all(torch.equal(tensors[name], weight) for name, weight in expected.weights.items())
    assert moved
    mine.report()
    scores = pd.read_csv("reports/tables/scores.csv")
    assert scores.groupby("strategy")["reported"].unique().map(list).to_dict() == {
        "devlin": ["last step"], "mine": ["best on dev"],
    }  # fmt: skip
    own = scores[scores["strategy"] == "mine"]
    assert (own["score"] == own["best_score"]).all()
    assert own["last_score"].tolist() == lasts
    page = Path("reports/index.html").read_text()
    assert re.search(MIXED, page)
    assert "never that of the best checkpoint" not in page
    for name in ("stability.md", "stability.tex"):
        assert "Weights reported: last step: devlin; best on dev: mine." in Path(f"reports/tables/{name}").read_text()
    for results in ("reports/tables/scores.csv", "runs"):
        assert any(re.search(MIXED, warning) for warning in stabbench.compare(results).warnings), results
    verdict = mine.check(not_less_stable_than="devlin", strategy="mine")
    assert any(
        "mine on acceptability reports other weights (best on dev) than devlin" in each for each in verdict.notes
    )


def test_cells_that_all_report_the_best_are_told_and_not_warned_of() -> None:
    table = pd.DataFrame(
        [(strategy, "rte", seed, 0.7 + seed / 100, "best on dev") for strategy in "ab" for seed in range(1, 4)],
        columns=["strategy", "task", "seed", "score", "reported"],
    )
    assert not any("report different weights" in warning for warning in stabbench.compare(table).warnings)
    assert "Weights reported: best on dev, by all strategies." in stabbench.compare(table).to_markdown()
    other = stabbench.compare(table.assign(reported=table["reported"].where(table["strategy"] == "a")))
    assert any("a (best on dev) and b (nobody says)" in warning for warning in other.warnings)
    assert "reported" not in stabbench.compare(table.drop(columns="reported")).runs


def test_fields_that_nobody_writes_move_neither_spec_nor_plan(project: Path) -> None:
    (devlin,) = plan(load(Path("params.yaml")), Path())
    assert not {"checkpoint_selection", "early_stopping_patience"} & devlin.spec.recipe.keys()
    assert "checkpoint_selection" not in json.dumps(parts(load(Path("params.yaml")))["plan.json"])
    assert cells("{checkpoint_selection: last}")[1].fingerprint(1) == devlin.fingerprint(1)


@pytest.mark.parametrize(
    ("recipe", "more", "message"),
    [
        ("{checkpoint_selection: bset}", {}, "checkpoint_selection.*found 'bset', expected last or best"),
        ("{early_stopping_patience: 0}", {}, "early_stopping_patience.*found 0, expected a positive whole number"),
        (
            "{checkpoint_selection: best, epochs: 1, evaluations_per_epoch: 1}",
            {},
            r"nothing to choose from, as dev is scored 1 time: raise evaluations_per_epoch \(found 1\) or the epochs",
        ),
        (
            "{early_stopping_patience: 3, epochs: 2, evaluations_per_epoch: 2}",
            {},
            "early_stopping_patience 3 never ends a run, as dev is scored 4 times and it takes 5",
        ),
        (
            "{checkpoint_selection: best}",
            {"trainer": "{command: 'true {recipe.learning_rate} {seed}'}"},
            "found checkpoint_selection 'best' in the recipe, and the trainer 'command' does not go by it",
        ),
    ],
)
def test_what_would_select_nothing_is_told_when_planning(
    project: Path, recipe: str, more: dict[str, Any], message: str
) -> None:
    block = ", ".join(["plugin: devlin", *(f"{key}: {value}" for key, value in more.items())])
    with pytest.raises(UserError, match=message):
        cells(recipe, block)


def test_a_run_that_ends_early_costs_what_it_did_and_is_said_to(project: Path) -> None:
    cell = cells("{early_stopping_patience: 1, checkpoint_selection: best, epochs: 10}")[1]
    assert cell.recipe().reported == "best on dev, early stopping (patience 1)"
    results = train(load_inputs(cell, Path()), [cell.run_spec(seed).seeds for seed in cell.seeds])
    assert all(result.data["total_steps"] == 30 for result in results)
    assert min(result.data["cost"]["steps"] for result in results) < 30
    assert all(result.data["cost"]["steps"] == len(result.tables["history.parquet"]) for result in results)
