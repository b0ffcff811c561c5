"""AdamW as the paper writes it (equations 1 and 2), with and without bias correction, in one fused pass.

On a CPU the compiled kernel does it, clipping included. Elsewhere `torch.optim.AdamW(fused=True)` does the work. With
its own step count set very large its corrections vanish; given the rate s·(1 − lr·decay) and the decay lr·decay / rate
it does p ← p − s·m/(√v + ε), then p ← p − lr·decay·p, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from stabbench.models.kernel.library import Update
from stabbench.models.kernel.optimizer import FusedAdamW
from stabbench.recipe import Recipe, correction_and_root
from stabbench.training.kept_state import KeptState, Scales, frozen_by

NO_CORRECTION = 1e12
STILL = (0.0, 0.0)
Key = tuple[float, float, int]
"""A group's factor of the rate, its decay, and how many updates it has missed."""


class AdamW(KeptState):
    """The optimizer of all runs at once; the moments have the shapes of the weights."""

    def __init__(self, weights: Mapping[str, Tensor], recipe: Recipe, decays: Callable[[str], bool]) -> None:
        super().__init__(weights, recipe, decays)
        self.recipe = recipe
        self._parameters = dict(weights)
        self._factors = [(1.0, decay) for decay in self.decay.values()]
        self._scales: Scales | None = None
        self._frozen: frozenset[str] = frozenset()
        self._settled: frozenset[str] | None = None
        self._missed: list[int] = []
        self._counts: set[int] = set()
        self._compiled = FusedAdamW.of(self._parameters)
        self._last_keys: dict[str, Key] | None = None
        self._assigned: list[tuple[Key, list[str], torch.optim.AdamW]] = []

    def moments_of(self, name: str) -> dict[str, Tensor]:
        """Both moments of a tensor, `first` and `second`, which begin at 0."""
        if name not in self.moments:
            weight = self._parameters[name]
            self.moments[name] = {"first": torch.zeros_like(weight), "second": torch.zeros_like(weight)}
        return self.moments[name]

    @property
    def epsilon(self) -> float:
        """The recipe's."""
        return self.recipe.adam_epsilon

    def update(
        self,
        gradients: Mapping[str, Tensor],
        step: int,
        learning_rate: float,
        scales: Scales | None = None,
        clip: float = 1.0,
    ) -> None:
        """Update number `step` ≥ 1 in place.

        `scales` are factors for rate and decay by tensor, 1 where None; `clip` is a factor of all gradients. What is
        frozen needs no gradient.
        """
        if scales != self._scales:
            self._scales, self._frozen = scales and dict(scales), frozen_by(scales)
        self.freeze(self._frozen)
        if self._compiled is not None and self._compiled.takes(gradients):
            self._update_compiled(self._compiled, gradients, step, learning_rate, scales, clip)
            return
        if clip != 1.0:
            torch._foreach_mul_(list(gradients.values()), clip)
        recipe = self.recipe
        for (rate_factor, decay, missed), names, optimizer in self._assignment(scales):
            own = step - missed
            correction, _ = correction_and_root(recipe, own)
            for name in names:
                self._parameters[name].grad = gradients[name]
            rate = learning_rate * rate_factor
            group = optimizer.param_groups[0]
            if recipe.adam_formula == "torch":
                group["lr"], group["weight_decay"] = rate, decay
                for state in optimizer.state.values():
                    state["step"].fill_(own - 1 if recipe.bias_correction else NO_CORRECTION)
            else:
                fused_rate = rate * correction * (1 - rate * decay)
                group["lr"] = fused_rate
                group["weight_decay"] = rate * decay / fused_rate if fused_rate else 0.0
            optimizer.step()
            for name in names:
                self._parameters[name].grad = None

    def _update_compiled(
        self,
        compiled: FusedAdamW,
        gradients: Mapping[str, Tensor],
        step: int,
        learning_rate: float,
        scales: Scales | None,
        clip: float,
    ) -> None:
        recipe = self.recipe
        if self._settled is not self._frozen:
            self._settle(scales)
        missed, counts = self._missed, self._counts
        for count in sorted(counts):
            correction, root = correction_and_root(recipe, step - count)
            update = Update(
                recipe.adam_beta1, recipe.beta2, recipe.adam_epsilon, root, learning_rate, correction, clip,
                recipe.adam_formula == "torch",
            )  # fmt: skip
            factors = self._factors
            if len(counts) > 1:
                factors = [own if found == count else STILL for own, found in zip(factors, missed, strict=True)]
            compiled.update(gradients, self.moments, update, factors)

    def _settle(self, scales: Scales | None) -> None:
        """What follows from new factors, and holds as long as they do.

        That is moments, and how many updates each tensor has missed: of what is trained this grows no more.
        """
        self._settled = self._frozen
        if scales is not None:
            self._factors = [(scales[name][0], scales[name][1] * decay) for name, decay in self.decay.items()]
        for name, (rate, _) in zip(self.decay, self._factors, strict=True):
            if rate != 0:
                self.moments_of(name)
        self._missed = list(self.missed.values())
        self._counts = {count for count, (rate, _) in zip(self._missed, self._factors, strict=True) if rate != 0}

    def _assignment(self, scales: Scales | None) -> list[tuple[Key, list[str], torch.optim.AdamW]]:
        wanted: dict[str, Key] = {}
        for name, decay in self.decay.items():
            rate, factor = scales[name] if scales else (1.0, 1.0)
            if rate != 0:
                wanted[name] = (rate, factor * decay, self.missed[name])
        if wanted == self._last_keys:
            return self._assigned
        groups: dict[Key, list[str]] = {}
        for name, key in wanted.items():
            groups.setdefault(key, []).append(name)
        self._last_keys = wanted
        self._assigned = [(key, names, self._optimizer(names)) for key, names in groups.items()]
        return self._assigned

    def _optimizer(self, names: list[str]) -> torch.optim.AdamW:
        recipe = self.recipe
        parameters = [self._parameters[name] for name in names]
        betas = recipe.adam_beta1, recipe.beta2
        optimizer = torch.optim.AdamW(parameters, lr=0.0, betas=betas, eps=recipe.adam_epsilon, fused=True)
        for name, parameter in zip(names, parameters, strict=True):
            moments = self.moments_of(name)
            count = torch.tensor(NO_CORRECTION, dtype=torch.float32, device=parameter.device)
            optimizer.state[parameter] = {"step": count, "exp_avg": moments["first"], "exp_avg_sq": moments["second"]}
        return optimizer

    def scored(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What is evaluated and saved: the weights themselves."""
        return weights
