"""A run's folder is read as its format says, and what does not fit is told by file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stabbench.errors import UserError
from stabbench.recording.output import read_output


def described(folder: Path, **what: Any) -> Path:
    (folder / "stabbench.json").write_text(json.dumps({"format": 1, **what}))
    return folder


def trainer_state(folder: Path, log: Sequence[Mapping[str, Any]], steps: int = 20, epoch: float = 2.0) -> None:
    folder.mkdir(exist_ok=True)
    state = {"global_step": steps, "epoch": epoch, "max_steps": steps, "log_history": log}
    (folder / "trainer_state.json").write_text(json.dumps(state))


def test_a_score_is_enough(tmp_path: Path) -> None:
    found = read_output(described(tmp_path, metric="accuracy", score=0.71))
    assert found.metrics == ("accuracy",)
    (last,) = found.measured.evaluations
    assert last.scores == {"accuracy": 0.71}
    assert not found.measured.diverged


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_tables_beside_it_are_read_in_three_formats(tmp_path: Path, ending: str) -> None:
    history = pd.DataFrame(
        {"step": [1, 2, 2, 4], "loss": [0.9, 0.8, None, 0.6], "dev_accuracy": [None, None, 0.5, None]}
    )
    norms = pd.DataFrame({"step": [0, 0, 2, 2], "parameter": ["a", "b", "a", "b"], "norm": [3.0, 4.0, 1.0, 2.0]})
    for name, table in (("history", history), ("gradnorms", norms)):
        path = tmp_path / f"{name}.{ending}"
        if ending == "parquet":
            table.to_parquet(path)
        elif ending == "csv":
            table.to_csv(path, index=False)
        else:
            table.to_json(path, orient="records", lines=True)
    measured = read_output(described(tmp_path, metric="accuracy", score=0.7)).measured
    assert measured.steps is not None
    assert list(measured.steps) == [1, 2, 4]
    assert list(measured.losses) == [0.9, 0.8, 0.6]
    assert [(done.step, dict(done.scores)) for done in measured.evaluations] == [
        (2, {"accuracy": 0.5}),
        (4, {"accuracy": 0.7}),
    ]
    assert measured.gradient_norms.tolist() == [[3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("metric", "score", "message"),
    [
        (
            "accuracy",
            71.5,
            r"stabbench\.json: accuracy is 71\.5, expected a fraction, from -1 to 1: 0\.715 for 71\.5 %",
        ),
        ("rmse", -0.5, r"rmse is -0\.5, expected 0 or more"),
        ("cost", 3.5, r"from -1 to 1: 0\.035 for 3\.5 %; if it is a loss, .* such as cost_loss"),
    ],
)
def test_a_score_out_of_its_metrics_range_is_refused(tmp_path: Path, metric: str, score: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_output(described(tmp_path, metric=metric, score=score))
    assert read_output(described(tmp_path, metric="perplexity", score=71.5)).measured.evaluations


def test_so_is_one_of_an_evaluation_within_training(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("step,loss,dev_accuracy,dev_length\n1,0.7,,\n2,0.6,62.5,14.0\n")
    with pytest.raises(UserError, match=r"history\.csv, step 2: dev_accuracy is 62\.5, expected a fraction"):
        read_output(described(tmp_path, metric="accuracy", score=0.7))


@pytest.mark.parametrize("score", [math.nan, math.inf, None])
def test_a_score_that_is_no_number_means_that_the_run_diverged(tmp_path: Path, score: float | None) -> None:
    assert read_output(described(tmp_path, metric="accuracy", scores={"accuracy": score})).measured.diverged


def test_a_loss_of_nan_in_json_lines_is_a_loss_and_null_is_none(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1, "loss": null}\n{"step": 2, "loss": NaN}\n')
    measured = read_output(described(tmp_path, metric="accuracy", score=0.7)).measured
    assert measured.steps is not None
    assert list(measured.steps) == [2]
    assert np.isnan(measured.losses).all()


@pytest.mark.parametrize("text", ["nan", "-inf", "Infinity"])
def test_what_is_written_as_no_number_in_a_text_table_is_none_and_an_empty_field_is_absent(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "history.csv").write_text(f"step,loss,dev_accuracy\n1,0.7,\n2,,0.5\n3,{text},\n")
    measured = read_output(described(tmp_path, metric="accuracy", score=0.7)).measured
    assert measured.steps is not None
    assert list(measured.steps) == [1, 3]
    assert np.isfinite(measured.losses).tolist() == [True, False]
    logits = f"label,logit_0,logit_1\n0,0.1,{text}\n1,0.2,0.4\n"
    (tmp_path / "predictions.csv").write_text(logits)
    assert read_output(tmp_path).measured.diverged


def test_classes_that_dev_lacks_are_those_of_training(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text("label,logit_0,logit_1,logit_2\n0,1,0,3\n1,0,1,0\n")
    counts = {"0": 5, "1": 4, "2": 1}
    found = read_output(described(tmp_path, metric="accuracy", train_labels=counts))
    assert found.label_names == ("0", "1", "2")
    assert found.measured.evaluations[-1].scores["accuracy"] == 0.5


def test_predictions_alone_are_scored_by_the_metrics_of_their_objective(tmp_path: Path) -> None:
    pd.DataFrame({"label": ["no", "yes", "no"], "prediction": ["no", "yes", "yes"]}).to_csv(
        tmp_path / "predictions.csv", index=False
    )
    found = read_output(tmp_path)
    assert found.label_names == ("no", "yes")
    assert found.measured.evaluations[-1].scores == pytest.approx({"accuracy": 2 / 3, "mcc": 0.5})


def test_known_labels_are_matched_by_example_and_scores_computed_from_them(tmp_path: Path) -> None:
    pd.DataFrame({"example": [12, 10, 11], "logit_0": [2.0, 0.0, 0.0], "logit_1": [0.0, 1.0, 1.0]}).to_parquet(
        tmp_path / "predictions.parquet"
    )
    known: Any = {"metrics": ["accuracy"], "labels": np.array([1, 0, 0]), "examples": np.array([10, 11, 12])}
    found = read_output(tmp_path, **known)
    assert found.measured.predictions is not None
    assert list(found.measured.predictions) == [1, 1, 0]
    assert found.measured.evaluations[-1].scores == pytest.approx({"accuracy": 2 / 3})
    with pytest.raises(UserError, match=r"accuracy is 0\.7, and that of the predictions beside it is 0\.6666667"):
        read_output(described(tmp_path, scores={"accuracy": 0.7}), **known)


def test_the_files_of_a_trainer_are_read_where_nothing_else_is(tmp_path: Path) -> None:
    log = [
        {"step": 10, "epoch": 1.0, "loss": 0.7, "learning_rate": 1e-5, "grad_norm": 2.0},
        {"step": 10, "epoch": 1.0, "eval_loss": 0.65, "eval_matthews_correlation": 0.2, "eval_runtime": 1.0},
        {"step": 20, "epoch": 2.0, "loss": 0.5, "learning_rate": 0.0, "grad_norm": 3.0},
        {"step": 20, "epoch": 2.0, "train_runtime": 9.0, "train_loss": 0.6},
    ]
    trainer_state(tmp_path, log)
    results = {"epoch": 2.0, "eval_loss": 0.6, "eval_matthews_correlation": 0.3, "eval_runtime": 2.0, "train_loss": 0.6}
    (tmp_path / "all_results.json").write_text(json.dumps(results))
    found = read_output(tmp_path, metrics=["mcc"])
    measured = found.measured
    assert [(done.step, done.loss) for done in measured.evaluations] == [(10, 0.65), (20, 0.6)]
    assert measured.evaluations[-1].scores == {"mcc": 0.3}
    assert (measured.total_steps, measured.steps_per_epoch) == (20, 10)
    assert list(measured.losses) == [0.7, 0.5]
    assert read_output(tmp_path).metrics == ("matthews_correlation",)


def test_of_several_checkpoints_the_last_is_read(tmp_path: Path) -> None:
    for steps in (9, 100):
        log = [{"step": steps, "eval_accuracy": steps / 1000, "eval_loss": 0.5}]
        trainer_state(tmp_path / f"checkpoint-{steps}", log, steps)
    assert read_output(tmp_path).measured.evaluations[-1].scores == {"accuracy": 0.1}


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"format": 2}, r"format is 2, expected 1"),
        ({"format": 1, "score": 0.5}, r"score is 0\.5 without metric"),
        ({"format": 1, "metric": "accuracy"}, r"found no score, expected the metric accuracy"),
        ({"format": 1, "metric": 7}, r"stabbench\.json: metric is 7, expected a text"),
        ({"format": 1, "metric": "f1", "scores": {"f1": "high"}}, r"scores\.f1 is 'high', expected a number"),
        ({"format": 1, "scroe": 0.5}, r"stabbench\.json: unknown key 'scroe': did you mean 'score'\?"),
        ({"format": 1, "status": "fine"}, r"status is 'fine', expected null or 'diverged'"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_key(tmp_path: Path, description: Any, message: str) -> None:
    (tmp_path / "stabbench.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=message):
        read_output(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("predictions.csv", "label,prediction\n0,1\n1,\n", r"predictions\.csv, line 3: prediction is empty"),
        ("predictions.csv", "label,guess\n0,1\n", r"found the columns guess, label, expected 'prediction'"),
        ("predictions.csv", "label,prediction\n-1,1\n1,1\n", r"line 2: label is -1, expected one of 0, 1"),
        (
            "predictions.csv",
            "label,prediction\nno,no\nyes,maybe\n",
            r"line 3: prediction is 'maybe', expected one of no",
        ),
        (
            "predictions.csv",
            "label,prediction\n0,0\n1,7\n",
            r"line 3: prediction is 7, .*; if there are other classes, say",
        ),
        (
            "predictions.csv",
            "label,logit_0,logit_1,logit_2\n0,1,0,3\n1,0,1,0\n",
            r"predictions\.csv: found 3 logits an example, expected 2, one a class \(0, 1\)",
        ),
        (
            "predictions.csv",
            "example,label,prediction\nnan,1,1\n",
            r"line 2: example is nan, expected the number",
        ),
        ("history.csv", "loss\n0.5\n", r"history\.csv, line 2: found the columns loss, expected 'step'"),
        ("history.csv", "step,loss\n1,0.5\n\n2,low\n", r"history\.csv, line 4: loss is 'low', expected a number"),
        ("history.csv", "step,loss\n0.5,1\n", r"step is 0\.5, expected how many updates were done"),
        (
            "gradnorms.csv",
            "step,norm\n0,1\n",
            r"gradnorms\.csv, line 2: found step 0, norm 1, expected step",
        ),
        ("history.jsonl", "{\n[1]\n", r"history\.jsonl: 2 lines cannot be used"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_by_its_row(tmp_path: Path, name: str, content: str, message: str) -> None:
    described(tmp_path, metric="accuracy", score=0.5)
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read_output(tmp_path)


def test_a_folder_with_nothing_of_a_run_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    with pytest.raises(UserError, match=r"found history\.jsonl, expected stabbench\.json, all_results\.json"):
        read_output(tmp_path)
