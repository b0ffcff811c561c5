"""The cells of the grid and of studies; all that cannot be resolved is told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from stabbench.config import Config, check_names, check_variations
from stabbench.errors import Mistakes, UserError
from stabbench.folders import Folders
from stabbench.plan import Cell, Spec, Variation
from stabbench.recipe import Recipe
from stabbench.resolve.cell import (
    CellParts,
    effective_recipe,
    make_cell,
    resolve_model,
    resolve_task,
    with_model,
)
from stabbench.resolve.optimizer import PlannedRecipe
from stabbench.resolve.strategy import resolve_strategy
from stabbench.resolve.trainer import ResolvedTrainer, resolve_trainer
from stabbench.tasks.prepared import PreparedTask
from stabbench.training.optimizers import SOURCE, VERSION

PartT = TypeVar("PartT")


def plan(config: Config, root: Path) -> list[Cell]:
    """All cells of the grid; UserError with all that cannot be resolved."""
    grid, mistakes = config.grid, Mistakes()
    parts = _Parts(config, root, mistakes, grid.tasks, [(m, s) for m in grid.models for s in grid.strategies])
    places = ((m, t, s) for m in grid.models for t in grid.tasks for s in grid.strategies)
    cells = [parts.cell(place, position) for position, place in enumerate(places)]
    mistakes.tell()
    return [cell for cell in cells if cell is not None]


class _Parts:
    """Models, tasks and strategies by name, each resolved once; what cannot be is noted in `mistakes` and left out."""

    def __init__(
        self,
        config: Config,
        root: Path,
        mistakes: Mistakes,
        tasks: Iterable[str],
        pairs: Sequence[tuple[str, str]],
    ) -> None:
        self.config, self.mistakes = config, mistakes
        self.root = root
        self._recipes: dict[tuple[str, str], Recipe] = {}
        self.trainers: dict[tuple[str, str], ResolvedTrainer] = {}
        for model, strategy in dict.fromkeys(pairs):
            with mistakes.collected():
                self.trainers[model, strategy] = resolve_trainer(config, model, strategy, root)
        ours = {model for (model, _), trainer in self.trainers.items() if not trainer.takes_files}
        models, strategies = (dict.fromkeys(names) for names in zip(*pairs, strict=True))
        self.models = self._resolved(
            models, lambda name: resolve_model(config.models[name], name, root, ours=name in ours)
        )
        self.tasks = self._resolved(tasks, lambda name: resolve_task(name, root))
        self.strategies = self._resolved(strategies, lambda name: resolve_strategy(config.strategies[name], name, root))

    def _resolved(self, names: Iterable[str], resolve: Callable[[str], PartT]) -> dict[str, PartT]:
        found = {}
        for name in names:
            with self.mistakes.collected():
                found[name] = resolve(name)
        return found

    def cell(self, place: tuple[str, str, str], position: int) -> Cell | None:
        """The cell of (model, task, strategy) names; None where a part is missing or they do not go together."""
        parts = self.of(place)
        if parts is None:
            return None
        try:
            return make_cell(self.config, place, parts, position, self.root)
        except UserError as error:
            self.mistakes.add(*error.messages)
            return None

    def of(self, place: tuple[str, str, str]) -> CellParts | None:
        """What the cell is made of; None where a part could not be resolved, which is noted already."""
        model, task, strategy = place
        if model not in self.models or task not in self.tasks or strategy not in self.strategies:
            return None
        trainer = self.trainers.get((model, strategy))
        if trainer is None:
            return None
        try:
            recipe = self._recipe(model, strategy)
        except UserError as error:
            self.mistakes.add(*error.messages)
            return None
        return CellParts(self.models[model], self.tasks[task], self.strategies[strategy], trainer, recipe)

    def _recipe(self, model: str, strategy: str) -> Recipe:
        """The effective recipe, which is the same on all tasks."""
        if (model, strategy) not in self._recipes:
            kind, resolved = self.models[model].architecture, self.strategies[strategy]
            self._recipes[model, strategy] = effective_recipe(self.config, model, kind, strategy, resolved)
        return self._recipes[model, strategy]


def plan_cell(config: Config, root: Path, model: str, task: str, strategy: str) -> Cell:
    """One cell, which need not be in the grid; UserError with the nearest name for an unknown one."""
    check_names(config, model, task, strategy)
    names = [(m, t, s) for m in config.grid.models for t in config.grid.tasks for s in config.grid.strategies]
    place = (model, task, strategy)
    mistakes = Mistakes()
    cell = _Parts(config, root, mistakes, [task], [(model, strategy)]).cell(
        place, names.index(place) if place in names else len(names)
    )
    mistakes.tell()
    assert cell is not None  # what could not be resolved is told
    return cell


def plan_variations(config: Config, root: Path, variations: Sequence[Variation]) -> list[Cell]:
    """The cells of a study; UserError with all that cannot be resolved.

    A cell whose recipe comes out like one of the grid's has its fingerprints, so its runs are shared.
    """
    check_variations(config, variations)
    mistakes = Mistakes()
    tasks = dict.fromkeys(variation.task for variation in variations)
    parts = _Parts(config, root, mistakes, tasks, [(variation.model, variation.strategy) for variation in variations])
    cells = []
    for position, variation in enumerate(variations):
        place = variation.model, variation.task, variation.strategy
        cell, made_of = parts.cell(place, position), parts.of(place)
        if cell is not None and made_of is not None:
            with mistakes.collected():
                cells.append(with_model(_varied(cell, variation, made_of, root), made_of, root))
    mistakes.tell()
    return cells


def _varied(cell: Cell, variation: Variation, parts: CellParts, root: Path) -> Cell:
    place = f"{variation.model}/{variation.task}/{variation.name}"
    if not cell.spec.recipe and (variation.recipe or variation.steps_of):
        raise UserError(
            f"{place}: the recipe is varied, and what trains {variation.strategy} is given none: write what it takes "
            "into its command, such as --lr {recipe.learning_rate}"
        )
    by_epochs = variation.steps_of is not None or "epochs" in variation.recipe
    if by_epochs and cell.recipe().total_steps is not None:
        raise UserError(
            f"{place}: the recipe of {variation.strategy} sets total_steps, so epochs decide nothing: vary a strategy "
            "without total_steps"
        )
    try:
        recipe = parts.recipe.override(variation.recipe)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: {error}") from error
    if variation.steps_of is not None:
        examples = PreparedTask.read(Folders.of(root).task(variation.steps_of), root).counts["train"]
        recipe = recipe.override({"total_steps": recipe.updates(examples)})
    planned = PlannedRecipe({"recipe": {}}, {})
    if cell.spec.recipe:
        planned = PlannedRecipe.of(recipe, cell.task_facts.counts["train"], root, place, variation.recipe)
    return dataclasses.replace(
        cell,
        strategy=variation.name,
        seeds=variation.seeds,
        spec=Spec(
            {key: value for key, value in cell.spec.items() if key not in ("warmup_updates", VERSION)},
            **planned.spec,
        ),
        sources={**{key: where for key, where in cell.sources.items() if key != SOURCE}, **planned.sources},
        keep_weights=(),
        looks=None,
        streams=variation.streams,
    )
