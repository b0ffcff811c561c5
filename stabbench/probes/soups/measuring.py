"""Outputs of single runs, soups and ensembles on the dev set, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from stabbench.execution.loading import load_inputs
from stabbench.execution.weights import RunWithWeights
from stabbench.models import families
from stabbench.models.families.contract import Computation
from stabbench.probes.contract import Measurement, ProbeContext
from stabbench.probes.kept import kept_weights
from stabbench.probes.runs import FinishedRun, described, with_weights
from stabbench.probes.soups.choice import SoupsOptions, groups_of, split
from stabbench.tasks.objectives.contract import Array
from stabbench.training.evaluation import Evaluator
from stabbench.training.inputs import TrainingInputs
from stabbench.training.precision import compute_type

SINGLE, UNIFORM, GREEDY, ENSEMBLE = "single", "uniform soup", "greedy soup", "ensemble"
Weights = Mapping[str, Tensor]


class Judge:
    """Dev scores of outputs `(examples, C)`, on the part that chooses and on the part that judges."""

    def __init__(self, inputs: TrainingInputs, label_names: Sequence[str], options: SoupsOptions) -> None:
        self.inputs, self.metric = inputs, inputs.metrics[0]
        self.choosing, self.judging = split(len(inputs.dev), options.chosen_on, options.split_seed)
        labels = inputs.dev.labels[self.judging]
        self.constant = inputs.objective.trivial(labels, inputs.scorers, label_names).scores[self.metric]

    def chosen(self, outputs: Array) -> float:
        """The score on the part that chooses, turned so that the higher is the better."""
        score = self._score(outputs, self.choosing)
        return -score if self.inputs.scorers[self.metric].kind.lower else score

    def row(self, outputs: Array) -> dict[str, Any]:
        """The score on the part that judges, and whether it is no better than the best constant prediction's."""
        score = self._score(outputs, self.judging)
        return {"score": score, "failed": self.inputs.scorers[self.metric].kind.no_better(score, self.constant)}

    def _score(self, outputs: Array, places: Array) -> float:
        scorer, labels = self.inputs.scorers[self.metric], self.inputs.dev.labels[places]
        return self.inputs.objective.score(scorer, labels, outputs[places])


@dataclass
class Kitchen:
    """The model without dropout on the whole dev set."""

    inputs: TrainingInputs
    device: torch.device
    _dtype: torch.dtype = field(init=False)
    _encoder: Computation = field(init=False)
    _evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        recipe = self.inputs.recipe
        self._dtype, self._encoder = compute_type(recipe.precision), families.encoder_of(self.inputs.architecture)
        self._evaluator = Evaluator(self.inputs.dev, 1, self._dtype, self.device, segments=not recipe.legacy_segments)

    def outputs(self, weights: Weights) -> Array:
        """`(examples, C)` of one model."""
        stacked = {name: tensor[None].to(self.device, self._dtype) for name, tensor in weights.items()}
        return np.asarray(self._evaluator.logits(self._encoder, stacked)[0].numpy())

    def weights(self, run: RunWithWeights) -> Weights:
        """Those that a run left."""
        return kept_weights(run, self.inputs.architecture, self._dtype)


def mean_of(models: Sequence[Weights]) -> Weights:
    """The mean of the weights, summed in fp64."""
    return {
        name: torch.stack([weights[name].double() for weights in models]).mean(dim=0).to(first.dtype)
        for name, first in models[0].items()
    }


def greedy(
    models: Sequence[Weights], outputs: Sequence[Array], kitchen: Kitchen, judge: Judge
) -> tuple[list[int], Array]:
    """Whose weights the greedy soup is made of, the best first (of equal scores the earlier seed), and its outputs.

    By their scores, from the best down, each is kept with which the soup's score does not drop (Wortsman et al., 2022,
    recipe 1), on the examples that choose.
    """
    order = sorted(range(len(models)), key=lambda place: -judge.chosen(outputs[place]))
    members, found = order[:1], outputs[order[0]]
    for place in order[1:]:
        tried = kitchen.outputs(mean_of([models[member] for member in [*members, place]]))
        if judge.chosen(tried) >= judge.chosen(found):
            members, found = [*members, place], tried
    return members, found


def measure(chosen: Sequence[FinishedRun], options: SoupsOptions, context: ProbeContext) -> Measurement:
    """A row a single run and a row a group and way: `way`, `k`, `seeds`, `members`, `score`, `failed`."""
    cell = chosen[0].cell
    inputs = load_inputs(cell, context.root)
    runs = with_weights(chosen, context)
    kitchen = Kitchen(inputs, torch.device(context.settings.device))
    judge = Judge(inputs, cell.task_facts.label_names, options)
    sizes = [size for size in options.sizes if len(runs) >= 2 * size]
    total = len(runs) * (1 + len(sizes))
    outputs: list[Array] = []
    for run in runs:
        context.progress("single runs", len(outputs), total)
        outputs.append(kitchen.outputs(kitchen.weights(run)))
    rows = [
        {"way": SINGLE, "k": 1, "seeds": str(run.seed), "members": 1, **judge.row(found)}
        for run, found in zip(runs, outputs, strict=True)
    ]
    done = len(runs)
    for size in sizes:
        for group in groups_of(len(runs), size):
            context.progress(f"groups of {size}", done, total)
            mine = [outputs[place] for place in group]
            models = [kitchen.weights(runs[place]) for place in group]
            members, of_greedy = greedy(models, mine, kitchen, judge)
            found = {
                UNIFORM: (size, kitchen.outputs(mean_of(models))),
                GREEDY: (len(members), of_greedy),
                ENSEMBLE: (size, np.mean(mine, axis=0)),
            }
            head = {"k": size, "seeds": " ".join(str(runs[place].seed) for place in group)}
            rows += [
                {"way": way, **head, "members": count, **judge.row(values)} for way, (count, values) in found.items()
            ]
            done += size
    facts = {
        "model": cell.model,
        "task": cell.task,
        "strategy": cell.strategy,
        "metric": judge.metric,
        "constant": judge.constant,
        "examples": len(judge.judging),
        "chosen_on": len(judge.choosing),
        "runs": len(runs),
    }
    return Measurement([described(run) for run in runs], facts, {"soups": pd.DataFrame(rows)})
