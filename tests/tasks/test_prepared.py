"""A prepared task on disk: the same bytes for the same content, and nothing changed unnoticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_file, write_json
from stabbench.tasks.prepared import PreparedTask, examples_frame
from stabbench.typed_json import to_json

FILES = ("train.parquet", "dev.parquet", "task.json")


@pytest.fixture
def task() -> PreparedTask:
    train = examples_frame([(0, "ein Satz", "zwei", 0), (4, 'a "quoted', "x\ty", 1), (9, "naïve ☃", "", 1)])
    dev = examples_frame([(0, "a", "b", 1), (1, "c", "d", 1), (2, "e", "f", 0)])
    return PreparedTask("mine", "mrpc", "folder", ("f1", "accuracy"), ("no", "yes"), train, dev)


def test_what_was_written_is_read_back(task: PreparedTask, tmp_path: Path) -> None:
    task = replace(task, sample={"size": 3, "seed": 1}, origin={"revision": None})
    task.write(tmp_path)
    read = PreparedTask.read(tmp_path)
    assert read.description() == task.description()
    pd.testing.assert_frame_equal(read.train, task.train)
    pd.testing.assert_frame_equal(read.dev, task.dev)
    assert read.texts("train") == (["ein Satz", 'a "quoted', "naïve ☃"], ["zwei", "x\ty", ""])
    assert read.labels("dev").tolist() == [1, 1, 0]


def test_a_single_sentence_task_has_no_second_texts(task: PreparedTask, tmp_path: Path) -> None:
    single = replace(task, train=examples_frame([(0, "a", None, 0)]), dev=examples_frame([(0, "b", None, 1)]))
    single.write(tmp_path)
    read = PreparedTask.read(tmp_path)
    assert read.texts("train") == (["a"], None)
    assert read.content_hash == single.content_hash


def test_the_same_content_gives_the_same_bytes(task: PreparedTask, tmp_path: Path) -> None:
    task.write(tmp_path / "first")
    PreparedTask.read(tmp_path / "first").write(tmp_path / "second")
    for name in FILES:
        assert sha256_of_file(tmp_path / "first" / name) == sha256_of_file(tmp_path / "second" / name)


def test_the_facts_are_computed_from_the_dev_labels(task: PreparedTask, tmp_path: Path) -> None:
    task.write(tmp_path)
    facts = to_json(task.facts)
    assert facts["metric"] == "f1"
    assert facts["counts"] == {"train": 3, "dev": 3}
    assert facts["majority"] == {
        "label": 1,
        "labels": {"f1": 1, "accuracy": 1},
        "scores": {"f1": pytest.approx(0.8), "accuracy": pytest.approx(2 / 3)},
    }
    written = read_json(tmp_path / "task.json")
    assert {key: written[key] for key in facts} == facts
    assert written["label_shares"] == {"train": [1 / 3, 2 / 3], "dev": [1 / 3, 2 / 3]}


def test_the_content_hash_covers_content_and_not_names(task: PreparedTask) -> None:
    same = replace(task, name="other", dataset="x", source="hub", sample={"size": 3, "seed": 0}, origin={"a": 1})
    assert same.content_hash == task.content_hash
    renumbered = task.train.assign(example=[0, 5, 9])
    relabelled = task.train.assign(label=[0, 1, 0])
    changed = [
        replace(task, train=renumbered),
        replace(task, train=relabelled),
        replace(task, train=task.train.iloc[::-1]),
        replace(task, train=task.dev, dev=task.train),
        replace(task, train=task.train.assign(text_b=pd.Series([None, "x\ty", ""], dtype=object))),
        replace(task, metrics=("accuracy", "f1")),
        replace(task, label_names=("yes", "no")),
    ]
    assert len({task.content_hash, *(each.content_hash for each in changed)}) == 8


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_changed_table_is_refused_with_its_folder(task: PreparedTask, tmp_path: Path, split: str) -> None:
    task.write(tmp_path / "task")
    other = replace(task, train=task.train.assign(label=[1, 1, 1]), dev=task.dev.assign(label=[0, 0, 0]))
    other.write(tmp_path / "other")
    (tmp_path / "other" / f"{split}.parquet").replace(tmp_path / "task" / f"{split}.parquet")
    with pytest.raises(UserError, match=r"task: the tables do not match the content hash .* `stabbench prepare task`"):
        PreparedTask.read(tmp_path / "task")


def test_metrics_edited_in_task_json_are_refused(task: PreparedTask, tmp_path: Path) -> None:
    task.write(tmp_path)
    write_json(tmp_path / "task.json", read_json(tmp_path / "task.json") | {"metrics": ["accuracy"]})
    with pytest.raises(UserError, match="do not match the content hash"):
        PreparedTask.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1 cut off"])
def test_a_broken_table_is_refused(task: PreparedTask, tmp_path: Path, content: bytes) -> None:
    task.write(tmp_path)
    (tmp_path / "dev.parquet").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        PreparedTask.read(tmp_path)


def test_a_bit_flipped_anywhere_in_a_table_never_passes_as_other_data(task: PreparedTask, tmp_path: Path) -> None:
    task.write(tmp_path)
    path = tmp_path / "train.parquet"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            read = PreparedTask.read(tmp_path)
        except UserError:
            continue
        pd.testing.assert_frame_equal(read.train, task.train)


def test_a_folder_without_a_task_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prepared task here"):
        PreparedTask.read(tmp_path / "absent")


@pytest.mark.parametrize(
    ("edit", "said"),
    [({"schema_version": 2}, "schema version 2, expected 1"), ({"metrics": None}, "cannot be read")],
)
def test_a_description_of_another_shape_is_refused(
    task: PreparedTask, tmp_path: Path, edit: dict[str, object], said: str
) -> None:
    task.write(tmp_path)
    write_json(tmp_path / "task.json", read_json(tmp_path / "task.json") | edit)
    with pytest.raises(UserError, match=said):
        PreparedTask.read(tmp_path)


def test_a_description_without_an_entry_is_refused(task: PreparedTask, tmp_path: Path) -> None:
    task.write(tmp_path)
    data = read_json(tmp_path / "task.json")
    del data["label_names"]
    write_json(tmp_path / "task.json", data)
    with pytest.raises(UserError, match="no entry 'label_names'"):
        PreparedTask.read(tmp_path)


def test_labels_without_a_name_and_empty_tables_cannot_be_prepared(task: PreparedTask) -> None:
    with pytest.raises(ValueError, match="not an index"):
        replace(task, label_names=("only",))
    with pytest.raises(ValueError, match="no examples"):
        replace(task, dev=task.dev.iloc[:0])
