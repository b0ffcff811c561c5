"""Loss and gradient of every objective are those of transformers' heads, in fp64, for three classes and for numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from stabbench.models import families
from stabbench.models.batch import make_batch
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective
from tests import tiny

TOLERANCE = 1e-10
BATCH = np.arange(8)


@pytest.mark.parametrize("kind", tiny.AS_BERT)
@pytest.mark.parametrize(("objective", "outputs"), [(objectives.find(), 3), (objectives.find("regression"), 1)])
def test_a_batch_has_the_loss_and_the_gradient_of_the_head_in_transformers(
    kind: str, objective: Objective, outputs: int
) -> None:
    model = tiny.hugging_face_model(kind, labels=outputs)
    data = tiny.texts(8, seed=3, labels=3)
    if objective.name == "regression":
        numbers = np.random.default_rng(4).normal(0.4, 0.3, len(data))
        data = dataclasses.replace(data, labels=numbers)
    given: dict[str, Any] = tiny.given(model, data, BATCH)
    theirs: Any = model(**given, labels=torch.from_numpy(data.labels)).loss
    theirs.backward()
    shape = tiny.architecture(model)
    placed = dataclasses.replace(data, places=families.of(shape).places(shape, data.ids, data.offsets))
    weights = {name: tensor.clone().requires_grad_() for name, tensor in tiny.stacked(model).items()}
    batch = make_batch(placed, [BATCH], torch.float64, torch.device("cpu"))
    ours: Any = objective.loss(families.encoder_of(shape).classify(weights, batch), batch.labels)
    ours.sum().backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=TOLERANCE)
    expected = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert set(expected) == {name for name, tensor in weights.items() if tensor.grad is not None and tensor.grad.any()}
    for name, gradient in expected.items():
        found = weights[name].grad
        assert found is not None
        torch.testing.assert_close(found[0], gradient, rtol=0, atol=TOLERANCE)
