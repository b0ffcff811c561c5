"""A metric of a user's own: a function in a file, found by a task, part of what the task is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import stabbench
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.metrics.contract import MetricKind
from stabbench.tasks.preparation import prepare
from stabbench.tasks.prepared import PreparedTask

CODE = """
import stabbench


@stabbench.metric(higher_is_better=True, lowest=0.0, highest=1.0, words="recall of pay")
def pay_recall(labels, predictions):
    return float((predictions[labels == 1] == 1).mean())


@stabbench.metric(higher_is_better=False, takes="probabilities")
def doubt(labels, probabilities):
    return float(1 - probabilities.max(axis=1).mean())


@stabbench.metric(higher_is_better=True)
def undefined(labels, predictions):
    return float("nan")


@stabbench.metric(higher_is_better=True, trivial=0.25)
def undefined_of_constants(labels, predictions):
    return float("nan") if len(set(predictions)) == 1 else 1.0


@stabbench.metric(higher_is_better=True)
def broken(labels, predictions):
    return predictions["nothing"]


@stabbench.metric(higher_is_better=False, objective="regression")
def largest_error(labels, predictions):
    return abs(labels - predictions).max()


@stabbench.metric(higher_is_better=True)
def accuracy(labels, predictions):
    return 1.0


def plain(labels, predictions):
    return 1.0
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_metrics.py").write_text(CODE)
    rows = [(f"ticket {row}", ["access", "pay"][row % 2], row / 2) for row in range(20)]
    pd.DataFrame(rows, columns=["body", "kind", "hours"]).to_csv(tmp_path / "tickets.csv", index=False)
    return tmp_path


def made(folder: Path, *metrics: str, **changes: Any) -> PreparedTask:
    options = {"files": {"train": "tickets.csv"}, "text": ("body",), "label": "kind", "metrics": metrics, **changes}
    return prepare("tickets", options, out=folder / "data/tickets", root=folder)


def test_a_metric_is_known_by_its_functions_name_and_scored_by_it(project: Path) -> None:
    task = made(project, "./own_metrics.py:pay_recall", "accuracy", "./own_metrics.py:doubt")
    assert task.metrics == ("pay_recall", "accuracy", "doubt")
    assert task.trivial.scores == {"pay_recall": 1.0, "accuracy": 0.5, "doubt": 0.5}
    assert task.trivial.predictions["pay_recall"] == 1
    assert task.scorers["pay_recall"].score(np.array([1, 1, 0]), np.array([1, 0, 0])) == 0.5
    assert task.scorers["pay_recall"].kind == MetricKind(lowest=0.0, highest=1.0)
    assert task.scorers["doubt"].kind.lower
    assert task.scorers["doubt"].words == "doubt"


def test_its_name_and_kind_are_in_task_json_and_in_what_a_plan_keeps(project: Path) -> None:
    task = made(project, "./own_metrics.py:pay_recall")
    written = json.loads((project / "data/tickets/task.json").read_text())
    assert written["metrics"] == ["pay_recall"]
    assert written["own_metrics"]["pay_recall"]["words"] == "recall of pay"
    assert written["metric_code"]["pay_recall"]["plugin"] == "./own_metrics.py:pay_recall"
    facts = task.facts
    assert facts.own_metrics is not None
    assert facts.own_metrics["pay_recall"].kind == task.scorers["pay_recall"].kind
    read = PreparedTask.read(project / "data/tickets", project)
    assert read.description() == task.description()
    assert read.scorers["pay_recall"].score(np.array([1]), np.array([1])) == 1.0


def test_changed_code_is_another_task_and_the_prepared_one_is_refused(project: Path) -> None:
    before = made(project, "./own_metrics.py:pay_recall").content_hash
    assert made(project, "./own_metrics.py:pay_recall").content_hash == before
    path = project / "own_metrics.py"
    path.write_text(path.read_text().replace(".mean())", ".mean()) ** 2"))
    with pytest.raises(UserError, match=r"the code of metric pay_recall in ./own_metrics.py:pay_recall has changed"):
        PreparedTask.read(project / "data/tickets", project)
    assert made(project, "./own_metrics.py:pay_recall").content_hash != before


def test_the_stage_that_prepares_it_reads_the_file_of_its_code(project: Path) -> None:
    block = "{files: {train: tickets.csv}, text: body, label: kind, metrics: ['./own_metrics.py:pay_recall', mcc]}"
    grid = "grid: {models: [embedded], tasks: [tickets], strategies: [devlin]}"
    (project / "params.yaml").write_text(f"seeds: 1-2\n{grid}\ntasks: {{tickets: {block}}}\n")
    for command in ("validate", "prepare"):
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
    before = json.loads((project / "validated/tasks/tickets.json").read_text())["sha256"]
    assert set(before) == {"train", "metric pay_recall"}
    path = project / "own_metrics.py"
    path.write_text(path.read_text() + "\n")
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0
    after = json.loads((project / "validated/tasks/tickets.json").read_text())["sha256"]
    assert {key for key in before if before[key] != after[key]} == {"metric pay_recall"}


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "undefined",
            "task tickets: metric undefined has no score for constant predictions: ValueError: undefined is na",
        ),
        ("broken", "task tickets: metric broken has no score for constant predictions: "),
        ("accuracy", "metric './own_metrics.py:accuracy' has the name of another, accuracy: call it otherwise"),
        ("largest_error", "metric 'largest_error' is of regression, expected one of classification"),
        ("plain", "is a plain function: write `@stabbench.metric(higher_is_better=…)` above it"),
        ("nowhere", "'nowhere'"),
    ],
)
def test_one_that_cannot_judge_runs_is_refused_and_nothing_is_written(project: Path, metric: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        made(project, f"./own_metrics.py:{metric}")
    assert message in str(caught.value)
    assert not (project / "data").exists()


def test_what_a_constant_scores_by_definition_stands_for_what_is_not_finite(project: Path) -> None:
    task = made(project, "./own_metrics.py:undefined_of_constants")
    assert task.trivial.scores == {"undefined_of_constants": 0.25}


def test_a_metric_of_numbers_is_judged_by_the_constant_that_is_best_in_it(project: Path) -> None:
    task = made(project, "./own_metrics.py:largest_error", "rmse", label="hours", objective="regression")
    labels = task.labels("dev")
    assert task.trivial.scores["largest_error"] == pytest.approx(np.ptp(labels) / 2)
    assert task.trivial.predictions["largest_error"] == pytest.approx((labels.min() + labels.max()) / 2)


def test_the_decorator_makes_a_class_with_the_functions_words() -> None:
    @stabbench.metric(higher_is_better=False)
    def odd_ones(labels: Any, predictions: Any) -> float:
        """How many are odd."""
        return float((np.asarray(predictions) % 2).sum())

    assert odd_ones.__doc__ == "How many are odd."
    assert odd_ones.words == "odd ones"
    assert odd_ones.kind == MetricKind(lower=True, lowest=-np.inf, highest=np.inf)
    assert odd_ones().score([0, 0], [1, 2]) == 1.0
