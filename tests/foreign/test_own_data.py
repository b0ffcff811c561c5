"""Own data are first-class: a table with three classes goes from its file to the stability table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from tests.tiny import PROJECT

TASKS = """
  reviews: {files: {train: train.csv, dev: dev.csv}, text: text, label: feeling, labels: [bad, so-so, good]}
"""
PARAMS = (
    f"seeds: 1-3{PROJECT.rstrip()}{TASKS}strategies:\n  devlin: {{plugin: devlin}}\n  mosbach: {{plugin: mosbach}}\n"
)
ROWS = [("It was good, all of it", "good"), ("Bad", "bad"), ('He said "so so"', "so-so"), ("Neither\nnor", "so-so")]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def write(name: str, rows: list[tuple[str, str]]) -> None:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "feeling"), *rows])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    grid = "[reviews], strategies: [devlin, mosbach]"
    Path("params.yaml").write_text(PARAMS.replace("[acceptability], strategies: [devlin]", grid))
    write("train.csv", [(f"{text} {number}", label) for number in range(12) for text, label in ROWS])
    write("dev.csv", [(f"{text} for dev {number}", label) for number in range(8) for text, label in ROWS])
    return tmp_path


def test_a_csv_of_three_classes_is_trained_under_many_seeds_and_reported(project: Path) -> None:
    for command in (["prepare"], ["pretrain"], ["plan"], ["train", "--all"], ["report"]):
        result = run(*command)
        assert result.exit_code == 0, f"{command}: {result.output}"
    task = json.loads((project / "data/reviews/task.json").read_text())
    assert task["label_names"] == ["bad", "so-so", "good"]
    assert task["counts"] == {"train": 48, "dev": 32}
    table = pd.read_csv(project / "reports/tables/stability.csv")
    assert table[["task", "strategy", "n", "metric"]].to_numpy().tolist() == [
        ["reviews", "devlin", 3, "accuracy"],
        ["reviews", "mosbach", 3, "accuracy"],
    ]
    assert table["majority"].tolist() == [0.5, 0.5]
    predictions = pd.read_parquet(project / "runs/embedded/reviews/mosbach/seed-0001/predictions.parquet")
    assert predictions["logits"].map(len).unique().tolist() == [3]


def test_words_that_the_model_does_not_know_are_told_when_planning(project: Path) -> None:
    assert run("prepare").exit_code == 0
    assert run("pretrain").exit_code == 0
    result = run("plan")
    assert result.exit_code == 0
    assert "of the tokens are unknown to the model's tokenizer" in result.output


def test_rows_without_a_text_are_named_and_nothing_is_written(project: Path) -> None:
    write("dev.csv", [*ROWS, ("", "so-so")])
    result = run("prepare")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == (
        "Error: task reviews: dev.csv, data row 5: a text is empty, expected a sentence"
    )
    assert not Path("data/reviews").exists()
