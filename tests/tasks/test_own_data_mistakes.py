"""Mistakes in a task of one's own data are told before any work, by the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stabbench
from stabbench.config import load, parts
from stabbench.errors import UserError
from stabbench.metrics import METRICS
from stabbench.tasks.preparation import prepare
from stabbench.tasks.splitting import split_rows

PARAMS = """
seeds: 1-2
grid: {models: [embedded], tasks: [mine], strategies: [devlin]}
tasks:
  mine: {%s}
"""
FILES = "files: {train: a.csv}, text: text, label: label"
HUB = "hub: ./set, text: text, label: label"


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (f"{FILES}, metrics: [macro_f1, macro-f1]", "found 'macro_f1' twice"),
        (f"{FILES}, metrics: accuracy", "expected a list such as [accuracy, macro_f1]"),
        (f"{FILES}, metrics: [rmse]", "found metric rmse, which is of regression, expected one of classification"),
        (f"{FILES}, metrics: [f1], labels: [a, b, c]", "f1, which is of two classes, and 3 labels: take macro_f1"),
        (f"{FILES}, metrics: [./metrics.py]", "expected a file and its function such as"),
        (f"{FILES}, labels: [a, null]", "expected a name for each class"),
        (f"{FILES}, drop: {{label: {{a: b}}}}", "expected values by column such as"),
        (f"{FILES}, group: who, dev_share: 0.7", "found dev_share 0.7 beside group"),
        (f"{HUB}, splits: {{train: train, dev: train}}", "found 'train' for both train and dev"),
        (f"{HUB}, revision: v1", "found revision beside the folder ./set"),
        (
            "hub: 'a b', text: text, label: label",
            "expected a data set such as owner/name, or a folder such as ./folder",
        ),
    ],
)
def test_keys_that_do_not_go_together_are_named(tmp_path: Path, block: str, told: str) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS % block)
    with pytest.raises(UserError) as caught:
        load(tmp_path / "params.yaml")
    assert "tasks.mine" in str(caught.value)
    assert told in str(caught.value)


def test_a_folder_of_the_hubs_layout_is_watched_file_by_file_and_named_where_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS % HUB)
    with pytest.raises(UserError, match=r"tasks\.mine\.hub: there is no file .*set"):
        parts(load(tmp_path / "params.yaml"), tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/train.csv").write_text("text,label\na,x\nb,y\n")
    before = parts(load(tmp_path / "params.yaml"), tmp_path)["tasks/mine.json"]
    (tmp_path / "set/train.csv").write_text("text,label\na,y\nb,x\n")
    after = parts(load(tmp_path / "params.yaml"), tmp_path)["tasks/mine.json"]
    assert list(before["sha256"]) == ["train.csv"]
    assert before["sha256"] != after["sha256"]


def test_a_metric_file_that_is_not_there_is_named_by_the_key_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "params.yaml").write_text(PARAMS % f"{FILES}, metrics: [./gone.py:cost]")
    with pytest.raises(UserError, match=r"tasks\.mine\.metrics: there is no file .*gone\.py"):
        parts(load(tmp_path / "params.yaml"), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("lowest=1, highest=0", "expected the first to be smaller"),
        ("lowest=0, highest=1, trivial=7", "expected a number from 0 to 1"),
        ("takes='logits'", "expected predictions or probabilities"),
    ],
)
def test_what_a_metric_says_of_itself_goes_together(tmp_path: Path, arguments: str, told: str) -> None:
    code = (
        f"import stabbench\n\n@stabbench.metric(higher_is_better=True, {arguments})\ndef mine(a, b):\n    return 0.5\n"
    )
    (tmp_path / "metrics.py").write_text(code)
    with pytest.raises(UserError, match=told):
        METRICS.load("./metrics.py:mine", tmp_path)


def test_a_metric_file_that_ends_the_process_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("import sys\n\nsys.exit(3)\n")
    with pytest.raises(UserError, match="fails to import: SystemExit"):
        METRICS.load("./metrics.py:mine", tmp_path)


def test_a_score_out_of_its_range_and_an_error_are_told_with_the_metrics_name() -> None:
    @stabbench.metric(higher_is_better=True, lowest=0, highest=1)
    def mine(labels: object, predictions: object) -> float:
        return 7.0

    @stabbench.metric(higher_is_better=True)
    def broken(labels: object, predictions: object) -> float:
        raise RuntimeError("boom")

    with pytest.raises(ValueError, match="mine is 7, expected from 0 to 1"):
        mine().score([0], [0])
    with pytest.raises(ValueError, match=r"the metric broken raises RuntimeError\('boom'\)"):
        broken().score([0], [0])


def test_only_shares_and_correlations_are_printed_in_hundredths() -> None:
    def plain(labels: object, predictions: object) -> float:
        return 0.5

    for bounds, share in (({"lowest": 0.0, "highest": 1.0}, True), ({"lowest": 0.0, "highest": 5.0}, False)):
        made = stabbench.metric(higher_is_better=False, **bounds)(plain)  # type: ignore[arg-type]
        assert made.kind.fraction is share


def folder_with(tmp_path: Path, labels: list[int | None], names: list[str]) -> dict[str, object]:
    """A folder of the hub's layout whose labels have class names, and the options of a task made of it."""
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    rows = {"text": [f"text {row}" for row in range(len(labels))], "label": labels}
    found = datasets.Dataset.from_dict(rows, features=features)
    (tmp_path / "set/data").mkdir(parents=True)
    found.to_parquet(str(tmp_path / "set/data/train-00000-of-00001.parquet"))
    return {"hub": "./set", "text": ("text",), "label": "label"}


def test_class_names_that_are_numbers_are_the_numbers_of_a_regression(tmp_path: Path) -> None:
    options = folder_with(tmp_path, [0, 1, 2, 3, 4] * 6, ["1", "2", "3", "4", "5"])
    task = prepare("stars", {**options, "objective": "regression"}, root=tmp_path, out=tmp_path / "task")
    assert task.label_names == ()
    assert sorted(set(task.labels("train"))) == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_class_names_that_are_words_are_no_numbers(tmp_path: Path) -> None:
    options = folder_with(tmp_path, [0, 1] * 6, ["bad", "good"])
    with pytest.raises(UserError, match="label 'bad', expected a number"):
        prepare("t", {**options, "objective": "regression"}, root=tmp_path, out=tmp_path / "task")
    assert not (tmp_path / "task").exists()


def test_rows_of_a_data_set_without_a_label_can_be_left_out(tmp_path: Path) -> None:
    options = folder_with(tmp_path, [0, 1, None, 0, 1, None] * 4, ["bad", "good"])
    task = prepare("t", {**options, "drop": {"label": ("",)}}, root=tmp_path, out=tmp_path / "task")
    assert len(task.train) + len(task.dev) == 16


def test_rows_without_a_group_are_not_one_group(tmp_path: Path) -> None:
    rows = [{"text": f"t {row}", "label": "ab"[row % 2], "who": None if row < 30 else f"w{row}"} for row in range(60)]
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    options = {"files": {"train": "a.parquet"}, "text": ("text",), "label": "label", "group": "who"}
    task = prepare("t", options, root=tmp_path, out=tmp_path / "task")
    dev = set(task.dev["example"])
    assert len(dev) == 12
    assert dev - set(range(30))
    assert dev & set(range(30))


def test_more_folds_than_any_class_has_rows_are_told_in_our_words() -> None:
    with pytest.raises(ValueError, match=r"folds: 9 are more than the largest class .* has rows \(6\)"):
        split_rows(np.array([0, 1] * 6), folds=9, fold=1)
