"""Gradual unfreezing as Howard and Ruder define it, by shares of the training."""

from __future__ import annotations

import pytest
import torch

from stabbench.strategies.gradual_unfreezing import GradualUnfreezing, GradualUnfreezingOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import trained

UPDATES, LAYERS = 18, 3


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize(
    ("share", "begins"), [(1.0, (0, 4, 7, 11, 14)), (0.5, (0, 2, 4, 5, 7)), (1e-9, (0, 0, 0, 0, 0))]
)
def test_one_depth_more_is_trained_from_each_stage_on(kind: str, share: float, begins: tuple[int, ...]) -> None:
    """`begins`: the update from which the head, the layers from the top down, and the embeddings are trained."""
    options = GradualUnfreezingOptions(share)
    inputs = tiny.inputs(kind, strategies=((GradualUnfreezing(), options),), weight_decay=0.1, warmup_ratio=0.0)
    _, weights, _ = trained(inputs)
    assert len(weights) == UPDATES + 1
    facts = inputs.architecture.facts()
    for update in range(UPDATES):
        changed = {name for name in facts if not torch.equal(weights[update][name], weights[update + 1][name])}
        lowest = min(LAYERS + 1 - stage for stage, begin in enumerate(begins) if update >= begin)
        assert {facts[name].depth for name in changed} == set(range(lowest, LAYERS + 2)), update
        new = {name for name in facts if name not in inputs.pretrained}
        assert new <= changed


def test_moments_and_bias_correction_of_a_layer_begin_when_it_is_set_free() -> None:
    strategies = ((GradualUnfreezing(), GradualUnfreezingOptions()),)
    inputs = tiny.inputs(strategies=strategies, weight_decay=0.0, warmup_ratio=0.0)
    _, weights, states = trained(inputs)
    name, freed = "bert.encoder.layer.1.output.dense.weight", 7
    assert name not in states[freed - 1].moments
    first, second = states[freed].moments[name].values()
    rate = inputs.recipe.learning_rate * (UPDATES - freed) / UPDATES
    correction = (1 - 0.999) ** 0.5 / (1 - 0.9)
    change = rate * correction * first / (second.sqrt() + inputs.recipe.adam_epsilon)
    torch.testing.assert_close(weights[freed + 1][name], weights[freed][name] - change, rtol=0, atol=1e-13)


def test_it_is_not_the_recipe_alone() -> None:
    recipe, unfrozen = (
        train(tiny.inputs(strategies=strategies), tiny.seeds(1))[0].weights
        for strategies in ((), ((GradualUnfreezing(), GradualUnfreezingOptions()),))
    )
    name = "bert.encoder.layer.0.output.dense.weight"
    start = tiny.inputs().pretrained[name]
    assert (unfrozen[name] - start).norm() < 0.5 * (recipe[name] - start).norm()


def test_shared_layers_are_not_supported_and_the_reason_is_said() -> None:
    reason = GradualUnfreezing().unsupported(tiny.inputs("albert").architecture, GradualUnfreezing.Options())
    assert "share their weights" in str(reason)


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        GradualUnfreezingOptions(share)
