"""R-Drop as Wu et al. define it, halved."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.dropout import Masks
from stabbench.recipe import Recipe
from stabbench.strategies.r_drop import RDrop, RDropOptions
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from tests import tiny
from tests.training.test_regression import inputs as numbers

LARGE = RDropOptions(weight=30.0)


def papers_loss(first: Tensor, second: Tensor, labels: Tensor, alpha: float) -> Tensor:
    """L = CE₁ + CE₂ + α/2·[KL(P₁‖P₂) + KL(P₂‖P₁)], means over the examples."""
    p, q = F.log_softmax(first, dim=-1), F.log_softmax(second, dim=-1)
    forward = F.kl_div(q, p, log_target=True, reduction="batchmean")
    backward = F.kl_div(p, q, log_target=True, reduction="batchmean")
    assert forward + backward > 1e-5
    return F.cross_entropy(first, labels) + F.cross_entropy(second, labels) + alpha / 2 * (forward + backward)


def at_the_start(inputs: TrainingInputs) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
    """Weights of seed 3, labels of its first batch `(B,)`, and outputs `(B, C)` under the masks of calls 0 and 1."""
    training = Training(inputs, tiny.seeds(3), torch.device("cpu"))
    parts, weights = training.parts, dict(training.start().weights)
    batch, masks = parts.batch(0), Masks(inputs.recipe.one_dropout, parts.dropout, parts.device)
    first, second = (parts.encoder.classify(weights, batch, masks.at(0, call))[0] for call in (0, 1))
    return weights, batch.labels[0], first, second


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_loss_and_gradient_are_half_of_the_papers_under_two_dropout_masks(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=((RDrop(), LARGE),), dropout=0.2, epochs=1.0, batch_size=7)
    (result,) = train(inputs, tiny.seeds(3))
    weights, labels, first, second = at_the_start(inputs)
    loss = papers_loss(first, second, labels, LARGE.weight) / 2
    assert abs(result.tables["history.parquet"]["train_loss"][0] - loss.item()) < 1e-12
    slopes = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
    table = result.tables["gradnorms.parquet"].query("step == 0")
    found = dict(zip(table["parameter"], table["norm"], strict=True))
    for name, slope in zip(weights, slopes, strict=True):
        assert abs(found[name] - float(slope.norm())) < 1e-10, name


def test_in_regression_the_squared_difference_is_the_divergence() -> None:
    inputs = numbers(strategies=((RDrop(), LARGE),), dropout=0.2, epochs=1.0)
    (result,) = train(inputs, tiny.seeds(3))
    _, labels, first, second = at_the_start(inputs)
    losses = [inputs.objective.loss(outputs[None], labels[None])[0] for outputs in (first, second)]
    apart = F.mse_loss(first, second)
    assert apart > 1e-5
    expected = (losses[0] + losses[1]) / 2 + LARGE.weight / 4 * apart
    assert abs(result.tables["history.parquet"]["train_loss"][0] - expected.item()) < 1e-12


def test_without_dropout_it_is_the_recipe_and_a_warning() -> None:
    plain, dropped = (
        train(tiny.inputs(strategies=strategies, dropout=0.0), tiny.seeds(1))[0]
        for strategies in ((), ((RDrop(), RDropOptions()),))
    )
    losses = [run.tables["history.parquet"]["train_loss"].to_numpy() for run in (plain, dropped)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-9)
    assert "dropout is 0" in str(RDrop().caution(Recipe(dropout=0.0), RDropOptions()))
    for dropout in (0.1, "model"):
        assert RDrop().caution(Recipe(dropout=dropout), RDropOptions()) is None


def test_predictions_under_two_masks_come_closer_than_without_the_divergence() -> None:
    def apart(weight: float) -> float:
        """The divergence at the end, under masks of an update that was not made."""
        inputs = tiny.inputs(strategies=((RDrop(), RDropOptions(weight)),), dropout=0.3)
        training = Training(inputs, tiny.seeds(1), torch.device("cpu"))
        state = training.start()
        while state.step < training.parts.schedule.total_steps:
            training.update(state)
        parts, masks = training.parts, Masks(0.3, training.parts.dropout, training.parts.device)
        batch = parts.batch(0)
        with torch.no_grad():
            first, second = (parts.encoder.classify(state.weights, batch, masks.at(99, call)) for call in (0, 1))
        return float(inputs.objective.divergences(first, second).mean())

    assert apart(10.0) < 0.7 * apart(0.0)


def test_a_run_counts_both_forward_passes_as_its_cost() -> None:
    plain, dropped = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), ((RDrop(), RDropOptions()),))
    )
    assert dropped["tokens"] == 2 * plain["tokens"]


def test_a_weight_out_of_range_is_refused() -> None:
    for weight in (-1.0, float("inf")):
        with pytest.raises(ValueError, match="weight"):
            RDropOptions(weight=weight)
