"""What `before_update` makes of the gradients is what the optimizer takes, and what it keeps of them stays."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest
import torch
from torch import Tensor

from stabbench.strategies.contract import Context, Strategy, Weights
from stabbench.training.loop import train
from tests import tiny


class PutsOthersInTheirPlace(Strategy):
    """Nothing is left of the gradients."""

    def before_update(
        self, weights: Weights, gradients: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        for name in gradients:
            gradients[name] = torch.zeros_like(gradients[name])


class KeepsWhatItWasGiven(Strategy):
    """Each update goes by the gradients of the one before."""

    def before_update(
        self, weights: Weights, gradients: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        for name in list(gradients):
            kept = state.get(name, torch.zeros_like(gradients[name]))
            state[name] = gradients[name]
            gradients[name] = kept


def test_gradients_that_a_hook_puts_in_the_place_of_others_are_those_of_the_update() -> None:
    inputs = tiny.inputs(strategies=((PutsOthersInTheirPlace(), None),), weight_decay=0.0, examples=32)
    (run,) = train(inputs, tiny.seeds(1))
    for name, tensor in inputs.pretrained.items():
        assert torch.equal(run.weights[name], tensor), name


def test_gradients_that_a_hook_keeps_are_still_those_it_was_given_an_update_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = tiny.inputs(strategies=((KeepsWhatItWasGiven(), None),), examples=32)
    (by_kernel,) = train(inputs, tiny.seeds(1))
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    (by_torch,) = train(inputs, tiny.seeds(1))
    for name, tensor in by_torch.weights.items():
        torch.testing.assert_close(by_kernel.weights[name], tensor, rtol=0, atol=1e-9)
