"""What the columns of a table mean: texts, a label, rows to leave out, and how a table without a dev set is split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from stabbench.datasets import Dataset
from stabbench.errors import Mistakes, UserError, told
from stabbench.metrics import METRICS, find
from stabbench.metrics.contract import Metric
from stabbench.plugins import in_file
from stabbench.tables import Table
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective
from stabbench.tasks.prepared import frame_of_columns
from stabbench.tasks.sources.column_checks import check_classes, check_classes_of_dev, check_columns, never_there
from stabbench.tasks.sources.contract import Labelled, Wanted
from stabbench.tasks.sources.values import Places, empty, number, texts_of, word, words
from stabbench.tasks.splitting import split_rows

OWN = "own files"
"""What a task of own tables has in the place of a data set's name."""


@dataclass(frozen=True)
class LabelledColumns:
    """Which columns of a table are the texts and the label, and how they are read.

    `labels` gives the names of the classes and their order; without it they are those that the tables have, numbers by
    their value and words by the alphabet. `drop` has, by column, the values whose rows are left out ("" for none).
    Tables without a dev set are split by `split_seed`: `dev_share` of the rows, or the `fold` of `folds` equal parts
    (counted from 1), with the same share of each class, and the rows of one `group` on one side.
    """

    text: Sequence[str] = ()
    label: str = ""
    labels: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    objective: str = objectives.CLASSIFICATION
    scale: bool = False
    drop: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dev_share: float | None = None
    group: str | None = None
    folds: int | None = None
    fold: int | None = None
    split_seed: int = 0

    @property
    def columns(self) -> list[str]:
        """All that a table has to have."""
        return list(dict.fromkeys([*self.text, self.label, *self.drop, *([self.group] if self.group else [])]))

    def labelled(self, tables: Mapping[str, Table], places: Mapping[str, str], wanted: Wanted) -> Labelled:
        """The examples of tables that were read; `example` is the row's number, from 0.

        Args:
            tables: `train`, and `dev` where there is one.
            places: what messages call them.
            wanted: the task, by whose folder metrics in files are found.

        UserError naming the task where a column is missing, rows have an empty text or a label that is none (the first
        ten and their count), the labels are measured numbers though classes are asked for, or dev has a class that
        train lacks.
        """
        name, mistakes, kept = wanted.task, Mistakes(), {}
        for split, table in tables.items():
            with mistakes.collected():
                kept[split] = self._kept(table.frame, f"task {name}: {places[split]}")
        mistakes.tell()
        objective = objectives.find(self.objective)
        at = {split: Places(table) for split, table in tables.items()}
        names = [word(label) for label in self.labels or ()]
        if not names and self.objective == objectives.CLASSIFICATION:
            names = _classes(frame[self.label] for frame in kept.values())
            check_classes(f"task {name}: column '{self.label}'", names)
        metrics, own, code = self._metrics(name, objective.metrics, names, wanted.root)
        frames = {}
        for split, frame in kept.items():
            with mistakes.collected():
                place = f"task {name}: {places[split]}"
                frames[split] = self._examples(frame, names, objective, at[split], place)
        mistakes.tell()
        left_out = {split: len(table.frame) - len(kept[split]) for split, table in tables.items()}
        if "dev" not in frames:
            frames = self._split(frames["train"], kept["train"], name)
        if names:
            check_classes_of_dev(name, frames, names, self.label)
        dataset = Dataset(OWN, OWN, "own", metrics, tuple(names), len(self.text) == 2, objective=self.objective)
        origin = {"text": list(self.text), "label": self.label, **self._said(left_out)}
        return Labelled(
            dataset,
            frames,
            origin,
            scaled=self.scale,
            own_metrics=own,
            metric_code=code,
            warnings=self._warnings(tables),
            places={split: at.get(split, at["train"]) for split in frames},
        )

    def _warnings(self, tables: Mapping[str, Table]) -> list[str]:
        """About what is left out by `drop` and is not there."""
        values: dict[str, set[str]] = {column: set() for column in self.drop}
        for table in tables.values() if self.drop else ():
            names = [str(column).strip() for column in table.frame.columns]
            for column in self.drop:
                values[column].update(words(table.frame.iloc[:, names.index(column)]))
        return never_there(self.drop, values)

    def _said(self, left_out: Mapping[str, int]) -> dict[str, object]:
        """What else `task.json` has of where the examples are from: all that is not as it is without a word."""
        split = {"dev_share": self.dev_share, "folds": self.folds, "fold": self.fold, "group": self.group}
        found: dict[str, object] = {key: value for key, value in split.items() if value is not None}
        if found:
            found["split_seed"] = self.split_seed
        return {**found, **({"left_out": dict(left_out)} if self.drop else {})}

    def check_columns(self, table: pd.DataFrame, place: str) -> None:
        """UserError where a column is missing, there twice or holds neither texts nor numbers."""
        check_columns(table, self.columns, self.label, place)

    def _kept(self, table: pd.DataFrame, place: str) -> pd.DataFrame:
        """The rows that are not left out, by their numbers from 0."""
        self.check_columns(table, place)
        names = [str(column).strip() for column in table.columns]
        kept = table.set_axis(names, axis="columns")[self.columns].reset_index(drop=True)
        for column, values in self.drop.items():
            dropped = {word(value) for value in values}
            kept = kept[[said not in dropped for said in words(kept[column])]]
        if kept.empty:
            raise UserError(f"{place} has no rows" + (" beside those that `drop` leaves out" if self.drop else ""))
        return kept

    def _examples(
        self, kept: pd.DataFrame, names: Sequence[str], objective: Objective, at: Places, place: str
    ) -> pd.DataFrame:
        """The table of examples; UserError with all rows that are none."""
        said = words(kept[self.label])
        numbers = {name: index for index, name in enumerate(names)}
        labels = [numbers.get(label) for label in said] if names else [number(label) for label in said]
        texts = [texts_of(kept[column]) for column in self.text]
        bad = {row: "a text is empty, expected a sentence" for part in texts for row in empty(part)}
        expected = f"one of {', '.join(names)}" if names else "a number"
        for row in (row for row, label in enumerate(labels) if label is None):
            bad[row] = f"label {said[row]!r}, expected {expected}" if said[row] else "there is no label"
        largest = objective.largest
        for row in (row for row, label in enumerate(labels) if label is not None and abs(label) > largest):
            bad[row] = (
                f"label {said[row]!r}, expected a number within ±{largest:g}, whose squares single precision holds"
            )
        if bad:
            rows = kept.index.to_numpy()
            faults = [(at.numbers[rows[row]], bad[row]) for row in sorted(bad)]
            raise UserError(told(place, at.noun, faults))
        second = texts[1] if len(texts) > 1 else [None] * len(kept)
        return frame_of_columns(kept.index.to_numpy(), texts[0], second, labels, label_type=objective.label_type)  # type: ignore[arg-type]

    def _metrics(
        self, name: str, usual: Sequence[str], classes: Sequence[str], root: Path
    ) -> tuple[tuple[str, ...], dict[str, Metric], dict[str, Mapping[str, str]]]:
        """The metrics' names, those of files, and where these are."""
        named: list[str] = []
        own: dict[str, Metric] = {}
        code: dict[str, Mapping[str, str]] = {}
        for said in self.metrics or usual:
            file = in_file(said)
            short = said.replace("-", "_") if file is None else file.name
            named.append(short)
            if file is None:
                find(short)
                continue
            if METRICS.has(short) or short in own:
                raise UserError(f"task {name}: metric '{said}' has the name of another, {short}: call it otherwise")
            own[short] = METRICS.load(said, root)()
            code[short] = {"plugin": said, "code": METRICS.code(said, root)}
        if classes and len(classes) != 2 and "f1" in named:
            raise UserError(
                f"task {name}: f1 is that of the second of two classes, and there are {len(classes)}: take macro_f1"
            )
        return tuple(named), own, code

    def _split(self, frame: pd.DataFrame, kept: pd.DataFrame, name: str) -> dict[str, pd.DataFrame]:
        groups = None
        if self.group is not None:  # a row without a group is one by itself
            said = enumerate(words(kept[self.group]))
            groups = np.array([group or f"\0{row}" for row, group in said], dtype=object)
        try:
            dev = split_rows(
                frame["label"].to_numpy(),
                groups,
                share=self.dev_share,
                folds=self.folds,
                fold=self.fold,
                seed=self.split_seed,
            )
        except ValueError as error:
            raise UserError(f"task {name}: {error}") from error
        return {"train": frame[~dev].reset_index(drop=True), "dev": frame[dev].reset_index(drop=True)}


def _classes(columns: Iterable[pd.Series]) -> list[str]:
    """The labels that the columns have, without gaps: numbers by their value, words by the alphabet."""
    found = {said for column in columns for said in words(column)} - {""}
    numbers = {said: number(said) for said in found}
    return sorted(found) if None in numbers.values() else sorted(found, key=lambda said: (numbers[said], said))
