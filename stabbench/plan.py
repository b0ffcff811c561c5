"""The plan as data: cells, specs and fingerprints, read by everybody below the trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.files import canonical_around, canonical_json, read_json, sha256_of_bytes, write_json
from stabbench.looks import Design
from stabbench.plan_migrations import migrated
from stabbench.recipe import Recipe
from stabbench.task_facts import TaskFacts
from stabbench.tensor_roles import TensorRoles
from stabbench.typed_json import from_json, renamed, to_json

SCHEMA_VERSION = 2
TRAINING_VERSION = 2
"""Raised whenever the numbers that training produces change; part of every fingerprint."""

_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
"""What JSON calls what is no object."""
STREAMS = ("head", "order", "dropout", "strategy")
"""The separate random streams of a run, all derived from its seed unless a study crosses them."""


@dataclass(frozen=True)
class Plugin:
    """A plugin that acts in a strategy."""

    name: str = field(metadata=renamed("plugin"))
    version: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedModel:
    """A model by its type and content; `others` says what is unusual in how it is computed or drawn."""

    architecture: str
    content_hash: str
    others: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedTask:
    """A task by its content; `metrics` holds the headline one first, `labels` is how many there are."""

    content_hash: str
    metrics: tuple[str, ...]
    labels: int


class Spec(dict[str, Any]):
    """Everything that decides results, as it is hashed: what was once written stays as it is."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Hyperparameters by name: those of the version that planned; empty where nobody knows them."""
        return dict(self["recipe"])

    @property
    def model(self) -> PlannedModel:
        """The model that is fine-tuned."""
        others = dict(self["model"])
        return PlannedModel(others.pop("architecture"), others.pop("content_hash"), others)

    @property
    def task(self) -> PlannedTask:
        """The task that it is fine-tuned on."""
        return from_json(PlannedTask, self["task"])

    @property
    def plugins(self) -> list[Plugin]:
        """What acts beside the recipe, in this order."""
        return [from_json(Plugin, plugin) for plugin in self["plugins"]]

    @property
    def trainer(self) -> Plugin | None:
        """Whose code trains, with what of its options decides results; None for this package's own."""
        return from_json(Plugin, self["trainer"]) if self.get("trainer") is not None else None

    @property
    def seeds(self) -> Mapping[str, int]:
        """A run's seed of each stream."""
        return dict(self["seeds"])


@dataclass(frozen=True)
class Cell:
    """One (model, task, strategy) of a plan with the seeds to run: the content of one plan file."""

    model: str
    task: str
    strategy: str
    seeds: tuple[int, ...]
    sources: Mapping[str, str]
    """Where the model and the task lie, relative to the project folder: `{"model": …, "task": …}`."""
    description: str
    reference: str
    task_facts: TaskFacts
    spec: Spec
    """What all runs of the cell share of their spec; `run_spec` adds the seeds."""
    keep_weights: tuple[int, ...] = ()
    position: int = 0
    """The cell's place in the grid's order, which tables and figures follow."""
    looks: Design | None = None
    """How its seeds are trained by stages, as declared before, beside the other strategies of its model and task; None
    where all of them are."""
    streams: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Seeds of single streams where a study crosses them: `{"7": {"head": 1, "order": 2, …}}`."""
    tensors: TensorRoles = field(default_factory=TensorRoles)
    """What the model's tensors are."""
    tokens: Mapping[str, Any] = field(default_factory=dict)
    """What the model's tokenizer makes of the task's texts (`stabbench.models.reading`); empty in older plans."""

    @property
    def name(self) -> str:
        """`model/task/strategy`."""
        return f"{self.model}/{self.task}/{self.strategy}"

    def run_spec(self, seed: int) -> Spec:
        """Everything that decides the result of one run."""
        return Spec({**self.spec, "seeds": self._seeds(seed)})

    def fingerprint(self, seed: int) -> str:
        """The hash of the run's spec: 64 hexadecimal digits."""
        before, after = self._around_seeds
        return sha256_of_bytes((before + canonical_json(self._seeds(seed)) + after).encode("utf-8"))

    @cached_property
    def _around_seeds(self) -> tuple[str, str]:
        return canonical_around(self.spec, "seeds")

    def _seeds(self, seed: int) -> dict[str, int]:
        streams = self.streams.get(str(seed), {})
        return {stream: int(streams.get(stream, seed)) for stream in STREAMS}

    def recipe(self) -> Recipe:
        """The effective hyperparameters of the cell; UserError where nobody knows them (`known_recipe`)."""
        recipe = self.known_recipe()
        if recipe is None:
            raise UserError(f"{self.name}: its hyperparameters are not known, as other code than stabbench's trains it")
        return recipe

    def known_recipe(self) -> Recipe | None:
        """The effective hyperparameters of the cell; None where nobody knows them."""
        return Recipe(**self.spec.recipe) if self.spec.recipe else None

    def updates(self) -> int | None:
        """How many updates each of its runs makes; None where that is not known before it is trained."""
        recipe, examples = self.known_recipe(), self.task_facts.counts.get("train", 0)
        if recipe is None or (recipe.total_steps is None and not examples):
            return None
        return recipe.updates(examples)

    def to_json(self) -> dict[str, Any]:
        """The plan file's content."""
        fingerprints = {str(seed): self.fingerprint(seed) for seed in self.seeds}
        return {"schema_version": SCHEMA_VERSION, **to_json(self), "fingerprints": fingerprints}

    @classmethod
    def from_json(cls, data: object) -> Cell:
        """The cell of a plan file's content, also of an older version's.

        ValueError where that is no object, of a newer version or no plan file's, or a name could not be a folder's.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"it holds {_KINDS.get(type(data), 'a number')}, where an object is expected")
        cell = from_json(cls, migrated(data, SCHEMA_VERSION))
        for place in ("model", "task", "strategy"):
            name = getattr(cell, place)
            if name in ("", ".", "..") or set(name) & set("/\0"):
                raise ValueError(f"{place} is {name!r}, which names no folder")
        return cell

    def write(self, path: Path) -> None:
        """Write the plan file; an unchanged one is left alone."""
        content = self.to_json()
        if not _holds(path, content):
            write_json(path, content)

    @classmethod
    def read(cls, path: Path) -> Cell:
        """Read a plan file; UserError where there is none or it cannot be read."""
        if not path.is_file():
            raise UserError(f"no plan file {path}: run `stabbench plan` first")
        try:
            return cls.from_json(read_json(path))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"plan file {path} cannot be read ({error}): run `stabbench plan` again") from error


def _holds(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a file is there and has this content; one that is no JSON has not."""
    try:
        return bool(path.exists() and read_json(path) == content)
    except ValueError:
        return False


@dataclass(frozen=True)
class Variation:
    """A cell of a study: a strategy of params.yaml with changes, before it is resolved."""

    name: str
    """What the cell is called in the place of its strategy."""
    model: str
    task: str
    strategy: str
    """The strategy of params.yaml that is varied."""
    seeds: tuple[int, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the strategy's effective recipe, by field."""
    steps_of: str | None = None
    """A task: as many updates as the recipe's epochs are on that task's training set."""
    streams: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As `Cell.streams`."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that have to be prepared for it."""
        return (self.task,) if self.steps_of is None else (self.task, self.steps_of)


def plan_path(folder: Path, model: str, task: str, strategy: str) -> Path:
    """Where a cell's plan file lies below the plan folder."""
    return folder / model / task / f"{strategy}.json"


def read_plan(folder: Path) -> list[Cell]:
    """All cells of a plan folder, in the grid's order; UserError where there is none."""
    cells = [Cell.read(path) for path in sorted(folder.glob("*/*/*.json"))]
    if not cells:
        raise UserError(f"no plan files in {folder}: run `stabbench plan` first")
    return sorted(cells, key=lambda cell: cell.position)


def planned_places(folder: Path) -> list[tuple[str, str, str]]:
    """Model, task and strategy of all cells of a plan folder, by name."""
    return sorted((path.parts[-3], path.parts[-2], path.stem) for path in folder.glob("*/*/*.json"))


def write_plan(folder: Path, cells: Sequence[Cell], model: str = "*", task: str = "*") -> None:
    """Make `folder` hold exactly these cells, all of a model and task where one is named."""
    wanted = {plan_path(folder, cell.model, cell.task, cell.strategy): cell for cell in cells}
    for stale in set(folder.glob(f"{model}/{task}/*.json")) - set(wanted):
        stale.unlink()
    for path, cell in wanted.items():
        cell.write(path)
