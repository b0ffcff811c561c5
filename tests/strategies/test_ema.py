"""The exponential moving average as PROTOCOL, section 4, defines it."""

from __future__ import annotations

import pytest
import torch

from stabbench.models.weights import initial_weights
from stabbench.strategies.ema import ExponentialMovingAverage, ExponentialMovingAverageOptions
from tests import tiny
from tests.strategies.first_batch import trained

STRATEGIES = ((ExponentialMovingAverage(), ExponentialMovingAverageOptions()),)


@pytest.mark.parametrize("limit", [0.999, 0.5])
def test_what_is_scored_is_the_average_of_the_plain_trainings_weights(limit: float) -> None:
    class Whole(ExponentialMovingAverage):
        needs_whole_vocabulary = True

    inputs = tiny.inputs(strategies=((Whole(), ExponentialMovingAverageOptions(decay=limit)),))
    result, weights, _ = trained(inputs)
    expected = initial_weights(inputs.pretrained, inputs.architecture, 1, torch.float64)
    for t, after in enumerate(weights[1:], start=1):
        decay = min(limit, (1 + t) / (10 + t))
        expected = {name: decay * mean + (1 - decay) * after[name][0] for name, mean in expected.items()}
    for name, mean in expected.items():
        torch.testing.assert_close(result.weights[name], mean, rtol=0, atol=1e-12)


def test_training_itself_is_untouched() -> None:
    (plain, weights, _), (averaged, beside, _) = trained(tiny.inputs()), trained(tiny.inputs(strategies=STRATEGIES))
    assert plain.tables["history.parquet"]["train_loss"].equals(averaged.tables["history.parquet"]["train_loss"])
    assert torch.equal(weights[-1]["classifier.weight"], beside[-1]["classifier.weight"])
    assert plain.data["final"] != averaged.data["final"]


def test_embeddings_that_no_text_uses_are_averaged_too() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.5)
    result, _, _ = trained(inputs)
    name = "bert.embeddings.word_embeddings.weight"
    unused = sorted(set(range(tiny.VOCABULARY)) - set(inputs.train.ids) - set(inputs.dev.ids))
    mean = value = 1.0
    for update in range(18):
        rate = inputs.recipe.learning_rate * (update if update < 1 else (18 - update) / 17)
        value *= 1 - rate * 0.5
        decay = (2 + update) / (11 + update)
        mean = decay * mean + (1 - decay) * value
    torch.testing.assert_close(result.weights[name][unused], inputs.pretrained[name][unused] * mean, rtol=1e-12, atol=0)


def test_a_decay_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        ExponentialMovingAverageOptions(decay=1.0)
