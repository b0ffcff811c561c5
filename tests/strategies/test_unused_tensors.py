"""A tensor that a strategy adds and no loss depends on: it has a gradient of 0, with and without the kernel."""

from __future__ import annotations

import pytest
import torch

from stabbench.strategies.contract import Context, NoOptions, Strategy, Tensors
from stabbench.training.schedule import Schedule
from tests import tiny
from tests.strategies.first_batch import trained


class Unused(Strategy):
    """Adds a matrix of ones that nothing reads."""

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        like = next(iter(weights.values()))
        weights["unused.weight"] = like.new_ones(like.shape[0], 3, 4)


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_it_decays_and_changes_nothing_else(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", kernel)
    inputs = tiny.inputs(strategies=((Unused(), NoOptions()),), weight_decay=0.5)
    _, weights, _ = trained(inputs)
    rate = Schedule.of(inputs.recipe, len(inputs.train)).learning_rate
    _, plain, _ = trained(tiny.inputs(weight_decay=0.5))
    expected = torch.ones(3, 4, dtype=torch.float64)
    for update, (found, without) in enumerate(zip(weights, plain, strict=True)):
        torch.testing.assert_close(found["unused.weight"], expected.expand(1, 3, 4), rtol=0, atol=1e-13)
        for name, values in without.items():
            torch.testing.assert_close(found[name], values, rtol=0, atol=1e-12)
        expected = expected * (1 - 0.5 * rate(update))
