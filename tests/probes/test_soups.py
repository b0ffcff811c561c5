"""Seed soups: a soup is the model of mean weights, chosen on other examples than those that it is scored on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from sklearn.metrics import matthews_corrcoef

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.models.tensor_files import read_tensors
from stabbench.probes.soups import Soups
from stabbench.probes.soups.choice import SoupsOptions, groups_of, split
from stabbench.probes.soups.measuring import ENSEMBLE, GREEDY, SINGLE, UNIFORM, Judge, Kitchen, greedy, mean_of
from stabbench.records import Selection
from stabbench.report.sections.soups import summary
from tests import tiny
from tests.probes.conftest import VARIABLES

PROBE = "soups: {strategy: mosbach, sizes: [2]}"


@pytest.fixture(scope="module")
def measured(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained project with four seeds and its soups."""
    folder = tmp_path_factory.mktemp("soups") / "project"
    shutil.copytree(trained, folder)
    text = (folder / "params.yaml").read_text().replace("seeds: 1-2", "seeds: 1-4")
    (folder / "params.yaml").write_text(text.split("probes:\n")[0] + f"probes:\n  {PROBE}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for command in (["plan"], ["train", "--workers", "1"], ["probe", "soups"], ["report"]):
            result = CliRunner().invoke(main, command, catch_exceptions=False)
            assert result.exit_code == 0, result.output
    return folder


def tables(project: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    written = json.loads((project / "probes/soups/probe.json").read_text())
    return pd.read_csv(project / "probes/soups/soups.csv"), written["facts"]


def test_every_way_has_each_disjoint_group(measured: Path) -> None:
    table, _ = tables(measured)
    assert table.groupby("way", sort=False)["seeds"].agg(list).to_dict() == {
        SINGLE: ["1", "2", "3", "4"],
        UNIFORM: ["1 2", "3 4"],
        GREEDY: ["1 2", "3 4"],
        ENSEMBLE: ["1 2", "3 4"],
    }


def test_nothing_is_scored_on_the_examples_that_choose(measured: Path) -> None:
    """Single runs' scores are those of their own recorded predictions on the other examples, by scikit-learn."""
    table, facts = tables(measured)
    selection = Selection.read(measured / "runs", plan=measured / "plan")
    (item,) = (item for item in selection.cells if item.cell.strategy == "mosbach")
    dev = facts["examples"] + facts["chosen_on"]
    choosing, judging = split(dev, 0.5, 0)
    assert (len(choosing), len(judging)) == (facts["chosen_on"], facts["examples"])
    for seed, record in item.records.items():
        predictions = record.predictions()
        assert len(predictions) == dev
        part = predictions.iloc[judging]
        (row,) = table[(table["way"] == SINGLE) & (table["seeds"] == str(seed))].to_dict("records")
        assert row["score"] == pytest.approx(matthews_corrcoef(part["label"], part["prediction"]), abs=1e-12)


def test_the_chapter_tells_the_spread_and_the_cost(measured: Path) -> None:
    page = (measured / "reports/index.html").read_text(encoding="utf-8")
    assert "Seed soups and ensembles" in page
    assert "cost, in trainings" in page
    assert (measured / "reports/studies/soups/soups.svg").exists()


def test_a_mean_of_weights_is_the_model_of_the_mean_parameters(tmp_path: Path) -> None:
    """The outputs of a soup are Hugging Face's own of a model that has the mean of two models' parameters."""
    models = [tiny.hugging_face_model("bert", seed=seed) for seed in (1, 2)]
    inputs = tiny.inputs("bert")
    each = [{name: value.detach().double() for name, value in model.named_parameters()} for model in models]
    named = [{name: weights[name] for name in inputs.architecture.shapes()} for weights in each]
    found = Kitchen(inputs, torch.device("cpu")).outputs(mean_of(named))
    middle: Any = tiny.hugging_face_model("bert", seed=1)
    with torch.no_grad():
        for name, parameter in middle.named_parameters():
            parameter.copy_((each[0][name] + each[1][name]) / 2)
    batch = tiny.given(middle.eval(), inputs.dev, np.arange(len(inputs.dev)))
    with torch.no_grad(), tiny.InDoublePrecision():
        expected = middle(**batch).logits
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-9)


def test_an_ensemble_scores_the_mean_of_the_outputs_and_a_soup_the_mean_of_the_weights(measured: Path) -> None:
    """Done again from the weights that are kept: what the table holds of seeds 1 and 2."""
    from stabbench.execution.loading import load_inputs

    table, _ = tables(measured)
    selection = Selection.read(measured / "runs", plan=measured / "plan")
    (item,) = (item for item in selection.cells if item.cell.strategy == "mosbach")
    inputs = load_inputs(item.cell, measured)
    kitchen = Kitchen(inputs, torch.device("cpu"))
    kept = sorted((measured / ".stabbench/runs").rglob("model.safetensors"))
    scores: dict[str, set[float]] = {UNIFORM: set(), ENSEMBLE: set()}
    judging = split(len(inputs.dev), 0.5, 0)[1]
    labels = inputs.dev.labels[judging]
    for first in kept:
        for second in kept:
            models = [read_tensors(path.parent) for path in (first, second)]
            models = [{name: tensors[name] for name in inputs.architecture.shapes()} for tensors in models]
            soup = {name: (models[0][name] + models[1][name]) / 2 for name in models[0]}
            outputs = [kitchen.outputs(weights) for weights in (*models, soup)]
            for way, values in ((UNIFORM, outputs[2]), (ENSEMBLE, (outputs[0] + outputs[1]) / 2)):
                scores[way].add(round(float(matthews_corrcoef(labels, values[judging].argmax(axis=1))), 9))
    for way, found in scores.items():
        assert {round(score, 9) for score in table.loc[table["way"] == way, "score"]} <= found


class Outputs:
    """Stands for no model: `outputs` of a model is the tensor `o` of its weights."""

    def outputs(self, weights: dict[str, torch.Tensor]) -> np.ndarray:
        return weights["o"].numpy()


def test_the_greedy_soup_leaves_out_a_run_with_which_it_gets_worse() -> None:
    inputs = tiny.inputs("bert")
    judge = Judge(inputs, ("no", "yes"), SoupsOptions())
    right = np.eye(2)[inputs.dev.labels]
    models = [{"o": torch.from_numpy(outputs)} for outputs in (-9 * right, right, 2 * right)]
    members, outputs = greedy(models, [model["o"].numpy() for model in models], Outputs(), judge)  # type: ignore[arg-type]
    assert members == [1, 2]
    np.testing.assert_allclose(outputs, 1.5 * right)


@pytest.mark.parametrize(("examples", "share"), [(2, 0.5), (3, 0.01), (3, 0.99), (101, 0.3)])
def test_every_example_either_chooses_or_judges(examples: int, share: float) -> None:
    choosing, judging = split(examples, share, 7)
    assert len(choosing) >= 1
    assert len(judging) >= 1
    assert sorted([*choosing, *judging]) == list(range(examples))
    assert abs(len(choosing) - share * examples) <= 1


def test_groups_have_no_run_in_common_and_leave_out_what_is_over() -> None:
    assert groups_of(7, 3) == [[0, 1, 2], [3, 4, 5]]


def test_the_summary_counts_groups_and_failures() -> None:
    table = pd.DataFrame(
        {"way": ["a", "a", "b"], "k": [1, 1, 2], "members": [1, 1, 2], "score": [0.1, 0.3, 0.5],
         "failed": [True, False, False]}
    )  # fmt: skip
    first, second = summary(table).to_dict("records")
    assert (first["n"], first["failed"], first["std"]) == (2, 1, pytest.approx(0.2 / np.sqrt(2)))
    assert (second["n"], second["members"], second["mean"]) == (1, 2.0, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{sizes: [5, 2]}", "expected rising whole numbers from 2 on"),
        ("{sizes: [1]}", "expected rising whole numbers from 2 on"),
        ("{sizes: [2, 3]}", "found 3 with 4 seeds, expected sizes of at most 2, or at least 6 seeds"),
        ("{strategy: mosbak}", "did you mean 'mosbach'?"),
        ("{chosen_on: 1}", "chosen_on"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(
    measured: Path, options: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (measured / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace(PROBE, f"soups: {options}"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2
    assert message in result.output


def test_a_strategy_with_too_few_finished_runs_has_a_sentence(measured: Path) -> None:
    class Context:
        selection = Selection.read(measured / "runs", plan=measured / "plan")

    found = Soups().measure(SoupsOptions(strategy="mosbach", sizes=(3,)), Context())  # type: ignore[arg-type]
    assert found.reason is not None
    assert "too few for two groups of 3" in found.reason


def test_the_error_for_too_few_seeds_is_a_users(measured: Path) -> None:
    from stabbench.config import load

    with pytest.raises(UserError, match="two groups that have no run in common"):
        Soups().check(SoupsOptions(sizes=(9,)), load(measured / "params.yaml"), measured)
