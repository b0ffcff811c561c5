"""Data sets in the hub's layout, read by `datasets` from a local folder, and the hub out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from stabbench.datasets import DATASETS
from stabbench.errors import UserError
from stabbench.tasks.sources.hub import read_hub

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
