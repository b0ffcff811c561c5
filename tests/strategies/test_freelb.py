"""FreeLB as Zhu et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.strategies.freelb import FreeLB, FreeLBOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
@pytest.mark.parametrize("radius", [None, 0.0], ids=["in the ball", "unbounded"])
def test_the_loss_is_the_mean_over_the_ascent(kind: str, radius: float | None) -> None:
    options = FreeLBOptions(steps=3, step_size=0.4, magnitude=0.5, radius=radius)

    def expected(batch: FirstBatch) -> Tensor:
        delta = [(2 * draws - 1) * 0.5 / draws.numel() ** 0.5 for draws in batch.noise("uniform", "start")]
        losses, left = [], []
        for _ in range(3):
            delta = [noise.requires_grad_() for noise in delta]
            losses.append(F.cross_entropy(batch.logits(delta), batch.labels))
            slopes = torch.autograd.grad(losses[-1], delta, retain_graph=True)
            delta = [noise.detach() + 0.4 * slope / slope.norm() for noise, slope in zip(delta, slopes, strict=True)]
            if radius is None:
                left.append(any(noise.norm() > 0.5 for noise in delta))
                delta = [noise * min(1.0, float(0.5 / noise.norm())) for noise in delta]
        assert losses[0] < losses[1] < losses[2]
        assert radius == 0 or any(left)
        return torch.stack(losses).mean()

    check_loss(kind, FreeLB(), options, expected)


def test_all_forward_passes_have_the_same_dropout_masks() -> None:
    """Where nothing is perturbed, K passes with one mask are the plain training; with K masks they would not be."""
    still = FreeLBOptions(steps=3, step_size=0.0, magnitude=0.0)
    plain, averaged = (
        train(tiny.inputs(strategies=strategies, epochs=1.0, dropout=0.3), tiny.seeds(1))[0]
        for strategies in ((), ((FreeLB(), still),))
    )
    for column in ("train_loss", "gradient_norm"):
        first, second = (result.tables["history.parquet"][column] for result in (plain, averaged))
        assert (first - second).abs().max() < 1e-10


def test_a_run_counts_its_k_forward_passes_as_its_cost() -> None:
    plain, adversarial = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), ((FreeLB(), FreeLBOptions(steps=4)),))
    )
    assert adversarial["tokens"] == 4 * plain["tokens"]


def test_the_defaults_are_the_protocols() -> None:
    assert FreeLBOptions() == FreeLBOptions(steps=3, step_size=5e-2, magnitude=1e-1, radius=None)


@pytest.mark.parametrize("name", ["steps", "step_size", "magnitude", "radius"])
def test_options_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        FreeLBOptions(**{name: -1})
