"""RecAdam as Chen et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from stabbench.recipe import Recipe
from stabbench.strategies.recadam import RecAdam, RecAdamOptions, task_share
from tests import tiny
from tests.strategies.first_batch import context, trained

OPTIONS = RecAdamOptions(gamma=200.0, middle=0.4, steepness=9.0)
STRATEGIES = ((RecAdam(), OPTIONS),)


def test_every_update_follows_the_definition() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.1)
    recipe = inputs.recipe
    _, weights, states = trained(inputs)
    used = sorted(set(inputs.train.ids) | set(inputs.dev.ids))
    total, warmup = 18, 1
    for update, (before, state) in enumerate(zip(weights, states, strict=False)):
        t = update + 1
        rate = recipe.learning_rate * (update / warmup if update < warmup else (total - update) / (total - warmup))
        share = 1 / (1 + math.exp(-9.0 / total * (t - 0.4 * total)))
        size = rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for name, moments in state.moments.items():
            first, second = moments["first"], moments["second"]
            adam = first / (second.sqrt() + 1e-6)
            if name in inputs.pretrained:
                w0 = inputs.pretrained[name]
                w0 = w0[used] if "word_embeddings" in name else w0
                expected = before[name] - share * size * adam - rate * (1 - share) * 200.0 * (before[name] - w0)
            else:
                decay = 0.1 if name.endswith(".weight") else 0.0
                expected = (before[name] - size * adam) * (1 - rate * decay)
            torch.testing.assert_close(state.weights[name], expected, rtol=0, atol=1e-12)


def test_embeddings_that_no_text_uses_keep_their_pretrained_values() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.1)
    (result, _, _) = trained(inputs)
    name = "bert.embeddings.word_embeddings.weight"
    unused = sorted(set(range(tiny.VOCABULARY)) - set(inputs.train.ids) - set(inputs.dev.ids))
    assert torch.equal(result.weights[name][unused], inputs.pretrained[name][unused])


@pytest.mark.parametrize("total_steps", [40, 800, 5000])
def test_the_task_takes_over_at_the_same_share_of_training_however_long(total_steps: int) -> None:
    ctx = dataclasses.replace(context("bert", RecAdam(), RecAdamOptions()), total_steps=total_steps)
    shares = [task_share(dataclasses.replace(ctx, step=step)) for step in (total_steps // 4 - 1, 0, total_steps // 2)]
    assert shares[0] == pytest.approx(0.5)
    assert shares[1] < 1e-3
    assert shares[2] > 0.999


def test_the_defaults_are_the_authors_at_800_updates() -> None:
    options = RecAdamOptions()
    assert (options.gamma, options.middle * 800, options.steepness / 800) == (5000.0, 200.0, 0.05)


def test_a_rate_at_which_the_pull_overshoots_is_warned_of() -> None:
    strategy, options = RecAdam(), RecAdamOptions()
    assert strategy.caution(Recipe(learning_rate=4e-4), options) is None
    sentence = strategy.caution(Recipe(learning_rate=5e-4), options)
    assert sentence is not None
    assert "is 2.5, above 2" in sentence
    assert "at most 4000" in sentence


@pytest.mark.parametrize(("name", "value"), [("gamma", -1.0), ("middle", 1.5), ("steepness", 0.0)])
def test_options_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        RecAdamOptions(**{name: value})
