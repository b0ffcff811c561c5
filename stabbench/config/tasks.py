"""The blocks of tasks: a data set by name, or a user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stabbench.config.values import Block, Count, nothing_is_empty
from stabbench.datasets import AUTO, DATASETS, OFFICIAL_SOURCES, SOURCES
from stabbench.errors import unknown
from stabbench.plugins import in_file

OWN_KEYS = ("files", "text", "label", "labels", "metrics")
"""Keys of a task block that say what a user's own data are."""
OFFICIAL_KEYS = ("dataset", "revision", "unofficial")
"""Keys of a task block that say which data set it is."""
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

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> TaskBlock:
        own = [name for name in OWN_KEYS if getattr(self, name) is not None]
        official = [name for name in OFFICIAL_KEYS if name in self.model_fields_set and getattr(self, name) is not None]
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
        written = {name: values[name] for name in (*OFFICIAL_KEYS, *OWN_KEYS) if values[name] not in (None, False)}
        return {**written, **(self.options or {})}

    def own_files(self, folder: Path) -> dict[str, str]:
        """The user's own files that it is made of, by what they are to it; those of `options` lie in `folder`."""
        if self.files is not None:
            return dict(self.files)
        written = {key: value for key, value in (self.options or {}).items() if isinstance(value, str)}
        found = {key: value for key, value in written.items() if (folder / value).is_file()}
        source = in_file(self.source)
        return found if source is None else {"source": str(Path(source.file)), **found}
