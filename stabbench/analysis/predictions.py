"""What single runs predicted for each example, of results that somebody else's code made, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from stabbench.analysis.example_stability import Correctness, PredictedNumbers
from stabbench.analysis.frame import CELL, finished
from stabbench.analysis.place import Place
from stabbench.analysis.results_columns import FALSE, TRUE, UNKNOWN, Bools, Flags, Floats
from stabbench.errors import UserError

COLUMNS: Mapping[str, Sequence[str]] = {
    "example": ("example", "id", "example_id", "idx", "index", "doc_id", "sample_id", "guid"),
    "label": ("label", "labels", "target", "gold", "reference", "references", "true", "true_label", "y_true"),
    "prediction": ("prediction", "predictions", "pred", "predicted", "predicted_label", "y_pred"),
    "correct": ("correct", "is_correct"),
}
"""By which names tables call their columns; the first that there is."""
_WHOLE = 1e-9

Items = pd.DataFrame
"""The predictions of one run, a row an example: `example`, and `label` with `prediction`, or `correct` (0 or 1)."""
Predictions = Mapping[Place, Mapping[int, Items]]
"""By cell and seed."""


def checked(table: pd.DataFrame, source: str) -> Items | None:
    """The predictions of one run in a table under any of the names of `COLUMNS`; None where it holds none.

    Without a column for the example its row counts, from 0. UserError where an example stands twice or values lack.
    """
    plain = {str(name).strip().lower(): name for name in table}
    there = {role: next((plain[name] for name in names if name in plain), None) for role, names in COLUMNS.items()}
    known = {role: table[name].reset_index(drop=True) for role, name in there.items() if name is not None}
    if "correct" not in known and not {"label", "prediction"} <= set(known):
        return None
    if "prediction" not in known or "label" not in known:
        known.pop("prediction", None)
    else:
        known.pop("correct", None)
    for name, column in known.items():
        if column.dtype == object and (lists := column.map(lambda value: isinstance(value, (list, dict)))).any():
            row = int(lists.to_numpy().argmax())
            raise UserError(f"{source}: {name} in data row {row + 1} is {str(column[row])[:60]}, expected one value")
    found = pd.DataFrame({"example": known.get("example", pd.RangeIndex(len(table))), **known})
    twice = found["example"].duplicated()
    if twice.any():
        raise UserError(f"{source}: example {found['example'][twice].iloc[0]} stands twice, expected it once")
    needed = [name for name in ("example", "label", "prediction", "correct") if name in found]
    if "correct" in found:
        needed.remove("label") if "label" in needed else None
        found["correct"] = pd.to_numeric(found["correct"], errors="coerce")
        if not found["correct"].dropna().isin([0, 1]).all():
            return None  # partial credit is no yes or no
    for name in needed:
        if found[name].isna().any():
            row = int(found[name].isna().to_numpy().argmax())
            raise UserError(f"{source}: no {name} in data row {row + 1}, expected one for every example")
    return found


def by_seed(runs: pd.DataFrame, items: Sequence[Items | None]) -> Predictions:
    """The predictions of a frame's runs, each row's `items`, by cell and seed."""
    found: dict[Place, dict[int, Items]] = {}
    rows = runs[[*CELL, "seed"]].itertuples(index=False, name=None)
    for (model, task, strategy, seed), item in zip(rows, items, strict=True):
        if item is not None:
            found.setdefault(Place(str(model), str(task), str(strategy)), {})[int(seed)] = item
    return found


def of_table(table: pd.DataFrame, runs: pd.DataFrame) -> list[Items | None]:
    """Each run's predictions in a table of all of them: `strategy`, `task`, `seed`, (`model`), and those of `COLUMNS`.

    UserError where a column lacks, a run of the table is none of the frame's, or one's predictions are not whole.
    """
    several = runs["model"].nunique() > 1
    keys = [*(["model"] if several else []), "task", "strategy", "seed"]
    lacking = [name for name in keys if name not in table]
    if lacking:
        raise UserError(
            f"the predictions have no column {lacking[0]}, expected {', '.join(keys)}, and those of one run"
        )
    place = {tuple(map(str, key)): row for row, key in enumerate(runs[keys].itertuples(index=False, name=None))}
    found: list[Items | None] = [None] * len(runs)
    for key, rows in table.groupby(keys, sort=False):
        words = tuple(map(str, key if isinstance(key, tuple) else (key,)))
        name = ", ".join(f"{role} {word}" for role, word in zip(keys, words, strict=True))
        if words not in place:
            raise UserError(f"the predictions are of a run that the scores have not: {name}")
        found[place[words]] = item = checked(rows, f"predictions of {name}")
        if item is None:
            raise UserError("the predictions have no columns label and prediction, and none that says what is correct")
    return found


@dataclass(frozen=True)
class Judged:
    """What the predictions of runs say of them, a value a row of their frame."""

    accuracies: Floats
    """NaN where there are no predicted classes."""
    collapsed: Flags
    """Whether all examples were predicted the same class; `UNKNOWN` where there are no predicted classes."""
    majority: Mapping[str, float] = field(default_factory=dict)
    """The share of the most frequent label, of the tasks all of whose finished runs have predicted classes."""


def judged(runs: pd.DataFrame, items: Sequence[Items | None], missing: Bools) -> Judged:
    """What can be counted in predicted classes: accuracies, constant predictions, the best constant's accuracy.

    Of the `missing` runs, shape `(rows,)`, none are expected.
    """
    accuracies, collapsed = np.full(len(runs), math.nan), np.full(len(runs), UNKNOWN, np.int8)
    shares: dict[str, set[float]] = {}
    without: set[str] = set()
    tasks = runs["task"].astype(str).tolist()
    for row, item in enumerate(items):
        if item is None or "prediction" not in item or _numbers([item]):
            if not missing[row]:
                without.add(tasks[row])
            continue
        accuracies[row] = float(_equal(item["label"], item["prediction"]).mean())
        collapsed[row] = TRUE if item["prediction"].nunique() == 1 else FALSE
        share = float(item["label"].value_counts(normalize=True).iloc[0])
        shares.setdefault(tasks[row], set()).add(share)
    same = {task: max(found) for task, found in shares.items() if task not in without and len(found) == 1}
    return Judged(accuracies, collapsed, same)


def outcomes(runs: pd.DataFrame, items: Mapping[int, Items]) -> Correctness | PredictedNumbers | None:
    """What a cell's runs, rows of a frame, made of the examples that all of them have; None without any."""
    rows = [row for row in finished(runs).to_dict("records") if int(row["seed"]) in items]
    tables = [items[int(row["seed"])].set_index("example") for row in rows]
    if not tables:
        return None
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared[shared.isin(table.index)]
    if shared.empty:
        return None
    tables = [table.loc[shared] for table in tables]
    is_known = all(row["failed"] is not pd.NA for row in rows)
    successful = np.array([is_known and not row["failed"] for row in rows], dtype=np.bool_)
    examples = shared.to_numpy()
    if all("prediction" in table for table in tables):
        labels = tables[0]["label"]
        if _numbers(tables):
            predicted = np.stack([table["prediction"].to_numpy(dtype=np.float64) for table in tables])
            return PredictedNumbers(examples, labels.to_numpy(dtype=np.float64), successful, is_known, predicted)
    else:
        labels = tables[0]["label"] if "label" in tables[0] else pd.Series([""] * len(shared))
    correct = np.stack([_correct(table) for table in tables])
    return Correctness(examples, labels.to_numpy(), successful, is_known, correct, _classes(tables))


def _numbers(tables: Sequence[Items]) -> bool:
    """Whether labels or predictions are numbers that no classes are: not whole."""
    for table in tables:
        for name in ("label", "prediction"):
            column = table[name]
            if types.is_float_dtype(column) and (np.abs(column - column.round()) > _WHOLE).any():
                return True
    return False


def _classes(tables: Sequence[Items]) -> npt.NDArray[Any] | None:
    """What is predicted, shape `(runs, examples)`, of the same kind as the labels: numbers or words; else None."""
    if not all("prediction" in table for table in tables):
        return None
    columns = [table[name] for table in tables for name in ("prediction", "label")]
    if all(types.is_integer_dtype(column) or types.is_bool_dtype(column) for column in columns):
        return np.stack([table["prediction"].to_numpy(dtype=np.int64) for table in tables])
    if all(types.is_string_dtype(column) for column in columns):
        return np.stack([table["prediction"].astype(str).to_numpy(dtype=np.str_) for table in tables])
    return None


def _correct(table: Items) -> npt.NDArray[np.bool_]:
    if "prediction" in table:
        return _equal(table["label"], table["prediction"])
    return np.asarray(table["correct"].to_numpy(dtype=np.float64) == 1)


def _equal(labels: pd.Series, predictions: pd.Series) -> npt.NDArray[Any]:
    """Whether they are the same: numbers as numbers, and else as words."""
    if types.is_numeric_dtype(labels) and types.is_numeric_dtype(predictions):
        return np.asarray(labels.to_numpy() == predictions.to_numpy())
    words = [column.astype(str).str.strip().to_numpy() for column in (labels, predictions)]
    return np.asarray(words[0] == words[1])
