"""A loss that depends on the logits of one forward pass alone: the compiled kernel does all else of the update."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.kernel.library import library_for
from stabbench.strategies.contract import NoOptions, Strategy
from stabbench.training.loop import Training, train
from tests import tiny

pytestmark = pytest.mark.skipif(library_for(torch.empty(0)) is None, reason="no compiled kernel")


class Focal(Strategy):
    """(1 − p)² times the cross-entropy of an example (Lin et al., 2017), of a graph through all weights."""

    def loss(self, model: Any, weights: Any, batch: Any, ctx: Any) -> Tensor:
        logits = model(batch)
        each = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), reduction="none").view(logits.shape[:2])
        return ((1 - (-each).exp()).square() * each).mean(dim=1)


class OfLogits(Focal):
    """The same, but it says what it depends on, and counts how often the model's weights came into the graph."""

    loss_of_logits = True
    graphs_of_weights = 0

    def loss(self, model: Any, weights: Any, batch: Any, ctx: Any) -> Tensor:
        self.graphs_of_weights += not model(batch).is_leaf
        return super().loss(model, weights, batch, ctx)


class Twice(Focal):
    """Says so and is wrong."""

    loss_of_logits = True

    def loss(self, model: Any, weights: Any, batch: Any, ctx: Any) -> Tensor:
        return F.mse_loss(model(batch), model(batch, call=1)).view(1)


class Anew(OfLogits):
    """Its loss is its own, and it does not say what that depends on."""

    def loss(self, model: Any, weights: Any, batch: Any, ctx: Any) -> Tensor:
        found: Tensor = super().loss(model, weights, batch, ctx) + model(batch, call=1).square().mean()
        return found


def trained(strategy: Strategy, **changes: Any) -> Any:
    return train(tiny.inputs(strategies=((strategy, NoOptions()),), **changes), tiny.seeds(1))[0]


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert", "modernbert"])
def test_it_trains_as_through_a_graph_of_all_weights(kind: str) -> None:
    strategy = OfLogits()
    through_weights, of_logits = (trained(some, kind=kind, epochs=1.0) for some in (Focal(), strategy))
    assert strategy.graphs_of_weights == 0
    for name, weight in through_weights.weights.items():
        torch.testing.assert_close(of_logits.weights[name], weight, rtol=0, atol=1e-12)


def test_asking_for_more_of_the_model_is_told() -> None:
    with pytest.raises(RuntimeError, match="cannot say `loss_of_logits`"):
        trained(Twice())


def test_a_loss_that_a_subclass_writes_anew_says_so_anew() -> None:
    training = Training(tiny.inputs(strategies=((Anew(), NoOptions()),)), tiny.seeds(1), torch.device("cpu"))
    assert not training.strategies.loss_of_logits
    trained(Anew(), epochs=1.0)
