"""A run's folder, as whoever trained the run left it: read into what an outcome is judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stabbench.errors import UserError
from stabbench.metrics.contract import Metric
from stabbench.recording import predicted, trainer_files
from stabbench.recording.format import (
    DESCRIPTION,
    DIVERGED,
    FORMAT,
    NAMES,
    OF_A_COMMAND,
    PREDICTIONS,
    Described,
    described,
    table_file,
)
from stabbench.recording.history import GradientNorms, History
from stabbench.recording.predicted import Known, Predicted
from stabbench.recording.ranges import check_range
from stabbench.tasks.objectives.contract import Array, Objective
from stabbench.tensor_roles import TensorRoles
from stabbench.training.measured import Evaluated, Measured

_OTHER_NAMES = {
    "accuracy": ("acc",),
    "auroc": ("roc_auc", "auc"),
    "mcc": ("matthews_correlation", "matthews_corrcoef", "matthews"),
    "mae": ("mean_absolute_error",),
    "pearson": ("pearsonr", "pearson_correlation"),
    "rmse": ("root_mean_squared_error",),
    "r2": ("r2_score",),
    "spearman": ("spearmanr", "spearman_correlation"),
}
"""What others call metrics that mean the same."""


@dataclass(frozen=True)
class RunOutput:
    """What a run's folder says of the run."""

    measured: Measured
    metrics: tuple[str, ...]
    """Those that it is scored by, the headline one first."""
    objective: Objective | None = None
    """None where there are no predictions with labels."""
    labels: Array | None = None
    """`(n,)`: those of dev, indices into `label_names` or numbers; `examples` likewise."""
    examples: Array | None = None
    label_names: tuple[str, ...] = ()
    train_labels: Array | None = None
    tensors: TensorRoles = field(default_factory=TensorRoles)
    names: Mapping[str, str] = field(default_factory=dict)
    """Of `model`, `task` and `strategy`, those that it says."""
    seed: int | None = None
    architecture: str | None = None
    device: str | None = None
    where: Path = Path()
    """The file, or the folder, that says it."""

    def check_asked(self, names: Mapping[str, str], seed: int) -> None:
        """UserError where the folder says that it is of another model, task, strategy or seed than it was asked for."""
        for name, expected in (*names.items(), ("seed", seed)):
            found = self.seed if name == "seed" else self.names.get(name)
            if found is not None and found != expected:
                raise UserError(
                    f"{self.where}: {name} is {found!r}, expected {expected!r}, which the run was asked for: take it "
                    f"from $STABBENCH_{name.upper()}, or leave it out"
                )


@dataclass(frozen=True)
class _Told:
    """What the files say, whoever wrote them."""

    where: Path
    said: Described
    scores: Mapping[str, float | None]
    history: History
    broken: bool = False
    """Whether a number is not finite."""


def read_output(
    folder: Path,
    *,
    metrics: Sequence[str] | None = None,
    labels: Array | None = None,
    examples: Array | None = None,
    objective: Objective | None = None,
    label_names: Sequence[str] = (),
    scorers: Mapping[str, Metric] | None = None,
) -> RunOutput:
    """Read what is there: `stabbench.json`, else the files of Hugging Face's Trainer, else predictions alone.

    `metrics` are those that the run is to be scored by, the headline one first; without them the folder says it.
    `labels` `(n,)` are dev's where they are known: predictions are matched with them by `examples` `(n,)`, else row by
    row, and scores are computed from these by `scorers`, else by the installed metrics. A score that is NaN, infinite
    or null means that the run diverged.

    UserError with file, key, what was found and what was expected, for whatever cannot be read, for a score out of its
    metric's range (per cent), and where a given score is not that of the predictions.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder, expected that of a run")
    told = _told(folder, metrics[0] if metrics else None)
    first = metrics[0] if metrics else told.said.metric
    train_labels = _train_labels(told)
    classes = 0 if train_labels is None else 1 + int(train_labels.max(initial=-1))
    known = Known(labels, examples, objective, label_names or told.said.label_names, scorers, classes)
    found = predicted.read(folder, known, metric=first, objective=told.said.objective)
    given = _wanted(told.scores, metrics)
    names = tuple(metrics) if metrics else _names(told, found)
    headline = next(iter(names), None)
    check_range(told.where, {**told.scores, **given}, headline, scorers)
    for done in told.history.evaluations:
        check_range(f"{told.history.where}, step {done.step}", done.scores, headline, scorers, prefix="dev_")
    diverged = told.broken or told.said.status == DIVERGED or _broken(found)
    computed = {} if found is None or diverged else found.scores(names, scorers)
    predicted.check_given(told.where, given, computed)
    scores = {name: score for name in names if (score := computed.get(name, given.get(name))) is not None}
    diverged |= any(not math.isfinite(score) for score in scores.values())
    if not diverged and (not names or names[0] not in scores):
        raise UserError(_no_score(told, names, found))
    return RunOutput(
        measured=_measured(folder, told, scores, found, diverged=diverged),
        metrics=names,
        objective=objective if found is None else found.objective,
        labels=labels if found is None else found.labels,
        examples=examples if found is None else found.examples,
        label_names=tuple(known.label_names) if found is None else found.label_names,
        train_labels=train_labels,
        tensors=TensorRoles(told.said.tensors),
        names={name: value for name in NAMES if (value := getattr(told.said, name)) is not None},
        seed=told.said.seed,
        architecture=told.said.architecture,
        device=told.said.device,
        where=told.where,
    )


def _told(folder: Path, metric: str | None) -> _Told:
    """What a folder says; a `score` without its name is one by `metric`."""
    path = folder / DESCRIPTION
    if path.is_file():
        said, broken = described(path)
        scores = dict(said.scores)
        if said.score is not None:
            name = said.metric or metric
            if name is None:
                raise UserError(
                    f"{path}: score is {said.score:g} without metric, expected its name beside it, or as --metric of "
                    "`stabbench run`"
                )
            if name in scores and scores[name] != said.score:
                raise UserError(f"{path}: score is {said.score:g}, scores.{name} {scores[name]}")
            scores[name] = said.score
        return _Told(path, said, scores, History.read(folder) or History.of([], path), broken)
    others = trainer_files.read(folder)
    if others is not None:
        loss = others.dev_loss
        said = Described(
            FORMAT,
            metric=others.headline or (None if loss is None else "loss"),
            dev_loss=loss,
            total_steps=others.total_steps,
            steps_per_epoch=others.steps_per_epoch,
            seconds=others.seconds,
        )
        scores = {**others.scores} if others.scores or loss is None else {"loss": loss}
        broken = any(value is None or not math.isfinite(value) for value in (*scores.values(), loss or 0.0))
        history = History.read(folder) or History.of(others.history, others.where)
        return _Told(others.where, said, scores, history, broken)
    if table_file(folder, PREDICTIONS) is None:
        left = sorted({path.name for path in folder.iterdir()}.difference(OF_A_COMMAND))
        found = ", ".join(left[:10]) or "nothing"
        raise UserError(
            f"{folder}: found {found}, expected {DESCRIPTION}, {' or '.join(trainer_files.RESULTS)}, "
            f"{trainer_files.STATE}, or predictions (docs/own-code.md says what may be in them)"
        )
    return _Told(folder, Described(FORMAT), {}, History.read(folder) or History.of([], folder))


def _wanted(given: Mapping[str, float | None], metrics: Sequence[str] | None) -> dict[str, float | None]:
    """The scores by the names that were asked for, where others call them otherwise."""
    found = dict(given)
    for name in metrics or ():
        other = next((other for other in _OTHER_NAMES.get(name, ()) if other in given), None)
        if name not in found and other is not None:
            found[name] = given[other]
    return found


def _names(told: _Told, found: Predicted | None) -> tuple[str, ...]:
    """The metrics of a run of which nobody asked for some: the headline one, those given, and the objective's own."""
    usual = () if found is None else found.objective.metrics
    headline = told.said.metric or next(iter(told.scores), None)
    return tuple(dict.fromkeys(name for name in (headline, *told.scores, *usual) if name is not None))


def _broken(found: Predicted | None) -> bool:
    """Whether something is predicted that is no number."""
    arrays = () if found is None else (found.predictions, found.logits)
    return any(array is not None and not np.isfinite(array).all() for array in arrays)


def _no_score(told: _Told, names: Sequence[str], found: Predicted | None) -> str:
    has = ", ".join(told.scores) or "no score"
    wanted = names[0] if names else "one such as accuracy"
    labels = "" if found is not None else ", or predictions with their labels"
    return f"{told.where}: found {has}, expected the metric {wanted}{labels}"


def _measured(
    folder: Path, told: _Told, scores: Mapping[str, float], found: Predicted | None, *, diverged: bool
) -> Measured:
    said, history, norms = told.said, told.history, GradientNorms.read(folder)
    last = max(history.last_step, said.total_steps or 0)
    evaluations = {done.step: done for done in history.evaluations}
    if not diverged:
        before = evaluations.get(last)
        loss = said.dev_loss if said.dev_loss is not None or before is None else before.loss
        evaluations[last] = Evaluated(last, loss, scores)
    return Measured(
        losses=history.losses,
        norms=history.norms,
        clipped_norms=history.clipped_norms,
        gradient_norm_steps=norms.steps,
        gradient_norms=norms.norms,
        tensors=norms.tensors,
        evaluations=[evaluations[step] for step in sorted(evaluations)],
        dev_logits=None if found is None else found.logits,
        train_loss=math.nan if said.train_loss_final is None else said.train_loss_final,
        tokens=(),
        passes=(),
        parameter_groups=(),
        weights={},
        seconds=said.seconds,
        steps=history.steps,
        learning_rates=history.learning_rates,
        total_steps=said.total_steps if said.total_steps is not None else last,
        steps_per_epoch=said.steps_per_epoch or None,
        warmup_steps=said.warmup_steps,
        predictions=None if found is None else found.predictions,
        diverged=diverged,
        versions=said.versions,
    )


def _train_labels(told: _Told) -> Array | None:
    counts = told.said.train_labels
    if counts is None:
        return None
    try:
        return np.repeat(np.array([int(label) for label in counts], dtype=np.int64), list(counts.values()))
    except ValueError as error:
        raise UserError(f"{told.where}: train_labels is {dict(counts)}, expected counts by labels' numbers") from error
