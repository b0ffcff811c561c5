"""Which figures a folder holds and what each is about: manifest.json beside them, so that nobody reads their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stabbench.analysis.place import Place
from stabbench.files import read_json, write_json

FILE = "manifest.json"
ENDINGS = ("svg", "png")


class FigureFile(NamedTuple):
    """`<stem>.svg` and `<stem>.png`."""

    stem: str
    kind: str
    """The section of the report that they are of."""
    place: Place | None
    """What they are about; None where it is the whole comparison."""


def read_manifest(folder: Path) -> list[FigureFile]:
    """The figures of a folder; none where it has no manifest that can be read."""
    try:
        found = [
            FigureFile(str(item["stem"]), str(item["kind"]), None if item["place"] is None else Place(*item["place"]))
            for item in read_json(folder / FILE)["figures"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [item for item in found if Path(item.stem).name == item.stem]


def write_manifest(folder: Path, figures: Sequence[FigureFile]) -> None:
    """Say that these are the figures of a folder, and remove those of its former manifest that are not among them."""
    stems = {item.stem for item in figures}
    for stale in read_manifest(folder):
        for ending in ENDINGS if stale.stem not in stems else ():
            (folder / f"{stale.stem}.{ending}").unlink(missing_ok=True)
    write_json(folder / FILE, {"figures": [item._asdict() for item in figures]})
