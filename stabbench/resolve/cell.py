"""One cell: its model and task at hand, its recipe in full, and whether they go together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from stabbench.config import NO_MODEL, Config, ModelBlock
from stabbench.errors import Mistakes, UserError
from stabbench.folders import Folders
from stabbench.models import families, sources
from stabbench.models.architecture import Architecture
from stabbench.models.folder import ModelFolder
from stabbench.models.reading import reading
from stabbench.models.roles import roles_of
from stabbench.models.tokenization import positions, special_tokens
from stabbench.plan import TRAINING_VERSION, Cell, Spec
from stabbench.recipe import OWN_DROPOUT, Recipe
from stabbench.resolve.optimizer import PlannedRecipe, check_optimizer
from stabbench.resolve.selection import check_selection
from stabbench.resolve.strategy import ResolvedStrategy
from stabbench.resolve.trainer import ResolvedTrainer
from stabbench.tasks.prepared import SPLITS, PreparedTask
from stabbench.tasks.seen import check_labels
from stabbench.tensor_roles import TensorRoles
from stabbench.training.inputs import CellFiles

_HERE = Folders.of()
ANY_LABELS = 2
"""The classifier is new; how many outputs it has says nothing about a folder."""


@dataclass(frozen=True)
class ResolvedModel:
    """A model that is at hand: its folder and what tells it apart."""

    folder: Path | None
    """None for a model that a command brings itself."""
    architecture: str
    content_hash: str

    @property
    def ours(self) -> Path:
        """The folder; UserError where there is none."""
        if self.folder is None:
            raise UserError(
                f"found source '{NO_MODEL}', expected a model: only a command (`trainer: {{command: …}}`) brings one"
            )
        return self.folder

    @cached_property
    def positions(self) -> int | None:
        """The longest sequence that it has positions for; None where it has no table of them."""
        return positions(self.ours)

    def read(self, outputs: int) -> tuple[Architecture, TensorRoles]:
        """Its architecture with so many outputs and what its tensors are, the same objects for all cells."""
        if outputs not in self._read:
            architecture = families.read_architecture(self.ours, outputs)
            self._read[outputs] = architecture, roles_of(architecture)
        return self._read[outputs]

    def tokens(self, task: PreparedTask, max_length: int) -> dict[str, Any]:
        """What its tokenizer makes of the task's texts."""
        return reading(self.ours, self.content_hash, task).facts(max_length)

    @cached_property
    def _read(self) -> dict[int, tuple[Architecture, TensorRoles]]:
        return {}


def resolve_model(block: ModelBlock, name: str, root: Path, *, ours: bool = True) -> ResolvedModel:
    """Find a model's files, see that they fit together, and know them by their content.

    Where it is not `ours` to read, none of our families need know it.
    """
    if block.source == NO_MODEL:
        return ResolvedModel(None, NO_MODEL, "")
    folder = sources.locate(block.source, block.revision, root, name)
    if ours:
        check_model(folder)
    return ResolvedModel(folder, ModelFolder.at(folder).model_type, sources.content_hash(folder))


def check_model(folder: Path) -> None:
    """UserError with all of a folder that would stop a training: its tokenizer, its tensors, its model type.

    Looked at once a process, for as long as the folder stays as it is.
    """
    _check_folder(ModelFolder.at(folder))


@lru_cache(maxsize=64)
def _check_folder(folder: ModelFolder) -> None:
    mistakes = Mistakes()
    with mistakes.collected():
        special_tokens(folder.path)
    with mistakes.collected():
        architecture = families.architecture_of(folder.config, ANY_LABELS, str(folder.path))
        families.of(architecture).check(folder, architecture)
    mistakes.tell()


def resolve_task(name: str, root: Path) -> PreparedTask:
    """Read a prepared task; UserError where a split of it has one label only."""
    task = PreparedTask.read(Folders.of(root).task(name), root)
    samples = {"train": task.sample, "dev": task.dev_sample}
    check_labels(
        name,
        {split: task.frame(split) for split in SPLITS},
        task.label_names,
        {split for split, sample in samples.items() if sample},
    )
    return task


def effective_recipe(
    config: Config, model: str, architecture: str, strategy: str, resolved: ResolvedStrategy
) -> Recipe:
    """Table 3's values for the model, then params.yaml's, then the strategy's own, then params.yaml's for that."""
    block = config.models[model]
    recipe = Recipe().override(families.find(architecture).defaults)
    try:
        recipe = recipe.override({"learning_rate": block.learning_rate, **block.recipe.changes()})
        for member in resolved.classes:
            recipe = recipe.override(member.recipe)
        return recipe.override(config.strategies[strategy].recipe.changes())
    except (TypeError, ValueError) as error:
        raise UserError(f"recipe of {model} with {strategy}: {error}") from error


@dataclass(frozen=True)
class CellParts:
    """What a cell is made of."""

    model: ResolvedModel
    task: PreparedTask
    strategy: ResolvedStrategy
    trainer: ResolvedTrainer
    recipe: Recipe


def make_cell(config: Config, names: tuple[str, str, str], parts: CellParts, position: int, root: Path) -> Cell:
    """The cell of (model, task, strategy) names; UserError where these do not go together."""
    model_name, task_name, strategy_name = names
    model, task, strategy, trainer = parts.model, parts.task, parts.strategy, parts.trainer
    trainer.check_strategy(strategy_name, strategy)
    block = config.models[model_name]
    planned = PlannedRecipe({"recipe": {}}, {})
    if trainer.follows_recipe:
        written = config.strategies[strategy_name].recipe.changes()
        planned = PlannedRecipe.of(parts.recipe, task.counts["train"], root, "/".join(names), written)
    cell = Cell(
        model=model_name,
        task=task_name,
        strategy=strategy_name,
        seeds=tuple(config.seeds),
        looks=config.seeds.looks,
        sources={
            "model": block.source,
            "model_revision": block.revision or "",
            "task": _HERE.task(task_name).as_posix(),
            **strategy.sources,
            **trainer.sources,
            **planned.sources,
        },
        description=strategy.description,
        reference=strategy.reference,
        task_facts=task.facts,
        spec=Spec(
            training_version=TRAINING_VERSION,
            model={"architecture": model.architecture, "content_hash": model.content_hash},
            task={"content_hash": task.content_hash, "metrics": list(task.metrics), "labels": task.outputs},
            **planned.spec,
            plugins=[dict(plugin) for plugin in strategy.plugins],
            **trainer.spec,
        ),
        keep_weights=tuple(seed for seed in config.seeds if seed in config.keep_weights),
        position=position,
    )
    return with_model(cell, parts, root)


def with_model(cell: Cell, parts: CellParts, root: Path) -> Cell:
    """The cell with what its recipe and its trainer make of the model; UserError where they cannot be used with it."""
    model, task, trainer = parts.model, parts.task, parts.trainer
    check_selection(cell, trainer)
    if trainer.takes_files:
        given = CellFiles(cell, root.absolute(), model.folder, task)
        reason = trainer.trainer.refused(given)
        if reason is not None:
            raise UserError(f"{cell.name}: {reason}")
        found = trainer.trainer.described(given)
        others, tensors, tokens = dict(found.others), found.tensors, dict(found.tokens)
    else:
        architecture, tensors = model.read(task.outputs)
        _check(cell, model, architecture, parts.strategy)
        check_optimizer(cell, parts.strategy.classes, root)
        others = families.of(architecture).spec_fields(architecture)
        tokens = model.tokens(task, cell.recipe().max_length)
    planned = {"architecture": model.architecture, "content_hash": model.content_hash, **others}
    return replace(cell, spec=Spec({**cell.spec, "model": planned}), tensors=tensors, tokens=tokens)


def _check(cell: Cell, model: ResolvedModel, architecture: Architecture, strategy: ResolvedStrategy) -> None:
    recipe = cell.recipe()
    if recipe.one_dropout is None and not families.of(architecture).capabilities.own_dropout:
        raise UserError(
            f"strategy '{cell.strategy}' with model '{cell.model}': found dropout '{OWN_DROPOUT}', but "
            f"{model.architecture} models are trained with one probability in all places: give a number"
        )
    reason = strategy.unsupported(architecture)
    if reason is not None:
        raise UserError(f"strategy '{cell.strategy}' cannot be used with model '{cell.model}': {reason}")
    limit = model.positions
    if limit is not None and recipe.max_length > limit:
        raise UserError(
            f"model '{cell.model}' has {limit} positions, max_length is {recipe.max_length}: set it to {limit} or less"
        )
