"""What must hold of every task source, a function a check."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stabbench.errors import UserError
from stabbench.plugins.options import make_options
from stabbench.tasks.preparation import prepared
from stabbench.tasks.prepared import PreparedTask
from stabbench.tasks.seen import check_labels
from stabbench.tasks.sources import Labelled, Source, Wanted
from stabbench.tasks.sources import checking as found_wrong
from stabbench.testing.suite import Check, ContractError, expect
from stabbench.testing.trial import elsewhere

SPOILT = b"\x00\xff\xfe no examples \x00"


@dataclass(frozen=True)
class SourceTrial:
    """A task source, the options that it is asked to read, relative to `root`, and some that it has to refuse."""

    name: str
    source: type[Source[Any]]
    options: Mapping[str, Any]
    root: Path = Path()
    wrong: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def found(self) -> Labelled:
        """What it reads."""
        return self.read()

    def read(self, options: Mapping[str, Any] | None = None, root: Path | None = None) -> Labelled:
        """By a fresh object."""
        made = make_options(self.source.Options, self.options if options is None else options, self.name)
        return self.source().read(made, Wanted("trial", root or self.root))

    def prepared(self, options: Mapping[str, Any] | None = None, root: Path | None = None) -> PreparedTask:
        """The task that is made of it."""
        return prepared(self.name, self.read(options, root), Wanted("trial", root or self.root))

    def files(self) -> list[Path]:
        """What its options name of the files in `root`, whose paths are relative to it."""
        paths = [Path(text) for text in _texts(self.options)]
        return [path for path in paths if not path.is_absolute() and (self.root / path).is_file()]


def _of_what_is_read(judge: Callable[[Labelled], str | None]) -> Callable[[SourceTrial], None]:
    """A check by what `stabbench prepare` judges what is read by, too."""

    @wraps(judge)
    def check(trial: SourceTrial) -> None:
        wrong = judge(trial.found)
        expect(wrong is None, str(wrong))

    return check


def several_labels(trial: SourceTrial) -> None:
    """A dev set of one label tells nothing, a training set of one teaches nothing."""
    try:
        check_labels("trial", trial.found.frames, trial.found.dataset.label_names, set())
    except UserError as error:
        raise ContractError(str(error)) from error


def same_bytes_twice(trial: SourceTrial) -> None:
    """Whatever the global generators of NumPy and Python have drawn."""
    first, second = (_written(trial, number) for number in (1, 2))
    differing = [name for name in first if first[name] != second[name]]
    expect(not differing, f"prepared twice, {' and '.join(differing)} differ")


def same_from_elsewhere(trial: SourceTrial) -> None:
    """Relative paths are those of the folder of params.yaml, `wanted.root`, not of the current one."""
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            again = trial.read()
        except UserError as error:
            raise ContractError(f"called from another folder: {error}") from error
        finally:
            os.chdir(here)
    same = all(frame.equals(again.frames[split]) for split, frame in trial.found.frames.items())
    expect(same, "called from another folder, it reads other examples")


def mistakes_are_told(trial: SourceTrial) -> None:
    """A UserError says what is wrong with options or files, before anything is written."""
    for options in trial.wrong:
        _refused(trial, f"options {dict(options)}", options=options)
    for file, what in product(trial.files(), ("taken away", "spoilt")):
        with TemporaryDirectory() as name:
            folder = Path(name)
            for path in trial.files():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(trial.root / path, folder / path)
            if what == "spoilt":
                (folder / file).write_bytes(SPOILT)
            else:
                (folder / file).unlink()
            _refused(trial, f"{file}, {what}", root=folder)


def _refused(trial: SourceTrial, what: str, **how: Any) -> None:
    try:
        trial.prepared(**how)
    except UserError:
        return
    except Exception as error:
        raise ContractError(f"{what}: raised {type(error).__name__}: {error}, expected a UserError") from error
    raise ContractError(f"{what}: read as if nothing were wrong, expected a UserError")


def _written(trial: SourceTrial, number: int) -> dict[str, bytes]:
    """The files of the prepared task, by name, with the global generators at `number`."""
    with elsewhere(number), TemporaryDirectory() as folder:
        trial.prepared().write(Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)


TABLES = Check("it reads both splits as tables of examples", _of_what_is_read(found_wrong.wrong_tables))
LABELS = Check("labels are indices of their names", _of_what_is_read(found_wrong.wrong_labels), (TABLES,))
IDS = Check("an example has a number of its own", _of_what_is_read(found_wrong.wrong_ids), (TABLES,))
TEXTS = Check("no text is empty", _of_what_is_read(found_wrong.wrong_texts), (TABLES,))
KNOWN = Check("its metrics are known", _of_what_is_read(found_wrong.wrong_metrics), (TABLES,))
SEVERAL = Check("no split has one label only", several_labels, (LABELS,))
TWICE = Check("read twice it gives the same bytes", same_bytes_twice, (SEVERAL, IDS, TEXTS, KNOWN))
ELSEWHERE = Check("it reads the same from another folder", same_from_elsewhere, (TWICE,))
TOLD = Check("mistakes are told", mistakes_are_told, (ELSEWHERE,))
TASK_CHECKS = (TABLES, LABELS, IDS, TEXTS, KNOWN, SEVERAL, TWICE, ELSEWHERE, TOLD)
