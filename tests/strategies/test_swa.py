"""The average of the tail as Izmailov et al. and PROTOCOL, section 4, define it."""

from __future__ import annotations

import pytest
import torch

from stabbench.strategies.swa import StochasticWeightAveraging, StochasticWeightAveragingOptions
from stabbench.training.loop import Training
from tests import tiny
from tests.strategies.first_batch import trained


@pytest.mark.parametrize(("share", "tail"), [(0.25, 4), (1.0, 18), (0.01, 1)])
def test_what_is_scored_is_the_mean_of_the_weights_over_the_last_updates(share: float, tail: int) -> None:
    class Whole(StochasticWeightAveraging):
        needs_whole_vocabulary = True

    options = StochasticWeightAveragingOptions(share=share)
    (cut, _, _), (whole, weights, _) = (
        trained(tiny.inputs(strategies=((strategy(), options),), weight_decay=0.5))
        for strategy in (StochasticWeightAveraging, Whole)
    )
    assert len(weights) == 19
    for name, found in whole.weights.items():
        expected = torch.stack([after[name][0] for after in weights[-tail:]]).mean(dim=0)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(cut.weights[name], expected, rtol=0, atol=1e-12)


def test_before_the_tail_the_weights_themselves_are_scored() -> None:
    strategies = ((StochasticWeightAveraging(), StochasticWeightAveragingOptions()),)
    training = Training(tiny.inputs(strategies=strategies), tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    while state.step < 14:
        training.update(state)
    assert all(tensor is state.weights[name] for name, tensor in training.scored(state).items())
    training.update(state)
    training.update(state)
    assert not torch.equal(training.scored(state)["classifier.weight"], state.weights["classifier.weight"])


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        StochasticWeightAveragingOptions(share=0.0)
