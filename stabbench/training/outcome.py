"""From a run as it was measured to its result: scores, status, tables and their digest. Nothing else judges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.records.digest import result_digest
from stabbench.training.inputs import RunResult, TrainingInputs
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.schedule import Schedule


def result(inputs: TrainingInputs, measured: Measured) -> RunResult:
    """What the measurements of a run mean, given what it was trained on."""
    schedule = Schedule.of(inputs.recipe, len(inputs.train))
    diverged = _diverged_at(measured)
    evaluations = [done for done in measured.evaluations if diverged is None or done.step < diverged]
    tables = {
        "history.parquet": _history(inputs, schedule, measured, evaluations, diverged),
        "gradnorms.parquet": _gradnorms(measured, diverged),
        "predictions.parquet": _predictions(inputs, measured.dev_logits, diverged),
    }
    data = _data(inputs, schedule, measured, evaluations, diverged, tables)
    data["result_digest"] = result_digest(data, tables)
    return RunResult(data, tables, measured.weights, measured.seconds)


def _diverged_at(measured: Measured) -> int | None:
    """The number of updates after which the first number was not finite, or None."""
    finite = np.isfinite(measured.losses) & np.isfinite(measured.norms)
    steps = [int(np.argmin(finite)) + 1] if not finite.all() else []
    steps += [done.step for done in measured.evaluations if done.loss is None]
    return min(steps) if steps else None


def _history(
    inputs: TrainingInputs,
    schedule: Schedule,
    measured: Measured,
    evaluations: Sequence[Evaluated],
    diverged: int | None,
) -> pd.DataFrame:
    count = len(measured.losses) if diverged is None else diverged
    table = pd.DataFrame({"step": np.arange(1, count + 1, dtype=np.int64)})
    table["epoch"] = table["step"] / schedule.steps_per_epoch
    table["learning_rate"] = [schedule.learning_rate(update) for update in range(count)]
    table["train_loss"] = measured.losses[:count]
    table["gradient_norm"] = measured.norms[:count]
    table["clipped_gradient_norm"] = measured.clipped_norms[:count]
    for name in ("dev_loss", *(f"dev_{metric}" for metric in inputs.metrics)):
        table[name] = np.nan
    for done in evaluations:
        table.loc[done.step - 1, "dev_loss"] = done.loss
        for metric, value in done.scores.items():
            table.loc[done.step - 1, f"dev_{metric}"] = value
    return table


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


def _predictions(inputs: TrainingInputs, logits: np.ndarray, diverged: int | None) -> pd.DataFrame:
    dev = inputs.dev
    if diverged is not None:
        logits = np.full_like(logits, np.nan)
        predictions = np.full(len(dev), inputs.trivial.prediction, dtype=dev.labels.dtype)
    else:
        predictions = inputs.objective.predictions(logits)
    return pd.DataFrame(
        {"example": dev.examples, "label": dev.labels, "prediction": predictions, "logits": list(logits)}
    )


def _data(
    inputs: TrainingInputs,
    schedule: Schedule,
    measured: Measured,
    evaluations: Sequence[Evaluated],
    diverged: int | None,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    headline, trivial = inputs.metrics[0], inputs.trivial.scores
    last_epoch = measured.losses[-schedule.steps_per_epoch :]
    trivial_loss = inputs.objective.trivial_loss(inputs.train.labels)
    if diverged is None:
        final = _point(schedule, evaluations[-1])
    else:  # a diverged run counts with what can be had without a look at the texts
        final = _point(schedule, Evaluated(diverged, None, trivial))
    scored = [done for done in evaluations if done.scores]
    kind = inputs.scorers[headline].kind
    best = (min if kind.lower else max)(scored, key=lambda done: done.scores[headline], default=None)
    predicted = tables["predictions.parquet"]["prediction"].to_numpy()
    mean_last = float(np.mean(last_epoch)) if diverged is None else None
    failed = kind.no_better(final["scores"][headline], trivial[headline])
    return {
        "status": "diverged" if diverged is not None else "failed" if failed else "ok",
        "error": None,
        "diverged_at": diverged,
        "metric": headline,
        "final": final,
        "best": final if best is None else _point(schedule, best),
        "majority": dict(trivial),
        "flags": {
            "accuracy_at_most_majority": (
                bool(final["scores"]["accuracy"] <= trivial["accuracy"]) if "accuracy" in trivial else None
            ),
            "collapsed": inputs.objective.collapsed(predicted, mean_last, trivial_loss),
        },
        "train_loss": {
            "last_epoch": mean_last,
            "final": measured.train_loss if diverged is None and math.isfinite(measured.train_loss) else None,
            "label_entropy": trivial_loss,
        },
        "total_steps": schedule.total_steps,
        "steps_per_epoch": schedule.steps_per_epoch,
        "warmup_steps": schedule.warmup_steps,
        "cost": _cost(inputs, schedule, measured, diverged),
        "parameter_groups": list(measured.parameter_groups),
    }


def _point(schedule: Schedule, done: Evaluated) -> dict[str, Any]:
    return {
        "step": done.step,
        "epoch": done.step / schedule.steps_per_epoch,
        "dev_loss": done.loss,
        "scores": dict(done.scores),
    }


def _cost(inputs: TrainingInputs, schedule: Schedule, measured: Measured, diverged: int | None) -> dict[str, Any]:
    count = len(measured.losses) if diverged is None else diverged
    tokens = sum(measured.tokens[:count])
    lengths = inputs.train.lengths.astype(float)
    pairs = tokens * float((lengths**2).sum() / lengths.sum())
    examples = sum(measured.passes[:count]) * len(lengths) / schedule.steps_per_epoch
    operations = training_operations(inputs.architecture, tokens, pairs, examples)
    return {"steps": count, "tokens": tokens, "flops": float(operations)}


def training_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Forward and backward: three times the forward pass, of which the family counts multiply-adds × 2.

    `tokens`: all tokens; `pairs`: the sum of squared lengths; `examples`: how many.
    """
    return 3 * families.of(architecture).operations(architecture, tokens, pairs, examples)
