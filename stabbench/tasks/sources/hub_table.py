"""Any data set of the Hugging Face hub, by the columns that are its texts and its label."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stabbench.errors import Mistakes, UserError
from stabbench.folders import LOCAL_PATH
from stabbench.tables import Table
from stabbench.tasks import objectives
from stabbench.tasks.sources.columns import LabelledColumns
from stabbench.tasks.sources.contract import Labelled, Source, Wanted
from stabbench.tasks.sources.hub import NotArrivedError, load

SAID = 300
"""Characters of another library's error that are told."""


@dataclass(frozen=True)
class HubTables(LabelledColumns):
    """Which data set (`owner/name`, or a folder laid out like one, as `./folder`), and its splits by name."""

    hub: str = ""
    config: str | None = None
    revision: str | None = None
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train"})


class HubTable(Source[HubTables]):
    """Any data set of the hub."""

    description = "any data set of the Hugging Face hub, by the columns of its texts and its label"
    Options = HubTables

    def read(self, options: HubTables, wanted: Wanted) -> Labelled:
        """The rows of its splits without those that are left out; a label's class names are the data set's own."""
        folder = wanted.root / Path(options.hub).expanduser() if is_folder(options.hub) else None
        if folder is not None and not folder.is_dir():
            raise UserError(f"task {wanted.task}: there is no folder {folder}")
        where = options.hub if folder is None else str(folder.resolve())
        loaded = _loaded(where, options.config, options.revision, f"task {wanted.task}")
        mistakes, tables = Mistakes(), {}
        names: list[str] | None = None
        for split, name in options.splits.items():
            with mistakes.collected():
                if name not in loaded:
                    raise UserError(
                        f"task {wanted.task}: {options.hub} has no split '{name}', found {', '.join(sorted(loaded))}"
                    )
                tables[split] = Table(loaded[name].to_pandas())
                names = names or getattr(loaded[name].features.get(options.label), "names", None)
        mistakes.tell()
        if names is not None:
            for table in tables.values():  # a row without a label has -1
                numbers = table.frame[options.label]
                table.frame[options.label] = [names[int(number)] if number >= 0 else None for number in numbers]
            if options.objective == objectives.CLASSIFICATION:
                options = dataclasses.replace(options, labels=options.labels or _present(names, options))
        places = {split: f"{options.hub}, {name}" for split, name in options.splits.items()}
        found = options.labelled(tables, places, wanted)
        origin = {"repository": options.hub, "config": options.config, "revision": options.revision}
        return dataclasses.replace(found, origin={**origin, "splits": dict(options.splits), **(found.origin or {})})


def is_folder(hub: str) -> bool:
    """Whether it is a folder's path and no data set's name."""
    return hub.startswith(LOCAL_PATH)


def _present(names: list[str], options: HubTables) -> list[str]:
    """The data set's classes in its order, without those that `drop` leaves out."""
    dropped = set(options.drop.get(options.label, ()))
    return [name for name in names if name not in dropped]


def _loaded(place: str, config: str | None, revision: str | None, task: str) -> Mapping[str, Any]:
    """The splits of a data set by their names; UserError where it does not arrive."""
    import datasets

    datasets.disable_progress_bars()
    try:
        return load(place, config, revision)
    except NotArrivedError as error:
        said = " ".join(str(error).split())[:SAID]
        if is_folder(place):
            raise UserError(f"{task}: {place} cannot be read as a data set: {said}") from error
        at = f" at {revision}" if revision else ""
        raise UserError(
            f"{task}: the data set did not arrive from the hub ({place}{at}: {said}); connect this machine to the "
            "network, or take files of your own: {files: {train: …}, text: …, label: …}"
        ) from error
