"""Batches made on a device, rounded up to few shapes, hold the same examples and give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from stabbench.models.batch import Batch, make_batch
from stabbench.models.device_batch import BatchShape, DeviceBatch, DeviceTexts, device_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.models.families import encoder_of
from stabbench.models.families.contract import Computation
from stabbench.randomness import Draws
from tests import tiny

CPU = torch.device("cpu")
DATA = tiny.texts(40, seed=5, longest=50)
CHOSEN = np.random.default_rng(0).integers(0, 40, (3, 7))
DRAWS = [Draws(seed, "dropout") for seed in (4, 5, 6)]


def batches() -> tuple[Batch, DeviceBatch]:
    host = make_batch(DATA, list(CHOSEN), torch.float64, CPU)
    texts = DeviceTexts(DATA, CPU, segments=True)
    return host, device_batch(texts, torch.from_numpy(CHOSEN), BatchShape.of(host.lengths), torch.float64)


def weights(kind: str) -> tuple[Computation, dict[str, Tensor]]:
    models = [tiny.hugging_face_model(kind, seed=seed) for seed in range(3)]
    stacked = [tiny.stacked(model) for model in models]
    joined = {name: torch.cat([one[name] for one in stacked]).requires_grad_() for name in stacked[0]}
    return encoder_of(tiny.architecture(models[0])), joined


@pytest.mark.parametrize("probability", [0.0, 0.3])
@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_logits_and_gradients_are_those_of_the_exact_batch(kind: str, probability: float) -> None:
    encoder, leaves = weights(kind)
    exact, rounded = batches()
    assert rounded.ids.shape[1] > exact.ids.shape[1], "the case has nothing that was rounded up"
    device = DeviceDropout(probability, DeviceDraws(DRAWS, CPU), torch.tensor(7))
    expected = encoder.classify(leaves, exact, Dropout(probability, DRAWS, 7))
    found = encoder.classify(leaves, rounded, device)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(logits.square().sum(), list(leaves.values())) for logits in (found, expected)]
    for name, ours, theirs in zip(leaves, *slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11, msg=name)


@pytest.mark.parametrize("number", [0, 1], ids=["exact", "rounded"])
@pytest.mark.parametrize("run", [0, 1, 2])
@pytest.mark.parametrize("kind", ["bert", "modernbert", "mpnet", "deberta-v2"])
def test_a_run_of_nan_weights_leaves_its_companions_alone(kind: str, run: int, number: int) -> None:
    encoder, leaves = weights(kind)
    batch = batches()[number]
    for tensor in leaves.values():
        tensor.data[run] = float("nan")
    logits = encoder.classify(leaves, batch)
    slopes = torch.autograd.grad(logits.sum(), list(leaves.values()))
    others = [other for other in range(3) if other != run]
    assert logits[run].isnan().all()
    assert all(bool(slope[others].isfinite().all()) for slope in (logits, *slopes))


@pytest.mark.parametrize(
    ("lengths", "shape"),
    [
        ([[3, 4], [10, 2]], BatchShape(2, 16, 16)),
        ([[100, 100], [128, 128]], BatchShape(2, 256, 128)),
        ([[17, 200]], BatchShape(2, 224, 208)),
    ],
)
def test_shapes_are_rounded_up_to_few(lengths: list[list[int]], shape: BatchShape) -> None:
    assert BatchShape.of(np.array(lengths)) == shape


def test_rounding_adds_at_most_an_eighth_and_leaves_few_shapes() -> None:
    shapes = [BatchShape.of(np.array([[rows]])) for rows in range(129, 2049)]
    assert all(shape.rows <= rows * 1.125 + 1 for rows, shape in zip(range(129, 2049), shapes, strict=True))
    assert len({shape.rows for shape in shapes}) <= 33
