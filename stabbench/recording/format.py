"""The format of a run's folder, version 1 (docs/own-code.md): names of files, keys and columns, and how they are read.

`stabbench.json` is written last, so that a folder with it is a finished run's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stabbench.errors import UserError, told, unknown
from stabbench.tables import read
from stabbench.typed_json import from_json

FORMAT = 1
LARGEST = 10**300
"""Of whole numbers, which JSON may write with any number of digits."""
DESCRIPTION = "stabbench.json"
"""The run itself; its tables stand beside it."""
ERROR = "error.json"
"""What broke a run that came to no end: `type`, `message`, `traceback`."""
OF_A_COMMAND = ("output.txt", "ended.json", "failed")
"""What stands in a run's folder of the command itself: what it said, that it ended, that it did not."""
HISTORY, PREDICTIONS, GRADNORMS = TABLES = ("history", "predictions", "gradnorms")
ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl")
DIVERGED = "diverged"
NAMES = ("model", "task", "strategy")
ALIASES = {"loss": "train_loss", "grad_norm": "gradient_norm", "lr": "learning_rate"}
"""Other names of columns of the history."""
OUT, SEED = "STABBENCH_OUT", "STABBENCH_SEED"
"""Environment variables of a run that stabbench asked for: its folder and its seed."""
NAME_VARIABLES = {name: f"STABBENCH_{name.upper()}" for name in NAMES}


class Row(dict[str, Any]):
    """A row of a table, what is not known left out; `place` says where it stands: `history.csv, line 3`."""

    def __init__(self, values: Mapping[str, Any], place: str = "") -> None:
        super().__init__(values)
        self.place = place


@dataclass(frozen=True)
class Described:
    """What `stabbench.json` says; None, or empty, where it says nothing."""

    format: int
    metric: str | None = None
    score: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    dev_loss: float | None = None
    status: str | None = None
    """`diverged`, or None."""
    objective: str | None = None
    label_names: tuple[str, ...] = ()
    train_labels: Mapping[str, int] | None = None
    """How many training examples have each label, by its number."""
    total_steps: int | None = None
    steps_per_epoch: int | None = None
    warmup_steps: int | None = None
    train_loss_final: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    architecture: str | None = None
    """The model's type as Hugging Face calls it, such as `bert`."""
    tensors: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    task: str | None = None
    strategy: str | None = None
    seed: int | None = None


def described(path: Path) -> tuple[Described, bool]:
    """What a `stabbench.json` says, and whether a number of it is not finite.

    UserError with the file, the key, what was found and what was expected.
    """
    data = json_object(path)
    if data.get("format") != FORMAT:
        raise UserError(f"{path}: format is {data.get('format')!r}, expected {FORMAT}, the only one that there is")
    for name in data:
        if name not in Described.__dataclass_fields__:
            raise UserError(f"{path}: {unknown('key', name, Described.__dataclass_fields__)}")
    scores = data["scores"].values() if isinstance(data.get("scores"), dict) else ()
    given = [*scores, *(data[name] for name in ("score",) if name in data)]
    for value in (*given, data.get("dev_loss"), data.get("train_loss_final")):
        if isinstance(value, int) and abs(value) > LARGEST:
            raise UserError(f"{path}: a score is {str(value)[:30]}…, expected a number below 1e300")
    broken = any(value is None for value in given) or any(map(_not_finite, (*given, data.get("dev_loss"))))
    if data.get("status") not in (None, DIVERGED):
        raise UserError(f"{path}: status is {data['status']!r}, expected null or '{DIVERGED}'")
    try:
        found = from_json(Described, data)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    if found.seed is not None and found.seed < 0:
        raise UserError(f"{path}: seed is {found.seed}, expected a whole number of 0 or more")
    for name in ("total_steps", "steps_per_epoch", "warmup_steps"):
        value = getattr(found, name)
        if value is not None and value < 0:
            raise UserError(f"{path}: {name} is {value}, expected a whole number of 0 or more")
    return found, broken


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file, NaN and infinity taken as Python writes them; UserError where there is none."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: found a JSON {type(data).__name__}, expected an object")
    return data


def table_file(folder: Path, name: str) -> Path | None:
    """The file of a table; None where there is none, UserError where there are several."""
    found = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    if len(found) > 1:
        raise UserError(f"{folder}: found {' and '.join(path.name for path in found)}, expected one of them")
    return found[0] if found else None


def rows_of(path: Path, words: Sequence[str] = (), *, numeric: bool = False) -> list[Row]:
    """A table's rows, what is not known left out of each.

    JSON lines say null for what is not known and NaN for a number that is none; a text table leaves a field empty, and
    has `nan` or `inf` in a column of numbers. In Parquet both are not known. With `numeric` a text that is a number is
    one, outside of the columns in `words`: a value that is none makes a text table's whole column text.
    """
    if path.suffix == ".jsonl":
        return _json_rows(path)
    table = read(path, words)
    names = [str(name).strip() for name in table.frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: found the column '{twice}' twice, expected it once")
    lines = None if table.lines is None else table.lines()
    written = {} if lines is None else _written(path, table.frame)
    rows = []
    for number, values in enumerate(table.frame.to_dict("records")):
        place = f"{path}, row {number + 1}" if lines is None else f"{path}, line {lines[number]}"
        row = Row({}, place)
        for name, value in values.items():
            column = str(name).strip()
            if _absent(value) and not (name in written and written[name][number]):
                continue
            row[column] = _parsed(value) if numeric and column not in words else value
        rows.append(row)
    return rows


def _written(path: Path, frame: pd.DataFrame) -> dict[Any, np.ndarray]:
    """By column of numbers with some that are none: in which rows `nan` is written, where others are empty."""
    unclear = [name for name in frame if frame[name].dtype.kind == "f" and frame[name].isna().any()]
    if not unclear:
        return {}
    texts = read(path, [str(name).strip() for name in unclear]).frame
    return {name: texts[name].notna().to_numpy() for name in unclear}


def _parsed(value: Any) -> Any:
    """The number that a text is, else the text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"


def _json_rows(path: Path) -> list[Row]:
    rows, faults = [], []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            faults.append((number, f"not JSON ({error})"))
            continue
        if isinstance(row, dict):
            given = {name: value for name, value in row.items() if value is not None}
            rows.append(Row(given, f"{path}, line {number}"))
        else:
            faults.append((number, f"found a JSON {type(row).__name__}, expected an object"))
    if faults:
        raise UserError(told(str(path), "line", faults))
    return rows
