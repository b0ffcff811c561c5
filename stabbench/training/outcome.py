"""From a run as it was measured to its result: scores, status, tables and their digest. Nothing else judges.

What is not known is None there, and NaN or absent in tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stabbench.metrics.contract import LARGEST, MetricKind
from stabbench.records.content import UNJUDGED
from stabbench.records.digest import result_digest
from stabbench.training.basis import Basis
from stabbench.training.measured import Evaluated, Measured

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RunResult:
    """One run's result: `data` is record.json without its spec, `tables` its parquet files, `weights` those scored."""

    data: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    weights: Mapping[str, Tensor]
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    """Of packages that trained it, where they are not this package's own."""
    texts: Mapping[str, str]
    """What else is kept beside the record, by the file's name."""


def result(basis: Basis, measured: Measured) -> RunResult:
    """What the measurements of a run mean, given what it is judged by."""
    diverged = _diverged_at(measured)
    evaluations = [done for done in measured.evaluations if diverged is None or done.step < diverged]
    tables = {
        "history.parquet": _history(basis, measured, evaluations, diverged),
        "gradnorms.parquet": _gradnorms(measured, diverged),
    }
    predictions = _predictions(basis, measured, diverged)
    if predictions is not None:
        tables["predictions.parquet"] = predictions
    data = _data(basis, measured, evaluations, diverged, tables)
    data["result_digest"] = result_digest(data, tables)
    return RunResult(data, tables, measured.weights, measured.seconds, measured.versions, measured.texts)


def _diverged_at(measured: Measured) -> int | None:
    """The number of updates after which the first number was not finite, or a loss or score beyond LARGEST, or None."""
    finite = np.abs(measured.losses) <= LARGEST  # which NaN is not
    if measured.norms is not None and measured.steps is None:  # others' may be unknown, or of updates that were skipped
        finite &= np.isfinite(measured.norms)
    steps = [int(_steps(measured)[np.argmin(finite)])] if not finite.all() else []
    steps += [done.step for done in measured.evaluations if _broken(done)]
    if measured.diverged and not steps:
        steps = [_last_step(measured)]
    return min(steps) if steps else None


def _broken(done: Evaluated) -> bool:
    numbers = [*done.scores.values(), *([] if done.loss is None else [done.loss])]
    return not numbers or any(abs(number) > LARGEST for number in numbers)


def _steps(measured: Measured) -> np.ndarray:
    """`(U,)`: after which updates there are numbers."""
    return np.arange(1, len(measured.losses) + 1) if measured.steps is None else measured.steps


def _last_step(measured: Measured) -> int:
    return _planned_steps(measured) if measured.ended is None else measured.ended


def _planned_steps(measured: Measured) -> int:
    known = [measured.total_steps or 0, *_steps(measured)[-1:], *(done.step for done in measured.evaluations)]
    return int(max(known))


def _history(basis: Basis, measured: Measured, evaluations: Sequence[Evaluated], diverged: int | None) -> pd.DataFrame:
    steps = _steps(measured)
    count = len(steps) if diverged is None else int((steps <= diverged).sum())
    numbers = {
        "learning_rate": _learning_rates(basis, measured),
        "train_loss": measured.losses,
        "gradient_norm": measured.norms,
        "clipped_gradient_norm": measured.clipped_norms,
    }
    table = pd.DataFrame({"step": steps[:count].astype(np.int64)})
    missing = sorted({done.step for done in evaluations} - set(table["step"]))
    epoch = _steps_per_epoch(basis, measured)
    table["epoch"] = np.nan if epoch is None else table["step"] / epoch
    for name, values in numbers.items():
        table[name] = np.nan if values is None else values[:count]
    if missing:  # evaluated where no loss was measured
        table = pd.concat([table, pd.DataFrame({"step": missing})]).sort_values("step", ignore_index=True)
        table["epoch"] = np.nan if epoch is None else table["step"] / epoch
    for name in ("dev_loss", *(f"dev_{metric}" for metric in basis.metrics)):
        table[name] = np.nan
    rows = pd.Series(table.index, index=table["step"])
    for done in evaluations:
        table.loc[rows[done.step], "dev_loss"] = np.nan if done.loss is None else done.loss
        for metric, value in done.scores.items():
            if metric in basis.metrics:
                table.loc[rows[done.step], f"dev_{metric}"] = value
    return table


def _learning_rates(basis: Basis, measured: Measured) -> Sequence[float] | np.ndarray | None:
    if measured.learning_rates is not None or basis.schedule is None:
        return measured.learning_rates
    return [basis.schedule.learning_rate(update) for update in range(len(measured.losses))]


def _steps_per_epoch(basis: Basis, measured: Measured) -> int | None:
    return measured.steps_per_epoch if basis.schedule is None else basis.schedule.steps_per_epoch


def _gradnorms(measured: Measured, diverged: int | None) -> pd.DataFrame:
    steps = [step for step in measured.gradient_norm_steps if diverged is None or step < diverged]
    names = np.array(measured.tensors, dtype=object)
    return pd.DataFrame(
        {
            "step": np.repeat(np.array(steps, dtype=np.int64), len(names)),
            "parameter": pd.Categorical(np.tile(names, len(steps)), categories=names),
            "norm": measured.gradient_norms[: len(steps)].ravel(),
        }
    )


def _predictions(basis: Basis, measured: Measured, diverged: int | None) -> pd.DataFrame | None:
    """None where nobody knows what was predicted."""
    labels, logits, predictions = basis.dev_labels, measured.dev_logits, measured.predictions
    if labels is None or (logits is None and predictions is None):
        return None
    if diverged is not None:
        if basis.trivial is None:
            return None
        logits = None if logits is None else np.full_like(logits, np.nan)
        predictions = np.full(len(labels), basis.trivial.prediction, dtype=labels.dtype)
    elif predictions is None and basis.objective is not None and logits is not None:
        predictions = basis.objective.predictions(logits)
    table = pd.DataFrame({"example": basis.dev_examples, "label": labels, "prediction": predictions})
    return table if logits is None else table.assign(logits=list(logits))


def _data(
    basis: Basis,
    measured: Measured,
    evaluations: Sequence[Evaluated],
    diverged: int | None,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    headline, constant, objective = basis.metrics[0], basis.constant, basis.objective
    epoch = _steps_per_epoch(basis, measured)
    last_epoch = _losses_of_last_epoch(measured, epoch)
    trivial_loss = None
    if objective is not None and basis.train_labels is not None:
        trivial_loss = objective.trivial_loss(basis.train_labels)
    # A diverged run counts with what can be had without a look at the texts.
    last = evaluations[-1] if diverged is None else Evaluated(diverged, None, constant)
    chosen = next((done for done in evaluations if done.step == measured.reported), last) if diverged is None else last
    final = _point(epoch, chosen)
    scored = [done for done in evaluations if headline in done.scores]
    kind = basis.kinds[headline]
    best = (min if kind.lower else max)(scored, key=lambda done: done.scores[headline], default=None)
    mean_last = float(np.mean(last_epoch)) if diverged is None and len(last_epoch) else None
    collapsed = None
    if objective is not None and trivial_loss is not None and "predictions.parquet" in tables:
        predicted = tables["predictions.parquet"]["prediction"].to_numpy()
        collapsed = objective.collapsed(predicted, mean_last, trivial_loss)
    schedule, trained = basis.schedule, measured.train_loss
    return {
        "status": "diverged" if diverged is not None else _status(kind, final["scores"][headline], constant, headline),
        "error": None,
        "diverged_at": diverged,
        "metric": headline,
        "final": final,
        "best": final if best is None else _point(epoch, best),
        **({} if measured.reported is None or diverged is not None else {"last": _point(epoch, last)}),
        "majority": dict(constant),
        "flags": {
            "accuracy_at_most_majority": (
                bool(final["scores"]["accuracy"] <= constant["accuracy"])
                if "accuracy" in constant and "accuracy" in final["scores"]
                else None
            ),
            "collapsed": collapsed,
        },
        "train_loss": {
            "last_epoch": mean_last,
            "final": trained if diverged is None and math.isfinite(trained) else None,
            "label_entropy": trivial_loss,
        },
        "total_steps": _planned_steps(measured) if schedule is None else schedule.total_steps,
        "steps_per_epoch": epoch,
        "warmup_steps": measured.warmup_steps if schedule is None else schedule.warmup_steps,
        "cost": _cost(basis, measured, diverged),
        "parameter_groups": list(measured.parameter_groups),
    }


def _status(kind: MetricKind, score: float, constant: Mapping[str, float], headline: str) -> str:
    if headline not in constant:
        return UNJUDGED
    return "failed" if kind.no_better(score, constant[headline]) else "ok"


def _losses_of_last_epoch(measured: Measured, epoch: int | None) -> np.ndarray:
    """Those before the evaluation that is reported; none where nobody knows how long an epoch is."""
    if epoch is None:
        return measured.losses[:0]
    if measured.steps is None:
        return measured.losses[: measured.reported][-epoch:]
    end = measured.reported or _last_step(measured)
    return measured.losses[(measured.steps > end - epoch) & (measured.steps <= end)]


def _point(epoch: int | None, done: Evaluated) -> dict[str, Any]:
    return {
        "step": done.step,
        "epoch": None if epoch is None else done.step / epoch,
        "dev_loss": done.loss,
        "scores": dict(done.scores),
    }


def _cost(basis: Basis, measured: Measured, diverged: int | None) -> dict[str, Any]:
    count = _last_step(measured) if diverged is None else diverged
    epoch = _steps_per_epoch(basis, measured)
    tokens = sum(measured.tokens[:count]) if measured.tokens else None
    if basis.operations is None or tokens is None or epoch is None or basis.train_labels is None:
        return {"steps": count, "tokens": tokens, "flops": None}
    examples = sum(measured.passes[:count]) * len(basis.train_labels) / epoch
    return {"steps": count, "tokens": tokens, "flops": float(basis.operations(tokens, examples))}
