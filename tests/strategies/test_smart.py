"""SMART's smoothness part as Jiang et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.strategies.smart import Smart, SmartOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss

LARGE = SmartOptions(weight=0.7, initial_std=0.2, step_size=0.3)


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """The symmetric divergence of each example."""
    p, q = F.log_softmax(first, dim=-1), F.log_softmax(second, dim=-1)
    return (F.kl_div(q, p, log_target=True, reduction="none") + F.kl_div(p, q, log_target=True, reduction="none")).sum(
        1
    )


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
@pytest.mark.parametrize(("steps", "radius"), [(1, 0.0), (2, 0.0), (2, 0.25)])
def test_the_loss_is_cross_entropy_and_the_divergence_after_the_ascent(kind: str, steps: int, radius: float) -> None:
    options = dataclasses.replace(LARGE, steps=steps, radius=radius)

    def expected(batch: FirstBatch) -> Tensor:
        clean = batch.logits()
        delta = [options.initial_std * draws for draws in batch.noise("normal", "noise")]
        reached = [divergence(clean, batch.logits(delta)).mean().item()]
        for _ in range(steps):
            delta = [noise.requires_grad_() for noise in delta]
            climbed = divergence(batch.logits(delta), clean.detach())
            slopes = torch.autograd.grad(climbed.sum(), delta)
            steepest = [slope / (slope.abs().max(dim=-1, keepdim=True).values + 1e-6) for slope in slopes]
            delta = [noise.detach() + 0.3 * slope for noise, slope in zip(delta, steepest, strict=True)]
            if radius:
                assert any(noise.abs().max() > radius for noise in delta)
                delta = [noise.clip(-radius, radius) for noise in delta]
            reached.append(divergence(clean, batch.logits(delta)).mean().item())
        assert reached[-1] > reached[0]
        return F.cross_entropy(clean, batch.labels) + options.weight * divergence(clean, batch.logits(delta)).mean()

    check_loss(kind, Smart(), options, expected)


def test_it_says_that_the_bregman_step_is_left_out() -> None:
    assert "no Bregman step" in Smart.description


def test_a_run_counts_the_three_forward_passes_as_its_cost() -> None:
    plain, smoothed = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), ((Smart(), SmartOptions()),))
    )
    assert smoothed["tokens"] == 3 * plain["tokens"]


def test_the_defaults_are_the_protocols() -> None:
    assert SmartOptions() == SmartOptions(weight=1.0, initial_std=1e-5, step_size=1e-3, steps=1, radius=0.0)


@pytest.mark.parametrize("name", ["weight", "initial_std", "step_size", "steps", "radius"])
def test_options_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SmartOptions(**{name: -1})
