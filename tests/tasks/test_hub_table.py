"""Any data set of the hub, in the hub's layout in a local folder: class names of its features, splits by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.tasks.preparation import prepare
from stabbench.tasks.prepared import PreparedTask

CARD = """---
dataset_info:
- config_name: default
  features:
  - {{name: utterance, dtype: string}}
  - {{name: size, dtype: float64}}
  - name: intent
    dtype:
      class_label:
        names: {{'0': lost_card, '1': top_up, '2': other}}
configs:
- config_name: default
  data_files:
  - {{split: train, path: data/train-*}}
  - {{split: {second}, path: data/{second}-*}}
---
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `datasets` converts goes to the test's own folder."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


def repository(folder: Path, second: str = "test", **columns: list[Any]) -> str:
    """A data set of 20 training rows and 10 of a second split, in `folder/banking`."""
    (folder / "banking/data").mkdir(parents=True)
    for split, size in (("train", 20), (second, 10)):
        rows = {
            "utterance": [f"{split} words {row}" for row in range(size)],
            "size": [row / 4 for row in range(size)],
            "intent": [row % 2 for row in range(size)],
        }
        table = pd.DataFrame(rows | {name: values[:size] for name, values in columns.items()})
        table.to_parquet(folder / f"banking/data/{split}-00000-of-00001.parquet", index=False)
    (folder / "banking/README.md").write_text(CARD.format(second=second))
    return "./banking"


def made(folder: Path, **changes: Any) -> PreparedTask:
    options = {"hub": "./banking", "text": ("utterance",), "label": "intent", **changes}
    return prepare("intents", options, out=folder / "data/intents", root=folder)


def test_its_class_names_are_the_labels_and_its_splits_are_named(tmp_path: Path) -> None:
    repository(tmp_path)
    task = made(tmp_path, splits={"train": "train", "dev": "test"}, labels=("lost_card", "top_up"))
    assert (task.source, task.dataset) == ("hub-table", "own files")
    assert task.label_names == ("lost_card", "top_up")
    assert task.labels("dev").tolist() == [0, 1] * 5
    assert task.texts("dev")[0][0] == "test words 0"
    assert task.origin == {
        "repository": "./banking",
        "config": None,
        "revision": None,
        "splits": {"train": "train", "dev": "test"},
        "text": ["utterance"],
        "label": "intent",
    }
    assert PreparedTask.read(tmp_path / "data/intents").content_hash == task.content_hash


def test_classes_have_the_data_sets_order_also_where_no_row_has_one(tmp_path: Path) -> None:
    repository(tmp_path, intent=[1, 0] * 10)
    task = made(tmp_path, splits={"train": "train", "dev": "test"})
    assert task.label_names == ("lost_card", "top_up", "other")
    assert task.seen is not None
    assert "no train or dev example has the label 'other'" in task.seen["warnings"]


def test_a_split_alone_is_divided_and_a_class_can_be_left_out(tmp_path: Path) -> None:
    repository(tmp_path, intent=[0, 1, 2, 1] * 5)
    task = made(tmp_path, drop={"intent": ("other",)})
    assert task.label_names == ("lost_card", "top_up")
    assert task.counts == {"train": 12, "dev": 3}
    assert task.origin is not None
    assert task.origin["left_out"] == {"train": 5}


def test_a_row_without_a_label_is_told_or_left_out(tmp_path: Path) -> None:
    repository(tmp_path, intent=[0, 1, -1, 1] * 5)
    with pytest.raises(UserError) as caught:
        made(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines == [
        "task intents: ./banking, train: 5 rows cannot be used:",
        "  rows 3, 7, 11, 15, 19: there is no label",
    ]
    assert made(tmp_path, drop={"intent": ("",)}).counts == {"train": 12, "dev": 3}


def test_numbers_are_labels_of_a_regression(tmp_path: Path) -> None:
    repository(tmp_path)
    task = made(tmp_path, label="size", objective="regression", splits={"train": "train", "dev": "test"})
    assert task.labels("dev").tolist() == [row / 4 for row in range(10)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": {"train": "train", "dev": "validation"}}, "./banking has no split 'validation', found test, train"),
        ({"label": "intend"}, "./banking, train has no column 'intend' (is it 'intent'?); found utterance, size, inte"),
        ({"text": ("words",)}, "./banking, train has no column 'words'"),
        ({"hub": "./nowhere"}, "task intents: there is no folder "),
        ({"config": "other"}, "cannot be read as a data set: "),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    repository(tmp_path)
    with pytest.raises(UserError) as caught:
        made(tmp_path, **changes)
    assert message in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_lists_are_no_texts(tmp_path: Path) -> None:
    repository(tmp_path, utterance=[["some", "tokens"]] * 20)
    card = tmp_path / "banking/README.md"
    card.write_text(card.read_text().replace("{name: utterance, dtype: string}", "{name: utterance, sequence: string}"))
    with pytest.raises(UserError, match="column 'utterance' has values of type ndarray, expected texts or numbers"):
        made(tmp_path)


def test_it_is_a_block_of_params_yaml(tmp_path: Path) -> None:
    repository(tmp_path, second="validation")
    (tmp_path / "params.yaml").write_text(
        "seeds: 1-2\ngrid: {models: [embedded], tasks: [intents], strategies: [devlin]}\n"
        "tasks: {intents: {hub: ./banking, splits: {dev: validation}, text: utterance, label: intent, folds: null,\n"
        "  metrics: [macro-f1, accuracy]}}\n"
    )
    for command in ("validate", "prepare"):
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
    task = PreparedTask.read(tmp_path / "data/intents")
    assert task.metrics == ("macro_f1", "accuracy")
    assert task.counts == {"train": 20, "dev": 10}


def test_a_data_set_that_is_cached_is_read_without_a_network_and_another_is_told(tmp_path: Path) -> None:
    """The cache of `datasets` as a download leaves it: a folder of the repository's name, its files as Arrow tables."""
    repository(tmp_path)
    code = (
        "from pathlib import Path\nimport datasets\nfrom stabbench.errors import UserError\n"
        "from stabbench.tasks.preparation import prepare\n"
        "datasets.load_dataset('./banking')\n"
        "cache = Path(datasets.config.HF_DATASETS_CACHE)\n"
        "(cache / 'banking').rename(cache / 'somebody___banking')\n"
        "options = {'text': ('utterance',), 'label': 'intent', 'splits': {'train': 'train', 'dev': 'test'}}\n"
        "for name in ('somebody/banking', 'somebody/else'):\n"
        "    try:\n        print(prepare('t', {'hub': name, **options}, out=Path('out')).counts)\n"
        "    except UserError as error:\n        print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    first, second = run.stdout.strip().splitlines()
    assert first == "{'train': 20, 'dev': 10}", run.stdout
    assert second.startswith("task t: the data set did not arrive from the hub (somebody/else: ")
    assert "take files of your own: {files: {train: …}, text: …, label: …}" in second
