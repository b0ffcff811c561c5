"""Records as other code leaves them, judged by `training.outcome`: each with less than our own trainer knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stabbench.metrics.kinds import metric_kind
from stabbench.plan import Cell, Spec
from stabbench.recipe import Recipe, spec_of
from stabbench.records import RecordContent, Store, select
from stabbench.task_facts import BestConstant, TaskFacts
from stabbench.tasks.objectives.contract import Trivial
from stabbench.tensor_roles import TensorRoles
from stabbench.training.basis import Basis
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.outcome import result
from tests.analysis.synthetic import SyntheticCell, write_runs

TASK, METRIC, MODEL = "acceptability", "accuracy", "synthetic"
LABELS = np.arange(20) % 2
TRIVIAL = Trivial(1.0, {METRIC: 0.69}, {METRIC: 1.0})
DECODER = TensorRoles(
    {
        "model.layers.#.self_attn.q_proj.weight": "attention, layer #, decays, query",
        "lm_head.weight": "classifier, classifier, decays, ",
    }
)
HUGGINGFACE = {"plugin": "huggingface", "version": "5.2", "options": {"optim": "adamw_torch", "fused": None}}
COMMAND = {"plugin": "command", "version": "1", "options": {"run": "python train.py"}}
NATIVE = SyntheticCell([0.72, 0.5, *[0.75 + 0.01 * seed for seed in range(8)]], metrics=(METRIC,), strategy="devlin")

Train = Callable[[int], tuple[Basis, Measured]]
"""What a run with this seed was measured to be."""


def basis(**changes: Any) -> Basis:
    """All that is known where the metric alone is."""
    return dataclasses.replace(Basis((METRIC,), {METRIC: metric_kind(METRIC)}), **changes)


def measured(scores: Sequence[tuple[int, float]], **changes: Any) -> Measured:
    """A run of which nobody knows more than these scores, after so many updates each."""
    nothing = Measured(
        losses=np.zeros(0),
        norms=None,
        clipped_norms=None,
        gradient_norm_steps=[],
        gradient_norms=np.zeros((0, 0)),
        tensors=[],
        evaluations=[Evaluated(step, None, {METRIC: score}) for step, score in scores],
        dev_logits=None,
        train_loss=float("nan"),
        tokens=[],
        passes=[],
        parameter_groups=[],
        weights={},
        seconds={},
    )
    return dataclasses.replace(nothing, **changes)


def by_trainer(seed: int) -> tuple[Basis, Measured]:
    """Losses every fifth update, logits, gradient norms of a decoder; no tokens and no parameter groups."""
    failed = seed == 2
    steps = np.arange(5, 31, 5)
    random = np.random.default_rng(seed)
    tensors = [*(f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(4)), "lm_head.weight"]
    right = LABELS if not failed else np.zeros_like(LABELS)
    logits = np.eye(2)[right] + random.normal(0, 0.1, (20, 2))
    run = measured(
        [(10, 0.6), (20, 0.7), (30, 0.5 if failed else 0.7 + 0.01 * seed)],
        losses=np.linspace(0.7, 0.69 if failed else 0.2, 6) + random.normal(0, 0.01, 6),
        norms=np.ones(6),
        steps=steps,
        learning_rates=np.linspace(2e-5, 0, 6),
        gradient_norm_steps=[0, 10, 20],
        gradient_norms=random.uniform(0.1, 1, (3, len(tensors))),
        tensors=tensors,
        dev_logits=logits,
        train_loss=0.68 if failed else 0.2,
        total_steps=30,
        steps_per_epoch=10,
        warmup_steps=3,
    )
    known = {"trivial": TRIVIAL, "dev_labels": LABELS, "dev_examples": np.arange(20), "train_labels": LABELS}
    return basis(**known), dataclasses.replace(run, predictions=right)


def scores_alone(seed: int) -> tuple[Basis, Measured]:
    """Nothing but a score, which two seeds share; nobody knows what a constant prediction scores."""
    return basis(), measured([(0, 0.6 + 0.02 * (seed // 2))])


def by_command(seed: int) -> tuple[Basis, Measured]:
    """Predictions without logits; the third run diverged, and nobody knows what a constant prediction scores."""
    flipped = np.where(np.arange(20) < seed, 1 - LABELS, LABELS)
    known = basis(dev_labels=LABELS, dev_examples=np.arange(20))
    return known, measured([(40, 1 - seed / 20)], predictions=flipped, total_steps=40, diverged=seed == 3)


def cell(strategy: str, *, known: bool, runs: int = 10, task: str = TASK, **changes: Any) -> Cell:
    """A planned cell; unless it is `known` nobody says what its task and its recipe are."""
    planned = dataclasses.replace(NATIVE, scores=[0.5] * runs, strategy=strategy, task=task).plan()
    facts = planned.task_facts if known else unknown_task(task)
    spec = {**planned.spec, "recipe": spec_of(Recipe(batch_size=8), 100)["recipe"] if known else {}, "plugins": []}
    if "trainer" in changes:
        spec["trainer"] = changes.pop("trainer")
    tensors = changes.pop("tensors", TensorRoles())
    return dataclasses.replace(planned, task_facts=facts, spec=Spec(spec), tensors=tensors, tokens={}, **changes)


def unknown_task(name: str) -> TaskFacts:
    """A task of which the name of its metric is known."""
    return TaskFacts(
        dataset=name,
        metric=METRIC,
        metrics=(METRIC,),
        label_names=(),
        counts={"train": 0, "dev": 0},
        sample=None,
        dev_sample=None,
        label_shares={},
        constant=BestConstant(0.0, {}, {}),
        content_hash="0" * 64,
    )


CELLS: Sequence[tuple[Cell, Train]] = (
    (cell("devlin-hf", known=True, trainer=HUGGINGFACE, tensors=DECODER), by_trainer),
    (cell("bare", known=False), scores_alone),
    (cell("by-command", known=False, trainer=COMMAND), by_command),
    (cell("bare", known=False, task="elsewhere"), scores_alone),
    (cell("devlin-hf", known=False, trainer=HUGGINGFACE, task="elsewhere"), by_command),
)


def write_mixture(runs: Path, seeds: int = 10) -> None:
    """Select into `runs` a cell of our own beside `CELLS`, each with the first of its seeds."""
    write_runs(runs, [dataclasses.replace(NATIVE, scores=NATIVE.scores[:seeds])])
    store = Store(runs.parent / f"{runs.name}-store")
    for position, (planned, train) in enumerate(CELLS, start=1):
        placed = dataclasses.replace(planned, position=position, seeds=planned.seeds[:seeds])
        for seed in placed.seeds:
            found = result(*train(seed))
            head = {"fingerprint": placed.fingerprint(seed), "spec": placed.run_spec(seed), "files": {}}
            provenance = {"created": "2026-01-01T00:00:00Z", "versions": {"transformers": "5.2.0"}}
            store.write(RecordContent.from_json({**head, **found.data}), provenance, found.tables)
        select(placed, store, runs)
