"""What an optimizer of all runs at once keeps of each tensor, whatever its rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from stabbench.recipe import Recipe

Moments = dict[str, dict[str, Tensor]]
"""What an optimizer keeps of each tensor that has been trained so far, by names of its own, each `[S, …]`."""
Scales = Mapping[str, tuple[float, float]]
"""Factors for rate and decay by tensor; a rate's factor of 0 freezes the tensor."""


def frozen_by(scales: Scales | None) -> frozenset[str]:
    """The tensors that stay as they are."""
    return frozenset(name for name, (rate, _) in (scales or {}).items() if rate == 0)


class KeptState:
    """Decay, state and missed updates of each of `weights`, `[S, …]`.

    `decays` tells whether weight decay applies to a tensor. `missed` counts the updates that each sat out frozen: a
    rule goes by the updates that it had. `moments` has those of the tensors that have been trained so far: what stays
    frozen has none.
    """

    def __init__(self, weights: Mapping[str, Tensor], recipe: Recipe, decays: Callable[[str], bool]) -> None:
        self.decay = {name: recipe.weight_decay if decays(name) else 0.0 for name in weights}
        self.missed = dict.fromkeys(weights, 0)
        self.moments: Moments = {}
        self.sizes = {name: weight[0].numel() for name, weight in weights.items()}
        """Numbers of elements that one run has of each tensor."""

    def freeze(self, names: Collection[str]) -> None:
        """Note that these tensors sit out the present update."""
        for name in names:
            self.missed[name] += 1
