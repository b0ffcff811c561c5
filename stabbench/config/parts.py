"""What params.yaml decides for each stage of the pipeline, complete: what it leaves open has its default here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stabbench.command_line import files_of
from stabbench.config.own_data import FOLD
from stabbench.config.schema import EMBEDDED_MODEL, Config, PretrainingBlock
from stabbench.errors import UserError
from stabbench.files import sha256_of_file
from stabbench.plugins import in_file

REPORTED = ("preset", "report", "studies", "probes")
"""Sections that the report reads; the plan reads all but these, and the studies."""

LATER_KEYS = (
    "options", "delimiter", "encoding", "quoting", "hub", "config", "splits", "objective", "scale", "drop", "dev_share",
    "folds", "fold", "group", "split_seed",
)  # fmt: skip
"""Keys of a task block that came later: a task that says nothing of them is the one that it was."""
LATER_RECIPE_KEYS = (
    "schedule", "schedule_power", "schedule_decay_share", "schedule_decay_shape", "optimizer", "optimizer_options",
    "checkpoint_selection", "early_stopping_patience", "adam_beta2_batch_size",
)  # fmt: skip
"""The same of a recipe's."""

PLANNED = "plan.json"
"""What `stabbench plan` depends on."""

TRACKED = ("preset", "studies", "probes")
"""Sections that are logged beside the records."""


def parts(config: Config, folder: Path = Path()) -> dict[str, Any]:
    """JSON values by the file of `validated/` that a stage depends on.

    A key that params.yaml leaves out and one that is written with its default give the same files, and a change of
    one section touches no file of a stage that does not read it. A task of own files, which lie in `folder`, has the
    SHA-256 of each. UserError with all of these files that are not there.
    """
    return dict(_parts(config, folder))


def _parts(config: Config, folder: Path) -> Iterator[tuple[str, Any]]:
    hashes = _hashes(config, folder)
    whole = _whole(config)
    yield "grid.json", whole["grid"]
    yield "report.json", {name: whole[name] for name in REPORTED}
    yield "track.json", {name: whole[name] for name in TRACKED}
    for name, task in whole["tasks"].items():
        fold = FOLD.match(name)
        if fold is None:
            yield f"tasks/{name}.json", task | hashes.get(name, {})
        elif task["fold"] == 1:  # one stage prepares all folds
            yield f"tasks/{fold[1]}.json", task | hashes.get(name, {})
    for name, probe in whole["probes"].items():
        yield f"probes/{name}.json", probe
    for name, model in config.models.items():
        if model.source == EMBEDDED_MODEL:
            yield f"pretraining/{name}.json", (model.pretraining or PretrainingBlock()).model_dump(mode="json")
    yield PLANNED, plan_part(config, folder)


def plan_part(config: Config, folder: Path = Path()) -> dict[str, Any]:
    """What a plan takes of params.yaml, with the SHA-256 of files in `folder` that trainers name, but of no data."""
    whole = _whole(config)
    for model in whole["models"].values():
        model.pop("pretraining")
    for section in ("models", "strategies"):
        for block in whole[section].values():
            for key in LATER_RECIPE_KEYS:
                if block["recipe"][key] is None:
                    del block["recipe"][key]
            if block["trainer"] is None:
                del block["trainer"]
            else:
                block["trainer"]["sha256"] = _code_hashes(block["trainer"], folder)
    return {name: part for name, part in whole.items() if name == "studies" or name not in REPORTED}


def _whole(config: Config) -> dict[str, Any]:
    whole = config.model_dump(mode="json")
    for task in whole["tasks"].values():
        for key in LATER_KEYS:
            if task[key] is None:
                del task[key]
    return whole


def _code_hashes(trainer: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in `folder` that a trainer's block names: its own, and a command's."""
    file = in_file(trainer["plugin"])
    named = [] if file is None else [str(Path(file.file))]
    command, more = trainer.get("command"), trainer.get("files") or []
    if isinstance(command, (str, list)) and command and isinstance(more, list):
        named += files_of(command, folder, [str(name) for name in more])
    return {name: sha256_of_file(folder / name) for name in named if (folder / name).is_file()}


def _hashes(config: Config, folder: Path) -> dict[str, dict[str, Any]]:
    own = {name: files for name, task in config.tasks.items() if (files := task.own_files(folder))}
    missing = [
        f"tasks.{fold[1] if (fold := FOLD.match(name)) else name}.{_key(part)}: there is no file {folder / file}"
        for name, files in own.items()
        for part, file in files.items()
        if not (folder / file).is_file()
    ]
    if missing:
        raise UserError(*dict.fromkeys(missing))
    return {
        name: {"sha256": {part: sha256_of_file(folder / file) for part, file in files.items()}}
        for name, files in own.items()
    }


def _key(part: str) -> str:
    """The key of a task's block that names a file, by what the file is to the task."""
    return f"files.{part}" if part in ("train", "dev") else "metrics" if part.startswith("metric ") else part
