"""Own data: tables of any kind and any column names, with as many classes as they have."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stabbench.errors import UserError
from stabbench.tasks.preparation import prepare
from stabbench.tasks.prepared import PreparedTask
from stabbench.tasks.sources.table import OwnTables

TICKETS = [
    ("Printer, again", "hardware"),
    ('He said "no"', "access"),
    ("Screen\nis dark", "hardware"),
    ("Pay slip", "pay"),
]


def tickets(folder: Path, rows: list[tuple[str, str]] = TICKETS, name: str = "tickets.csv") -> str:
    pd.DataFrame(rows, columns=["body", "category"]).to_csv(folder / name, index=False)
    return str(folder / name)


def own(train: str, dev: str, **changes: object) -> OwnTables:
    values = {"files": {"train": train, "dev": dev}, "text": ("body",), "label": "category", **changes}
    return OwnTables(**values)  # type: ignore[arg-type]


def asked(train: str, dev: str, **changes: object) -> dict[str, Any]:
    """The same as options of a task."""
    return dataclasses.asdict(own(train, dev, **changes))


def test_a_csv_of_three_classes_is_a_task_with_its_quoting_undone(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    task = prepare("tickets", asked(file, file), out=tmp_path / "task")
    read = PreparedTask.read(tmp_path / "task")
    assert read.description() == task.description()
    assert read.label_names == ("access", "hardware", "pay")
    assert read.texts("train") == ([text for text, _ in TICKETS], None)
    assert read.labels("dev").tolist() == [1, 0, 1, 2]
    assert (read.dataset, read.source, read.metrics) == ("own files", "files", ("accuracy", "mcc"))
    assert read.origin == {"files": {"train": file, "dev": file}, "text": ["body"], "label": "category"}


def test_one_that_has_its_train_rows_in_dev_is_told_so(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    task = prepare("tickets", asked(file, file), out=tmp_path / "task")
    assert task.seen is not None
    assert "4 of 4 dev examples have texts that are in train too" in task.seen["warnings"]


def test_semicolons_tabs_parquet_and_json_lines_give_the_same_examples(tmp_path: Path) -> None:
    frame = pd.DataFrame(TICKETS, columns=["body", "category"])
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    frames = [
        own(str(tmp_path / name), str(tmp_path / name)).read("t").frames["dev"]
        for name in ("a.csv", "a.tsv", "a.parquet", "a.jsonl")
    ]
    assert all(frame.equals(frames[0]) for frame in frames)


def test_pairs_and_numbered_labels_are_taken_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    rows = [("a cat", "an animal", 10), ("a dog", "a stone", 2), ("a bird", "a plant", 2)]
    pd.DataFrame(rows, columns=["premise", "hypothesis", "gold"]).to_csv(tmp_path / "pairs.csv", index=False)
    file = str(tmp_path / "pairs.csv")
    found = own(file, file, text=("premise", "hypothesis"), label="gold").read("pairs")
    assert found.dataset.label_names == ("2", "10")
    assert found.dataset.pair
    assert found.frames["train"]["text_b"].tolist() == ["an animal", "a stone", "a plant"]
    assert found.frames["train"]["label"].tolist() == [1, 0, 0]


def test_classes_have_the_order_that_is_asked_for(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    found = own(file, file, labels=("pay", "hardware", "access")).read("t")
    assert found.dataset.label_names == ("pay", "hardware", "access")
    assert found.frames["dev"]["label"].tolist() == [1, 2, 1, 0]


def test_truth_values_are_labels_as_yaml_writes_them(tmp_path: Path) -> None:
    pd.DataFrame({"body": ["x", "y"], "category": [True, False]}).to_parquet(tmp_path / "a.parquet")
    file = str(tmp_path / "a.parquet")
    found = own(file, file, labels=("false", "true")).read("t")
    assert found.dataset.label_names == ("false", "true")
    assert found.frames["dev"]["label"].tolist() == [1, 0]


def test_rows_that_cannot_be_used_are_named_all_at_once_for_each_file(tmp_path: Path) -> None:
    train = tickets(tmp_path, [*TICKETS, ("", "pay"), ("words", "")], "train.csv")
    dev = tickets(tmp_path, [("text", "other")] * 12, "dev.csv")
    with pytest.raises(UserError) as caught:
        prepare("t", asked(train, dev, labels=("access", "hardware", "pay")), out=tmp_path / "task")
    assert str(caught.value).splitlines() == [
        "2 mistakes:",
        f"- task t: {train}: 2 lines cannot be used:",
        "  line 7: a text is empty, expected a sentence",
        "  line 8: there is no label",
        f"- task t: {dev}: 12 lines cannot be used:",
        "  12 lines (2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more): label 'other', expected one of access, hardware, pay",
    ]
    assert not (tmp_path / "task").exists()


def test_a_missing_column_names_the_nearest_one(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    with pytest.raises(UserError, match=r"has no column 'categry' \(is it 'category'\?\); found body, category"):
        own(file, file, label="categry").read("t")


def test_what_is_wrong_with_either_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        own(tickets(tmp_path), str(tmp_path / "absent.csv"), label="nothing").read("t")
    first, second = caught.value.messages
    assert "tickets.csv has no column 'nothing'" in first
    assert second == f"task t: {tmp_path / 'absent.csv'}: there is no such file"


def test_f1_is_refused_where_there_are_more_than_two_classes(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    with pytest.raises(UserError, match="f1 is that of the second of two classes, and there are 3"):
        own(file, file, metrics=("f1",)).read("t")


def test_data_of_one_class_are_refused(tmp_path: Path) -> None:
    file = tickets(tmp_path)
    dev = tickets(tmp_path, [("a", "pay"), ("b", "pay")], "dev.csv")
    with pytest.raises(UserError, match="all 2 dev examples have the label 'pay'"):
        prepare("t", asked(file, dev), out=tmp_path / "task")
