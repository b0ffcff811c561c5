"""Synthetic records for tests of what reads records: valid folders, numbers drawn, nothing trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stabbench.files import sha256_of_json
from stabbench.plan import Cell, Spec
from stabbench.plan_migrations import by_name
from stabbench.recipe import Recipe, spec_of
from stabbench.records import RecordContent, SelectedCell, Store, select
from stabbench.task_facts import BestConstant, TaskFacts
from stabbench.tensor_roles import TensorRoles
from tests.typed import record_content

MAJORITY = {"mcc": 0.0, "accuracy": 0.69, "f1": 0.812}
DIVERGED = float("nan")
"""As a score: the run diverged."""
TRAIN = 160
DEV = 20
"""Examples of the predictions."""


@dataclass(frozen=True)
class SyntheticCell:
    """A cell to write: one score a seed, None where the run is missing, `DIVERGED` where it diverged.

    A score that is a text is the message of the error that broke the run.
    """

    scores: Sequence[float | str | None]
    model: str = "synthetic"
    task: str = "acceptability"
    strategy: str = "devlin"
    metrics: Sequence[str] = ("mcc", "accuracy")
    architecture: str = "bert"
    layers: int = 4
    learning_rate: float = 2e-5
    epochs: float = 3.0
    total_steps: int | None = None
    bias_correction: bool | None = None
    """None: in all strategies but devlin."""
    train_losses: Sequence[float | None] | None = None
    """Final training loss of each seed; None: 0.6 in failed runs, 0.05 in others."""
    streams: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    decayed: Sequence[str] = ("classifier.weight",)
    """Names in the parameter group with weight decay; `classifier.bias` is in the one without."""
    gradient_norms: bool = True
    dataset: str = ""
    counts: Mapping[str, int] = field(default_factory=lambda: {"train": TRAIN, "dev": 100})
    sample: Mapping[str, int] | None = None
    label_names: Sequence[str] = ("no", "yes")
    description: str = "Synthetic numbers."
    reference: str = "Devlin et al. (2019)"
    versions: Mapping[str, str] = field(default_factory=lambda: {"torch": "2.11.0", "numpy": "2.0.0"})

    def plan(self) -> Cell:
        """The cell as the plan would hold it, seeds 1…n."""
        recipe = Recipe(
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            total_steps=self.total_steps,
            bias_correction=self.strategy != "devlin" if self.bias_correction is None else self.bias_correction,
        )
        plugins = [{"plugin": "mixout", "version": "1", "options": {"p": 0.7}}] if self.strategy == "mixout" else []
        majority = {metric: MAJORITY[metric] for metric in self.metrics}
        task_hash, model_hash = sha256_of_json(["synthetic", self.task]), sha256_of_json(["synthetic", self.model])
        return Cell(
            model=self.model,
            task=self.task,
            strategy=self.strategy,
            seeds=tuple(range(1, len(self.scores) + 1)),
            sources={"model": f"models/{self.model}", "task": f"data/{self.task}"},
            description=self.description,
            reference=self.reference,
            task_facts=TaskFacts(
                dataset=self.dataset or self.task,
                metric=self.metrics[0],
                metrics=tuple(self.metrics),
                label_names=tuple(self.label_names),
                counts=dict(self.counts),
                label_shares={"train": (0.31, 0.69), "dev": (0.31, 0.69)},
                sample=self.sample,
                dev_sample=None,
                constant=BestConstant(1, dict.fromkeys(self.metrics, 1), majority),
                content_hash=task_hash,
            ),
            spec=Spec(
                training_version=1,
                model={"architecture": self.architecture, "content_hash": model_hash},
                task={"content_hash": task_hash, "metrics": list(self.metrics), "labels": 2},
                recipe=spec_of(recipe, self.counts["train"])["recipe"],
                plugins=plugins,
            ),
            streams=self.streams,
            tensors=TensorRoles(by_name(self.architecture)),
        )


def write_runs(runs: Path, cells: Sequence[SyntheticCell]) -> list[SelectedCell]:
    """Write the cells' records through a store beside `runs` and select them into `runs`."""
    store = Store(runs.parent / f"{runs.name}-store")
    selected = []
    for synthetic in cells:
        cell = synthetic.plan()
        for seed, score in zip(cell.seeds, synthetic.scores, strict=True):
            if isinstance(score, str):
                _write_error(store, cell, seed, score)
            elif score is not None:
                _write_run(store, synthetic, cell, seed, score)
        selected.append(select(cell, store, runs))
    return selected


def _write_error(store: Store, cell: Cell, seed: int, message: str) -> None:
    error = {"type": "RuntimeError", "message": message, "traceback": f"RuntimeError: {message}"}
    content = record_content(cell, seed, status="error", error=error)
    store.write(content, {"created": "2026-01-01T00:00:00Z"}, {})


def _write_run(store: Store, synthetic: SyntheticCell, cell: Cell, seed: int, score: float) -> None:
    metric = synthetic.metrics[0]
    majority = {name: MAJORITY[name] for name in synthetic.metrics}
    diverged = bool(np.isnan(score))
    failed = diverged or score <= majority[metric]
    scores = majority if diverged else {metric: score, "accuracy": (0.69 + 0.3 * score if metric == "mcc" else score)}
    steps_per_epoch = cell.recipe().steps_per_epoch(synthetic.counts["train"])
    total = cell.recipe().updates(synthetic.counts["train"])
    trained = total // 2 if diverged else total
    random = np.random.default_rng([seed, int(sha256_of_json(cell.name)[:8], 16)])
    history = _history(random, trained, total, steps_per_epoch, metric, scores, failed)
    evaluation = {"step": trained, "epoch": trained / steps_per_epoch, "dev_loss": 0.6, "scores": scores}
    final_loss = synthetic.train_losses[seed - 1] if synthetic.train_losses else 0.6 if failed else 0.05
    tables = {"history.parquet": history, "predictions.parquet": _predictions(seed, synthetic, failed)}
    if synthetic.gradient_norms:
        tables["gradnorms.parquet"] = _gradnorms(random, trained, synthetic, failed)
    data: dict[str, Any] = {
        "fingerprint": cell.fingerprint(seed),
        "spec": cell.run_spec(seed),
        "status": "diverged" if diverged else "failed" if failed else "ok",
        "error": None,
        "diverged_at": trained if diverged else None,
        "metric": metric,
        "final": evaluation,
        "best": evaluation,
        "majority": majority,
        "flags": {"accuracy_at_most_majority": failed, "collapsed": failed and not diverged},
        "train_loss": {"last_epoch": 0.62 if failed else 0.1, "final": final_loss, "label_entropy": 0.62},
        "total_steps": total,
        "steps_per_epoch": steps_per_epoch,
        "warmup_steps": total // 10,
        "cost": {"steps": trained, "tokens": trained * 16 * 12, "flops": trained * 3.1e9},
        "parameter_groups": [_group(synthetic, synthetic.decayed, 0.01), _group(synthetic, ["classifier.bias"], 0.0)],
        "result_digest": sha256_of_json([cell.name, seed, scores]),
    }
    provenance = {
        "created": f"2026-01-{1 + seed % 28:02d}T00:00:00Z",
        "git_commit": "0" * 40,
        "git_dirty": True,
        "versions": dict(synthetic.versions),
        "device": "cpu",
        "stacked_seeds": 1,
        "threads": 1,
        "seconds": {"training": 1.0 + seed, "evaluation": 0.1, "total": 1.1 + seed},
    }
    store.write(RecordContent.from_json(data | {"files": {}}), provenance, tables)


def _group(synthetic: SyntheticCell, tensors: Sequence[str], decay: float) -> dict[str, Any]:
    numbers = {"learning_rate": synthetic.learning_rate, "weight_decay": decay, "epsilon": 1e-6}
    return {**numbers, "tensors": list(tensors), "parameters": 64}


def _history(
    random: np.random.Generator,
    trained: int,
    total: int,
    per_epoch: int,
    metric: str,
    scores: Mapping[str, float],
    failed: bool,
) -> pd.DataFrame:
    step = np.arange(1, trained + 1)
    progress = step / total
    floor = 0.62 if failed else 0.62 * np.exp(-4 * np.maximum(0, progress - 0.15 * random.random()))
    table = pd.DataFrame(
        {
            "step": step,
            "epoch": step / per_epoch,
            "learning_rate": np.interp(progress, [0, 0.1, 1], [0, 1, 0]),
            "train_loss": floor + random.normal(0, 0.03, trained),
            "gradient_norm": 1.0 + random.random(trained),
            "clipped_gradient_norm": np.ones(trained),
        }
    )
    evaluated = (step % max(1, per_epoch // 3) == 0) | (step == trained)
    table["dev_loss"] = np.where(evaluated, 0.6, np.nan)
    for name, final in scores.items():
        start = MAJORITY[name] if name != "mcc" else 0.0
        reached = final if failed else start + (final - start) * (1 - np.exp(-5 * progress)) / (1 - np.exp(-5))
        table[f"dev_{name}"] = np.where(evaluated, reached, np.nan)
    return table


def _gradnorms(random: np.random.Generator, trained: int, synthetic: SyntheticCell, failed: bool) -> pd.DataFrame:
    rows = []
    for step in range(0, trained, 5 if trained < 100 else 10):
        for name, depth in parameter_names(synthetic.architecture, synthetic.layers):
            vanishing = 10.0 ** (-4 * (1 - depth)) if failed and step > trained // 6 else 1.0
            rows.append((step, name, 0.3 * vanishing * float(random.lognormal(0, 0.3))))
    return pd.DataFrame(rows, columns=["step", "parameter", "norm"])


def parameter_names(architecture: str, layers: int) -> list[tuple[str, float]]:
    """Hugging Face names of some tensors with their depth from 0 (embeddings) to 1 (head)."""
    names = [(f"{architecture}.embeddings.word_embeddings.weight", 0.0)]
    if architecture == "albert":
        names.append(("albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight", 0.5))
    else:
        for layer in range(layers):
            prefix = f"{architecture}.encoder.layer.{layer}"
            depth = (layer + 1) / (layers + 2)
            names += [(f"{prefix}.attention.self.query.weight", depth), (f"{prefix}.output.dense.weight", depth)]
    if architecture == "roberta":
        return [*names, ("classifier.dense.weight", 0.95), ("classifier.out_proj.weight", 1.0)]
    pooler = "albert.pooler.weight" if architecture == "albert" else f"{architecture}.pooler.dense.weight"
    return [*names, (pooler, 0.95), ("classifier.weight", 1.0)]


def _predictions(seed: int, synthetic: SyntheticCell, failed: bool) -> pd.DataFrame:
    """Every third row of a source; a failed run predicts label 1, a successful one errs in a fifth of the examples."""
    label = np.arange(DEV) % 2
    random = np.random.default_rng([seed, len(synthetic.strategy)])
    prediction = np.ones(DEV, int) if failed else np.where(random.random(DEV) < 0.2, 1 - label, label)
    logits = [[0.4, 0.6] if predicted else [0.6, 0.4] for predicted in prediction]
    return pd.DataFrame({"example": 3 * np.arange(DEV), "label": label, "prediction": prediction, "logits": logits})


def scores_with(mean: float, std: float, largest: float, n: int = 25) -> list[float]:
    """Scores, `n` of them, whose mean, std (ddof 1) and maximum are exactly these.

    One score is the maximum; the others are a line segment, shifted and scaled to give the other two moments.
    """
    rest_mean = (n * mean - largest) / (n - 1)
    rest_squares = (n - 1) * std**2 - (largest - mean) ** 2 - (n - 1) * (rest_mean - mean) ** 2
    if rest_squares < 0:
        raise ValueError("no such sample: the maximum alone exceeds the std")
    shape = np.linspace(-1, 1, n - 1)
    scale = np.sqrt(rest_squares / (shape**2).sum())
    rest = rest_mean + scale * shape
    if rest.max() > largest:
        rest = _two_point(rest_mean, rest_squares, n - 1)
    return [float(largest), *(float(value) for value in rest)]


def _two_point(mean: float, squares: float, n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Scores, `n` of them: many a little above the mean, few far below, with this sum of squared deviations.

    Within both groups they differ, as those of runs do.
    """
    low = max(1, n // 5)
    ratio = low / (n - low)
    shape = np.concatenate([np.linspace(-1.2, -0.8, low), ratio * np.linspace(0.8, 1.2, n - low)])
    shape -= shape.mean()
    return np.asarray(mean + shape * np.sqrt(squares / (shape**2).sum()))
