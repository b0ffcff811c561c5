"""The predictions of a run's folder, matched with the labels that are known, and what they score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stabbench import metrics
from stabbench.errors import UserError
from stabbench.metrics import METRICS
from stabbench.metrics.contract import Metric
from stabbench.recording.format import PREDICTIONS, Row, rows_of, table_file
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Array, Objective

MOST_CLASSES = 10_000
"""Numbers of classes; larger whole numbers are measured ones."""
LARGEST_EXAMPLE = 2**53
SHARE_OF_ROUNDING = 0.01
"""Of the labels' standard deviation: how far numbers may be from dev's where a script has rounded them."""
LISTED = 10
"""Classes that a message lists before it counts the others."""
TOLERANCE = 1e-6
"""How far a given score may be from that of the predictions."""
_LOGIT = "logit_"


@dataclass(frozen=True)
class Known:
    """What is known of the dev set before a run's folder is looked at; None, or empty, where nothing is.

    `labels` and `examples` are `(n,)`, in the order of the dev set.
    """

    labels: Array | None = None
    examples: Array | None = None
    objective: Objective | None = None
    label_names: Sequence[str] = ()
    scorers: Mapping[str, Metric] | None = None
    """Metrics by name, those of files among them; None for the installed ones."""
    classes: int = 0
    """As many classes there are at the least: the training labels have them."""


@dataclass(frozen=True)
class Predicted:
    """The dev set as a run predicts it, each `(n,)`, `logits` `(n, outputs)`."""

    objective: Objective
    label_names: tuple[str, ...]
    """Empty where labels are numbers."""
    examples: Array
    labels: Array
    predictions: Array
    logits: Array | None

    def scores(self, names: Sequence[str], scorers: Mapping[str, Metric] | None) -> dict[str, float]:
        """Those of the metrics `names` that can be computed from it."""
        found = {}
        for name in names:
            metric = _scorer(name, scorers)
            if metric is None or metric.objective != self.objective.name:
                continue
            try:
                if metric.takes == "predictions":
                    found[name] = float(metric.score(self.labels, self.predictions))
                elif self.logits is not None:
                    found[name] = float(self.objective.score(metric, self.labels, self.logits))
            except ValueError as error:
                raise UserError(f"{name} of the predictions cannot be computed: {error}") from error
        return found


def _scorer(name: str, scorers: Mapping[str, Metric] | None) -> Metric | None:
    if scorers is not None and name in scorers:
        return scorers[name]
    return metrics.find(name) if METRICS.has(name) else None


def read(folder: Path, known: Known, *, metric: str | None, objective: str | None) -> Predicted | None:
    """The predictions of a run's folder; None where it has none, or nobody knows the labels.

    UserError where they do not fit the labels that are known, or each other, or are of classes that the task has not:
    the named ones, else those of the labels.
    """
    path = table_file(folder, PREDICTIONS)
    if path is None:
        return None
    rows = rows_of(path)
    _check_columns(path, rows)
    if known.labels is not None:
        rows = _matched(path, rows, known)
    elif "label" not in rows[0]:
        return None
    logits = _logits(path, rows)
    given = [row.get("label") for row in rows] if known.labels is None else list(known.labels)
    predicted = [row["prediction"] for row in rows] if "prediction" in rows[0] else None
    _check_labels(rows, given)
    chosen = known.objective or _objective(objective, metric, known.scorers, given)
    names = () if chosen.label_type is np.float64 else _names(known, given)
    labels = _coded(rows, "label", given, names, chosen)
    if logits is not None and logits.shape[1] != (outputs := chosen.outputs(names)):
        more = f", one a class ({_listed(names)}){_more(known)}" if names else ""
        raise UserError(f"{path}: found {logits.shape[1]} logits an example, expected {outputs}{more}")
    if known.labels is not None:
        _check_same(rows, labels, names, chosen)
    if predicted is not None:
        more = _more(known) if names else ""
        predictions = _coded(rows, "prediction", predicted, names, chosen, more)
    else:
        assert logits is not None
        predictions = np.asarray(chosen.predictions(logits))
    if known.examples is not None:
        examples = np.asarray(known.examples, dtype=np.int64)
    else:
        examples = np.array([_example(row, number) for number, row in enumerate(rows)], dtype=np.int64)
        _check_once(rows, examples)
    return Predicted(chosen, tuple(names), examples, labels, predictions, logits)


def _more(known: Known) -> str:
    if known.label_names:
        return ""
    return (
        "; if there are other classes, say so with label_names, and where labels are measured numbers with objective: "
        "regression"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"


def _check_labels(rows: Sequence[Row], labels: Sequence[Any]) -> None:
    """UserError for a label that is neither a text nor a number."""
    for row, label in zip(rows, labels, strict=True):
        if not isinstance(label, str) and _number(label) is None:
            raise UserError(f"{row.place}: label is {str(label)[:60]}, expected a class or a number")


def _check_same(rows: Sequence[Row], labels: Array, names: Sequence[str], objective: Objective) -> None:
    """UserError where a table says other labels than dev has: its rows are in another order, or of other examples."""
    if "label" not in rows[0]:
        return
    found = _coded(rows, "label", [row["label"] for row in rows], names, objective)
    rounding = 0 if names else SHARE_OF_ROUNDING * float(np.std(labels))
    differ = np.flatnonzero(np.abs(found - labels) > rounding)
    if len(differ):
        first = int(differ[0])
        expected = names[int(labels[first])] if names else f"{labels[first]:g}"
        raise UserError(
            f"{rows[first].place}: label is {rows[first]['label']!r}, and {expected} in dev, and so in "
            f"{len(differ):,} of {len(rows):,} rows: say with a column 'example' which row of dev each is about, and "
            "number labels as the files in {data} do"
        )


def _check_once(rows: Sequence[Row], examples: Array) -> None:
    _, first = np.unique(examples, return_index=True)
    if len(first) < len(rows):
        again = int(np.setdiff1d(np.arange(len(rows)), first)[0])
        raise UserError(f"{rows[again].place}: example {examples[again]} stands twice, expected each once")


def _example(row: Row, otherwise: int) -> int:
    """The row of dev that a row of the table is about."""
    value = row.get("example", otherwise)
    number = _number(value)
    if number is None or not number.is_integer() or abs(number) > LARGEST_EXAMPLE:
        raise UserError(f"{row.place}: example is {value!r}, expected the number of a row of dev")
    return int(number)


def _check_columns(path: Path, rows: Sequence[Row]) -> None:
    if not rows:
        raise UserError(f"{path}: the table has no rows, expected one an example")
    has = sorted({name for row in rows for name in row})
    if "prediction" not in has and "logits" not in has and f"{_LOGIT}0" not in has:
        raise UserError(f"{path}: found the columns {', '.join(has)}, expected 'prediction', 'logits' or 'logit_0', …")
    for row in rows:
        if absent := [name for name in has if name not in row]:
            raise UserError(f"{row.place}: {absent[0]} is empty, expected a value in each row or in none")


def _matched(path: Path, rows: Sequence[Row], known: Known) -> list[Row]:
    """The rows in the order of the dev set."""
    assert known.labels is not None
    if len(rows) != len(known.labels):
        raise UserError(f"{path}: found {len(rows):,} rows, expected {len(known.labels):,}, one a dev example")
    if "example" not in rows[0] or known.examples is None:
        return list(rows)
    by_example = {_example(row, number): row for number, row in enumerate(rows)}
    lacking = [int(example) for example in known.examples if int(example) not in by_example]
    if lacking:
        strange = sorted(set(by_example) - set(map(int, known.examples)))
        found = f"found {strange[0]}, which is none" if strange else "found another one twice"
        raise UserError(f"{path}: the example {lacking[0]} of dev is absent, {found}")
    return [by_example[int(example)] for example in known.examples]


def _logits(path: Path, rows: Sequence[Row]) -> Array | None:
    columns = [f"{_LOGIT}{number}" for number in range(sum(name.startswith(_LOGIT) for name in rows[0]))]
    if absent := [name for name in columns if name not in rows[0]]:
        raise UserError(f"{path}: there is no column {absent[0]}, expected {_LOGIT}0, {_LOGIT}1, … without a gap")
    try:
        if "logits" in rows[0]:
            found = np.array([np.atleast_1d(row["logits"]) for row in rows], dtype=np.float64)
        elif columns:
            found = np.array([[row[name] for name in columns] for row in rows], dtype=np.float64)
        else:
            return None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: logits are no rows of equally many numbers ({error})") from error
    return found


def _objective(
    name: str | None, metric: str | None, scorers: Mapping[str, Metric] | None, labels: Sequence[Any]
) -> Objective:
    """That of a name, else of the metric, else what the labels look like."""
    if name is None and metric is not None and (scorer := _scorer(metric, scorers)) is not None:
        name = scorer.objective
    if name is None:
        whole = all(isinstance(label, str) or float(label).is_integer() for label in labels)
        name = "classification" if whole else "regression"
    return objectives.find(name)


def _names(known: Known, labels: Sequence[Any]) -> tuple[str, ...]:
    """The classes' names: as somebody says them, those of labels that are texts, or numbers."""
    if known.label_names:
        if len(set(known.label_names)) < len(known.label_names):
            raise UserError(f"label_names are {_listed(known.label_names)}, expected a name of its own for each class")
        return tuple(known.label_names)
    if any(isinstance(value, str) for value in labels):
        return tuple(sorted({str(value) for value in labels}))
    numbers = [int(value) for value in labels if math.isfinite(value)]
    count = max(1 + max(numbers, default=0), known.classes, 1)
    if count > MOST_CLASSES:
        raise UserError(
            f"found {count - 1:,} as the number of a class, expected 0, 1, … and at most {MOST_CLASSES:,}: number the "
            "classes without gaps, or say objective: regression where labels are measured numbers"
        )
    return tuple(map(str, range(count)))


def _coded(
    rows: Sequence[Row], column: str, values: Sequence[Any], names: Sequence[str], objective: Objective, more: str = ""
) -> Array:
    """Labels or predictions as the objective has them; UserError, with the row, for what is none."""
    numbers = {name: number for number, name in enumerate(names)}
    expected = f"one of {_listed(names)}, or its number{more}" if names else "a number"
    coded = []
    for row, value in zip(rows, values, strict=True):
        found = numbers.get(value) if isinstance(value, str) and names else _number(value)
        if names and found is not None and not (float(found).is_integer() and 0 <= found < len(names)):
            found = None
        # A prediction that is no finite number makes a run one that diverged; no label is such a number.
        if found is None or (column == "label" and not math.isfinite(found)):
            raise UserError(f"{row.place}: {column} is {value!r}, expected {expected}")
        coded.append(found)
    return np.array(coded, dtype=objective.label_type)


def _number(value: Any) -> float | None:
    """The number that a value is."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def check_given(where: Path, given: Mapping[str, float | None], computed: Mapping[str, float]) -> None:
    """UserError where a given score is not that of the predictions."""
    for name, score in computed.items():
        found = given.get(name)
        if found is not None and abs(found - score) > TOLERANCE:
            raise UserError(
                f"{where}: {name} is {found:.7g}, and that of the predictions beside it is {score:.7g}, expected the "
                "same, not rounded: leave it out, give the predictions of the whole dev set, or another metric its own "
                "name (f1 is that of label 1, macro_f1 the mean over labels)"
            )
