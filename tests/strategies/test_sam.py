"""SAM as Foret et al. define it, and ASAM as Kwon et al. do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.strategies.contract import Strategy
from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.strategies.lp_ft import LinearProbingFineTuning, LinearProbingOptions
from stabbench.strategies.sam import (
    AdaptiveSharpnessAware,
    AdaptiveSharpnessAwareOptions,
    SharpnessAware,
    SharpnessAwareOptions,
)
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss

BOTH: list[tuple[Strategy, Any]] = [
    (SharpnessAware(), SharpnessAwareOptions(radius=0.3)),
    (AdaptiveSharpnessAware(), AdaptiveSharpnessAwareOptions(radius=0.8, floor=0.05)),
]
IDS = ["sam", "asam"]


def loss_nearby(batch: FirstBatch, options: Any, trained: Any = lambda name: True) -> Tensor:
    """The loss of Hugging Face's model, moved by ρ·T²g/‖Tg‖, T = |w| + η but for biases; T = 1 without an η."""
    names, parameters = zip(*[item for item in batch.model.named_parameters() if trained(item[0])], strict=True)
    before = F.cross_entropy(batch.logits(), batch.labels)
    slopes = torch.autograd.grad(before, parameters, materialize_grads=True)
    floor = getattr(options, "floor", None)
    sizes = [
        torch.ones_like(parameter) if floor is None or name.endswith("bias") else parameter.detach().abs() + floor
        for name, parameter in zip(names, parameters, strict=True)
    ]
    norm = torch.cat([(size * slope).flatten() for size, slope in zip(sizes, slopes, strict=True)]).norm()
    with torch.no_grad():
        for parameter, size, slope in zip(parameters, sizes, slopes, strict=True):
            parameter.add_(options.radius * size**2 * slope / norm)
    after = F.cross_entropy(batch.logits(), batch.labels)
    assert after > before + 1e-3
    return after


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
@pytest.mark.parametrize(("strategy", "options"), BOTH, ids=IDS)
def test_loss_and_gradient_are_those_at_the_moved_weights(strategy: Strategy, options: Any, kind: str) -> None:
    check_loss(kind, strategy, options, lambda batch: loss_nearby(batch, options))


@pytest.mark.parametrize(("strategy", "options"), BOTH, ids=IDS)
def test_what_is_frozen_is_not_moved_and_not_in_the_norm(strategy: Strategy, options: Any) -> None:
    strategies = ((LinearProbingFineTuning(), LinearProbingOptions()), (strategy, options))
    inputs = tiny.inputs(strategies=strategies, dropout=0.0, epochs=1.0, batch_size=7)
    (result,) = train(inputs, tiny.seeds(1))
    expected = loss_nearby(FirstBatch("bert", inputs, 1), options, lambda name: name.startswith("classifier"))
    assert abs(result.tables["history.parquet"]["train_loss"][0] - expected.item()) < 1e-12


@pytest.mark.parametrize(("strategy", "options"), BOTH, ids=IDS)
def test_both_passes_have_the_same_dropout_masks(strategy: Strategy, options: Any) -> None:
    """A step of next to nothing leaves the loss where it was, whatever is dropped, and the training with it."""
    still = type(options)(radius=1e-12)
    runs = [
        train(tiny.inputs(strategies=strategies, epochs=1.0, dropout=0.3), tiny.seeds(1))[0]
        for strategies in ((), ((strategy, still),))
    ]
    losses = [run.tables["history.parquet"]["train_loss"].to_numpy() for run in runs]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("strategy", "options"), BOTH, ids=IDS)
def test_it_is_not_the_recipe_alone_and_beside_lora_its_factors_are_moved(strategy: Strategy, options: Any) -> None:
    for beside in ((), ((LoRA(), LoRAOptions()),)):
        plain, moved = (
            train(tiny.inputs(strategies=strategies, dropout=0.0), tiny.seeds(1))[0].weights
            for strategies in (beside, (*beside, (strategy, options)))
        )
        name = "bert.encoder.layer.1.attention.self.query.weight"
        assert (plain[name] - moved[name]).abs().max() > 1e-4


@pytest.mark.parametrize(("strategy", "options"), BOTH, ids=IDS)
def test_a_run_counts_both_passes_as_its_cost(strategy: Strategy, options: Any) -> None:
    plain, twice = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), ((strategy, options),))
    )
    assert twice["tokens"] == 2 * plain["tokens"]


def test_the_defaults_are_the_papers_and_others_out_of_range_are_refused() -> None:
    assert SharpnessAwareOptions() == SharpnessAwareOptions(radius=0.05)
    assert AdaptiveSharpnessAwareOptions() == AdaptiveSharpnessAwareOptions(radius=0.5, floor=0.01)
    for options in (SharpnessAwareOptions, AdaptiveSharpnessAwareOptions):
        with pytest.raises(ValueError, match="radius"):
            options(radius=-1.0)
    with pytest.raises(ValueError, match="floor"):
        AdaptiveSharpnessAwareOptions(floor=-0.1)
