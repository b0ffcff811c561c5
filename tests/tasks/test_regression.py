"""Regression as an objective: the squared error of a scaled number, undone in what is predicted and scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from stabbench import metrics
from stabbench.datasets import Dataset
from stabbench.errors import UserError
from stabbench.tasks import objectives
from stabbench.tasks.objectives import check_objective
from stabbench.tasks.objectives.classification import Classification
from stabbench.tasks.objectives.contract import Objective
from stabbench.tasks.objectives.regression import Regression
from stabbench.tasks.preparation import prepare
from stabbench.tasks.prepared import SPLITS, PreparedTask, examples_frame
from stabbench.tasks.sources import Labelled
from stabbench.tasks.sources.checking import fault

LABELS = np.random.default_rng(0).normal(5.0, 2.0, size=40)


@pytest.mark.parametrize("size", [1, 3, 7, 32])
def test_the_loss_and_its_gradient_are_pytorchs_to_the_bit(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    outputs = torch.randn(2, size, 1, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randn(2, size, generator=generator, dtype=torch.float64)
    found = Regression().loss(outputs, labels)
    (gradient,) = torch.autograd.grad(found.sum(), outputs)
    for run in range(2):
        expected = torch.nn.functional.mse_loss(outputs[run].squeeze(), labels[run].squeeze())
        (slope,) = torch.autograd.grad(expected, outputs)
        assert torch.equal(found[run], expected)
        assert torch.equal(gradient[run], slope[run])


def test_it_is_the_loss_of_hugging_faces_heads_of_one_label() -> None:
    from transformers.loss.loss_utils import ForSequenceClassificationLoss

    outputs, labels = torch.randn(5, 1, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    config = type("Config", (), {"problem_type": None, "num_labels": 1})()
    expected = ForSequenceClassificationLoss(labels, outputs, config)
    assert torch.equal(Regression().loss(outputs[None], labels[None])[0], expected)


def test_scaling_is_undone_in_predictions_and_metrics() -> None:
    objective = Regression().fitted(LABELS, scale=True)
    assert objective == Regression(float(LABELS.mean()), float(LABELS.std()))
    outputs = ((LABELS - LABELS.mean()) / LABELS.std())[:, None]
    np.testing.assert_allclose(objective.predictions(outputs), LABELS, rtol=0, atol=1e-14)
    assert objective.score(metrics.find("rmse"), LABELS, outputs) == pytest.approx(0.0, abs=1e-14)
    assert objective.score(metrics.find("rmse"), LABELS, outputs + 1) == pytest.approx(LABELS.std(), abs=1e-12)
    losses = objective.losses(torch.tensor(outputs[None] + 0.5), torch.tensor(LABELS[None]))
    torch.testing.assert_close(losses, torch.full((1, 40), 0.25, dtype=torch.float64))
    assert Regression().fitted(LABELS, scale=False) == Regression()
    with pytest.raises(ValueError, match="all training labels are the same"):
        Regression().fitted(np.ones(3), scale=True)
    with pytest.raises(ValueError, match="labels of classification have no scale"):
        Classification().fitted(np.array([0, 1]), scale=True)


def test_its_settings_make_it_again() -> None:
    scaled = Regression(1.5, 0.25)
    assert objectives.find("regression", **scaled.settings()) == scaled
    assert Regression().settings() == {}
    assert objectives.find("regression") == Regression()


def test_what_cannot_be_worse_than_a_guess_is_the_variance_and_a_run_of_one_number_collapsed() -> None:
    for objective, unit in ((Regression(), 1.0), (Regression(5.0, 2.0), 2.0)):
        loss = objective.trivial_loss(LABELS)
        assert loss == pytest.approx(LABELS.var() / unit**2)
        constant = np.full(40, LABELS.mean()) + 1e-4 * LABELS
        assert objective.collapsed(constant, 0.0, loss)
        assert objective.collapsed(LABELS, 0.96 * loss, loss)
        assert not objective.collapsed(LABELS, 0.94 * loss, loss)
        assert not objective.collapsed(LABELS, None, loss)


def test_labels_are_finite_numbers_without_names_or_shares_and_there_is_one_output() -> None:
    objective = Regression()
    assert (objective.outputs(()), objective.shares(LABELS, ())) == (1, [])
    objective.check(LABELS, ())
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="a label is not a finite number"):
            objective.check(np.array([1.0, wrong]), ())
    with pytest.raises(ValueError, match="the outputs of regression are no probabilities"):
        objective.probabilities(np.ones((2, 1)))
    with pytest.raises(UserError, match="metric 'accuracy' is of classification, expected one of regression"):
        objective.check_metric("accuracy", metrics.find("accuracy"))


def test_divergences_are_symmetric_squares() -> None:
    first, second = torch.randn(2, 4, 1), torch.randn(2, 4, 1)
    torch.testing.assert_close(Regression().divergences(first, second), (second - first)[..., 0] ** 2)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (object, "Objective"),
        (type("Named", (Regression,), {"metrics": ["rmse"]}), "metrics"),
        (type("Half", (Objective,), {"name": "half", "metrics": ("rmse",)}), "outputs"),
    ],
)
def test_an_objective_of_somebody_that_keeps_not_to_the_contract_is_refused(found: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_objective(found, "objective 'theirs'")
    assert check_objective(Regression, "objective 'ours'") is Regression


def task(folder: Path, **changes: Any) -> PreparedTask:
    frame = pd.DataFrame({"body": [f"text {row}" for row in range(40)], "hours": LABELS})
    frame.to_csv(folder / "own.csv", index=False)
    options = {"files": {"train": "own.csv"}, "text": ("body",), "label": "hours", "objective": "regression", **changes}
    return prepare("mine", options, out=folder / "task", root=folder)


def test_a_task_of_numbers_is_written_and_read_back_to_the_bit(tmp_path: Path) -> None:
    made = task(tmp_path, scale=True)
    read = PreparedTask.read(tmp_path / "task")
    assert read.description() == made.description()
    assert read.objective == made.objective == Regression().fitted(made.labels("train"), scale=True)
    for split in ("train", "dev"):
        assert read.labels(split).tolist() == LABELS[read.frame(split)["example"]].tolist()
    assert (read.metrics, read.outputs) == (("pearson", "spearman", "r2", "rmse"), 1)
    facts = read.facts
    assert facts.objective == {"name": "regression", **made.objective.settings()}
    assert facts.label_ranges is not None
    labels = made.labels("dev")
    assert facts.label_ranges["dev"] == (labels.min(), labels.mean(), labels.std(), labels.max())
    assert (facts.label_names, facts.label(1.23456)) == ((), "1.235")


def test_the_scale_is_part_of_what_the_task_is(tmp_path: Path) -> None:
    hashes = [task(tmp_path, **more).content_hash for more in ({}, {"scale": True}, {"metrics": ("rmse",)})]
    assert len(set(hashes)) == 3
    assert task(tmp_path).content_hash == hashes[0]


def test_a_metric_of_classes_is_none_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="metric 'mcc' is of classification, expected one of regression"):
        task(tmp_path, metrics=("mcc",))
    frame = pd.DataFrame({"body": [f"text {row}" for row in range(40)], "hours": 1.0})
    frame.to_csv(tmp_path / "same.csv", index=False)
    with pytest.raises(UserError, match=r"all 32 train examples have the label 1.0, so there is nothing to learn"):
        task(tmp_path, files={"train": str(tmp_path / "same.csv")}, scale=True)


@pytest.mark.filterwarnings("error")
def test_labels_up_to_the_largest_have_squares_in_single_precision_and_others_are_refused_of_any_source() -> None:
    largest = Regression().largest
    labels = np.tile([-largest, largest], 50)
    outputs = torch.tensor(labels[::-1].copy(), dtype=torch.float32).view(1, -1, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(Regression().loss(outputs, torch.tensor(labels)[None]).sum(), outputs)
    assert bool(torch.isfinite(gradient.square().sum()))
    assert not Regression().collapsed(outputs.detach().numpy()[0, :, 0], 1.0, Regression().trivial_loss(labels))
    frame = examples_frame([(row, "text", None, label) for row, label in enumerate([1.0, -2.1 * largest])], np.float64)
    read = Labelled(
        Dataset("own", "own", "own", ("rmse",), (), False, objective="regression"), dict.fromkeys(SPLITS, frame)
    )
    assert fault(read) == "train has the label -2.1e+15 of example 1, expected numbers within ±1e+15"
