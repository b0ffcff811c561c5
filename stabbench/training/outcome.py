"""From a finished training state to the runs' results: scores, status, tables and their digest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from stabbench.records.digest import result_digest
from stabbench.training.cost import training_operations
from stabbench.training.inputs import RunResult
from stabbench.training.state import Evaluation, TrainingState

if TYPE_CHECKING:
    from stabbench.training.loop import Training

COLLAPSED_SHARE = 0.99
COLLAPSED_LOSS = 0.95


def results(
    training: Training,
    state: TrainingState,
    logits: Tensor,
    train_losses: Sequence[float],
    exported: Sequence[Mapping[str, Tensor]],
) -> list[RunResult]:
    """One result a run; `logits` are the dev set's at the last step, `train_losses` those of the final weights."""
    measured = {name: torch.stack(getattr(state, name)).numpy() for name in ("losses", "norms", "clipped_norms")}
    found = []
    for run in range(len(training.seeds)):
        columns = {name: table[:, run] for name, table in measured.items()}
        diverged = _diverged_at(columns, state.evaluations, run, state.step)
        evaluations = [done for done in state.evaluations if diverged is None or done.step < diverged]
        tables = {
            "history.parquet": _history(training, columns, evaluations, run, diverged),
            "gradnorms.parquet": _gradnorms(training, state, run, diverged),
            "predictions.parquet": _predictions(training, logits[run].numpy(), diverged),
        }
        data = _data(training, state, columns, evaluations, run, diverged, train_losses[run], tables)
        data["result_digest"] = result_digest(data, tables)
        found.append(RunResult(data, tables, exported[run], training.seconds))
    return found


def _diverged_at(columns: Mapping[str, Any], evaluations: Sequence[Evaluation], run: int, last: int) -> int | None:
    """The number of updates after which the first number was not finite, or None."""
    finite = np.isfinite(columns["losses"]) & np.isfinite(columns["norms"])
    steps = [int(np.argmin(finite)) + 1] if not finite.all() else []
    steps += [done.step for done in evaluations if done.losses[run] is None]
    return min(steps) if steps else None


def _history(
    training: Training, columns: Mapping[str, Any], evaluations: Sequence[Evaluation], run: int, diverged: int | None
) -> pd.DataFrame:
    schedule = training.schedule
    count = len(columns["losses"]) if diverged is None else diverged
    table = pd.DataFrame({"step": np.arange(1, count + 1, dtype=np.int64)})
    table["epoch"] = table["step"] / schedule.steps_per_epoch
    table["learning_rate"] = [schedule.learning_rate(update) for update in range(count)]
    table["train_loss"] = columns["losses"][:count]
    table["gradient_norm"] = columns["norms"][:count]
    table["clipped_gradient_norm"] = columns["clipped_norms"][:count]
    for name in ("dev_loss", *(f"dev_{metric}" for metric in training.inputs.metrics)):
        table[name] = np.nan
    for done in evaluations:
        table.loc[done.step - 1, "dev_loss"] = done.losses[run]
        for metric, value in done.scores[run].items():
            table.loc[done.step - 1, f"dev_{metric}"] = value
    return table


def _gradnorms(training: Training, state: TrainingState, run: int, diverged: int | None) -> pd.DataFrame:
    steps = [step for step in state.gradient_norm_steps if diverged is None or step < diverged]
    norms = torch.stack(state.gradient_norms)[: len(steps), :, run].numpy()
    names = np.array(training.names, dtype=object)
    return pd.DataFrame(
        {
            "step": np.repeat(np.array(steps, dtype=np.int64), len(names)),
            "parameter": pd.Categorical(np.tile(names, len(steps)), categories=training.names),
            "norm": norms.ravel(),
        }
    )


def _predictions(training: Training, logits: np.ndarray, diverged: int | None) -> pd.DataFrame:
    dev = training.inputs.dev
    if diverged is not None:
        logits = np.full_like(logits, np.nan)
        predictions = np.full(len(dev), training.inputs.majority_label, dtype=np.int64)
    else:
        predictions = logits.argmax(axis=1)
    return pd.DataFrame(
        {"example": dev.examples, "label": dev.labels, "prediction": predictions, "logits": list(logits)}
    )


def _data(
    training: Training,
    state: TrainingState,
    columns: Mapping[str, Any],
    evaluations: Sequence[Evaluation],
    run: int,
    diverged: int | None,
    train_loss: float,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    inputs, schedule = training.inputs, training.schedule
    headline = inputs.metrics[0]
    last_epoch = columns["losses"][-schedule.steps_per_epoch :]
    entropy = label_entropy(inputs.train.labels)
    final = _point(training, evaluations[-1], run) if diverged is None else _constant_point(training, diverged)
    scored = [done for done in evaluations if done.scores[run]]
    best = max(scored, key=lambda done: done.scores[run][headline], default=None)
    predicted = tables["predictions.parquet"]["prediction"]
    one_class = predicted.value_counts(normalize=True).iloc[0] >= COLLAPSED_SHARE
    mean_last = float(np.mean(last_epoch)) if diverged is None else None
    failed = final["scores"][headline] <= inputs.majority[headline]
    return {
        "status": "diverged" if diverged is not None else "failed" if failed else "ok",
        "error": None,
        "diverged_at": diverged,
        "metric": headline,
        "final": final,
        "best": final if best is None else _point(training, best, run),
        "majority": dict(inputs.majority),
        "flags": {
            "accuracy_at_most_majority": _at_most(final, inputs.majority, "accuracy"),
            "collapsed": bool(one_class or (mean_last is not None and mean_last >= COLLAPSED_LOSS * entropy)),
        },
        "train_loss": {
            "last_epoch": mean_last,
            "final": train_loss if diverged is None and math.isfinite(train_loss) else None,
            "label_entropy": entropy,
        },
        "total_steps": schedule.total_steps,
        "steps_per_epoch": schedule.steps_per_epoch,
        "warmup_steps": schedule.warmup_steps,
        "cost": _cost(training, state, run, diverged),
        "parameter_groups": _groups(training, state),
    }


def _point(training: Training, evaluation: Evaluation, run: int) -> dict[str, Any]:
    return {
        "step": evaluation.step,
        "epoch": evaluation.step / training.schedule.steps_per_epoch,
        "dev_loss": evaluation.losses[run],
        "scores": dict(evaluation.scores[run]),
    }


def _constant_point(training: Training, diverged: int) -> dict[str, Any]:
    """A diverged run counts with the best constant classifier's score in each metric."""
    epoch = diverged / training.schedule.steps_per_epoch
    return {"step": diverged, "epoch": epoch, "dev_loss": None, "scores": dict(training.inputs.majority)}


def _at_most(final: Mapping[str, Any], majority: Mapping[str, float], metric: str) -> bool | None:
    return bool(final["scores"][metric] <= majority[metric]) if metric in majority else None


def label_entropy(labels: np.ndarray) -> float:
    """Entropy of the label shares in nats: the cross-entropy of the best constant prediction."""
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _cost(training: Training, state: TrainingState, run: int, diverged: int | None) -> dict[str, Any]:
    count = state.step if diverged is None else diverged
    tokens = sum(row[run] for row in state.tokens[:count])
    lengths = training.inputs.train.lengths.astype(float)
    pairs = tokens * float((lengths**2).sum() / lengths.sum())
    examples = sum(state.passes[:count]) * len(lengths) / training.schedule.steps_per_epoch
    operations = training_operations(training.inputs.architecture, tokens, pairs, examples)
    return {"steps": count, "tokens": tokens, "flops": float(operations)}


def _groups(training: Training, state: TrainingState) -> list[dict[str, Any]]:
    """Effective peak rate, decay and ε of each group of tensors, as the optimizer got them at the last update."""
    recipe = training.recipe
    training.strategies.at(state.step - 1, training.schedule.learning_rate(state.step - 1))
    groups: dict[tuple[float, float], list[str]] = {}
    for name in training.names:
        rate, decay = training.strategies.scale(name)
        groups.setdefault((recipe.learning_rate * rate, training.optimizer.decay[name] * decay), []).append(name)
    sizes = {name: tensor[0].numel() for name, tensor in state.weights.items()}
    if training.cut:
        table = training.inputs.pretrained[training.word_table]
        sizes[training.word_table] = table.numel()
    return [
        {
            "learning_rate": rate,
            "weight_decay": decay,
            "epsilon": recipe.adam_epsilon,
            "tensors": names,
            "parameters": sum(sizes[name] for name in names),
        }
        for (rate, decay), names in groups.items()
    ]
