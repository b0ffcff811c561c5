"""The blocks of tasks: a data set by name, a user's own files, or any data set of the hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from stabbench.config.values import Block, Count, ShareBelowOne, nothing_is_empty
from stabbench.datasets import AUTO, DATASETS, OFFICIAL_SOURCES, SOURCES
from stabbench.errors import unknown
from stabbench.metrics import METRICS
from stabbench.plugins import in_file, installed
from stabbench.tables import Dialect

OBJECTIVE_GROUP = "stabbench.objectives"
COLUMN_KEYS = (
    "text", "label", "labels", "metrics", "objective", "scale", "drop", "dev_share", "group", "folds", "split_seed",
)  # fmt: skip
"""Keys of a task block that say what the columns of own tables are, and how they are split."""
FILE_KEYS = ("files", "delimiter", "encoding", "quoting")
HUB_KEYS = ("hub", "config", "splits")
OWN_KEYS = (*FILE_KEYS, *HUB_KEYS, *COLUMN_KEYS)
"""Keys of a task block that say what a user's own data are."""
OFFICIAL_KEYS = ("dataset", "revision", "unofficial")
"""Keys of a task block that say which data set it is; `revision` is that of any data set of the hub."""
OWN_BLOCK = "{files: {train: …, dev: …}, text: <column>, label: <column>}"
FOLD = re.compile(r"^(.+)-fold-([1-9][0-9]*)$")
"""The name of one of the tasks that `folds` makes of one."""


def _columns(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) not in (1, 2) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"found {value!r}, expected a column such as text, or two such as [premise, hypothesis]")
    return tuple(names)


def _words(value: object) -> object:
    """A list of names; numbers and true or false are taken for words, as they stand in a column of labels."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"found {value!r}, expected a list such as [no, yes]")
    words = [str(word).lower() if isinstance(word, bool) else "" if word is None else str(word) for word in value]
    repeated = [word for word in words if words.count(word) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each once")
    return tuple(words)


def _dropped(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"found {value!r}, expected values by column such as {{category: ['-', '']}}")
    return {str(column): _words(values if isinstance(values, list) else [values]) for column, values in value.items()}


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class FilesBlock(Block):
    """A user's own tables, beside params.yaml or anywhere."""

    train: str
    dev: str | None = None
    """None: a part of `train`."""


class SplitsBlock(Block):
    """The splits of a data set of the hub."""

    train: str = "train"
    dev: str | None = None
    """None: a part of `train`."""


class TaskBlock(Block):
    """Labelled data: which data set, or which of a user's own files, from where, and how much of it."""

    dataset: str | None = None
    files: FilesBlock | None = None
    """Own data: CSV or TSV (any delimiter), JSON lines or Parquet, gzipped or not, in the place of a `dataset`."""
    delimiter: str | None = None
    encoding: str | None = None
    """That of text files; null: UTF-8."""
    quoting: Literal["standard", "none"] | None = None
    """Whether quotation marks hold fields together; null: what is inside tells."""
    hub: Annotated[str, Field(pattern=r"^(\.{0,2}/)?[\w.-]+(/[\w.-]+)*$")] | None = None
    """Any data set of the Hugging Face hub, as owner/name, or a folder laid out like one, as ./folder."""
    config: str | None = None
    """The configuration of a data set of the hub that has several."""
    splits: SplitsBlock | None = None
    text: Annotated[tuple[str, ...], BeforeValidator(_columns)] | None = None
    """The column of the text, or the columns of the two texts of a pair."""
    label: str | None = None
    """The column of the label."""
    objective: str | None = None
    """`classification` (null) or `regression`."""
    scale: bool | None = None
    """Regression: train on the labels less their mean, over their standard deviation (of train)."""
    labels: Words | None = None
    """The classes in their order; null: those that the files have, in their natural order."""
    metrics: Words | None = None
    """The headline metric first; null: the objective's (accuracy, mcc; of regression pearson, spearman, r2, rmse)."""
    drop: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_dropped)] | None = None
    """Rows to leave out: by column the values that they have, "" for none."""
    dev_share: Annotated[ShareBelowOne, Field(gt=0)] | None = None
    """Without a dev set: the share of train's rows that is made one, with the same share of each class; null: 0.2."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Without a dev set: as many tasks, `<name>-fold-1` and so on, each with another part of train as its dev set."""
    fold: Count | None = None
    """Which of them it is; not to be written."""
    group: str | None = None
    """A column whose rows with one value are kept on one side."""
    split_seed: Annotated[int, Field(ge=0)] | None = None
    """Of the split; null: 0."""
    source: str = AUTO
    """`auto`: the folder of STABBENCH_GLUE_DIR where that is set, else the hub; embedded tasks are always embedded. A
    task source of another package by its name or `./file.py:Class` beside params.yaml takes `options`."""
    options: Annotated[Mapping[str, Any], BeforeValidator(nothing_is_empty)] | None = None
    revision: str | None = None
    train_size: Count | None = None
    """Size of a seeded sample of the training set; null: all of it."""
    dev_size: Count | None = None
    sample_seed: Annotated[int, Field(ge=0)] = 0
    unofficial: bool = False
    """Take files under an official data set's name whose counts, header or quoting are not the official ones."""

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, dataset: str | None) -> str | None:
        if dataset is not None and dataset not in DATASETS:
            raise ValueError(f"{unknown('data set', dataset, DATASETS)}; data of your own: {OWN_BLOCK}")
        return dataset

    @field_validator("objective")
    @classmethod
    def _is_an_objective(cls, name: str | None) -> str | None:
        known = installed(OBJECTIVE_GROUP).names
        if name is not None and name not in known:
            raise ValueError(str(unknown("objective", name, known)))
        return name

    @field_validator("metrics")
    @classmethod
    def _are_metrics(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if in_file(name) is None and not METRICS.has(name.replace("-", "_")):
                raise ValueError(f"{unknown('metric', name, METRICS.names())}; one of your own: ./file.py:function")
        return names

    @field_validator("delimiter", "encoding")
    @classmethod
    def _is_readable(cls, value: str | None, info: ValidationInfo) -> str | None:
        Dialect(**{str(info.field_name): value})
        return value

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> TaskBlock:
        own = [name for name in OWN_KEYS if getattr(self, name) is not None]
        official = [name for name in OFFICIAL_KEYS if name in self.model_fields_set and getattr(self, name) is not None]
        if "fold" in self.model_fields_set:
            raise ValueError("found fold, which `folds` sets in each task that it makes: leave it out")
        if self.source not in OFFICIAL_SOURCES:
            if own or official:
                raise ValueError(
                    f"found {', '.join([*own, *official])} beside source '{self.source}', expected its settings under "
                    "`options`"
                )
            return self
        if self.options is not None:
            raise ValueError(f"found options beside source '{self.source}', which takes none: leave them out")
        official += [name for name in ("source",) if name in self.model_fields_set]
        if self.hub is not None:
            official = [name for name in official if name != "revision"]
        if not own and self.dataset is None:
            raise ValueError(f"found neither dataset nor files, expected {{dataset: <name>}} or {OWN_BLOCK}")
        if own and official:
            raise ValueError(f"found {', '.join(own)} beside {', '.join(official)}, expected one or the other")
        if own:
            self._check_own(own)
        return self

    def _check_own(self, own: list[str]) -> None:
        if self.files is not None and self.hub is not None:
            raise ValueError("found files beside hub, expected one or the other")
        place, strangers = ("files", HUB_KEYS) if self.hub is None else ("hub", FILE_KEYS)
        strange = [name for name in strangers if name in own]
        if strange:
            raise ValueError(f"found {', '.join(strange)} beside {place}, to which it means nothing: leave it out")
        lacking = [name for name in (place, "text", "label") if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"found {', '.join(own)} without {', '.join(lacking)}, expected {OWN_BLOCK}")
        if self.files is not None and self.files.train == self.files.dev:
            raise ValueError(f"found {self.files.train!r} for both train and dev, expected a file each")
        columns = (*(self.text or ()), self.label)
        if len(set(columns)) < len(columns):
            raise ValueError(f"found the columns {', '.join(map(str, columns))} for text and label, expected each once")
        if self.objective in (None, "classification"):
            if self.scale:
                raise ValueError("found scale, which is of labels that are numbers: set objective: regression")
        elif self.labels is not None:
            raise ValueError(f"found labels beside objective {self.objective}, whose labels are numbers: leave it out")
        self._check_split()

    def _check_split(self) -> None:
        has_dev = (self.files or self.splits or SplitsBlock()).dev is not None
        asked = [name for name in ("dev_share", "folds", "group", "split_seed") if getattr(self, name) is not None]
        if has_dev and asked:
            raise ValueError(f"found {', '.join(asked)} beside a dev set, which is not split: leave one of them out")
        if self.folds is not None and self.dev_share is not None:
            raise ValueError("found folds beside dev_share, expected one or the other")

    @model_validator(mode="after")
    def _source_fits(self) -> TaskBlock:
        if self.dataset is None:
            return self
        found = DATASETS[self.dataset]
        if self.source not in (AUTO, *SOURCES[found.kind]):
            expected = [AUTO, *SOURCES[found.kind]]
            raise ValueError(
                f"found source '{self.source}' for data set '{self.dataset}', expected "
                f"{', '.join(expected[:-1])} or {expected[-1]}"
            )
        if self.unofficial and not found.counts:
            raise ValueError(
                f"found unofficial for data set '{self.dataset}', which has no official files: leave it out"
            )
        return self

    def asked(self) -> dict[str, Any]:
        """The options of its source, by name: those that are written here."""
        values = self.model_dump()
        names = (*OFFICIAL_KEYS, *OWN_KEYS, "fold")
        written = {name: values[name] for name in names if values[name] not in (None, False)}
        for name in ("files", "splits"):
            if name in written:
                written[name] = {split: place for split, place in written[name].items() if place is not None}
        return {**written, **(self.options or {})}

    def own_files(self, folder: Path) -> dict[str, str]:
        """The user's own files that it is made of, by what they are to it; those of `options` lie in `folder`."""
        files = (in_file(name) for name in self.metrics or ())
        code = {f"metric {file.name}": str(Path(file.file)) for file in files if file is not None}
        if self.files is not None:
            return {split: file for split, file in dict(self.files).items() if file is not None} | code
        written = {key: value for key, value in (self.options or {}).items() if isinstance(value, str)}
        found = {key: value for key, value in written.items() if (folder / value).is_file()} | code
        source = in_file(self.source)
        return found if source is None else {"source": str(Path(source.file)), **found}

    def each_fold(self, name: str) -> dict[str, TaskBlock]:
        """The tasks that it makes, by name: itself, or one for each of its `folds`."""
        if self.folds is None:
            return {name: self}
        return {f"{name}-fold-{fold}": self.model_copy(update={"fold": fold}) for fold in range(1, self.folds + 1)}
