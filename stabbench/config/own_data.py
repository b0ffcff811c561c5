"""The keys of a task block that say what a user's own data are: files or a data set of the hub, columns, a split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from stabbench.config.values import Block, Count, ShareBelowOne
from stabbench.dialect import Dialect
from stabbench.errors import UserError, unknown
from stabbench.folders import LOCAL_PATH
from stabbench.metrics import METRICS, find
from stabbench.plugins import in_file, installed

OBJECTIVE_GROUP = "stabbench.objectives"
COLUMN_KEYS = (
    "text", "label", "labels", "metrics", "objective", "scale", "drop", "dev_share", "group", "folds", "split_seed",
)  # fmt: skip
"""Keys of a task block that say what the columns of own tables are, and how they are split."""
FILE_KEYS = ("files", "delimiter", "encoding", "quoting")
HUB_KEYS = ("hub", "config", "splits")
OWN_KEYS = (*FILE_KEYS, *HUB_KEYS, *COLUMN_KEYS)
"""Keys of a task block that say what a user's own data are."""
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


def _metrics(value: object) -> object:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError(f"found {value!r}, expected a list such as [accuracy, macro_f1]")
    names = [name if "." in name else name.replace("-", "_") for name in value]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each once")
    return tuple(names)


def _dropped(value: object) -> object:
    plain = (str, int, float, bool, type(None), list)
    if not isinstance(value, dict) or not value or not all(isinstance(values, plain) for values in value.values()):
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


class OwnData(Block):
    """A user's own labelled data; all keys are left out where a task is a data set by its name."""

    files: FilesBlock | None = None
    """Own data: CSV or TSV (any delimiter), JSON lines or Parquet, gzipped or not, in the place of a `dataset`."""
    delimiter: str | None = None
    encoding: str | None = None
    """That of text files; null: UTF-8."""
    quoting: Literal["standard", "none"] | None = None
    """Whether quotation marks hold fields together; null: what is inside tells."""
    hub: str | None = None
    """Any data set of the Hugging Face hub, as owner/name, or a folder laid out like one, as ./folder."""
    config: str | None = None
    """The configuration of a data set of the hub that has several."""
    splits: SplitsBlock | None = None
    revision: str | None = None
    """Branch, tag or commit of a data set of the hub, whether known by name or not."""
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
    metrics: Annotated[tuple[str, ...], BeforeValidator(_metrics)] | None = None
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
            try:
                own = in_file(name) is not None
            except UserError as error:
                raise ValueError(
                    f"found '{name}', expected a file and its function such as ./metrics.py:cost"
                ) from error
            if not own and not METRICS.has(name):
                raise ValueError(f"{unknown('metric', name, METRICS.names())}; one of your own: ./file.py:function")
        return names

    @field_validator("hub")
    @classmethod
    def _is_on_the_hub_or_a_folder(cls, hub: str | None) -> str | None:
        if (
            hub is not None
            and not hub.startswith(LOCAL_PATH)
            and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", hub, re.ASCII)
        ):
            raise ValueError(f"found '{hub}', expected a data set such as owner/name, or a folder such as ./folder")
        return hub

    @field_validator("labels")
    @classmethod
    def _have_names(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if labels is not None and not all(label.strip() for label in labels):
            raise ValueError(f"found {list(labels)}, expected a name for each class")
        return labels

    @field_validator("delimiter", "encoding")
    @classmethod
    def _is_readable(cls, value: str | None, info: ValidationInfo) -> str | None:
        Dialect(**{str(info.field_name): value})
        return value

    def check_own(self, own: Sequence[str]) -> None:
        """ValueError where the keys `own` that are written do not make a task."""
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
        if self.hub is not None and self.hub.startswith(LOCAL_PATH) and self.revision is not None:
            raise ValueError(f"found revision beside the folder {self.hub}, which has none: leave it out")
        self._check_metrics()
        self._check_split()

    def _check_metrics(self) -> None:
        mine = self.objective or "classification"
        for name in (name for name in self.metrics or () if METRICS.has(name)):
            if find(name).objective != mine:
                raise ValueError(f"found metric {name}, which is of {find(name).objective}, expected one of {mine}")
        if "f1" in (self.metrics or ()) and self.labels is not None and len(self.labels) != 2:
            raise ValueError(f"found metric f1, which is of two classes, and {len(self.labels)} labels: take macro_f1")

    def _check_split(self) -> None:
        has_dev = (self.files or self.splits or SplitsBlock()).dev is not None
        asked = [name for name in ("dev_share", "folds", "group", "split_seed") if getattr(self, name) is not None]
        if has_dev and asked:
            named = ", ".join(asked)
            raise ValueError(
                f"found {named} beside a dev set of its own, so nothing is split: leave out {named} or the dev set"
            )
        if self.splits is not None and self.splits.train == self.splits.dev:
            raise ValueError(f"found {self.splits.train!r} for both train and dev, expected a split each")
        if self.group is not None and self.dev_share is not None and self.dev_share > 0.5:
            raise ValueError(
                f"found dev_share {self.dev_share} beside group, by which equal parts are made: expected 0.5 at most"
            )
        if self.folds is not None and self.dev_share is not None:
            raise ValueError("found folds beside dev_share, expected one or the other")
