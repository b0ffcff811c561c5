"""The hyperparameters that runs had in effect, from their records, and where those are not the planned ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stabbench.analysis.place import Place
from stabbench.plan import Cell, Plugin
from stabbench.recipe import ADAMW, RECIPE_FIELDS
from stabbench.records import Record, SelectedCell


@dataclass(frozen=True)
class TensorGroup:
    """Tensors that the optimizer treated alike."""

    learning_rate: float
    """At its peak."""
    weight_decay: float
    epsilon: float
    tensors: int
    parameters: int


@dataclass(frozen=True)
class Hyperparameters:
    """What the runs of one cell had in effect; every value once, in the order of the seeds."""

    model: str
    task: str
    strategy: str
    trainer: Plugin | None
    """Whose code trained; None for this package's own."""
    recipe: Mapping[str, tuple[Any, ...]]
    """Empty where nobody knows it."""
    steps: tuple[tuple[int, int | None], ...]
    """(updates, of them warm-up); of other people's code 0 and None where they are not known."""
    groups: tuple[tuple[TensorGroup, ...], ...]
    """Those of a run may be none where other people's code trained."""


def hyperparameters(selected: SelectedCell) -> Hyperparameters | None:
    """The effective values of a cell's finished runs; None where none has finished."""
    records = list(selected.records.values())
    if not records:
        return None
    recipes = [record.spec.recipe for record in records]
    known = {name for recipe in recipes for name in recipe}
    names = [name for name in RECIPE_FIELDS if name in known] + sorted(known - set(RECIPE_FIELDS))
    return Hyperparameters(
        **Place.of(selected.cell)._asdict(),
        trainer=selected.cell.spec.trainer,
        recipe={name: _distinct([recipe.get(name) for recipe in recipes]) for name in names},
        steps=_distinct([(item.result.total_steps, item.result.warmup_steps) for item in records]),
        groups=_distinct([_groups(record) for record in records]),
    )


def _distinct(values: list[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)


def _groups(record: Record) -> tuple[TensorGroup, ...]:
    return tuple(
        TensorGroup(group.learning_rate, group.weight_decay, group.epsilon, len(group.tensors), group.parameters)
        for group in record.result.parameter_groups
    )


@dataclass(frozen=True)
class Departure:
    """A value of a record that is not the planned one."""

    seed: int
    name: str
    recorded: str
    planned: str


def departures(selected: SelectedCell) -> list[Departure]:
    """Where a cell's records and its plan differ: recipe, lengths, and each tensor's rate, decay and (of AdamW) ε.

    Decay is planned for every tensor but biases and the weights of norms. A strategy that scales rates or decays by
    tensor (layer-wise rates, say) departs on purpose. What is not known on one side departs from nothing.
    """
    return [
        Departure(seed, name, recorded, planned)
        for seed, record in selected.records.items()
        for name, recorded, planned in _differences(selected.cell, record)
    ]


def _differences(cell: Cell, record: Record) -> Iterator[tuple[str, str, str]]:
    planned, recorded = cell.spec.recipe, record.spec.recipe
    for name in sorted({*planned, *recorded}):
        if planned.get(name) != recorded.get(name):
            yield name, str(recorded.get(name)), str(planned.get(name))
    recipe, result = cell.known_recipe(), record.result
    if recipe is None or result.steps_per_epoch is None:  # others' code trained, and its steps are its own
        return
    total = recipe.total_steps or max(1, round(recipe.epochs * result.steps_per_epoch))
    for name, found, expected in (
        ("total_steps", result.total_steps, total),
        ("warmup_steps", result.warmup_steps, recipe.warmup_updates(total)),
    ):
        if found is not None and found != expected:
            yield name, str(found), str(expected)
    wrong: dict[tuple[str, float, float], int] = {}
    for group in result.parameter_groups:
        for tensor in group.tensors:
            for name, had, value in (
                ("learning_rate", group.learning_rate, recipe.learning_rate),
                ("weight_decay", group.weight_decay, recipe.weight_decay if cell.tensors.of(tensor).decays else 0.0),
                ("epsilon", group.epsilon, recipe.adam_epsilon if recipe.optimizer == ADAMW else group.epsilon),
            ):
                if had != value:
                    key = (name, had, value)
                    wrong[key] = wrong.get(key, 0) + 1
    for (name, had, value), tensors in wrong.items():
        yield name, f"{had:g} on {tensors} tensors", f"{value:g}"
