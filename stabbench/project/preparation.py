"""The tasks of a project as tables on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from stabbench.config import Config, TaskBlock, load
from stabbench.config.own_data import FOLD
from stabbench.errors import UserError, unknown
from stabbench.files import check_writable
from stabbench.folders import Folders
from stabbench.signals import status_when_stopped
from stabbench.tasks.prepared import PreparedTask


def prepare(
    folders: Folders, names: Sequence[str] = (), done: Callable[[PreparedTask], None] = lambda task: None
) -> list[PreparedTask]:
    """Read, sample and check the named tasks of params.yaml, else those of the grid and of studies, and write them.

    `done` is called with each. UserError for a name that is not there, before any work, and at the end with all that
    cannot be prepared.
    """
    config = load(folders.params)
    wanted: list[str] = []
    for name in names or _needed(config, folders):
        each = [task for task in config.tasks if task == name or ((fold := FOLD.match(task)) and fold[1] == name)]
        if not each:
            raise unknown("task", name, config.tasks)
        wanted += each
    check_writable(*(folders.task(name) for name in wanted))
    found: list[PreparedTask] = []
    left, refused = list(wanted), []
    with status_when_stopped(lambda: f"{len(found)} of {len(wanted)} tasks are prepared, left: {', '.join(left)}"):
        for name in wanted:
            try:
                found.append(_prepared(folders, name, config.tasks[name]))
            except UserError as error:
                refused.append(str(error))
                continue
            left.remove(name)
            done(found[-1])
    if refused:
        raise UserError("\n".join(dict.fromkeys(refused)))
    return found


def _needed(config: Config, folders: Folders) -> Iterable[str]:
    """The tasks of the grid and of all studies; what is wrong with a study is told when planning."""
    from stabbench.studies import study_named

    found = list(config.grid.tasks)
    for name in config.studies:
        with suppress(UserError):
            entry = study_named(config, name, folders.root)
            named = (task for one in entry.plugin.variations(entry.options, config) for task in one.tasks)
            found += [task for task in named if task in config.tasks]
    return dict.fromkeys(found)


def prepare_missing(folders: Folders, config: Config, names: Iterable[str]) -> None:
    """Prepare those of the tasks that are not there."""
    for name in dict.fromkeys(names):
        if not (folders.task(name) / "task.json").exists():
            _prepared(folders, name, config.tasks[name])


def _prepared(folders: Folders, name: str, block: TaskBlock) -> PreparedTask:
    from stabbench.tasks.preparation import prepare

    sampling: dict[str, Any] = block.model_dump(include={"source", "train_size", "dev_size", "sample_seed"})
    return prepare(name, block.asked(), **sampling, out=folders.task(name), root=folders.root)
