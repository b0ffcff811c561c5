"""A strategy can run the model at other weights than the update's: differentiably, on any path, beside any other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench import Batch, BoundModel, Context, Strategy, Weights, cross_entropy
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.strategies.contract import NoOptions
from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss
from tests.training.sharpness import RADIUS, Sharpness

SAM = (Sharpness(), NoOptions())


@pytest.mark.parametrize("kind", tiny.AS_BERT)
def test_loss_and_gradient_are_those_of_hugging_faces_model_at_the_other_weights(kind: str) -> None:
    def expected(batch: FirstBatch) -> Tensor:
        parameters = list(batch.model.parameters())
        loss = F.cross_entropy(batch.logits(), batch.labels)
        slopes = torch.autograd.grad(loss, parameters, materialize_grads=True)
        norm = torch.cat([slope.flatten() for slope in slopes]).norm()
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.add_(RADIUS * slope / norm)
        return F.cross_entropy(batch.logits(), batch.labels)

    check_loss(kind, *SAM, expected)


class Twice(Strategy):
    """Runs the model at the update's weights, and at the same ones given as others; and at other words."""

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        logits = model(batch)
        assert torch.equal(logits, model(batch, weights=dict(weights)))
        assert torch.equal(model(batch, call=1), model(batch, call=1, weights=dict(weights)))
        word_table = ctx.architecture.word_embeddings
        doubled = {**weights, word_table: 2 * weights[word_table]}
        assert torch.equal(model.embed(batch, weights=doubled), 2 * model.embed(batch))
        assert not torch.equal(model(batch, weights=doubled), logits)
        return cross_entropy(logits, batch.labels)


@pytest.mark.parametrize("kind", ["bert", "electra", "electra by transformers"])
@pytest.mark.parametrize("seeds", [(1,), (1, 2)], ids=["alone", "two together"])
@pytest.mark.parametrize(
    "beside", [(), ((Mixout(), MixoutOptions(0.5)),), ((LoRA(), LoRAOptions()),)], ids=["alone", "mixout", "lora"]
)
def test_other_weights_are_given_as_loss_gets_them_and_go_through_all_training_weights(
    kind: str, seeds: tuple[int, ...], beside: tuple[Any, ...]
) -> None:
    strategies = (*beside, (Twice(), NoOptions()))
    name = kind.split()[0]
    inputs = tiny.inputs(name, strategies=strategies, examples=32, epochs=1.0, dropout=0.1)
    if name != kind:
        architecture = huggingface_architecture(tiny.hugging_face_model(name).config.to_dict(), 2)
        inputs = dataclasses.replace(inputs, architecture=architecture)
    train(inputs, tiny.seeds(*seeds))


@pytest.mark.parametrize("kind", ["bert", "electra", "mpnet"])
def test_beside_mixout_it_trains_and_together_as_alone(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=((Mixout(), MixoutOptions(0.5)), SAM), examples=48, epochs=1.0)
    together, alone = train(inputs, tiny.seeds(1, 2)), train(inputs, tiny.seeds(2))
    for name, weight in alone[0].weights.items():
        torch.testing.assert_close(together[1].weights[name], weight, rtol=0, atol=1e-10)


def test_a_pass_at_other_weights_counts_as_any_other() -> None:
    plain, twice = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), (SAM,))
    )
    assert twice["tokens"] == 2 * plain["tokens"]
    assert twice["flops"] == pytest.approx(2 * plain["flops"])


class LooksAtTheFirstEpoch(Strategy):
    def initialise(self, weights: Any, state: Any, ctx: Context) -> None:
        for model, batch in ctx.first_epoch(weights):
            halved = {name: weight / 2 for name, weight in weights.items()}
            ((bound, _), *_) = ctx.first_epoch(halved)
            assert torch.equal(model(batch, weights=halved)[:, :2], bound(batch)[:, :2])
            assert torch.equal(model.embed(batch, weights=halved), model.embed(batch) / 2)
            return


def test_before_training_too() -> None:
    strategies = ((LooksAtTheFirstEpoch(), NoOptions()),)
    train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1, 2))
