"""What a reader is: it knows a format by what is inside, and makes a table of runs of it.

One module a reader, one entry point in the group `stabbench.readers`, one row of the table in docs/compare.md. Most
formats are many files, one or more a run: such a reader hands its `Run`s to `stabbench.readers.runs.table_of`, which
gives them names by `--pattern`, chooses their score and tells what is missing. A format that is a table already fills
`Found` by itself.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from stabbench.analysis.results_shape import OPTIONAL, REQUIRED
from stabbench.errors import Mistakes, UserError, unknown

HEAD = 65_536
"""Bytes of a file by which its format is known."""
LOOKED_AT = 50
"""Files of a folder that are looked into before it is said that it is of no known format."""
Value = str | int | float | bool | None


@dataclass(frozen=True)
class Source:
    """What somebody asked to be compared: a file, a folder, or a text such as `mlflow:EXPERIMENT`."""

    text: str

    @cached_property
    def path(self) -> Path:
        """The text as a path, whether or not it is there."""
        return Path(self.text)

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def all_files(self) -> Sequence[Path]:
        """The file itself, or all files below the folder in the order of their names, without hidden folders."""
        if not self.is_folder:
            return [self.path] if self.path.is_file() else []
        return list(self._walk())

    def _walk(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder) / name for name in sorted(names))

    def files(self, *patterns: str) -> list[Path]:
        """Those of `all_files` whose name is like one of the `patterns` (`results*.json`)."""
        return [path for path in self.all_files if any(fnmatch(path.name, pattern) for pattern in patterns)]


@dataclass(frozen=True)
class Wanted:
    """What the command line or `stabbench.compare` says of the results."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """By which names the format calls strategy, task, seed, score, … (`--columns`)."""
    pattern: str | None = None
    """Where names and seed stand in a run's path or name (`--pattern`)."""
    metric: str | None = None
    """Which of a run's metrics is its score (`--metric`)."""
    wide: Sequence[str] | None = None
    """Which columns are tasks (`--wide`)."""
    same: Mapping[str, str] = field(default_factory=dict)
    """What is the same for all runs (`--same task=rte`)."""


@dataclass(frozen=True, eq=False)
class Run:
    """What the files of a format tell of one run."""

    where: str
    """Its path, as somebody would type it, or its name; messages call it so."""
    scores: Mapping[str, float]
    """All of its metrics by name, losses among them."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """Everything else by name: `strategy`, `task`, `seed` and `model` where the format says them, settings."""
    names: Sequence[str] = ()
    """Other texts beside `where` that a `--pattern` may match, such as the name of its model."""
    headline: str | None = None
    """The metric that the format itself calls the run's."""
    items: pd.DataFrame | None = None
    """Its predictions, as `stabbench.analysis.predictions.checked` takes them."""
    finished: bool = True
    """Whether it came to its end; of one that did not no score is read."""


@dataclass(frozen=True, eq=False)
class Found:
    """A table of runs."""

    table: pd.DataFrame
    """With the columns of `stabbench.analysis.results`, by their own names or by those of `Wanted.columns`."""
    items: Sequence[pd.DataFrame | None] = ()
    """Each row's predictions; empty where no run has any."""
    notes: Sequence[str] = ()
    """What was taken for granted or left out, a sentence each."""
    lower: frozenset[str] = frozenset()
    """Metrics of which the format itself says that lower is better."""
    higher: frozenset[str] = frozenset()
    """Metrics of which it says that higher is better."""
    shaped: bool = False
    """Whether `Wanted.columns` and `Wanted.wide` have been followed already."""


class Reader(ABC):
    """A format, known by its entry point in `stabbench.readers` or as `./file.py:Class`."""

    description: ClassVar[str]
    """One line for listings and messages: what it reads, and of which version."""
    fallback: ClassVar[bool] = False
    """Whether it is asked only where no other reader recognises the source."""

    @abstractmethod
    def recognises(self, source: Source) -> bool:
        """Whether a source is of this format, by what is inside. Nothing that it finds there is an error."""

    @abstractmethod
    def read(self, source: Source, wanted: Wanted) -> Found:
        """All runs of a source that it recognises. UserError, with all mistakes at once, for what cannot be read."""


def with_same(table: pd.DataFrame, same: Mapping[str, str]) -> pd.DataFrame:
    """A table with the columns that `same` says; UserError where it has one of them."""
    unknown_roles = [name for name in same if name not in (*REQUIRED, *OPTIONAL) or name in ("seed", "score")]
    if unknown_roles:
        raise unknown("name of --same (same=…)", unknown_roles[0], ("task", "strategy", "model", "metric"))
    for name in same:
        if name in table:
            raise UserError(f"--same (same=…) says {name}, and so does a column '{name}': leave one of them out")
    return table.assign(**same) if same else table


@contextmanager
def reading(path: Path, mistakes: Mistakes) -> Iterator[None]:
    """What goes wrong with a file inside is noted, and what follows goes on.

    A file that holds another type of value than its format has in that place is such a mistake, and no bug.
    """
    with mistakes.collected():
        try:
            yield
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{path}: not as expected of its format: {what}") from error


def head(path: Path) -> bytes:
    """The first `HEAD` bytes of a file, of a gzipped one those inside; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            found = file.read(HEAD)
        if found.startswith(b"\x1f\x8b"):
            with gzip.open(path) as inside:
                found = inside.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return b""
    return found


def json_of(path: Path, kind: type = dict) -> Any:
    """A JSON file, of which the whole is of a `kind`. UserError for what cannot be read."""
    try:
        content = path.read_bytes()
        found = json.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    except (OSError, ValueError, EOFError, zlib.error, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(found, kind):
        expected = "an object" if kind is dict else f"a {kind.__name__}"
        raise UserError(f"{path}: found a JSON {type(found).__name__}, expected {expected}")
    return found
