"""How long what is left takes, by the runs that are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from stabbench.files import read_json
from stabbench.folders import Folders
from stabbench.plan import Cell, read_plan
from stabbench.records import Store
from stabbench.report.numbers import counted, duration

LOOKED_AT = 9
"""Runs of a cell whose times are read: their median is no better known with thousands."""


def remaining(rows: Sequence[Mapping[str, Any]], folders: Folders) -> str | None:
    """A sentence for the runs that a status's `rows` have missing or broken; None where all are done.

    A run takes what the median run of its cell took. Where none of that is done, it takes as long an update as those of
    its model and task; their other strategies may have more passes an update, so that it is a guess.
    """
    left = {_name(row): row["missing"] + row["error"] for row in rows if row["missing"] + row["error"]}
    if not left or folders.planned is None:
        return None
    store = Store(folders.store)
    cells = {(cell.model, cell.task, cell.strategy): cell for cell in read_plan(folders.plan)}
    times = {name: found for name, cell in cells.items() if (found := _seconds(cell, store)) is not None}
    seconds, untold = 0.0, 0
    for name, runs in left.items():
        one = times.get(name, _by_updates(name, cells, times))
        seconds, untold = (seconds, untold + runs) if one is None else (seconds + runs * one, untold)
    told = sum(left.values()) - untold
    sentences = []
    if told:
        sentences.append(f"about {duration(seconds)} of one worker for {counted(told, 'run')}, by those that are done")
    if untold:
        whose = "its" if untold == 1 else "their"
        sentences.append(f"{counted(untold, 'run')} of unknown length, as none of {whose} model and task is done")
    return f"left: {'; '.join(sentences)}"


def _name(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["model"], row["task"], row["strategy"]


def _seconds(cell: Cell, store: Store) -> float | None:
    """What a run of the cell took, in the median of some that are done."""
    folders = (store.folder(cell.fingerprint(seed)) for seed in cell.seeds)
    found = list(islice((took for folder in folders if (took := _took(folder)) is not None), LOOKED_AT))
    return median(found) if found else None


def _took(folder: Path) -> float | None:
    try:
        made = read_json(folder / "provenance.json")
        return float(made["seconds"]["total"]) / int(made.get("stacked_seeds") or 1)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _by_updates(
    name: tuple[str, str, str], cells: Mapping[tuple[str, str, str], Cell], times: Mapping[tuple[str, str, str], float]
) -> float | None:
    updates = cells[name].updates()
    others = [
        took / made for other, took in times.items() if other[:2] == name[:2] and (made := cells[other].updates())
    ]
    return updates * median(others) if updates and others else None
