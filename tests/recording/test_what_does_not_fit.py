"""What somebody's code leaves and does not fit is a sentence, never a traceback, and never a score of other rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stabbench
from stabbench.errors import UserError
from stabbench.recording.output import read_output
from stabbench.tasks import objectives

SCORE = {"stabbench.json": json.dumps({"format": 1, "metric": "accuracy", "score": 0.5})}


def _folder(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"predictions.jsonl": '{"label": [1], "prediction": 1}\n'}, r"line 1: label is \[1\], expected a class or"),
        ({"predictions.jsonl": f'{{"label": {"9" * 400}, "prediction": 1}}\n'}, r"label is 9+, expected a class or"),
        ({"predictions.csv": "label,prediction\n350000,349000\n1200,900\n"}, r"350,000 as the number of a class"),
        ({"predictions.csv": "label,prediction\n3,1.4\n0,1\n"}, r"say .* where labels are measured .* regression"),
        ({"predictions.csv": "label,prediction\n900,1.4\n0,1\n"}, r"expected one of 0, .* 9 and 891 more, or its"),
        ({"predictions.csv": "label,logit_0,logit_2\n1,0,1\n0,1,1\n"}, r"there is no column logit_1"),
        ({"predictions.csv": "example,label,prediction\n4,1,0\n4,1,1\n"}, r"line 3: example 4 stands twice"),
        ({"predictions.jsonl": f'{{"example": {10**30}, "label": 1, "prediction": 1}}\n'}, r"example is 10+, expected"),
        ({**SCORE, "history.csv": "step,step,loss\n1,1,0.3\n"}, r"history\.csv: found the column 'step' twice"),
        ({**SCORE, "history.csv": "step,loss\n1e30,1\n"}, r"step is 1e\+30, expected how many updates"),
        ({**SCORE, "gradnorms.csv": "step,parameter,norm\n0,w,-1\n"}, r"norm -1, expected step, parameter and norm"),
        (
            {"stabbench.json": f'{{"format": 1, "metric": "rmse", "score": {"9" * 400}}}'},
            r"a score is 9+…, expected a number below",
        ),
        (
            {
                "stabbench.json": '{"format": 1, "metric": "auroc"}',
                "predictions.csv": "label,logit_0,logit_1\n1,0,1\n1,1,0\n",
            },
            r"auroc of the predictions cannot be computed: labels of one class",
        ),
        (
            {
                "stabbench.json": '{"format": 1, "metric": "accuracy", "label_names": ["a", "a"]}',
                "predictions.csv": "label,prediction\n1,1\n0,1\n",
            },
            r"label_names are a, a, expected a name of its own",
        ),
    ],
)
def test_it_is_told_with_its_place(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_output(_folder(tmp_path, files))


def test_predictions_in_another_order_than_dev_are_not_scored_as_if_they_were_in_its_own(tmp_path: Path) -> None:
    dev: dict[str, Any] = {
        "labels": np.array([0, 1, 1]),
        "examples": np.array([5, 6, 9]),
        "metrics": ["accuracy"],
        "objective": objectives.find("classification"),
        "label_names": ["no", "yes"],
    }
    _folder(tmp_path, {"predictions.csv": "label,prediction\nyes,yes\nno,no\nyes,yes\n"})
    with pytest.raises(UserError, match=r"line 2: label is 'yes', and no in dev, .* 2 of 3 rows: say with a column"):
        read_output(tmp_path, **dev)
    _folder(tmp_path, {"predictions.csv": "example,label,prediction\n9,yes,yes\n5,no,no\n6,yes,yes\n"})
    assert read_output(tmp_path, **dev).measured.evaluations[-1].scores == {"accuracy": 1.0}


def test_a_trainers_metrics_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    results = {"eval_accuracy": 0.75, "eval_confusion": [[3, 1], [0, 4]], "eval_report": {"a": 1}, "eval_note": "best"}
    _folder(tmp_path, {"all_results.json": json.dumps(results)})
    assert read_output(tmp_path).measured.evaluations[-1].scores == {"accuracy": 0.75}


def test_finish_may_be_called_again_after_a_mistake_and_loses_no_predictions(tmp_path: Path) -> None:
    with stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs") as run:
        with pytest.raises(UserError, match="accuracy is a str"):
            run.finish([0, 1, 1, 0], [1, 1, 1, 1], scores={"accuracy": "high"})
        run.finish([0, 1, 1, 0], [0, 1, 1, 1])
    assert run.record is not None
    assert run.record.predictions()["prediction"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "said",
    [
        {"steps_per_epoch": np.int64(13), "warmup_steps": np.int32(3)},
        {"steps_per_epoch": np.ceil(12.5)},
        {"seconds": {"training": np.float32(2.5)}},
        {"device": torch.device("cpu")},
    ],
)
def test_what_is_said_at_the_end_may_be_numpys_and_torchs(tmp_path: Path, said: dict[str, Any]) -> None:
    names: Any = np.array([7, 8])
    with stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs", label_names=names) as run:
        run.finish(np.array([[0], [1], [1]]), np.array([[0], [1], [0]]), **said)
    assert run.record is not None
    assert run.record.score == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategy": "x" * 300}, r"strategy is 'x+'… of 300 letters, expected at most 200 bytes"),
        ({"strategy": "a\nb"}, r"strategy is 'a\\nb', expected a name"),
        ({"settings": [1]}, r"settings is a list, expected a mapping"),
        ({"label_names": {0: "no", 1: "yes"}}, r"label_names is .*, expected a list of names in the order"),
    ],
)
def test_names_and_settings_that_cannot_be_kept_are_refused_before_the_training(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    told = {"strategy": "sgd", "task": "toy", "seed": 1, "folder": tmp_path / "runs", **given}
    with pytest.raises(UserError, match=message), stabbench.record(**told):
        pytest.fail("it has begun")


def test_a_name_that_is_a_number_is_a_name(tmp_path: Path) -> None:
    with stabbench.record(3, "toy", 1, folder=tmp_path / "runs") as run:  # type: ignore[arg-type]
        run.finish([0, 1], [0, 1])
    assert (tmp_path / "runs" / "own" / "toy" / "3").is_dir()


@pytest.mark.parametrize(
    ("scores", "message"), [([1], "scores is a list, expected a mapping"), ({"f1": 10**400}, "f1")]
)
def test_scores_that_are_none_are_told(tmp_path: Path, scores: Any, message: str) -> None:
    with pytest.raises(UserError, match=message), stabbench.record("sgd", "toy", 1, folder=tmp_path / "runs") as run:
        run.finish([0, 1], [0, 1], scores=scores)
