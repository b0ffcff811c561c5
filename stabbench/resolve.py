"""From params.yaml, tasks, models and strategies to the plan: what each cell will run, in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stabbench.config import Config, ModelBlock, StrategyBlock, check_names
from stabbench.errors import Mistakes, UserError, unknown
from stabbench.models import sources
from stabbench.models.architecture import Architecture, read_architecture
from stabbench.models.checking import check_model
from stabbench.models.defaults import model_defaults
from stabbench.models.generic.architecture import GenericArchitecture
from stabbench.models.reading import Reading, reading
from stabbench.models.tokenization import positions
from stabbench.plan import OWN_DROPOUT, TRAINING_VERSION, Cell, Recipe, Variation, spec_of
from stabbench.strategies import registry
from stabbench.strategies.composition import check_claims
from stabbench.strategies.contract import Strategy, is_recipe_only
from stabbench.strategies.hooks import hook_of
from stabbench.tasks.prepared import SPLITS, PreparedTask
from stabbench.tasks.seen import check_labels

PartT = TypeVar("PartT")


@dataclass(frozen=True)
class ResolvedModel:
    """A model that is at hand: its folder and what tells it apart."""

    folder: Path
    architecture: str
    content_hash: str


@dataclass(frozen=True)
class ResolvedStrategy:
    """A strategy's classes with their options, and what the spec says of them."""

    classes: tuple[type[Strategy], ...]
    plugins: tuple[Mapping[str, Any], ...]
    sources: Mapping[str, str]
    description: str
    reference: str


def plan(config: Config, root: Path) -> list[Cell]:
    """All cells of the grid; UserError with all that cannot be resolved."""
    grid, mistakes = config.grid, Mistakes()
    parts = _Parts(config, root, mistakes, grid.models, grid.tasks, grid.strategies)
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
        models: Iterable[str],
        tasks: Iterable[str],
        strategies: Iterable[str],
    ) -> None:
        self.config, self.mistakes = config, mistakes
        self.models = self._resolved(models, lambda name: resolve_model(config.models[name], name, root))
        self.tasks = self._resolved(tasks, lambda name: resolve_task(name, root))
        self.strategies = self._resolved(strategies, lambda name: resolve_strategy(config.strategies[name], name, root))

    def _resolved(self, names: Iterable[str], resolve: Callable[[str], PartT]) -> dict[str, PartT]:
        found = {}
        for name in names:
            with self.mistakes.collected():
                found[name] = resolve(name)
        return found

    def reading(self, model: str, task: str) -> Reading:
        """How the model's tokenizer reads the task's texts."""
        return reading(self.models[model].folder, self.models[model].content_hash, self.tasks[task])

    def cell(self, place: tuple[str, str, str], position: int) -> Cell | None:
        """The cell of (model, task, strategy) names; None where a part is missing or they do not go together."""
        model, task, strategy = place
        if model not in self.models or task not in self.tasks or strategy not in self.strategies:
            return None
        return self.mistakes.attempt(
            lambda: make_cell(
                self.config, place, self.models[model], self.tasks[task], self.strategies[strategy], position
            )
        )


def plan_cell(config: Config, root: Path, model: str, task: str, strategy: str) -> Cell:
    """One cell, which need not be in the grid; UserError with the nearest name for an unknown one."""
    check_names(config, model, task, strategy)
    names = [(m, t, s) for m in config.grid.models for t in config.grid.tasks for s in config.grid.strategies]
    place = (model, task, strategy)
    return make_cell(
        config,
        place,
        resolve_model(config.models[model], model, root),
        resolve_task(task, root),
        resolve_strategy(config.strategies[strategy], strategy, root),
        names.index(place) if place in names else len(names),
    )


def plan_variations(config: Config, root: Path, variations: Sequence[Variation]) -> list[Cell]:
    """The cells of a study; UserError with all that cannot be resolved.

    A cell whose recipe comes out like one of the grid's has its fingerprints, so its runs are shared.
    """
    check_variations(config, variations)
    mistakes = Mistakes()
    models, tasks, strategies = (
        _each(getattr(variation, part) for variation in variations) for part in ("model", "task", "strategy")
    )
    parts = _Parts(config, root, mistakes, models, tasks, strategies)
    cells = []
    for position, variation in enumerate(variations):
        cell = parts.cell((variation.model, variation.task, variation.strategy), position)
        if cell is not None:
            with mistakes.collected():
                varied = _varied(cell, variation, root)
                if varied.recipe().max_length != cell.recipe().max_length:
                    found = parts.reading(variation.model, variation.task)
                    varied = dataclasses.replace(varied, tokens=found.facts(varied.recipe().max_length))
                cells.append(varied)
    mistakes.tell()
    return cells


def _each(names: Iterable[str]) -> Iterable[str]:
    """Every name once, in the order given."""
    return dict.fromkeys(names)


def check_variations(config: Config, variations: Sequence[Variation]) -> None:
    """UserError with the nearest name where params.yaml has not all that the cells of a study name."""
    for variation in variations:
        check_names(config, variation.model, variation.task, variation.strategy)
        if variation.steps_of is not None:
            check_names(config, variation.model, variation.steps_of, variation.strategy)


def _varied(cell: Cell, variation: Variation, root: Path) -> Cell:
    place = f"{variation.model}/{variation.task}/{variation.name}"
    by_epochs = variation.steps_of is not None or "epochs" in variation.recipe
    if by_epochs and cell.recipe().total_steps is not None:
        raise UserError(
            f"{place}: the recipe of {variation.strategy} sets total_steps, so epochs decide nothing: vary a strategy "
            "without total_steps"
        )
    try:
        recipe = cell.recipe().override(variation.recipe)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: {error}") from error
    if variation.steps_of is not None:
        examples = PreparedTask.read(root / "data" / variation.steps_of).counts["train"]
        recipe = recipe.override({"total_steps": recipe.updates(examples)})
    return dataclasses.replace(
        cell,
        strategy=variation.name,
        seeds=variation.seeds,
        spec={
            **{key: value for key, value in cell.spec.items() if key != "warmup_updates"},
            **spec_of(recipe, int(cell.task_facts["counts"]["train"])),
        },
        keep_weights=(),
        streams=variation.streams,
    )


def resolve_model(block: ModelBlock, name: str, root: Path) -> ResolvedModel:
    """Find a model's files, see that they fit together, and know them by their content."""
    folder = sources.locate(block.source, block.revision, root, name)
    check_model(folder)
    return ResolvedModel(folder, sources.architecture(folder), sources.content_hash(folder))


def resolve_task(name: str, root: Path) -> PreparedTask:
    """Read a prepared task; UserError where a split of it has one label only."""
    task = PreparedTask.read(root / "data" / name)
    samples = {"train": task.sample, "dev": task.dev_sample}
    check_labels(
        name,
        {split: task.frame(split) for split in SPLITS},
        task.label_names,
        {split for split, sample in samples.items() if sample},
    )
    return task


def resolve_strategy(block: StrategyBlock, name: str, root: Path) -> ResolvedStrategy:
    """Import a strategy's plugins and check their options."""
    found = [(plugin, *registry.find(plugin, root)) for plugin in block.plugin]
    try:
        check_claims([(plugin, strategy) for plugin, strategy, _ in found], block.recipe.changes())
    except UserError as error:
        raise UserError(f"strategies.{name}: {error}") from error
    plugins: list[Mapping[str, Any]] = []
    where: dict[str, str] = {}
    for plugin, strategy, version in found:
        options = registry.make_options(plugin, strategy, options_of(block, plugin, name))
        if is_recipe_only(strategy):
            continue
        short = Path(plugin).name if ".py:" in plugin else plugin
        where[short] = plugin
        plugins.append({"plugin": short, "version": version, "options": _plain(dataclasses.asdict(options))})
    return ResolvedStrategy(
        classes=tuple(strategy for _, strategy, _ in found),
        plugins=tuple(plugins),
        sources=where,
        description="; ".join(strategy.description for _, strategy, _ in found if strategy.description),
        reference="; ".join(strategy.reference for _, strategy, _ in found if strategy.reference),
    )


def options_of(block: StrategyBlock, plugin: str, name: str) -> Mapping[str, Any]:
    """A single plugin's options stand in the block itself, those of several under each plugin's name."""
    if len(block.plugin) == 1:
        return block.options
    for key, value in block.options.items():
        if key not in block.plugin:
            problem = unknown(f"plugin in strategies.{name}.options", key, block.plugin)
            raise UserError(f"{problem}; with several plugins, options stand under the name of theirs")
        if not isinstance(value, Mapping):
            raise UserError(f"strategies.{name}.options.{key}: found {value!r}, expected the plugin's options by name")
    return dict(block.options.get(plugin, {}))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def effective_recipe(
    config: Config, model: str, architecture: str, strategy: str, resolved: ResolvedStrategy
) -> Recipe:
    """Table 3's values for the model, then params.yaml's, then the strategy's own, then params.yaml's for that."""
    block = config.models[model]
    recipe = Recipe().override(model_defaults(architecture))
    try:
        recipe = recipe.override({"learning_rate": block.learning_rate, **block.recipe.changes()})
        for member in resolved.classes:
            recipe = recipe.override(member.recipe)
        return recipe.override(config.strategies[strategy].recipe.changes())
    except (TypeError, ValueError) as error:
        raise UserError(f"recipe of {model} with {strategy}: {error}") from error


def make_cell(
    config: Config,
    names: tuple[str, str, str],
    model: ResolvedModel,
    task: PreparedTask,
    strategy: ResolvedStrategy,
    position: int,
) -> Cell:
    """The cell of (model, task, strategy) names; UserError where the strategy does not support the model."""
    model_name, task_name, strategy_name = names
    recipe = effective_recipe(config, model_name, model.architecture, strategy_name, strategy)
    architecture = read_architecture(model.folder, len(task.label_names))
    _check(names, model, architecture, recipe, strategy)
    block = config.models[model_name]
    return Cell(
        model=model_name,
        task=task_name,
        strategy=strategy_name,
        seeds=config.seeds,
        sources={
            "model": block.source,
            "model_revision": block.revision or "",
            "task": f"data/{task_name}",
            **strategy.sources,
        },
        description=strategy.description,
        reference=strategy.reference,
        task_facts=task.facts(),
        spec={
            "training_version": TRAINING_VERSION,
            "model": {
                "architecture": model.architecture,
                "content_hash": model.content_hash,
                **architecture.spec_fields(),
            },
            "task": {
                "content_hash": task.content_hash,
                "metrics": list(task.metrics),
                "labels": len(task.label_names),
            },
            **spec_of(recipe, task.counts["train"]),
            "plugins": [dict(plugin) for plugin in strategy.plugins],
        },
        keep_weights=tuple(seed for seed in config.seeds if seed in config.keep_weights),
        position=position,
        tensors=architecture.roles(),
        tokens=reading(model.folder, model.content_hash, task).facts(recipe.max_length),
    )


def _check(
    names: tuple[str, str, str],
    model: ResolvedModel,
    architecture: Architecture,
    recipe: Recipe,
    strategy: ResolvedStrategy,
) -> None:
    if not isinstance(architecture, GenericArchitecture) and recipe.one_dropout is None:
        raise UserError(
            f"strategy '{names[2]}' with model '{names[0]}': found dropout '{OWN_DROPOUT}', but {model.architecture} "
            "models are trained with one probability in all places: give a number"
        )
    for member in strategy.classes:
        reason = hook_of(member(), "unsupported")(architecture)
        if reason is not None:
            raise UserError(f"strategy '{names[2]}' cannot be used with model '{names[0]}': {reason}")
    limit = positions(model.folder)
    if limit is not None and recipe.max_length > limit:
        raise UserError(
            f"model '{names[0]}' has {limit} positions, max_length is {recipe.max_length}: set it to {limit} or less"
        )
