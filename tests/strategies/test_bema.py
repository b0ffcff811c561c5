"""BEMA as Block and Zhang define it, averaged after every update."""

from __future__ import annotations

import pytest
import torch

from stabbench.strategies.bema import BiasCorrectedAverage, BiasCorrectedAverageOptions
from stabbench.training.loop import Training
from tests import tiny
from tests.strategies.first_batch import trained

DEFAULT = BiasCorrectedAverageOptions()
OTHER = BiasCorrectedAverageOptions(ema_power=0.7, bias_power=0.4, lag=3.0, multiplier=2.0, update_after=5)


class Whole(BiasCorrectedAverage):
    needs_whole_vocabulary = True


@pytest.mark.parametrize("options", [DEFAULT, OTHER], ids=["default", "other"])
def test_what_is_scored_is_the_average_and_its_correction(options: BiasCorrectedAverageOptions) -> None:
    (cut, _, _), (whole, weights, _) = (
        trained(tiny.inputs(strategies=((strategy(), options),), weight_decay=0.5))
        for strategy in (BiasCorrectedAverage, Whole)
    )
    for name, found in whole.weights.items():
        start = average = weights[options.update_after][name][0]
        for t in range(options.update_after + 1, len(weights)):
            beta = (options.lag + options.multiplier * t) ** -options.ema_power
            average = (1 - beta) * average + beta * weights[t][name][0]
        alpha = (options.lag + options.multiplier * (len(weights) - 1)) ** -options.bias_power
        expected = alpha * (weights[-1][name][0] - start) + average
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(cut.weights[name], expected, rtol=0, atol=1e-12)


def test_training_itself_is_untouched_and_what_is_scored_is_not_the_plain_average() -> None:
    plain, corrected, averaged = (
        trained(tiny.inputs(strategies=strategies))[0]
        for strategies in (
            (),
            ((BiasCorrectedAverage(), DEFAULT),),
            ((BiasCorrectedAverage(), BiasCorrectedAverageOptions(bias_power=100.0)),),
        )
    )
    histories = [run.tables["history.parquet"]["train_loss"] for run in (plain, corrected, averaged)]
    assert histories[0].equals(histories[1])
    assert histories[0].equals(histories[2])
    final, near, far = (run.weights["classifier.weight"] for run in (plain, corrected, averaged))
    assert (near - far).abs().max() > 1e-2
    assert not torch.equal(near, final)


def test_until_the_average_begins_the_weights_themselves_are_scored() -> None:
    strategies = ((BiasCorrectedAverage(), OTHER),)
    training = Training(tiny.inputs(strategies=strategies), tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    for _ in range(OTHER.update_after):
        training.update(state)
        assert all(tensor is state.weights[name] for name, tensor in training.scored(state).items())
    training.update(state)
    assert not torch.equal(training.scored(state)["classifier.weight"], state.weights["classifier.weight"])


def test_where_it_never_begins_the_final_weights_are_scored() -> None:
    options = BiasCorrectedAverageOptions(update_after=1000)
    plain, waiting = (
        trained(tiny.inputs(strategies=strategies, weight_decay=0.5))[0].weights
        for strategies in ((), ((BiasCorrectedAverage(), options),))
    )
    for name, tensor in plain.items():
        torch.testing.assert_close(waiting[name], tensor, rtol=0, atol=1e-15)


def test_the_defaults_are_trls_and_others_out_of_range_are_refused() -> None:
    assert BiasCorrectedAverageOptions(0.5, 0.2, 10.0, 1.0, 0) == DEFAULT
    for name, value in (("ema_power", -1.0), ("bias_power", -1.0), ("multiplier", -1.0), ("lag", 0.5)):
        with pytest.raises(ValueError, match=name):
            BiasCorrectedAverageOptions(**{name: value})  # type: ignore[arg-type]
    for updates in (-1, 2.5):
        with pytest.raises(ValueError, match="update_after"):
            BiasCorrectedAverageOptions(update_after=updates)  # type: ignore[arg-type]
