"""Data sets in the hub's layout, read by `datasets` from a local folder, and the hub out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stabbench.datasets import DATASETS
from stabbench.errors import UserError
from stabbench.tasks.sources.hub import read_hub, read_rows

CARD = """---
configs:
- config_name: {config}
  data_files:
  - split: train
    path: {config}/train-*
  - split: validation
    path: {config}/validation-*
---
"""


def repository(folder: Path, config: str, frame: pd.DataFrame) -> str:
    (folder / config).mkdir(parents=True)
    for split in ("train", "validation"):
        frame.to_parquet(folder / config / f"{split}-00000-of-00001.parquet", index=False)
    (folder / "README.md").write_text(CARD.format(config=config))
    return str(folder)


def test_glue_comes_with_numbered_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sentence1": ["It rains.", "A"], "sentence2": ["It is wet.", "B"], "label": [0, 1]})
    place = repository(tmp_path / "hub", "rte", frame.assign(idx=[0, 1]))
    tables = read_hub(DATASETS["rte"], repository=place, cache=tmp_path / "cache")
    assert set(tables) == {"train", "dev"}
    for table in tables.values():
        assert list(table.itertuples(index=False, name=None)) == [(0, "It rains.", "It is wet.", 0), (1, "A", "B", 1)]


def test_a_single_sentence_data_set_has_no_second_text(tmp_path: Path) -> None:
    place = repository(tmp_path / "hub", "cola", pd.DataFrame({"sentence": ["We slept."], "label": [1], "idx": [0]}))
    table = read_hub(DATASETS["cola"], repository=place, cache=tmp_path / "cache")["dev"]
    assert list(table.itertuples(index=False, name=None)) == [(0, "We slept.", None, 1)]


def test_scitail_comes_with_labels_in_words(tmp_path: Path) -> None:
    frame = pd.DataFrame({"premise": ["Ice.", "Ice."], "hypothesis": ["a", "b"], "label": ["neutral", "entails"]})
    place = repository(tmp_path / "hub", "tsv_format", frame)
    table = read_hub(DATASETS["scitail"], repository=place, cache=tmp_path / "cache")["train"]
    assert table["label"].tolist() == [1, 0]


def test_mnli_has_two_validation_splits(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    (folder / "mnli").mkdir(parents=True)
    splits = ("train", "validation_matched", "validation_mismatched")
    for number, split in enumerate(splits):
        frame = pd.DataFrame({"premise": [split], "hypothesis": ["It is wet."], "label": [number], "idx": [0]})
        frame.to_parquet(folder / "mnli" / f"{split}-00000-of-00001.parquet", index=False)
    files = "".join(f"  - split: {split}\n    path: mnli/{split}-*\n" for split in splits)
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: mnli\n  data_files:\n{files}---\n")
    for dataset, expected in (("mnli", "validation_matched"), ("mnli-mismatched", "validation_mismatched")):
        tables = read_hub(DATASETS[dataset], repository=str(folder), cache=tmp_path / "cache")
        assert [tables[split]["text_a"].tolist() for split in ("train", "dev")] == [["train"], [expected]]
        assert tables["dev"]["label"].tolist() == [splits.index(expected)]


def test_scores_in_single_precision_are_those_of_the_files(tmp_path: Path) -> None:
    scores = np.array([3.867, 0.143, 5.0], dtype=np.float32)
    frame = pd.DataFrame({"sentence1": list("abc"), "sentence2": list("def"), "label": scores, "idx": range(3)})
    place = repository(tmp_path / "hub", "stsb", frame)
    labels = read_hub(DATASETS["stsb"], repository=place, cache=tmp_path / "cache")["train"]["label"]
    assert str(labels.dtype) == "float64"
    assert labels.tolist() == [3.867, 0.143, 5.0]


def test_a_score_out_of_range_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sentence1": ["a"] * 3, "sentence2": ["b"] * 3, "label": [5.2, float("nan"), -1.0]})
    place = repository(tmp_path / "hub", "stsb", frame)
    with pytest.raises(UserError, match=r"row 0: label 5\.2, expected a number from 0 to 5") as caught:
        read_hub(DATASETS["stsb"], repository=place, cache=tmp_path / "cache")
    assert "3 rows cannot be used" in str(caught.value)


def test_snli_loses_pairs_without_a_gold_label_and_counts_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"], "label": [2, -1, 0]})
    rows = read_rows(
        DATASETS["snli"], repository=repository(tmp_path / "hub", "plain_text", frame), cache=tmp_path / "cache"
    )["train"]
    assert list(rows.table().itertuples(index=False, name=None)) == [(0, "a", "d", 2), (2, "c", "f", 0)]
    assert rows.left_out == {"without a gold label": 1}


@pytest.mark.parametrize(
    ("dataset", "columns", "expected"),
    [
        ("qqp", {"question1": "How?", "question2": "Why?"}, ("How?", "Why?")),
        ("boolq", {"passage": "Ice is cold.", "question": "is ice cold"}, ("is ice cold", "Ice is cold.")),
        ("cb", {"premise": "A: I think so.", "hypothesis": "so"}, ("A: I think so.", "so")),
        ("wic", {"word": "run", "sentence1": "A run.", "sentence2": "I run.", "start1": 2}, ("run: A run.", "I run.")),
    ],
)
def test_columns_have_the_hub_s_names(
    tmp_path: Path, dataset: str, columns: dict[str, object], expected: tuple[str, str]
) -> None:
    found = DATASETS[dataset]
    assert found.hub is not None
    frame = pd.DataFrame({name: [value] * 2 for name, value in columns.items()} | {"idx": [0, 1], "label": [1, 0]})
    place = repository(tmp_path / "hub", found.hub.config, frame)
    table = read_hub(found, repository=place, cache=tmp_path / "cache")["dev"]
    assert list(table.itertuples(index=False, name=None)) == [(0, *expected, 1), (1, *expected, 0)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sentence": ["a"], "label": [1]}, "no column 'sentence1', 'sentence2', found sentence, label"),
        ({"sentence1": ["a"], "sentence2": ["b"], "label": [-1]}, "train, row 0: label -1, expected one of entailment"),
        ({"sentence1": ["a"], "sentence2": ["b"], "label": ["maybe"]}, "train, row 0: label 'maybe'"),
    ],
)
def test_other_columns_or_labels_are_named(tmp_path: Path, columns: dict[str, list[object]], said: str) -> None:
    place = repository(tmp_path / "hub", "rte", pd.DataFrame(columns))
    with pytest.raises(UserError, match=said):
        read_hub(DATASETS["rte"], repository=place, cache=tmp_path / "cache")


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "from stabbench.errors import UserError\n"
        "from stabbench.tasks.sources.hub import read_hub\n"
        "from stabbench.datasets import DATASETS\n"
        "try:\n    read_hub(DATASETS['rte'], 'main')\n"
        "except UserError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    said = run.stdout.strip()
    assert said.startswith("RTE did not arrive from the hub (nyu-mll/glue at main: ")
    assert "set STABBENCH_GLUE_DIR to a folder with the official files (RTE/train.tsv and dev.tsv)" in said
    assert "\n" not in said
