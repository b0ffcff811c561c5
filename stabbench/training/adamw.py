"""AdamW as the paper writes it (equations 1 and 2), with and without bias correction, in one fused pass.

On a CPU the compiled kernel does it, clipping included. Elsewhere `torch.optim.AdamW(fused=True)` does the work. With
its own step count set very large its corrections vanish; given the rate s·(1 − lr·decay) and the decay lr·decay / rate
it does p ← p − s·m/(√v + ε), then p ← p − lr·decay·p, to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from stabbench.models.kernel.library import Update
from stabbench.models.kernel.optimizer import FusedAdamW
from stabbench.plan import Recipe, bias_correction_factor

NO_CORRECTION = 1e12


def correction_and_root(recipe: Recipe, step: int) -> tuple[float, float]:
    """The factors of the rate and of √v at update number `step` ≥ 1, as the recipe corrects the bias."""
    if not recipe.bias_correction:
        return 1.0, 1.0
    correction = bias_correction_factor(step, recipe.adam_beta1, recipe.adam_beta2)
    root = 1 / math.sqrt(1 - recipe.adam_beta2**step) if recipe.adam_formula == "torch" else 1.0
    return correction * root, root


class AdamW:
    """The optimizer of all runs at once; the moments have the shapes of the weights.

    `decays` tells whether weight decay applies to a tensor.
    """

    def __init__(self, weights: Mapping[str, Tensor], recipe: Recipe, decays: Callable[[str], bool]) -> None:
        self.recipe = recipe
        self.decay = {name: recipe.weight_decay if decays(name) else 0.0 for name in weights}
        self.moments = {name: (torch.zeros_like(tensor), torch.zeros_like(tensor)) for name, tensor in weights.items()}
        self._parameters = dict(weights)
        self._factors = [(1.0, decay) for decay in self.decay.values()]
        self._compiled = FusedAdamW.of(self._parameters, self.moments)
        self._last_scales: dict[str, tuple[float, float]] | None = None
        self._assigned: list[tuple[tuple[float, float], list[str], torch.optim.AdamW]] = []

    def update(
        self,
        gradients: Mapping[str, Tensor],
        step: int,
        learning_rate: float,
        scales: Mapping[str, tuple[float, float]] | None = None,
        clip: float = 1.0,
    ) -> None:
        """Update number `step` ≥ 1 in place.

        `scales` are factors for rate and decay by tensor, 1 where None; `clip` is a factor of all gradients.
        """
        if self._compiled is not None and self._compiled.takes(gradients):
            self._update_compiled(self._compiled, gradients, step, learning_rate, scales, clip)
            return
        if clip != 1.0:
            torch._foreach_mul_(list(gradients.values()), clip)
        recipe = self.recipe
        factor = bias_correction_factor(step, recipe.adam_beta1, recipe.adam_beta2) if recipe.bias_correction else 1.0
        for (rate_factor, decay), names, optimizer in self._assignment(scales):
            for name in names:
                self._parameters[name].grad = gradients[name]
            rate = learning_rate * rate_factor
            group = optimizer.param_groups[0]
            if recipe.adam_formula == "torch":
                group["lr"], group["weight_decay"] = rate, decay
                self._count(optimizer, step - 1 if recipe.bias_correction else NO_CORRECTION)
            else:
                fused_rate = rate * factor * (1 - rate * decay)
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
        scales: Mapping[str, tuple[float, float]] | None,
        clip: float,
    ) -> None:
        recipe = self.recipe
        correction, root = correction_and_root(recipe, step)
        if scales is not None:
            wanted = [(scales[name][0], scales[name][1] * decay) for name, decay in self.decay.items()]
            self._factors = self._factors if wanted == self._factors else wanted
        update = Update(
            recipe.adam_beta1, recipe.adam_beta2, recipe.adam_epsilon, root, learning_rate, correction, clip,
            recipe.adam_formula == "torch",
        )  # fmt: skip
        compiled.update(gradients, update, self._factors)

    def _assignment(
        self, scales: Mapping[str, tuple[float, float]] | None
    ) -> list[tuple[tuple[float, float], list[str], torch.optim.AdamW]]:
        wanted = {
            name: (scales[name][0], scales[name][1] * self.decay[name]) if scales else (1.0, self.decay[name])
            for name in self._parameters
        }
        if wanted == self._last_scales:
            return self._assigned
        groups: dict[tuple[float, float], list[str]] = {}
        for name, key in wanted.items():
            if key[0] != 0:
                groups.setdefault(key, []).append(name)
        self._last_scales = wanted
        self._assigned = [(key, names, self._optimizer(names)) for key, names in groups.items()]
        return self._assigned

    def _optimizer(self, names: list[str]) -> torch.optim.AdamW:
        recipe = self.recipe
        parameters = [self._parameters[name] for name in names]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=0.0,
            betas=(recipe.adam_beta1, recipe.adam_beta2),
            eps=recipe.adam_epsilon,
            fused=True,
        )
        for name, parameter in zip(names, parameters, strict=True):
            first, second = self.moments[name]
            count = torch.tensor(NO_CORRECTION, dtype=torch.float32, device=parameter.device)
            optimizer.state[parameter] = {"step": count, "exp_avg": first, "exp_avg_sq": second}
        return optimizer

    def _count(self, optimizer: torch.optim.AdamW, steps: float) -> None:
        for state in optimizer.state.values():
            state["step"].fill_(steps)
