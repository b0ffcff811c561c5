"""From a cell to the arrays and tensors that its runs share, checked against the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stabbench.errors import UserError
from stabbench.files import stamps_of
from stabbench.models import families, sources
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.tokenization import tokenize
from stabbench.models.weights import pretrained_weights
from stabbench.plan import Cell, Plugin
from stabbench.strategies import registry
from stabbench.strategies.contract import Strategy
from stabbench.tasks.prepared import PreparedTask
from stabbench.training import optimizers, trainers
from stabbench.training.inputs import CellFiles, TrainingInputs
from stabbench.training.precision import compute_type


def model_folder(cell: Cell, root: Path) -> Path:
    """Where the cell's model lies on this machine."""
    return sources.locate(cell.sources["model"], cell.sources.get("model_revision") or None, root, cell.model)


def load_inputs(cell: Cell, root: Path) -> TrainingInputs:
    """What training a cell needs; UserError where model, task or plugin are not those that the plan names."""
    folder = model_folder(cell, root)
    stamps = stamps_of(folder)
    _check("model", cell.spec.model.content_hash, sources.content_hash(folder), folder)
    task = PreparedTask.read(root / cell.sources["task"], root)
    _check("task", cell.spec.task.content_hash, task.content_hash, root / cell.sources["task"])
    recipe = cell.recipe()
    architecture = families.read_architecture(folder, cell.spec.task.labels)
    _check_computation(cell, architecture)
    inputs = TrainingInputs(
        architecture=architecture,
        pretrained=pretrained_weights(folder, architecture, compute_type(recipe.precision)),
        train=_tokenized(folder, task, "train", recipe.max_length, architecture),
        dev=_tokenized(folder, task, "dev", recipe.max_length, architecture),
        metrics=cell.spec.task.metrics,
        trivial=task.trivial,
        recipe=recipe,
        strategies=tuple(_strategy(cell, plugin, root) for plugin in cell.spec.plugins),
        objective=task.objective,
        own_metrics=task.own_metrics,
        own_optimizer=optimizers.of(cell, recipe, root),
    )
    if stamps_of(folder) != stamps:  # written while it was read
        _check("model", cell.spec.model.content_hash, sources.content_hash(folder), folder)
    return inputs


def load_files(cell: Cell, root: Path) -> CellFiles:
    """What others' code needs for training a cell; UserError where model or task are not those that the plan names."""
    model = task = None
    if cell.spec.model.content_hash:
        model = model_folder(cell, root).absolute()
        _check("model", cell.spec.model.content_hash, sources.content_hash(model), model)
    if cell.spec.task.content_hash:
        task = PreparedTask.read(root / cell.sources["task"], root)
        _check("task", cell.spec.task.content_hash, task.content_hash, root / cell.sources["task"])
    files = CellFiles(cell, root.absolute(), model, task)
    found, planned = dict(trainers.of(cell, root).described(files).others), dict(cell.spec.model.others)
    if found != planned:
        raise _other_computation(cell, planned, found)
    return files


def _check(kind: str, planned: str, found: str, folder: Path) -> None:
    if planned != found:
        raise UserError(
            f"the {kind} in {folder} is not the planned one (content {found[:12]}…, planned {planned[:12]}…): "
            "run `stabbench plan` again, or put the planned one back"
        )


def _check_computation(cell: Cell, architecture: Architecture) -> None:
    """UserError where a model would be computed, or its head drawn, otherwise than the plan says."""
    here = families.of(architecture).spec_fields(architecture)
    planned = cell.spec.model.others
    if planned != here:
        raise _other_computation(cell, planned, here)


def _other_computation(cell: Cell, planned: Mapping[str, Any], here: Mapping[str, Any]) -> UserError:
    return UserError(
        f"model '{cell.model}': the plan says {_said(planned)}, here it is {_said(here)}: run `stabbench plan` again "
        "(the runs will be new ones), or install what the plan names"
    )


def _said(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items()) or "nothing of it"


def _tokenized(
    folder: Path, task: PreparedTask, split: Any, max_length: int, architecture: Architecture
) -> TokenizedTexts:
    first, second = task.texts(split)
    texts = tokenize(folder, first, second, max_length)
    return TokenizedTexts(
        ids=texts.ids,
        segments=texts.segments,
        offsets=texts.offsets,
        labels=task.labels(split),
        examples=task.frame(split)["example"].to_numpy(dtype=np.int64),
        places=families.of(architecture).places(architecture, texts.ids, texts.offsets),
    )


def _strategy(cell: Cell, plugin: Plugin, root: Path) -> tuple[Strategy, Any]:
    name = plugin.name
    strategy, version = registry.find(cell.sources.get(name, name), root)
    if version != plugin.version:
        raise UserError(
            f"strategy '{name}' is of version {version}, the plan names {plugin.version}: run `stabbench plan` again"
        )
    return strategy(), registry.make_options(name, strategy, plugin.options)
