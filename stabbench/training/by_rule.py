"""Any optimizer but AdamW at work on all runs: its rule for each tensor, frozen ones and factors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.recipe import Recipe
from stabbench.training.kept_state import KeptState, Scales, frozen_by
from stabbench.training.optimizers import Chosen
from stabbench.training.optimizers.contract import State, TensorContext


def contexts_of(
    names: Collection[str], chosen: Chosen, recipe: Recipe, architecture: Architecture
) -> dict[str, TensorContext]:
    """What a rule is told of each tensor, whatever the update."""
    facts = architecture.facts()
    return {name: TensorContext(name, facts.get(name), architecture.layers, recipe, chosen.options) for name in names}


class ByRule(KeptState):
    """The calls that the loop makes of `stabbench.training.adamw.AdamW`, answered by a rule."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        chosen: Chosen,
        recipe: Recipe,
        architecture: Architecture,
        decays: Callable[[str], bool],
    ) -> None:
        super().__init__(weights, recipe, decays)
        self.rule = chosen.optimizer
        self.epsilon = float(getattr(chosen.options, "epsilon", None) or 0.0)
        if self.rule.reads_adam_fields:
            self.epsilon = recipe.adam_epsilon
        self._weights = {name: weight.detach() for name, weight in weights.items()}
        self._contexts = contexts_of(weights, chosen, recipe, architecture)

    def moments_of(self, name: str) -> dict[str, Tensor]:
        """The state of a tensor, which begins with what the weight is now."""
        if name not in self.moments:
            self.moments[name] = self.rule.start(self._weights[name], self._contexts[name])
        return self.moments[name]

    @torch.no_grad()
    def update(
        self,
        gradients: Mapping[str, Tensor],
        step: int,
        learning_rate: float,
        scales: Scales | None = None,
        clip: float = 1.0,
    ) -> None:
        """Update number `step` ≥ 1 in place; see `AdamW.update`."""
        frozen = frozen_by(scales)
        self.freeze(frozen)
        if clip != 1.0:
            torch._foreach_mul_(list(gradients.values()), clip)
        for name, weight in self._weights.items():
            if name in frozen:
                continue
            rate, decay = scales[name] if scales else (1.0, 1.0)
            now = replace(
                self._contexts[name],
                count=step - self.missed[name],
                rate=learning_rate * rate,
                decay=self.decay[name] * decay,
            )
            for part in _runs(weight, gradients[name], self.moments_of(name)):
                self._update(*part, now)

    def _update(self, weight: Tensor, gradient: Tensor, state: State, now: TensorContext) -> None:
        """By the rule, which may have put another tensor in the place of one of the state's."""
        given = dict(state)
        self.rule.update(weight, gradient, state, now)
        for name, tensor in given.items():
            if state[name] is not tensor:
                tensor.copy_(state[name])
                state[name] = tensor

    @torch.no_grad()
    def scored(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What is evaluated and saved of these weights; what has never been trained is as it is."""
        return {
            name: self.rule.scored(weight.detach(), self.moments[name], self._contexts[name])
            if name in self.moments
            else weight
            for name, weight in weights.items()
        }


def _runs(weight: Tensor, gradient: Tensor, state: dict[str, Tensor]) -> list[tuple[Tensor, Tensor, State]]:
    """The parts `[1, …]` of each run on a CPU, so that its sums do not depend on the others; all runs elsewhere."""
    if weight.device.type != "cpu" or weight.shape[0] == 1:
        return [(weight, gradient, state)]
    places = [slice(run, run + 1) for run in range(weight.shape[0])]
    return [(weight[at], gradient[at], {name: tensor[at] for name, tensor in state.items()}) for at in places]
