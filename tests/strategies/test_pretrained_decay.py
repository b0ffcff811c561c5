"""Weight decay towards the pretrained weights: w ← w − lr·λ·(w − w0)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from stabbench.strategies.llrd import LayerwiseDecay, LayerwiseDecayOptions
from stabbench.strategies.pretrained_decay import PretrainedDecay, PretrainedDecayOptions
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import context
from tests.strategies.reference import check_equal, train_plainly
from tests.strategies.test_llrd import exponent

STRENGTH = 20.0
STRATEGIES = ((PretrainedDecay(), PretrainedDecayOptions(STRENGTH)),)


def pull(inputs: TrainingInputs, factor: float = 1.0) -> Callable[[PreTrainedModel, float], None]:
    def finish(model: PreTrainedModel, rate: float) -> None:
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                start = inputs.pretrained.get(name, torch.zeros_like(parameter))
                parameter.sub_(rate * factor ** exponent(name) * STRENGTH * (parameter - start))

    return finish


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_training_equals_plain_training_with_this_pull(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=STRATEGIES, dropout=0.0, **PretrainedDecay.recipe)
    (result,) = train(inputs, tiny.seeds(2))
    check_equal(result, *train_plainly(inputs, 2, finish=pull(inputs)))


def test_it_holds_the_weights_near_their_start() -> None:
    results = [train(tiny.inputs(strategies=strategies), tiny.seeds(1)) for strategies in ((), STRATEGIES)]
    name = "bert.encoder.layer.1.output.dense.weight"
    start = tiny.inputs().pretrained[name]
    free, held = (float((result.weights[name] - start).norm()) for (result,) in results)
    assert held < 0.8 * free


def test_beside_layer_wise_rates_each_tensor_is_pulled_at_its_own() -> None:
    strategies = ((LayerwiseDecay(), LayerwiseDecayOptions(0.5)), *STRATEGIES)
    inputs = tiny.inputs(strategies=strategies, dropout=0.0, **PretrainedDecay.recipe)
    (result,) = train(inputs, tiny.seeds(2))
    finish = pull(inputs, 0.5)
    check_equal(result, *train_plainly(inputs, 2, factor=lambda name: 0.5 ** exponent(name), finish=finish))


def test_plain_decay_is_off_whatever_the_recipe_says_and_the_record_shows_it() -> None:
    (result,) = train(tiny.inputs(strategies=STRATEGIES, weight_decay=0.5, epochs=1.0), tiny.seeds(1))
    assert {group["weight_decay"] for group in result.data["parameter_groups"]} == {0.0}


def test_words_that_no_text_uses_stay_where_they_were() -> None:
    class Whole(PretrainedDecay):
        needs_whole_vocabulary = True

    name = "bert.embeddings.word_embeddings.weight"
    start = tiny.inputs().pretrained[name]
    for strategy in (PretrainedDecay, Whole):
        inputs = tiny.inputs(strategies=((strategy(), PretrainedDecayOptions(STRENGTH)),), weight_decay=0.5)
        (result,) = train(inputs, tiny.seeds(1))
        assert torch.equal(result.weights[name][:5], start[:5])
        assert not torch.equal(result.weights[name][5:], start[5:])


def test_a_negative_decay_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        PretrainedDecayOptions(-1e-3)


def test_pulls_too_small_for_fp32_are_added_up() -> None:
    """At a rate of 2e-5 the default pull is 2e-8 of the way: less than half of a weight's last place."""
    strategy, name = PretrainedDecay(), "bert.encoder.layer.1.output.dense.weight"
    ctx = context("bert", strategy, PretrainedDecayOptions(), precision="fp32")
    weights = {key: ctx.pretrained.get(key, torch.zeros(1, 1)).clone() for key in ctx.facts}
    weights[name] += 0.01
    before = weights[name].clone()
    state: dict[str, Tensor] = {}
    strategy.initialise(weights, state, ctx)
    ctx = dataclasses.replace(ctx, learning_rate=2e-5)
    for _ in range(2000):
        strategy.after_update(weights, state, ctx)
    moved = (weights[name] - before).double()
    assert ((moved + 2000 * 2e-8 * 0.01).abs() < 0.6 * 2**-24 * before.abs().clamp(min=0.01) * 2).all()
