"""What the columns of own tables cannot be, and what in them is worth a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stabbench.errors import UserError, nearest
from stabbench.tasks.sources.values import number

MOST_NUMBERS = 10
"""Classes whose names are numbers, not all of them whole, above which they are taken for measurements."""
MOST_COMPARED = 1_000
"""Values of a column up to which the one nearest to another is looked for, which takes a millisecond for ten."""
MULTI_LABEL = (
    "a task with several labels a row (multi-label) is not there. Make a task of each label, with a column that says "
    "for each row whether it has it"
)
_SEVERAL = (list, tuple, set, frozenset, np.ndarray)
_NOT_WORDS = (bytes, dict, *_SEVERAL)


def check_columns(table: pd.DataFrame, wanted: Sequence[str], label: str, place: str) -> None:
    """UserError where one of the `wanted` columns is missing, there twice or holds neither texts nor numbers."""
    found = [str(column).strip() for column in table.columns]
    missing = [column for column in wanted if column not in found]
    if missing:
        close = {column: nearest(column, found) for column in missing}
        named = ", ".join(f"'{column}'" + (f" (is it '{near}'?)" if near else "") for column, near in close.items())
        raise UserError(f"{place} has no column {named}; found {', '.join(found)}")
    twice = [column for column in wanted if found.count(column) > 1]
    if twice:
        raise UserError(f"{place} has more than one column '{twice[0]}'")
    for place_of, name in enumerate(found):
        column = table.iloc[:, place_of]
        kinds = set(map(type, column)) if name in wanted and column.dtype == object else set()
        if name == label and kinds.intersection(_SEVERAL):
            raise UserError(
                f"{place}: column '{name}' holds lists, so that a row has several labels, expected one label a row: "
                f"{MULTI_LABEL}"
            )
        for kind in kinds.intersection(_NOT_WORDS):
            raise UserError(f"{place}: column '{name}' has values of type {kind.__name__}, expected texts or numbers")


def never_there(drop: Mapping[str, Sequence[str]], values: Mapping[str, set[str]]) -> list[str]:
    """A warning for each value of `drop` that no row has, by column; none for "", which is a precaution.

    Args:
        drop: the values to leave out, by column, as words.
        values: those that the tables have.
    """
    found = []
    for column, dropped in drop.items():
        for value in dropped:
            there = values[column] - {""}
            if value and value not in there:
                close = nearest(value, there, cutoff=0) if len(there) <= MOST_COMPARED else None
                hint = f" (the nearest that there is: {close!r})" if close else ""
                found.append(f"drop: no row has {value!r} in column '{column}'{hint}, so nothing is left out by it")
    return found


def check_classes(place: str, names: Sequence[str]) -> None:
    """UserError where the labels are measured numbers rather than classes."""
    numbers = [number(name) for name in names]
    broken = [name for name, found in zip(names, numbers, strict=True) if found and not found.is_integer()]
    if len(names) > MOST_NUMBERS and broken and None not in numbers:
        raise UserError(
            f"{place} has {len(names)} different numbers such as {broken[0]}, expected classes: set `objective: "
            "regression`, make classes of them (low, high), or, if each is one, name them with labels: [...]"
        )


def check_classes_of_dev(name: str, frames: Mapping[str, pd.DataFrame], names: Sequence[str], label: str) -> None:
    """UserError where dev has a class that train lacks."""
    train, dev = (frames[split]["label"] for split in ("train", "dev"))
    lacking = [names[number] for number in sorted(set(dev) - set(train))]
    if lacking:
        of_each = {said: int((dev == names.index(said)).sum()) for said in lacking[:10]}
        counts = ", ".join(f"{said!r} ({count:,} dev examples)" for said, count in of_each.items())
        more = f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
        raise UserError(
            f"task {name}: dev has classes that train lacks, which no run can learn: {counts}{more}: leave them out "
            f"with drop: {{{label}: [{', '.join(lacking[:10])}]}}, or take other rows for training"
        )
