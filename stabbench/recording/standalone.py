"""The cell of runs that no plan knows: its spec, what is known of its task, and what its runs are judged by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stabbench import metrics as installed
from stabbench.errors import UserError, numbered
from stabbench.files import sha256_of_json
from stabbench.metrics import METRICS
from stabbench.metrics.kinds import metric_kind
from stabbench.plan import Cell, Spec
from stabbench.recording.output import RunOutput
from stabbench.task_facts import BestConstant, TaskFacts, label_range
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Array, Objective, Trivial
from stabbench.tensor_roles import TensorRoles
from stabbench.training.basis import Basis

RECORDED = "recorded"
"""The trainer of such cells, as a spec names it."""
VERSION = "1"
"""Raised where the same numbers would be judged otherwise."""
UNKNOWN_MODEL = "unknown"
LONGEST = 200
"""Bytes of a name, which is that of a folder: file systems take 255, and temporary ones beside it need some."""


@dataclass(frozen=True)
class Names:
    """The names of a cell; UserError for one that could not be that of a folder."""

    model: str
    task: str
    strategy: str

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value.strip() or value.startswith(".") or set(value) & set("/\\") or not value.isprintable():
                raise UserError(
                    f"{name} is {value!r}, expected a name without slashes, such as bert-base or mixout-0.1"
                )
            if len(value.encode()) > LONGEST:
                raise UserError(f"{name} is {value[:30]!r}… of {len(value)} letters, expected at most {LONGEST} bytes")


def plain_settings(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings as JSON keeps them; UserError, with the key, for a value that it cannot keep."""
    if settings is not None and not isinstance(settings, Mapping):
        raise UserError(
            f"settings is a {type(settings).__name__}, expected a mapping such as {{'learning_rate': 2e-5}}"
        )
    found = {}
    for name, value in (settings or {}).items():
        try:
            found[str(name)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            expected = "expected numbers, texts, lists or mappings of such"
            raise UserError(f"settings: {name} is {str(value)[:60]!r} ({error}), {expected}") from error
    return found


def trainer_of(names: Names, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a spec says of who trained: the strategy's name is part of it, as nothing else tells two of them apart."""
    return {"plugin": RECORDED, "version": VERSION, "strategy": names.strategy, "options": dict(settings)}


def cell_of(
    output: RunOutput,
    names: Names,
    seed: int,
    trainer: Mapping[str, Any],
    existing: Cell | None,
    position: int,
    constant: float | None = None,
) -> Cell:
    """The cell that a run belongs to: the existing one of its names with its seed too, else a new one.

    Other settings begin a new one. A run of the same settings with other labels of dev, another headline metric, fewer
    metrics or another architecture is none of its cell: UserError where that holds other seeds, which stay as they are;
    where it holds this seed alone, a new cell takes its place. A run that brings no labels is taken for one of the same
    task. `constant` is what the best constant prediction scores in the headline metric, where labels do not tell.
    UserError, too, where nobody knows by which metric the run is scored.
    """
    if existing is not None and existing.spec.get("trainer") == trainer:
        strange = _strange(output, names, existing)
        if not strange:
            tensors = TensorRoles({**existing.tensors, **output.tensors})
            return replace(existing, seeds=tuple(sorted({*existing.seeds, seed})), tensors=tensors)
        if others := sorted({*existing.seeds} - {seed}):
            raise UserError(
                f"seed {seed} of {existing.name}: {strange}, as its other runs have ({numbered('seed', others)}); or "
                "record it under another name, or with settings=… that say what is different"
            )
    if not output.metrics:
        raise UserError("the run diverged before it was scored: say by which metric it would be (metric='accuracy')")
    settings = ", ".join(f"{name} {value}" for name, value in dict(trainer["options"]).items())
    return Cell(
        model=names.model,
        task=names.task,
        strategy=names.strategy,
        seeds=(seed,),
        sources={"model": names.model, "task": names.task},
        description=f"own code{f': {settings}' if settings else ''}",
        reference="",
        task_facts=_facts(output, names, constant),
        spec=Spec(
            training_version=0,  # none of ours
            model={
                "architecture": output.architecture or UNKNOWN_MODEL,
                "content_hash": sha256_of_json({"model": names.model}),
            },
            task={
                "content_hash": _content_hash(output, names),
                "metrics": list(output.metrics),
                "labels": len(output.label_names),
            },
            recipe={},
            plugins=[],
            trainer=dict(trainer),
        ),
        position=position,
        tensors=output.tensors,
    )


def _strange(output: RunOutput, names: Names, cell: Cell) -> str:
    """What a run has that those of the cell have not, and what they have; empty where it is one of them."""
    model, facts = cell.spec.model, cell.task_facts
    if output.architecture not in (None, model.architecture):
        return f"found a model of the type {output.architecture}, expected {model.architecture}"
    if output.labels is not None and _content_hash(output, names) != facts.content_hash:
        return "found other labels of dev, expected the same dev set (split by a fixed number, not by the run's seed)"
    if not output.metrics:
        return ""
    if output.metrics[0] != facts.metric:
        return f"found the headline metric {output.metrics[0]}, expected {facts.metric} ({say_metric(facts.metric)})"
    scored = set(output.measured.evaluations[-1].scores) if output.measured.evaluations else set()
    if not output.measured.diverged and (lacking := [name for name in facts.metrics if name not in scored]):
        return f"found {', '.join(sorted(scored))}, expected {', '.join(lacking)} beside it"
    return ""


def say_metric(metric: str) -> str:
    """How to say by which metric runs are scored."""
    return f"metric='{metric}', --metric {metric}"


def _content_hash(output: RunOutput, names: Names) -> str:
    """What tells two tasks of one name apart: dev's labels, where they are known."""
    content: dict[str, Any] = {"task": names.task}
    if output.labels is not None and output.examples is not None:
        content |= {"labels": output.labels.tolist(), "examples": output.examples.tolist()}
    return sha256_of_json(content)


def _facts(output: RunOutput, names: Names, constant: float | None) -> TaskFacts:
    splits = {
        split: labels
        for split, labels in (("train", output.train_labels), ("dev", output.labels))
        if labels is not None
    }
    objective, classes = output.objective, bool(output.label_names)
    trivial = trivial_of(output.objective, output.labels, output.metrics, output.label_names)
    scores = {**({} if constant is None else {output.metrics[0]: constant}), **trivial.scores}
    return TaskFacts(
        dataset=names.task,
        metric=output.metrics[0],
        metrics=output.metrics,
        label_names=output.label_names,
        counts={split: len(labels) for split, labels in splits.items()},
        sample=None,
        dev_sample=None,
        label_shares=(
            {split: tuple(objective.shares(labels, output.label_names)) for split, labels in splits.items()}
            if objective is not None and classes
            else {}
        ),
        constant=BestConstant(trivial.prediction, trivial.predictions, scores),
        content_hash=_content_hash(output, names),
        objective=_named(objective),
        label_ranges=(
            {split: label_range(labels) for split, labels in splits.items()} if objective and not classes else None
        ),
    )


def _named(objective: Objective | None) -> dict[str, Any] | None:
    """As task.json has it: None for classification, and where nothing is known."""
    return None if objective is None or objective.name == objectives.CLASSIFICATION else {"name": objective.name}


def trivial_of(
    objective: Objective | None, labels: Array | None, metrics: Sequence[str], label_names: Sequence[str]
) -> Trivial:
    """The best constants as far as they are known: on the labels, else by the definition of a metric."""
    by_name = {name: kind.trivial for name in metrics if (kind := metric_kind(name)).trivial is not None}
    if objective is None or labels is None:
        return Trivial(0.0, by_name, {})
    scorers = {name: installed.find(name) for name in metrics if METRICS.has(name)}
    scorers = {name: metric for name, metric in scorers.items() if metric.objective == objective.name}
    found = objective.trivial(labels, scorers, label_names)
    return Trivial(found.prediction, {**by_name, **found.scores}, found.predictions)


def basis_of(output: RunOutput, cell: Cell) -> Basis:
    """What a run of the cell is judged by."""
    facts, labels = cell.task_facts, output.labels
    constant = facts.constant
    return Basis(
        metrics=facts.metrics,
        kinds={name: metric_kind(name) for name in facts.metrics},
        objective=output.objective,
        trivial=Trivial(constant.label, constant.scores, constant.labels),
        train_labels=None if output.train_labels is None else np.asarray(output.train_labels),
        dev_labels=labels,
        dev_examples=output.examples,
    )
