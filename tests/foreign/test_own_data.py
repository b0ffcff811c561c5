"""Own data are first-class: a table with three classes goes from its file to the stability table."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.tasks.sources.table import OwnTables
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
        "Error: task reviews: dev.csv, line 7: a text is empty, expected a sentence"
    )
    assert not Path("data/reviews").exists()


def test_a_report_after_the_data_changed_does_not_show_the_old_datas_runs(project: Path) -> None:
    for command in (["prepare"], ["pretrain"], ["plan"], ["train"], ["report", "--format", "md"]):
        assert run(*command).exit_code == 0
    before = {path.parent.name for path in (project / ".stabbench/runs").glob("??/*/record.json")}
    write("dev.csv", [(f"{text} for dev {number}", label) for number in range(9) for text, label in ROWS])
    for command in (["prepare"], ["plan"]):
        assert run(*command).exit_code == 0
    result = run("report")
    assert result.exit_code == 2
    assert "stabbench train" in result.output
    assert {path.parent.name for path in (project / ".stabbench/runs").glob("??/*/record.json")} == before


def test_runs_of_an_older_plan_that_only_the_selection_has_are_kept_in_the_store(project: Path) -> None:
    for command in (["prepare"], ["pretrain"], ["plan"], ["train"]):
        assert run(*command).exit_code == 0
    before = {path.parent.name for path in (project / ".stabbench/runs").glob("??/*/record.json")}
    shutil.rmtree(project / ".stabbench/runs")
    write("dev.csv", [(f"{text} for dev {number}", label) for number in range(9) for text, label in ROWS])
    for command in (["prepare"], ["plan"], ["train"]):
        assert run(*command).exit_code == 0
    assert before < {path.parent.name for path in (project / ".stabbench/runs").glob("??/*/record.json")}


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("files: {train: train.csv, dev: train.csv}, text: text, label: feeling", "for both train and dev"),
        ("files: {train: train.csv, dev: dev.csv}, text: [text, feeling], label: feeling", "expected each once"),
        ("files: {train: train.csv, dev: dev.csv}, text: [text, text], label: feeling", "expected each once"),
    ],
)
def test_a_task_that_gives_its_answer_away_is_refused(project: Path, block: str, told: str) -> None:
    params = Path("params.yaml").read_text()
    start, end = params.index("{files"), params.index("}\nstrategies")
    Path("params.yaml").write_text(params[:start] + "{" + block + params[end:])
    result = run("validate")
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


def test_whole_numbers_are_the_same_labels_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(f"one {row},{row % 3}.0\n" for row in range(9)))
    rows = [{"text": f"two {row}", "label": row % 3} for row in range(6)]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = OwnTables(["text"], "label", files={"train": "train.csv", "dev": "dev.jsonl"})
    found = own.read("x", tmp_path)
    assert found.dataset.label_names == ("0", "1", "2")
    assert found.frames["train"]["label"].tolist() == [0, 1, 2] * 3
    assert found.frames["dev"]["label"].tolist() == [0, 1, 2] * 2


def test_measured_numbers_are_not_taken_for_classes(tmp_path: Path) -> None:
    for name in ("train.csv", "dev.csv"):
        lines = [f"{name} {row},{row / 7:.3f}\n" for row in range(20)]
        (tmp_path / name).write_text("text,yield\n" + "".join(lines))
    own = OwnTables(["text"], "yield", files={"train": "train.csv", "dev": "dev.csv"})
    with pytest.raises(UserError, match=r"20 different numbers such as .*expected classes"):
        own.read("x", tmp_path)
