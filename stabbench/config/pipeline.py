"""What dvc.yaml has to say beside params.yaml: files that its stages must watch, tasks that they must prepare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stabbench.config.loading import read_yaml, tasks_without_block
from stabbench.config.schema import Config
from stabbench.errors import UserError

SHOWN = 10
"""Paths that a message names; the rest is counted."""


def unprepared(params_file: Path) -> None:
    """UserError where the pipeline prepares the tasks of params.yaml's blocks and the grid has one without a block."""
    raw = read_yaml(params_file)
    missing = tasks_without_block(raw)
    made_of_blocks = any(
        str(stage.get("foreach")).replace(" ", "") == "${tasks}" for stage in _stages(params_file.parent).values()
    )
    if missing and made_of_blocks:
        lines = "".join(f"\n  {name}: {{dataset: {name}}}" for name in missing[:SHOWN]) + _more(missing)
        raise UserError(
            f"{params_file}: dvc.yaml has a stage `prepare` for each block of `tasks`, and grid.tasks names "
            f"{len(missing)} without one: add under `tasks`{lines}"
        )


def unwatched(params_file: Path, config: Config, models: Iterable[str], strategies: Iterable[str]) -> str | None:
    """A sentence that says what dvc.yaml's stage of `stabbench plan` lacks under `deps`; None where nothing is.

    The plan is made of these models' folders and of the files of these strategies' plugins. Without dvc.yaml, or where
    none of its stages makes the plan, nothing is expected of it.
    """
    folder = params_file.parent
    read = list(dict.fromkeys([*_plugin_files(config, strategies), *_model_folders(config, models)]))
    lacking: list[str] = []
    for name, stage in _stages(folder).items():
        body = stage.get("do", stage)
        if not isinstance(body, Mapping) or not _runs(body, "plan"):
            continue
        watched = [_place(folder, str(body.get("wdir") or "."), dep) for dep in _dependencies(body, params_file)]
        lacking = [path for path in read if not _covers(watched, _place(folder, ".", path))]
        if lacking:
            lines = "".join(f"\n      - {path}" for path in lacking[:SHOWN]) + _more(lacking)
            return (
                f"dvc.yaml: stage {name} is made of what it does not depend on, so that a change there would leave "
                f"the plan as it is: add under its deps{lines}"
            )
    return None


def _plugin_files(config: Config, strategies: Iterable[str]) -> Iterator[str]:
    for name in strategies:
        for plugin in config.strategies[name].plugin:
            file, colon, _ = plugin.rpartition(":")
            if colon and file.endswith(".py"):
                yield str(Path(file))


def _model_folders(config: Config, models: Iterable[str]) -> Iterator[str]:
    for name in models:
        source = config.models[name].source
        if source == "embedded":
            yield f"models/{name}"
        elif source.startswith(("./", "../", "/", "~")):
            yield str(Path(source).expanduser())


def _stages(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The stages of dvc.yaml; none where there is no such file (or DVC itself has to say what is wrong with it)."""
    try:
        stages = read_yaml(folder / "dvc.yaml").get("stages")
    except UserError:
        return {}
    return {str(name): stage for name, stage in (stages or {}).items() if isinstance(stage, Mapping)}


def _runs(stage: Mapping[str, Any], command: str) -> bool:
    commands = stage.get("cmd")
    return any(
        re.search(rf"\bstabbench {command}\b", str(line))
        for line in (commands if isinstance(commands, list) else [commands])
    )


def _dependencies(stage: Mapping[str, Any], params_file: Path) -> list[str]:
    """The paths under `deps`, with the values of params.yaml in the place of `${…}`."""
    raw = read_yaml(params_file)
    written = [next(iter(dep)) if isinstance(dep, Mapping) else dep for dep in stage.get("deps") or []]
    return [re.sub(r"\$\{([^}]+)\}", lambda found: _value(raw, found[1].strip()), str(dep)) for dep in written]


def _value(raw: Mapping[str, Any], key: str) -> str:
    found: Any = raw
    for part in key.split("."):
        found = found.get(part, "") if isinstance(found, Mapping) else ""
    return str(found)


def _place(folder: Path, below: str, path: str) -> Path:
    return (folder / below / path).resolve()


def _covers(watched: Iterable[Path], path: Path) -> bool:
    """Whether a dependency is the path, a folder that holds it, or a part of it that somebody chose."""
    return any(dep in (path, *path.parents) or path in dep.parents for dep in watched)


def _more(names: list[str]) -> str:
    return f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
