"""A loop of anybody's leaves records that reports read, whatever happens to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import stabbench
from stabbench import metrics
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.readers.contract import Source, Wanted
from stabbench.readers.records import Records
from stabbench.recording.cells import import_run
from stabbench.recording.output import read_output
from stabbench.recording.standalone import Names
from stabbench.records import Record, Selection
from stabbench.report.content import gather
from stabbench.report.warnings import warnings_of
from tests.recording.loops import STEPS, logistic_regression, recorded

LOOPS = Path(__file__).parent / "loops.py"
ROOT = Path(__file__).parents[2]
CELL = "runs/linear/toy/sgd"


def selected(folder: Path) -> dict[str, dict[int, Record]]:
    cells = Selection.read(folder / "runs").cells
    return {item.cell.strategy: dict(item.records) for item in cells}


def scored(folder: Path, strategy: str, seed: int, metric: str | None = None, **scores: float) -> None:
    """A run of which nothing is known but its scores."""
    with stabbench.record(strategy, "toy", seed, metric=metric, folder=folder / "runs") as run:
        run.finish(scores=scores)


def split(folder: Path, seed: int, labels: list[int], **more: Any) -> None:
    """A run with these labels of dev."""
    with stabbench.record("a", "toy", seed, folder=folder / "runs", **more) as run:
        run.finish(labels, [0, 1, 1])


def test_a_recorded_run_has_its_history_gradient_norms_and_the_scores_of_its_predictions(tmp_path: Path) -> None:
    record = recorded(tmp_path, 1)
    history, predictions = record.history(), record.predictions()
    assert list(history["step"]) == list(range(1, STEPS + 1))
    assert history["dev_accuracy"].notna().sum() == 3
    assert list(record.gradnorms()["step"]) == [0, 4, 8]
    np.testing.assert_allclose(record.gradnorms()["norm"], history["gradient_norm"].iloc[[0, 4, 8]])
    scores = record.result.final.scores
    assert scores["mcc"] == metrics.find("mcc").score(predictions["label"], predictions["prediction"])
    assert record.status == "ok"
    assert record.result.constant["accuracy"] == pytest.approx(max(np.bincount(predictions["label"])) / 40)


def test_the_seeds_of_a_strategy_are_one_cell_and_another_setting_is_told_and_loses_nothing(tmp_path: Path) -> None:
    for seed in (2, 1):
        recorded(tmp_path, seed)
    assert sorted(selected(tmp_path)["sgd"]) == [1, 2]
    with pytest.warns(UserWarning, match=r"settings \(learning_rate 1\.0, now 0\.1\): the runs of its seeds 1, 2"):
        recorded(tmp_path, 1, rate=0.1)
    assert sorted(selected(tmp_path)["sgd"]) == [1]
    assert len(list((tmp_path / ".stabbench/runs").glob("??/*/record.json"))) == 3


def test_a_seed_is_recorded_once_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    before = recorded(tmp_path, 1)
    with pytest.raises(UserError, match=r"seed 1 of linear/toy/sgd is recorded with these settings"):
        recorded(tmp_path, 1)
    with stabbench.record(
        "sgd", "toy", 1, "linear", settings={"learning_rate": 1.0}, folder=tmp_path / "runs", replace=True
    ) as run:
        labels, logits = logistic_regression(run, 7, 1.0)
        run.finish(labels, logits=logits)
    after = run.record
    assert after is not None
    assert selected(tmp_path)["sgd"][1].result.result_digest == after.result.result_digest
    assert after.result.result_digest != before.result.result_digest


@pytest.mark.parametrize(("name", "value"), [("seed", 3), ("task", "other"), ("strategy", "b"), ("model", "bert")])
def test_a_folder_of_another_run_than_the_one_asked_for_is_refused(tmp_path: Path, name: str, value: object) -> None:
    said = {"format": 1, "metric": "accuracy", "score": 0.7, name: value}
    (tmp_path / "stabbench.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match=rf"stabbench\.json: {name} is {value!r}, expected "):
        import_run(tmp_path, Names("own", "toy", "a"), 1, None, tmp_path / "project")


def test_a_run_by_another_metric_than_its_tasks_others_is_refused(tmp_path: Path) -> None:
    scored(tmp_path, "a", 1, accuracy=0.7, f1=0.6)
    with pytest.raises(UserError, match=r"b: found the headline metric f1, expected accuracy, as a has on toy"):
        scored(tmp_path, "b", 1, f1=0.6, accuracy=0.7)
    scored(tmp_path, "b", 1, "accuracy", f1=0.6, accuracy=0.7)
    assert sorted(selected(tmp_path)) == ["a", "b"]


@pytest.mark.filterwarnings("ignore:own/toy/a was recorded before")
def test_a_run_with_another_dev_set_than_its_other_seeds_displaces_none_of_them(tmp_path: Path) -> None:
    for seed, labels in ((1, [0, 0, 1]), (1, [0, 1, 1]), (2, [0, 1, 1])):
        split(tmp_path, seed, labels, replace=seed == 1)
    with pytest.raises(UserError, match=r"seed 3 of own/toy/a: found other labels of dev, .* \(seeds 1, 2\)"):
        split(tmp_path, 3, [1, 1, 0])
    (cell,) = Selection.read(tmp_path / "runs").cells
    assert (sorted(cell.records), sorted(cell.errors)) == ([1, 2], [3])


def test_records_of_several_metrics_are_told_and_so_is_a_direction_that_nobody_knows(tmp_path: Path) -> None:
    for model, metric in (("small", "accuracy"), ("large", "quality")):
        with stabbench.record("a", "toy", 1, model, metric=metric, folder=tmp_path / "runs") as run:
            run.finish(score=0.5)
    told = {item.kind: item.sentence for item in warnings_of(gather(tmp_path / "runs"))}
    assert "a on toy (small; accuracy) and a on toy (large; quality)" in told["different metrics"]
    assert "not known by the name of quality: the higher was taken to be" in told["direction"]


def test_a_loss_of_nan_is_a_diverged_run_with_the_constants_score(tmp_path: Path) -> None:
    with stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs") as run:
        run.log(1, loss=0.7)
        run.log(2, loss=float("nan"))
        run.finish([0, 0, 1], [0, 1, 1])
    record = run.record
    assert record is not None
    assert (record.status, record.result.diverged_at) == ("diverged", 2)
    assert record.score == pytest.approx(2 / 3)


def test_scores_alone_are_recorded_and_a_metric_without_a_constant_is_not_judged(tmp_path: Path) -> None:
    for metric, status in (("mcc", "ok"), ("bleu", "unjudged")):
        with stabbench.record("sgd", metric, 1, metric=metric, folder=tmp_path / "runs") as run:
            run.finish(score=0.4)
        record = run.record
        assert record is not None
        assert (record.status, record.score) == (status, 0.4)


def test_an_exception_is_raised_again_and_the_run_is_an_error_of_its_cell(tmp_path: Path) -> None:
    recorded(tmp_path, 1)
    with (
        pytest.raises(ZeroDivisionError),
        stabbench.record("sgd", "toy", 2, "linear", settings={"learning_rate": 1.0}, folder=tmp_path / "runs") as run,
    ):
        run.log(1, loss=1 / 0)
    (cell,) = Selection.read(tmp_path / "runs").cells
    assert list(cell.records) == [1]
    assert cell.errors == {2: "ZeroDivisionError: division by zero"}
    recorded(tmp_path, 2)
    assert sorted(selected(tmp_path)["sgd"]) == [1, 2]


@pytest.mark.parametrize("call", ["run.log(2, loss=1)", "run.finish(score=0.5)", "1 / 0"])
def test_what_goes_wrong_after_finish_makes_no_result(tmp_path: Path, call: str) -> None:
    scored(tmp_path, "a", 1, accuracy=0.7)
    with (
        pytest.raises((UserError, ZeroDivisionError)),
        stabbench.record("a", "toy", 2, metric="accuracy", folder=tmp_path / "runs") as run,
    ):
        exec(f"run.finish(score=0.6); {call}", {"run": run})
    assert run.record is None
    (cell,) = Selection.read(tmp_path / "runs").cells
    assert (list(cell.records), list(cell.errors)) == ([1], [2])


def test_leaving_without_finish_says_what_to_call(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"call run\.finish\(labels, predictions\)"),
        stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs") as run,
    ):
        run.log(1, loss=0.5)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("run.log(0, loss=1)", r"step is 0: expected how many updates are done, counted from 1"),
        ("run.log(3, loss=1); run.log(2, loss=1)", r"step is 2, after step 3"),
        ("run.log(1, loss='low')", r"loss is a str, expected a number"),
        ("run.finish([0, 1], [0])", r"found 2 of label, 1 of prediction, expected as many of each"),
        ("run.finish([0, 1])", r"found labels alone, expected predictions or logits"),
        ("run.finish([0, 1], logits=[[0, 1, 5], [0, 1, 5]])", r"found 3 logits an example, expected 2, one a class"),
        ("run.finish([0, 1], [0, 2])", r"prediction is 2, expected one of 0, 1"),
        ("run.finish(score=0.5)", r"say record\(metric='accuracy'\)"),
        ("run.finish([0, 1], [0, 1], scores={'accuracy': 0.5})", r"accuracy is 0\.5, and that of the predictions"),
        ("run.finish(scores={'accuracy': 0.5}); run.log(1, loss=1)", r"nothing can be recorded after run\.finish"),
        ("run.gradient_norms([1.0])", r"found a list, expected a torch module or a mapping"),
    ],
)
def test_what_is_recorded_wrongly_is_told(tmp_path: Path, call: str, message: str) -> None:
    with (
        pytest.raises(UserError, match=message),
        stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs") as run,
    ):
        exec(call, {"run": run})


def test_in_a_command_of_stabbench_the_run_goes_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OUT": str(tmp_path / "out"), "SEED": "7", "TASK": "rte", "STRATEGY": "mine"}.items():
        monkeypatch.setenv(f"STABBENCH_{name}", value)
    monkeypatch.chdir(tmp_path)
    with stabbench.record() as run:
        labels, logits = logistic_regression(run, 7, 1.0)
        assert not (tmp_path / "out/stabbench.json").exists()
        run.finish(labels, logits=logits)
    found = read_output(tmp_path / "out", labels=labels)
    assert (found.names, found.seed) == ({"task": "rte", "strategy": "mine"}, 7)
    assert len(found.measured.losses) == STEPS
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match=r"seed is 1, and the command is run for seed 7"):
        stabbench.record(seed=1)


def test_a_killed_run_leaves_what_it_logged_and_is_no_run(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, LOOPS, tmp_path, "-1"], cwd=ROOT, env=_environment(), check=False)
    assert killed.returncode == -9
    assert not list(tmp_path.rglob("record.json"))
    (left,) = tmp_path.rglob("history.jsonl")
    assert json.loads(left.read_text().splitlines()[-1])["step"] == STEPS // 2
    recorded(tmp_path, 1)
    assert list(selected(tmp_path)["sgd"]) == [1]


def test_processes_that_finish_at_once_lose_no_seed(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, LOOPS, tmp_path, *seeds], cwd=ROOT, env=_environment())
        for seeds in (("1", "3", "5", "7"), ("2", "4", "6", "8"))
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert sorted(selected(tmp_path)["sgd"]) == list(range(1, 9))


def test_the_records_make_a_page_without_params_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2, 3):
        recorded(tmp_path, seed)
        recorded(tmp_path, seed, "slow", rate=0.01)
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(main, ["report"], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    page = (tmp_path / "reports/index.html").read_text()
    for found in ("Training curves", "Per-point stability", "sgd", "slow"):
        assert found in page


def test_compare_reads_them(tmp_path: Path) -> None:
    for seed in (1, 2):
        recorded(tmp_path, seed)
    source = Source(str(tmp_path / "runs"))
    assert Records().recognises(source)
    found = Records().read(source, Wanted())
    scores = [record.score for record in selected(tmp_path)["sgd"].values()]
    assert found.table[["strategy", "task", "seed"]].to_numpy().tolist() == [["sgd", "toy", 1], ["sgd", "toy", 2]]
    assert list(found.table["score"]) == scores
    assert [len(items) for items in found.items if items is not None] == [40, 40]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
