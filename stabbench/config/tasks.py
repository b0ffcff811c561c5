"""The blocks of tasks: a data set by name, or a user's own files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stabbench.config.values import Block, Count
from stabbench.errors import unknown

GLUE_DATASETS = ("rte", "mrpc", "cola", "qnli", "scitail")
EMBEDDED_DATASETS = ("acceptability", "paraphrase", "entailment")
DATASETS = (*EMBEDDED_DATASETS, *GLUE_DATASETS)
OWN_KEYS = ("files", "text", "label", "labels", "metrics")
"""Keys of a task block that say what a user's own data are."""
OWN_BLOCK = "{files: {train: …, dev: …}, text: <column>, label: <column>}"


def _columns(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) not in (1, 2) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"found {value!r}, expected a column such as text, or two such as [premise, hypothesis]")
    return tuple(names)


def _words(value: object) -> object:
    """A list of names; numbers and true or false are taken for words, as they stand in a column of labels."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"found {value!r}, expected a list such as [no, yes]")
    words = [str(word).lower() if isinstance(word, bool) else str(word) for word in value]
    repeated = [word for word in words if words.count(word) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each once")
    return tuple(words)


class FilesBlock(Block):
    """A user's own tables, beside params.yaml or anywhere."""

    train: str
    dev: str


class TaskBlock(Block):
    """Labelled data: which data set, or which of a user's own files, from where, and how much of it."""

    dataset: str | None = None
    files: FilesBlock | None = None
    """Own data: CSV (any delimiter), Parquet or JSON lines, in the place of a `dataset`."""
    text: Annotated[tuple[str, ...], BeforeValidator(_columns)] | None = None
    """The column of the text, or the columns of the two texts of a pair."""
    label: str | None = None
    """The column of the label."""
    labels: Annotated[tuple[str, ...], BeforeValidator(_words)] | None = None
    """The classes in their order; null: those that the files have, in their natural order."""
    metrics: Annotated[tuple[Literal["accuracy", "f1", "mcc"], ...], BeforeValidator(_words)] | None = None
    """The headline metric first; null: accuracy, mcc."""
    source: Literal["auto", "folder", "hub", "embedded"] = "auto"
    """`auto`: the folder of STABBENCH_GLUE_DIR where that is set, else the hub; embedded tasks are always embedded."""
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

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> TaskBlock:
        own = [name for name in OWN_KEYS if getattr(self, name) is not None]
        official = [name for name in ("dataset", "revision") if getattr(self, name) is not None]
        official += [name for name in ("source", "unofficial") if name in self.model_fields_set]
        if not own and self.dataset is None:
            raise ValueError(f"found neither dataset nor files, expected {{dataset: <name>}} or {OWN_BLOCK}")
        if own and official:
            raise ValueError(f"found {', '.join(own)} beside {', '.join(official)}, expected one or the other")
        lacking = [name for name in ("files", "text", "label") if getattr(self, name) is None]
        if own and lacking:
            raise ValueError(f"found {', '.join(own)} without {', '.join(lacking)}, expected {OWN_BLOCK}")
        if self.files is not None and self.files.train == self.files.dev:
            raise ValueError(f"found {self.files.train!r} for both train and dev, expected a file each")
        columns = (*(self.text or ()), self.label)
        if len(set(columns)) < len(columns):
            raise ValueError(f"found the columns {', '.join(map(str, columns))} for text and label, expected each once")
        return self

    @model_validator(mode="after")
    def _source_fits(self) -> TaskBlock:
        if self.dataset is None:
            return self
        if self.source != "auto" and (self.source == "embedded") != (self.dataset in EMBEDDED_DATASETS):
            expected = "auto or embedded" if self.dataset in EMBEDDED_DATASETS else "auto, folder or hub"
            raise ValueError(f"found source '{self.source}' for data set '{self.dataset}', expected {expected}")
        if self.unofficial and self.dataset in EMBEDDED_DATASETS:
            raise ValueError(
                f"found unofficial for data set '{self.dataset}', which has no official files: leave it out"
            )
        return self
