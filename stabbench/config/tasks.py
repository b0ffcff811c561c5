"""The blocks of tasks: a data set by name, a user's own files, or any data set of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stabbench.config.own_data import OWN_BLOCK, OWN_KEYS, OwnData
from stabbench.config.values import Count, nothing_is_empty
from stabbench.datasets import AUTO, DATASETS, OFFICIAL_SOURCES, SOURCES
from stabbench.errors import unknown
from stabbench.folders import LOCAL_PATH
from stabbench.plugins import in_file

OFFICIAL_KEYS = ("dataset", "revision", "unofficial")
"""Keys of a task block that say which data set it is; `revision` is that of any data set of the hub."""


class TaskBlock(OwnData):
    """Labelled data: which data set, or which of a user's own files, from where, and how much of it."""

    dataset: str | None = None
    source: str = AUTO
    """`auto`: the folder of STABBENCH_GLUE_DIR where that is set, else the hub; embedded tasks are always embedded. A
    task source of another package by its name or `./file.py:Class` beside params.yaml takes `options`."""
    options: Annotated[Mapping[str, Any], BeforeValidator(nothing_is_empty)] | None = None
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
            self.check_own(own)
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
        if self.hub is not None and self.hub.startswith(LOCAL_PATH):
            own, place = Path(self.hub).expanduser(), folder / Path(self.hub).expanduser()
            inside = [path.relative_to(place) for path in sorted(place.rglob("*")) if path.is_file()]
            return {str(path): str(own / path) for path in inside} | code if inside else {"hub": self.hub}
        written = {key: value for key, value in (self.options or {}).items() if isinstance(value, str)}
        found = {key: value for key, value in written.items() if (folder / value).is_file()} | code
        source = in_file(self.source)
        return found if source is None else {"source": str(Path(source.file)), **found}

    def each_fold(self, name: str) -> dict[str, TaskBlock]:
        """The tasks that it makes, by name: itself, or one for each of its `folds`."""
        if self.folds is None:
            return {name: self}
        return {f"{name}-fold-{fold}": self.model_copy(update={"fold": fold}) for fold in range(1, self.folds + 1)}
