"""GLUE, SuperGLUE, SNLI and SciTail from the Hugging Face hub."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.datasets import Dataset, dataset_for
from stabbench.errors import UserError, told
from stabbench.tasks.sources.contract import Labelled, Source, Wanted
from stabbench.tasks.sources.glue import FOLDER_VARIABLE
from stabbench.tasks.sources.rows import KnownRows


@dataclass(frozen=True)
class HubOptions:
    """Which data set, at which branch, tag or commit; `unofficial` as of a folder."""

    dataset: str
    revision: str | None = None
    unofficial: bool = False


class Hub(Source[HubOptions]):
    """GLUE, SuperGLUE, SNLI and SciTail from the Hugging Face hub."""

    description = "GLUE, SuperGLUE, SNLI and SciTail from the Hugging Face hub"
    Options = HubOptions

    def read(self, options: HubOptions, wanted: Wanted) -> Labelled:
        """The tables of the repository, whole."""
        dataset = dataset_for("hub", options.dataset)
        assert dataset.hub is not None
        place = {"repository": dataset.hub.repository, "config": dataset.hub.config, "revision": options.revision}
        rows = read_rows(dataset, options.revision)
        frames = {split: found.table() for split, found in rows.items()}
        left_out = {split: dict(found.left_out) for split, found in rows.items()}
        return Labelled(dataset, frames, place, left_out=left_out, unofficial=options.unofficial)


class NotArrivedError(Exception):
    """The data set did not come; its text is what the library said, of one line at least."""


def load(place: str, config: str | None, revision: str | None, cache: Path | None = None) -> Mapping[str, Any]:
    """The splits of a data set through `datasets.load_dataset`, by their names; NotArrivedError where it fails."""
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; the error below says it all
    # Whatever stands between us and the hub (no network, a proxy, a 404, a changed repository) comes in a
    # dozen exception types of four libraries; each means that the data did not arrive.
    try:
        return dict(
            datasets.load_dataset(place, config, revision=revision, cache_dir=None if cache is None else str(cache))
        )
    except Exception as error:
        raise NotArrivedError(str(error).strip() or type(error).__name__) from error


def read_hub(
    dataset: Dataset, revision: str | None = None, *, repository: str | None = None, cache: Path | None = None
) -> dict[str, pd.DataFrame]:
    """The train and dev tables of a data set: `read_rows` without what is left out."""
    found = read_rows(dataset, revision, repository=repository, cache=cache)
    return {split: rows.table() for split, rows in found.items()}


def read_rows(
    dataset: Dataset, revision: str | None = None, *, repository: str | None = None, cache: Path | None = None
) -> dict[str, KnownRows]:
    """The rows of train and dev, through `datasets.load_dataset`; `example` is the row's number.

    Args:
        dataset: one with a place on the hub.
        revision: a branch, tag or commit of the repository; the newest by default.
        repository: another repository, or a folder laid out like one.
        cache: where `datasets` keeps what it converts; its own place by default.

    UserError where the hub cannot be reached, the repository does not answer, or its columns or labels are others.
    """
    if dataset.hub is None:
        raise ValueError(f"{dataset.name} has no place on the hub")
    place = repository or dataset.hub.repository
    try:
        loaded = load(place, dataset.hub.config, revision, cache)
    except NotArrivedError as error:
        said = str(error).splitlines()[0]
        raise UserError(
            f"{dataset.title} did not arrive from the hub ({place}"
            f"{f' at {revision}' if revision else ''}: {said}); connect this machine to the network, or set "
            f"{FOLDER_VARIABLE} to a folder with the official files ({dataset.paths})"
        ) from error
    return {split: _rows(dataset, place, loaded, name) for split, name in dataset.hub.splits.items()}


def _rows(dataset: Dataset, place: str, loaded: Mapping[str, Any], split: str) -> KnownRows:
    assert dataset.hub is not None
    columns = dataset.hub.columns
    if split not in loaded:
        raise UserError(f"{place}: there is no split {split!r}, found {', '.join(sorted(loaded))}")
    table = loaded[split]
    missing = [name for name in columns.names if name not in table.column_names]
    if missing:
        raise UserError(
            f"{place}, {split}: no column {', '.join(map(repr, missing))}, found {', '.join(table.column_names)}"
        )
    words = {value: index for index, value in enumerate(dataset.label_values)}
    words |= {name: index for index, name in enumerate(dataset.label_names)}
    rows = KnownRows(dataset, words, f"one of {', '.join(dataset.label_names)}")
    # A slice comes as one list of Python's own values; a column by itself is read row by row.
    values = zip(*(table[name][:] for name in columns.names), strict=True)
    for number, row in enumerate(dict(zip(columns.names, each, strict=True)) for each in values):
        rows.take(number, columns.texts(row), row[columns.label])
    if rows.faults:
        raise UserError(told(f"{place}, {split}", "row", rows.faults))
    return rows
