"""What dvc.yaml has to say beside params.yaml: files that its stages must watch, tasks that they must prepare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stabbench.config.loading import read_yaml, tasks_without_block
from stabbench.config.schema import EMBEDDED_MODEL, Config
from stabbench.errors import UserError
from stabbench.folders import LOCAL_PATH, Folders
from stabbench.plugins import in_file

SHOWN = 10
"""Paths that a message names; the rest is counted."""


def check_task_blocks(params_file: Path) -> None:
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


def missing_dependencies(params_file: Path, command: str, paths: Iterable[str]) -> str | None:
    """A sentence that says which of the paths the stage that runs `stabbench <command>` does not depend on, or None.

    Paths are relative to the folder of `params_file`. Without dvc.yaml, or where none of its stages runs the command,
    or one does so each time, nothing is expected of it.
    """
    folder = params_file.parent
    for name, stage in _stages(folder).items():
        body = stage.get("do", stage)
        if not isinstance(body, Mapping) or not _runs(body, command) or body.get("always_changed"):
            continue
        watched = [folder / str(body.get("wdir") or ".") / dep for dep in _dependencies(stage, body, params_file)]
        places = [place.resolve() for place in watched]
        lacking = [path for path in dict.fromkeys(paths) if not _covers(places, (folder / path).resolve())]
        if lacking:
            lines = "".join(f"\n      - {path}" for path in lacking[:SHOWN]) + _more(lacking)
            return (
                f"dvc.yaml: stage {name} does not depend on all that it reads, so a change there would be followed by "
                f"nothing: add under its deps{lines}"
            )
    return None


def plugin_files(plugins: Iterable[str]) -> list[str]:
    """The files of these plugins, those in packages left out."""
    files = (in_file(plugin) for plugin in plugins)
    return [str(Path(file.file)) for file in files if file is not None]


def own_files(config: Config, folder: Path) -> list[str]:
    """The files of a user's own, in `folder` or elsewhere, that tasks are made of."""
    return [file for task in config.tasks.values() for file in task.own_files(folder).values()]


def model_folders(config: Config, models: Iterable[str]) -> list[str]:
    """The folders of the models that lie in one; those of packages and of the hub are left out."""
    sources = {name: config.models[name].source for name in models}
    folders = {
        name: Folders.of().model(name).as_posix() for name, source in sources.items() if source == EMBEDDED_MODEL
    }
    named = {name: source for name, source in sources.items() if source.startswith(LOCAL_PATH)}
    return [*folders.values(), *(str(Path(source).expanduser()) for source in named.values())]


def _stages(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The stages of dvc.yaml; none where there is no such file (or DVC itself has to say what is wrong with it)."""
    try:
        stages = read_yaml(Folders.of(folder).pipeline).get("stages")
    except UserError:
        return {}
    return {str(name): stage for name, stage in (stages or {}).items() if isinstance(stage, Mapping)}


def _runs(stage: Mapping[str, Any], command: str) -> bool:
    commands = stage.get("cmd")
    return any(
        re.search(rf"\bstabbench {command}\b", str(line))
        for line in (commands if isinstance(commands, list) else [commands])
    )


def _dependencies(stage: Mapping[str, Any], body: Mapping[str, Any], params_file: Path) -> list[str]:
    """The paths under `deps`, with the values of params.yaml (of a group: of every member) in the place of `${…}`."""
    raw = read_yaml(params_file)
    written = [str(next(iter(dep)) if isinstance(dep, Mapping) else dep) for dep in body.get("deps") or []]
    members = _value(raw, str(stage.get("foreach", "")).strip("${} "))
    scopes = [raw]
    if isinstance(members, Mapping):
        scopes = [{**raw, "key": key, "item": item} for key, item in members.items()]
    found = [_filled(dep, scope) for dep in written for scope in scopes]
    return [dep for dep in found if dep is not None]


def _filled(dep: str, scope: Mapping[str, Any]) -> str | None:
    """The path with its values; None where one is not there."""
    keys = re.findall(r"\$\{([^}]+)\}", dep)
    values = {key: _value(scope, key.strip()) for key in keys}
    if None in values.values():
        return None
    return re.sub(r"\$\{([^}]+)\}", lambda match: str(values[match[1]]), dep)


def _value(scope: Mapping[str, Any], key: str) -> Any:
    found: Any = scope
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _covers(watched: Iterable[Path], path: Path) -> bool:
    """Whether a dependency is the path, a folder that holds it, or a part of it that somebody chose."""
    return any(dep in (path, *path.parents) or path in dep.parents for dep in watched)


def _more(names: list[str]) -> str:
    return f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
