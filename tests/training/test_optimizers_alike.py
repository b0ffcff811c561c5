"""What the trainer does for any optimizer: runs apart, frozen tensors, factors, memory; rules: `OptimizerContract`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from stabbench.training.memory import kept_by, needs
from tests import tiny
from tests.training.rules import MATRIX, OTHERS, SHAPES, at_work, drawn, updated


@pytest.mark.parametrize("name", ["adamw", *OTHERS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_among_others_is_the_run_alone_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    among, alone = updated(name, runs=3, dtype=dtype), updated(name, runs=1, dtype=dtype)
    for found, expected in zip(among, alone, strict=True):
        assert all(torch.equal(found[tensor][:1], expected[tensor]) for tensor in SHAPES)


@pytest.mark.parametrize("name", OTHERS)
def test_a_frozen_tensor_keeps_weight_and_state_and_counts_its_own_updates(name: str) -> None:
    """Frozen at first, it is updated as if its training had begun later; it needs no gradient until then."""
    weights, *gradients = drawn(1)
    late, *_ = drawn(1)
    optimizer, other = at_work(weights, name, {}), at_work({MATRIX: late[MATRIX]}, name, {})
    before = weights[MATRIX].clone()
    frozen = {tensor: (0.0, 0.0) if tensor == MATRIX else (1.0, 1.0) for tensor in SHAPES}
    for update in (1, 2):
        slopes = {tensor: slope for tensor, slope in gradients[update - 1].items() if tensor != MATRIX}
        optimizer.update(slopes, update, 0.01, frozen)
    assert torch.equal(weights[MATRIX], before)
    assert MATRIX not in optimizer.moments
    for update in range(3, 7):
        optimizer.update(dict(gradients[update - 1]), update, 0.01)
        other.update({MATRIX: gradients[update - 1][MATRIX]}, update - 2, 0.01)
    assert torch.equal(weights[MATRIX], late[MATRIX])
    assert not torch.equal(weights[MATRIX], before)


@pytest.mark.parametrize("name", OTHERS)
def test_factors_scale_rate_and_decay_and_clipping_the_gradients(name: str) -> None:
    scaled, plain = drawn(1)[0], drawn(1)[0]
    _, *gradients = drawn(1, updates=3)
    first, second = at_work(scaled, name, {}, weight_decay=0.2), at_work(plain, name, {}, weight_decay=0.1)
    for update, gradient in enumerate(gradients, start=1):
        first.update(
            {of: slope.clone() for of, slope in gradient.items()}, update, 0.02, dict.fromkeys(SHAPES, (0.5, 0.5)), 0.25
        )
        second.update({of: slope * 0.25 for of, slope in gradient.items()}, update, 0.01)
    assert all(torch.equal(scaled[tensor], plain[tensor]) for tensor in SHAPES)


RATES = {"sgd": 0.1, "lion": 3e-4, "adafactor": 0.05}


def inputs_of(name: str, **recipe: Any) -> TrainingInputs:
    """A training with the optimizer, at a rate at which it learns."""
    return tiny.inputs(optimizer=name, schedule="constant", learning_rate=RATES.get(name, 3e-3), **recipe)


@pytest.mark.parametrize("name", OTHERS)
def test_it_learns_and_a_run_among_others_is_the_run_alone(name: str) -> None:
    """To rounding, as forward and backward pass of several runs sum in another order than those of one."""
    together = train(inputs_of(name), tiny.seeds(1, 2))[0]
    (alone,) = train(inputs_of(name), tiny.seeds(1))
    losses = [run.tables["history.parquet"]["train_loss"].to_numpy() for run in (together, alone)]
    logits = [np.stack(run.tables["predictions.parquet"]["logits"].to_list()) for run in (together, alone)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-10)
    np.testing.assert_allclose(logits[0], logits[1], rtol=0, atol=1e-10)
    assert losses[1][-3:].mean() < 0.95 * losses[1][:3].mean()


@pytest.mark.parametrize("name", OTHERS)
def test_what_memory_counts_is_what_is_kept(name: str) -> None:
    inputs = inputs_of(name, precision="fp32")
    training = Training(inputs, tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    training.update(state)
    kept = sum(tensor.numel() for own in state.moments.values() for tensor in own.values())
    weights = sum(tensor.numel() for tensor in state.weights.values())
    assert kept_by(inputs, weights, training.parts)[0] == kept
    adamw = needs(dataclasses.replace(inputs, recipe=inputs.recipe.override({"optimizer": "adamw"})), tiny.seeds(1))
    whole = needs(inputs, tiny.seeds(1)).each
    assert whole >= 4 * (2 * weights + kept)
    assert whole <= adamw.each + 4 * (kept + 3 * max(t.numel() for t in state.weights.values()) + weights)


def test_what_schedule_free_scores_is_the_average_and_not_the_weights_that_are_trained() -> None:
    inputs = inputs_of("schedule-free-adamw", epochs=1.0)
    training = Training(inputs, tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    while state.step < training.parts.schedule.total_steps:
        training.update(state)
    (measured,) = training.finish(state)
    for name, own in state.moments.items():
        average = state.weights[name] + (1 - 1 / 0.9) * (own["z"] - state.weights[name])
        torch.testing.assert_close(measured.weights[name], average[0].detach(), rtol=0, atol=1e-12)
    assert not torch.equal(measured.weights[MATRIX], state.weights[MATRIX][0])


@pytest.mark.parametrize("name", ["adam", "lion", "muon", "stable-adamw"])
def test_a_groups_settings_are_those_of_the_recipe_and_of_the_optimizer(name: str) -> None:
    (run,) = train(inputs_of(name, epochs=1.0, weight_decay=0.1, adam_epsilon=1e-5), tiny.seeds(1))
    groups = run.data["parameter_groups"]
    assert [(group["learning_rate"], group["weight_decay"]) for group in groups] == [
        (RATES.get(name, 3e-3), 0.1), (RATES.get(name, 3e-3), 0.0),
    ]  # fmt: skip
    epsilon = {"lion": 0.0, "stable-adamw": 1e-6}.get(name, 1e-5)
    assert {group["epsilon"] for group in groups} == {epsilon}
