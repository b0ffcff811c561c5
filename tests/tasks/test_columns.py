"""What the columns of own tables mean: labels of any type, rows to leave out, and what cannot be used, told at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.tables import Table
from stabbench.tasks.sources.columns import LabelledColumns
from stabbench.tasks.sources.contract import Labelled, Wanted
from stabbench.tasks.sources.values import word


def labelled(train: Mapping[str, Any], dev: Mapping[str, Any] | None = None, **changes: Any) -> Labelled:
    """What two tables hold; by default the same one twice."""
    columns = LabelledColumns(**{"text": ["body"], "label": "kind", **changes})
    tables = {"train": Table(pd.DataFrame(train)), "dev": Table(pd.DataFrame(train if dev is None else dev))}
    return columns.labelled(tables, {"train": "train.csv", "dev": "dev.csv"}, Wanted("mine"))


def of_labels(column: Any, **changes: Any) -> Labelled:
    return labelled({"body": [f"text {row}" for row in range(len(column))], "kind": column}, **changes)


@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([10, 2, 10], ("2", "10"), [1, 0, 1]),
        ([1.0, 0.0, 1.0], ("0", "1"), [1, 0, 1]),
        ([0.5, 0.25, 0.5], ("0.25", "0.5"), [1, 0, 1]),
        ([-1, 1, 0], ("-1", "0", "1"), [0, 2, 1]),
        (["10", "2", "1.0"], ("1", "2", "10"), [2, 1, 0]),
        ([True, False, True], ("false", "true"), [1, 0, 1]),
        ([True, 1, "x"], ("1", "true", "x"), [1, 0, 2]),
        (["nan", "inf", "1"], ("1", "inf", "nan"), [2, 1, 0]),
        ([" b", "a ", "b"], ("a", "b"), [1, 0, 1]),
        (pd.Categorical(["b", "a", "b"], categories=["b", "a", "c"]), ("a", "b"), [1, 0, 1]),
        (pd.array([3, 1, 3], dtype="Int64"), ("1", "3"), [1, 0, 1]),
    ],
)
def test_labels_may_be_words_numbers_or_truth_values(labels: Any, names: tuple[str, ...], numbers: list[int]) -> None:
    found = of_labels(labels)
    assert found.dataset.label_names == names
    assert found.frames["train"]["label"].tolist() == numbers
    assert found.frames["train"]["label"].dtype == "int64"


def test_labels_have_the_order_that_is_asked_for_and_others_are_told() -> None:
    found = of_labels([0, 1, 1], labels=["1", "0"])
    assert found.dataset.label_names == ("1", "0")
    assert found.frames["dev"]["label"].tolist() == [1, 0, 0]
    with pytest.raises(UserError, match=r"train.csv, row 3: label '2', expected one of 0, 1"):
        of_labels([0, 1, 2], labels=["0", "1"])


@pytest.mark.parametrize("nothing", [None, float("nan"), "", "  ", pd.NA, pd.NaT])
def test_a_row_without_a_label_or_a_text_is_told(nothing: Any) -> None:
    table = {"body": ["one", nothing, "three"], "kind": ["a", "b", nothing]}
    with pytest.raises(UserError) as caught:
        labelled(table, {"body": ["x", "y"], "kind": ["a", "b"]})
    assert str(caught.value).splitlines() == [
        "task mine: train.csv: 2 rows cannot be used:",
        "  row 2: a text is empty, expected a sentence",
        "  row 3: there is no label",
    ]


def test_what_is_no_number_among_those_of_a_regression_is_told_with_rows_and_count() -> None:
    strange = ["high", "nan", "inf", "-inf", "", None, "1,5", float("nan"), "1.5", 2, "1e3", True, "x", "y", "z", "ä"]
    with pytest.raises(UserError) as caught:
        of_labels(strange, objective="regression")
    for message in caught.value.messages:
        lines = message.splitlines()
        assert lines[0].endswith(".csv: 13 rows cannot be used:")
        assert lines[1:3] == ["  row 1: label 'high', expected a number", "  row 2: label 'nan', expected a number"]
        assert lines[5] == "  rows 5, 6, 8: there is no label"
        assert lines[7] == "  row 12: label 'true', expected a number"
        assert lines[-1] == "  and 1 more"


def test_numbers_of_a_regression_are_what_they_are_to_the_last_bit() -> None:
    numbers = [0.1, 1 / 3, -2.5e-300, 7.0]
    for labels in (numbers, [repr(number) for number in numbers], [f" {number!r} " for number in numbers]):
        found = of_labels(labels, objective="regression")
        assert found.frames["dev"]["label"].tolist() == numbers
        assert found.dataset.label_names == ()


def test_rows_are_left_out_by_the_values_of_any_column_and_counted() -> None:
    table = {
        "body": ["a", "b", "c", "d", ""],
        "kind": ["x", "y", "-", "x", "y"],
        "year": [2024, 2025.0, 2024, None, 2025],
    }
    found = labelled(table, {**table, "body": list("abcde")}, drop={"kind": ["-"], "year": [""], "body": [""]})
    assert found.frames["train"][["example", "text_a"]].to_numpy().tolist() == [[0, "a"], [1, "b"]]
    assert found.frames["dev"]["example"].tolist() == [0, 1, 4]
    assert found.dataset.label_names == ("x", "y")
    assert found.origin is not None
    assert found.origin["left_out"] == {"train": 3, "dev": 2}
    assert "left_out" not in (of_labels(["a", "b"]).origin or {})
    with pytest.raises(UserError, match=r"train.csv has no rows beside those that `drop` leaves out"):
        labelled(table, drop={"kind": ["x", "y", "-"]})


def test_a_row_that_is_left_out_leaves_the_numbers_of_the_others_as_they_are() -> None:
    with pytest.raises(UserError, match=r"train.csv, row 3: a text is empty"):
        labelled({"body": ["a", "b", ""], "kind": ["-", "x", "y"]}, drop={"kind": ["-"]})


def test_a_missing_column_is_told_with_the_nearest_one_and_all_at_once() -> None:
    with pytest.raises(UserError) as caught:
        labelled({"boddy": ["a"], "kin": ["x"], "b": [1]}, drop={"kind": ["-"]}, group="cluster")
    assert caught.value.messages == tuple(
        f"task mine: {split}.csv has no column 'body' (is it 'boddy'?), 'kind' (is it 'kin'?), 'cluster'; "
        "found boddy, kin, b"
        for split in ("train", "dev")
    )


@pytest.mark.parametrize(
    ("column", "strange"),
    [("body", ["a", "list"]), ("body", ("a", "tuple")), ("body", {}), ("body", b""), ("kind", {}), ("kind", b"")],
)
def test_a_column_that_holds_no_texts_or_numbers_is_refused(column: str, strange: Any) -> None:
    table = {"body": ["a", "b"], "kind": ["x", "y"], column: ["one", strange]}
    with pytest.raises(UserError, match=f"column '{column}' has values of type {type(strange).__name__}, expected"):
        labelled(table)


@pytest.mark.parametrize("several", [["x", "y"], [], ("x", "y"), np.array(["x", "y"])])
def test_several_labels_a_row_are_refused_with_what_to_do_instead(several: Any) -> None:
    with pytest.raises(UserError, match=r"'kind' holds lists.*\(multi-label\) is not there. Make a task of each"):
        labelled({"body": ["a", "b"], "kind": [["x"], several]})


def test_a_class_of_dev_that_train_lacks_is_refused_with_its_examples() -> None:
    train = {"body": ["a", "b"], "kind": ["x", "y"]}
    dev = {"body": list("abcd"), "kind": ["x", "z", "z", "y"]}
    with pytest.raises(UserError) as caught:
        labelled(train, dev)
    assert (
        "dev has classes that train lacks, which no run can learn: 'z' (2 dev examples): leave them out with "
        in str(caught.value)
    )
    assert "drop: {kind: [z]}" in str(caught.value)
    assert labelled(train, dev, drop={"kind": ["z"]}).dataset.label_names == ("x", "y")
    assert labelled(dev, train).dataset.label_names == ("x", "y", "z")


def test_measured_numbers_are_no_classes_unless_they_are_named() -> None:
    numbers = [row / 8 for row in range(11)]
    with pytest.raises(UserError, match=r"11 different numbers such as 0.125, expected classes: set `objective: regr"):
        of_labels(numbers)
    assert len(of_labels(numbers, labels=[word(number) for number in numbers]).dataset.label_names) == 11
    assert len(of_labels(list(range(50))).dataset.label_names) == 50
    assert len(of_labels(numbers, objective="regression").frames["train"]) == 11


def test_pairs_need_both_texts_and_numbers_are_texts_as_they_are_written() -> None:
    table = {"body": ["a", 5, 1.5], "other": ["x", "", "z"], "kind": ["p", "q", "q"]}
    with pytest.raises(UserError, match=r"train.csv, row 2: a text is empty"):
        labelled(table, text=["body", "other"])
    table["other"] = ["x", "y", "z"]
    found = labelled(table, text=["body", "other"])
    assert found.dataset.pair
    assert found.frames["train"]["text_a"].tolist() == ["a", "5", "1.5"]
    assert found.frames["train"]["text_b"].tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(1, "1"), (1.0, "1"), ("1.0", "1"), ("1.50", "1.50"), (True, "true"), (" a ", "a"), ("0", "0"), ("-3.00", "-3")],
)
def test_a_value_is_a_word_as_it_is_written(value: Any, written: str) -> None:
    assert word(value) == written


PARAMS = """
seeds: 1-3
grid: {{models: [embedded], tasks: [mine], strategies: [devlin]}}
tasks: {{mine: {{files: {{train: train.csv, dev: dev.csv}}, text: body, label: kind{more}}}}}
"""
GOOD = "body,kind\none,x\ntwo,y\n"
NUMBERS = "body,kind\na,1\nb,2\n"


def prepared(folder: Path, train: str | bytes, dev: str | bytes = GOOD, more: str = "") -> Result:
    for name, content in (("train.csv", train), ("dev.csv", dev)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "params.yaml").write_text(PARAMS.format(more=more))
    return CliRunner().invoke(main, ["prepare"])


@pytest.mark.parametrize(
    ("train", "more", "told"),
    [
        (GOOD + "three\n" * 12, "", "1 columns, expected 2\n"),
        (GOOD + "three,\n" * 12, "", "there is no label\n"),
        (GOOD + " ,x\n" * 12, "", "a text is empty, expected a sentence\n"),
        (GOOD + "z,q\n" * 12, ", labels: [x, y]", "label 'q', expected one of x, y\n"),
        ("body,kind\na,1\nb,2\n" + "z,q\n" * 12, ", objective: regression", "label 'q', expected a number\n"),
        (
            "body,kind\na,1\nb,2\n" + "z,1e308\n" * 12,
            ", objective: regression",
            "label '1e308', expected a number within",
        ),
        (GOOD.encode() + b"\xff,x\n" * 12, "", "not UTF-8 (byte 0xff)\n"),
    ],
    ids=["columns", "labels", "texts", "classes", "numbers", "beyond single precision", "bytes"],
)
def test_all_lines_with_one_mistake_are_one_line_of_a_message_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str | bytes, more: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = prepared(tmp_path, train, NUMBERS if "regression" in more else GOOD, more)
    assert result.exit_code == 2
    lines = ", ".join(map(str, range(4, 14)))
    expected = f"train.csv: 12 lines cannot be used:\n  12 lines ({lines} and 2 more): {told}"
    assert f"Error: task mine: {expected}" in result.output
    assert result.output.count("lines (") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ("", "task mine: train.csv: the file is empty, expected a table"),
        ("body,kind\n", "task mine: train.csv has no rows"),
        ("text,kind\na,x\n", "train.csv has no column 'body'; found text, kind"),
        ("body,kind\na,x\nb,x\n", "dev has classes that train lacks, which no run can learn: 'y' (1 dev examples)"),
    ],
)
def test_a_file_of_which_no_task_can_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = prepared(tmp_path, train)
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "data").exists()


def test_one_class_or_one_number_is_nothing_to_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = prepared(tmp_path, "body,kind\na,x\nb,x\n", "body,kind\nc,x\n")
    assert result.exit_code == 2
    assert "all 2 train examples have the label 'x', so there is nothing to learn" in result.output
    assert "all 1 dev examples have the label 'x', so no score can tell" in result.output
    result = prepared(tmp_path, "body,kind\na,1.5\nb,1.5\n", "body,kind\nc,2\nd,3\n", ", objective: regression")
    assert "all 2 train examples have the label 1.5, so there is nothing to learn" in result.output
    assert not (tmp_path / "data").exists()


def test_task_json_says_where_own_examples_are_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = prepared(tmp_path, GOOD + "three,-\n", more=", drop: {kind: '-'}")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "data/mine/task.json").read_text())["origin"] == {
        "files": {"dev": "dev.csv", "train": "train.csv"},
        "text": ["body"],
        "label": "kind",
        "left_out": {"train": 1, "dev": 0},
    }


def test_a_value_to_leave_out_that_no_row_has_is_told_with_the_nearest_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train = GOOD + "three,unknown\nfour,-\n"
    result = prepared(tmp_path, train, GOOD + "five,late\n", ", drop: {kind: [unknwon, unknown, '-', late, '']}")
    assert result.exit_code == 0, result.output
    assert "drop: no row has 'unknwon' in column 'kind' (the nearest that there is: 'unknown')" in result.output
    assert result.output.count("drop: no row") == 1


def test_labels_that_are_far_from_all_others_are_told_by_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"text {row},{4 + row % 5 / 2}" for row in range(40)]
    dev = "\n".join(["body,kind", *(f"dev {row},{row % 5}" for row in range(10))]) + "\n"
    wild = "\n".join(["body,kind", *rows[:7], "slip,1e12", *rows[7:], "other,-9e9"]) + "\n"
    result = prepared(tmp_path, wild, dev, ", objective: regression")
    assert result.exit_code == 0, result.output
    assert "2 train labels are more than 1,000 interquartile ranges from the median: " in result.output
    assert "1e+12 (line 9), -9e+09 (line 43); the others are from 0 to 6" in result.output
    assert "dev label" not in result.output
    tame = "\n".join(["body,kind", *rows, "far,900"]) + "\n"
    assert "interquartile" not in prepared(tmp_path, tame, dev, ", objective: regression").output
