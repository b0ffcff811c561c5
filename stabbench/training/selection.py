"""Which evaluation a run reports and after which it ends early: by its scores on dev alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from stabbench.models.encoder import Weights
from stabbench.recipe import LAST, Recipe
from stabbench.training.inputs import TrainingInputs
from stabbench.training.state import TrainingState


@dataclass(frozen=True)
class Choice:
    """Of one run, in updates done: whose weights it reports, and after which it ended; None for its last."""

    reported: int | None = None
    ended: int | None = None


def choice(recipe: Recipe, scores: Iterable[tuple[int, float | None]], *, lower: bool) -> Choice:
    """What a recipe says of a run whose evaluations, (updates done, headline score or None), are these so far.

    As transformers' `EarlyStoppingCallback` and `load_best_model_at_end`, with a threshold of 0: an evaluation is
    better whose score is above the best one before (below it where `lower` is better); an equal one is not, so that
    the earliest of ties is the best. What follows the evaluation that ended the run decides nothing.
    """
    best: float | None = None
    place = ended = None
    waited = 0
    for step, score in scores:
        if score is not None and (best is None or (score < best if lower else score > best)):
            best, place, waited = score, step, 0
        else:
            waited += 1
        if recipe.early_stopping_patience is not None and waited >= recipe.early_stopping_patience:
            ended = step
            break
    return Choice(ended if recipe.checkpoint_selection == LAST else place, ended)


class CheckpointSelection:
    """The choices of S runs side by side; `TrainingState.reported` holds weights that may still be reported.

    A run that has ended is carried along beside those that go on, and what it does there is left out.
    """

    def __init__(self, inputs: TrainingInputs, runs: int) -> None:
        self._recipe, self._headline = inputs.recipe, inputs.metrics[0]
        self._lower = inputs.scorers[self._headline].kind.lower
        self._acts = inputs.recipe.selects
        self.choices = [Choice()] * runs

    def follow(self, state: TrainingState) -> None:
        """Choose anew by the evaluations so far."""
        if self._acts:
            self.choices = [
                choice(
                    self._recipe,
                    ((done.step, done.scores[run].get(self._headline)) for done in state.evaluations),
                    lower=self._lower,
                )
                for run in range(len(self.choices))
            ]

    def take(self, state: TrainingState, scored: Weights) -> None:
        """After an evaluation of the weights `scored`, `[S, …]`: keep those of runs that report it by now."""
        self.follow(state)
        rows = [run for run, each in enumerate(self.choices) if each.reported == state.step]
        if not rows:
            return
        with torch.no_grad():
            for name, weight in scored.items():
                if name not in state.reported:
                    state.reported[name] = weight.detach().clone()
                state.reported[name][rows] = weight[rows]

    def weights(self, state: TrainingState, scored: Weights) -> Weights:
        """What each run reports, where `scored` are the weights of those that report their last ones."""
        rows = [run for run, each in enumerate(self.choices) if each.reported is not None]
        if not rows:
            return scored
        found = {name: weight.detach().clone() for name, weight in scored.items()}
        for name, weight in found.items():
            weight[rows] = state.reported[name][rows]
        return found

    def all_ended(self, alive: torch.Tensor) -> bool:
        """Whether no run goes on, of which `alive` `(S,)` have finite numbers."""
        return not any(each.ended is None and bool(alive[run]) for run, each in enumerate(self.choices))
