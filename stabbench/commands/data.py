"""A task's texts and labels as files for anybody's code."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stabbench.files import whole_folder, write_json
from stabbench.folders import Folders
from stabbench.scratch import locked
from stabbench.tasks.prepared import SPLITS, PreparedTask
from stabbench.typed_json import to_json

FORMATS = ("parquet", "csv", "jsonl")


def data_folder(task: PreparedTask, form: str, root: Path) -> Path:
    """The folder with a task's `train` and `dev` in one of `FORMATS`, and `task.json`; written where it is not there.

    Columns: example (the row in the source), text_a, text_b (where there are second texts), label (an index into
    `label_names` of task.json, or a number), label_name (where labels have names).
    """
    folder = root / Folders.of().store.parent / "data" / f"{task.content_hash[:16]}-{form}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent):
        if not folder.is_dir():
            with whole_folder(folder) as made:
                for split in SPLITS:
                    _write(_table(task, split), made / f"{split}.{form}")
                write_json(made / "task.json", {"name": task.name, **to_json(task.facts)})
    return folder


def _table(task: PreparedTask, split: str) -> pd.DataFrame:
    table = task.frame("train" if split == "train" else "dev")
    if table["text_b"].isna().all():
        table = table.drop(columns="text_b")
    if task.label_names:
        table = table.assign(label_name=[task.label_names[label] for label in table["label"]])
    return table


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True, force_ascii=False, double_precision=15)
