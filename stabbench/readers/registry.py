"""Readers by their installed names, or as `./file.py:Class`; which of them a source is for, and what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from stabbench.analysis.results_shape import shaped, some
from stabbench.errors import UserError
from stabbench.plugins import Registry, checked_class
from stabbench.readers.contract import Found, Reader, Source, Wanted, head

SHOWN = 60
"""Bytes, and names of files, of which a message shows the first."""
NAMES = 8


def check_reader(found: object, label: str) -> type[Reader]:
    """The class itself, if it keeps to the contract of readers; UserError otherwise."""
    return checked_class(found, Reader, label, description=str, fallback=bool)  # type: ignore[type-abstract]


READERS = Registry("reader", "stabbench.readers", check_reader)


def read(texts: Sequence[str], wanted: Wanted, reader: str | None = None) -> Found:
    """All runs of some sources, each by the reader that recognises it, or all by the one that is named.

    Raises UserError where a source is not there, of no known format or of several, and whatever its reader raises.
    """
    if not texts:
        raise UserError("no results, expected a file, a folder or mlflow:EXPERIMENT")
    sources = [Source(text) for text in texts]
    if reader is not None:
        chosen = [READERS.load(reader)() for _ in sources]
    else:
        chosen = [_reader_of(source) for source in sources]
    found = [_checked(_found(one, source, wanted), source) for one, source in zip(chosen, sources, strict=True)]
    return found[0] if len(found) == 1 else _joined(found, sources, wanted)


def _reader_of(source: Source) -> Reader:
    """The one reader that recognises a source; those for anything are asked last."""
    if not source.path.exists() and ":" not in source.text:
        raise UserError(f"{source.text}: there is no such file or folder")
    known: dict[str, Reader] = {}
    broken = []
    for name in READERS.names():
        try:
            known[name] = READERS.load(name)()
        except UserError as error:  # somebody else's package does not stop results that it has nothing to do with
            broken.append(str(error))
    for fallback in (False, True):
        asked = [name for name, one in known.items() if one.fallback is fallback]
        fitting = [name for name in asked if known[name].recognises(source)]
        if len(fitting) > 1:
            options = " or ".join(f"--reader {name}" for name in fitting)
            raise UserError(f"{source.text}: it is {' and '.join(fitting)} alike; say which to read: {options}")
        if fitting:
            return known[fitting[0]]
    lines = [f"  {name}: {one.description}" for name, one in known.items()]
    raise UserError("\n".join([_strange(source), *lines, *(f"  {text}" for text in broken)]))


def _strange(source: Source) -> str:
    if not source.path.exists():
        return (
            f"{source.text}: there is no such file or folder, and no reader knows what stands before the ':'. Readers:"
        )
    if not source.is_folder:
        first = head(source.path)[:SHOWN]
        content = _beginning(first) if first else "it is empty"
        return f"{source.text}: no reader knows this file: {content}. Readers:"
    names = [str(path.relative_to(source.path)) for path in source.all_files]
    held = f"it holds {some(names, NAMES)}" if names else "it is empty"
    return f"{source.text}: no reader knows what this folder holds: {held}. Readers:"


def _beginning(first: bytes) -> str:
    """How a file begins, in words: its text, or that it has none."""
    try:
        return f"it begins with the text {first.decode('utf-8', 'strict')!r}"
    except UnicodeDecodeError as error:
        if error.start >= len(first) - 3:  # a character that was cut
            return f"it begins with the text {first[: error.start].decode()!r}"
        return f"it is no text, and begins with the bytes {first[:8].hex(' ')}"


def _found(reader: Reader, source: Source, wanted: Wanted) -> Found:
    """What a reader makes of a source, also of one that holds something else than its format, which is no bug."""
    try:
        return reader.read(source, wanted)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{source.text}: not as expected of {reader.description}: {what}") from error


def _checked(found: Found, source: Source) -> Found:
    if found.table.empty:
        raise UserError(f"{source.text}: no runs were found")
    return found


def _joined(found: Sequence[Found], sources: Sequence[Source], wanted: Wanted) -> Found:
    """One table of several, whose columns have the names of `stabbench.analysis.results` then."""
    tables: list[pd.DataFrame] = []
    items: list[pd.DataFrame | None] = []
    notes: list[str] = []
    for each, source in zip(found, sources, strict=True):
        here = {role: name for role, name in wanted.columns.items() if name in each.table}
        form = shaped(each.table, source.text, here, wanted.wide)
        tables.append(form.table)
        items.extend(each.items or [None] * len(form.table))
        notes += [f"{source.text}: {text}" for text in (*each.notes, *form.notes)]
    nowhere: Mapping[str, str] = {
        role: name
        for role, name in wanted.columns.items()
        if not any(name in each.table or role in each.table for each in found)
    }
    for role, name in nowhere.items():
        raise UserError(f"--columns {role}={name}: none of the {len(found)} results has a column '{name}'")
    return Found(
        pd.concat(tables, ignore_index=True),
        items if any(item is not None for item in items) else (),
        notes,
        frozenset().union(*(each.lower for each in found)),
        frozenset().union(*(each.higher for each in found)),
        shaped=True,
    )
