"""AdamW for steps that never ask the host: the same update as `stabbench.training.adamw`, its numbers in tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stabbench.models.compilation import compiled
from stabbench.recipe import correction_and_root
from stabbench.training.adamw import AdamW
from stabbench.training.schedule import Schedule

Pairs = Sequence[tuple[float, float]]


class DeviceAdamW:
    """One pass over weights and moments; rate and corrections of all updates lie on the device.

    `copies` are lower-precision copies of some weights, written in the same pass.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], copies: Mapping[str, Tensor], optimizer: AdamW, schedule: Schedule
    ) -> None:
        recipe, some = optimizer.recipe, next(iter(weights.values()))
        self.dtype, device = some.dtype, some.device
        self.decays = list(optimizer.decay.values())
        table = [(schedule.learning_rate(u), *correction_and_root(recipe, u + 1)) for u in range(schedule.total_steps)]
        self.table = torch.tensor(table, dtype=torch.float64, device=device)
        self.constants = (recipe.adam_beta1, recipe.beta2, recipe.adam_epsilon, recipe.adam_formula == "torch")
        self.tensors = []
        for name, weight in weights.items():
            moments = optimizer.moments_of(name)
            copy = _by_run(copies[name]) if name in copies else None
            self.tensors.append((_by_run(weight), _by_run(moments["first"]), _by_run(moments["second"]), copy))
        self.factors = torch.ones(len(weights), 2, dtype=torch.float64, device=device)
        self.missed = torch.zeros(len(weights), dtype=torch.int64, device=device)
        self._wanted: tuple[Pairs, list[int]] = ([], [])
        self.take([(1.0, 1.0)] * len(weights), [0] * len(weights))
        self._pass = compiled(adamw_pass, device)

    def take(self, scales: Pairs, missed: Sequence[int]) -> None:
        """From now on use these factors of rate and decay, one pair a tensor; `missed` as `AdamW.missed`."""
        counts = [count if rate != 0 else 0 for (rate, _), count in zip(scales, missed, strict=True)]
        if (scales, counts) != self._wanted:
            self._wanted = (scales, counts)
            pairs = [(rate, decay * own) for (rate, decay), own in zip(scales, self.decays, strict=True)]
            self.factors.copy_(torch.tensor(pairs, dtype=torch.float64))
            self.missed.copy_(torch.tensor(counts))

    def trained(self) -> Tensor:
        """Which tensors are not frozen now, `(tensors,)`."""
        return self.factors[:, 0] != 0

    def update(self, gradients: Sequence[Tensor], step: Tensor, clip: Tensor) -> None:
        """Update number `step` (shape `()`, from 0) in place; `clip` `(S,)` are factors of each run's gradients."""
        rates = self.table.index_select(0, step.view(1))[:, 0] * self.factors[:, 0]
        _, correction, root = self.table.index_select(0, step - self.missed).unbind(1)
        keeps = 1 - rates * self.factors[:, 1]
        moves = self.trained().to(torch.float64)
        numbers = torch.stack((rates * correction, keeps, root, moves), dim=1).to(self.dtype)
        factors = clip.unsqueeze(1)
        for gradient, tensors, own in zip(gradients, self.tensors, numbers.unbind(0), strict=True):
            weight, first, second, copy = tensors
            self._pass(weight, first, second, copy, _by_run(gradient), factors, own, *self.constants)


def _by_run(tensor: Tensor) -> Tensor:
    """`[S, …]` as `(S, n)`, the same memory."""
    return tensor.detach().view(tensor.shape[0], -1)


def adamw_pass(
    weight: Tensor,
    first: Tensor,
    second: Tensor,
    copy: Tensor | None,
    gradient: Tensor,
    clip: Tensor,
    numbers: Tensor,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay_first: bool,
) -> None:
    """AdamW on one tensor of all runs, `(S, n)`, in place.

    `numbers` are the size of the step, what decay keeps of the weight, the factor of √v, and 1, or 0 for a tensor that
    stays as it is with its moments.
    """
    size, keep, root, moves = numbers.unbind(0)
    slope = gradient.to(weight.dtype) * clip
    new_first = beta1 * first + (1 - beta1) * slope
    new_second = beta2 * second + (1 - beta2) * slope * slope
    change = size * new_first / (new_second.sqrt() * root + epsilon)
    new = weight * keep - change if decay_first else (weight - change) * keep
    for old, found in ((weight, new), (first, new_first), (second, new_second)):
        old.copy_(torch.where(moves != 0, found, old))
    if copy is not None:
        copy.copy_(weight)
