"""The encoder equals Hugging Face's own models: values and gradients, float64, padded and ragged batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stabbench.models.batch import make_batch
from stabbench.models.encoder import Encoder
from stabbench.tasks.objectives.class_losses import cross_entropy
from tests import tiny

CPU = torch.device("cpu")
KINDS = tiny.AS_BERT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chosen", [[4, 1, 0, 9, 7], [3, 3, 3]], ids=["ragged", "equal lengths"])
def test_logits_equal_those_of_hugging_face(kind: str, chosen: list[int]) -> None:
    model = tiny.hugging_face_model(kind, labels=3)
    data, index = tiny.texts(12, seed=5, labels=3), np.array(chosen)
    shape = tiny.architecture(model)
    ours = Encoder(shape).classify(tiny.stacked(model), make_batch(data, [index], torch.float64, CPU))
    theirs = model(**tiny.given(model, data, index)).logits
    assert theirs.abs().max() > 0.1
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_those_of_hugging_face_although_the_last_layer_sees_the_first_token_only(kind: str) -> None:
    model = tiny.hugging_face_model(kind)
    data, index = tiny.texts(12, seed=6), np.array([2, 5, 8, 11])
    shape = tiny.architecture(model)
    weights = {name: tensor.requires_grad_() for name, tensor in tiny.stacked(model).items()}
    batch = make_batch(data, [index], torch.float64, CPU)
    loss = cross_entropy(Encoder(shape).classify(weights, batch), batch.labels)
    gradients = torch.autograd.grad(loss.sum(), list(weights.values()))
    labels = torch.from_numpy(data.labels[index])
    model(**tiny.given(model, data, index), labels=labels).loss.backward()
    expected = dict(model.named_parameters())
    for name, gradient in zip(weights, gradients, strict=True):
        torch.testing.assert_close(gradient[0], expected[name].grad, rtol=0, atol=1e-10, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_all_hidden_states_equal_those_of_hugging_face(kind: str) -> None:
    model = tiny.hugging_face_model(kind)
    data, index = tiny.texts(12, seed=7), np.array([0, 3, 6])
    shape = tiny.architecture(model)
    batch = make_batch(data, [index], torch.float64, CPU)
    ours = Encoder(shape).hidden_states(tiny.stacked(model), batch, first_only=False)
    encoder = getattr(model, shape.prefix)
    inputs = tiny.given(model, data, index)
    theirs = encoder(**inputs).last_hidden_state[inputs["attention_mask"].bool()]
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_side_by_side_see_their_own_weights_and_texts(kind: str) -> None:
    models = [tiny.hugging_face_model(kind, seed=seed) for seed in (1, 2, 3)]
    data = tiny.texts(12, seed=8)
    shape = tiny.architecture(models[0])
    chosen = [np.array([0, 1, 2]), np.array([9, 4, 4]), np.array([11, 3, 7])]
    weights = {name: torch.cat([tiny.stacked(model)[name] for model in models]) for name in tiny.stacked(models[0])}
    together = Encoder(shape).classify(weights, make_batch(data, chosen, torch.float64, CPU))
    for run, model in enumerate(models):
        alone = Encoder(shape).classify(tiny.stacked(model), make_batch(data, [chosen[run]], torch.float64, CPU))
        torch.testing.assert_close(together[run], alone[0], rtol=0, atol=1e-12)


def test_segments_can_be_switched_off_as_in_the_authors_code() -> None:
    model = tiny.hugging_face_model("bert")
    data, index = tiny.texts(12, seed=9), np.array([1, 2])
    shape = tiny.architecture(model)
    batch = make_batch(data, [index], torch.float64, CPU, segments=False)
    inputs = tiny.padded(data, index, 0)
    inputs["token_type_ids"] = torch.zeros_like(inputs["token_type_ids"])
    ours = Encoder(shape).classify(tiny.stacked(model), batch)
    torch.testing.assert_close(ours[0], model(**inputs).logits, rtol=0, atol=1e-10)
