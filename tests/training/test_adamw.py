"""AdamW follows equations 1 and 2 of the paper; placed torch's way it equals torch.optim.AdamW."""

from __future__ import annotations

import math

import pytest
import torch

from stabbench.recipe import Recipe, bias_correction_factor
from stabbench.training.adamw import AdamW


def gradients(steps: int) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"w": (2, 5, 3), "b": (2, 3)}
    return [
        {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
        for _ in range(steps)
    ]


def start() -> dict[str, torch.Tensor]:
    return {name: tensor.requires_grad_() for name, tensor in gradients(1)[0].items()}


@pytest.fixture(autouse=True, params=["on", "off"], ids=["kernel", "torch"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on the compiled kernel, where there is one, and on torch's optimizer."""
    monkeypatch.setenv("STABBENCH_KERNEL", request.param)


@pytest.mark.parametrize("bias_correction", [True, False])
def test_updates_follow_the_papers_equations(bias_correction: bool) -> None:
    recipe = Recipe(bias_correction=bias_correction, weight_decay=0.01)
    weights = start()
    expected = {name: tensor.detach().clone() for name, tensor in weights.items()}
    first = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    second = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    optimizer = AdamW(weights, recipe, lambda name: name == "w")
    for step, gradient in enumerate(gradients(40), start=1):
        rate = 0.0 if step == 1 else 0.01 / step
        optimizer.update(gradient, step, rate)
        alpha = rate * (math.sqrt(1 - 0.999**step) / (1 - 0.9**step) if bias_correction else 1.0)
        for name, value in expected.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient[name]
            second[name] = 0.999 * second[name] + 0.001 * gradient[name] ** 2
            value -= alpha * first[name] / (second[name].sqrt() + 1e-6)
            if name == "w":
                value -= rate * 0.01 * value
    for name, value in expected.items():
        torch.testing.assert_close(weights[name].detach(), value, rtol=0, atol=1e-13)


def test_torchs_formula_equals_torchs_optimizer() -> None:
    recipe = Recipe(adam_formula="torch", bias_correction=True, adam_epsilon=1e-8, weight_decay=0.02)
    ours, theirs = start(), start()
    optimizer = AdamW(ours, recipe, lambda name: True)
    reference = torch.optim.AdamW(theirs.values(), lr=1.0, eps=1e-8, weight_decay=0.02)
    for step, gradient in enumerate(gradients(30), start=1):
        optimizer.update(gradient, step, 0.01 / step)
        reference.param_groups[0]["lr"] = 0.01 / step
        for name, tensor in theirs.items():
            tensor.grad = gradient[name].clone()
        reference.step()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name].detach(), tensor.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("step", "factor"), [(1, 0.316), (12, 0.152), (46, 0.214), (3120, 0.978)])
def test_the_correction_has_the_papers_values(step: int, factor: float) -> None:
    assert round(bias_correction_factor(step, 0.9, 0.999), 3) == factor


def test_the_correction_is_lowest_at_the_twelfth_update() -> None:
    factors = [bias_correction_factor(step, 0.9, 0.999) for step in range(1, 200)]
    assert factors.index(min(factors)) + 1 == 12


def test_a_tensor_scaled_to_zero_stays_and_its_moments_too() -> None:
    weights = start()
    before = weights["b"].detach().clone()
    optimizer = AdamW(weights, Recipe(), lambda name: True)
    optimizer.update(gradients(1)[0], 1, 0.1, {"w": (1.0, 1.0), "b": (0.0, 0.0)})
    assert torch.equal(weights["b"].detach(), before)
    assert "b" not in optimizer.moments
    assert optimizer.moments["w"]["first"].abs().max() > 0


def test_scales_multiply_the_rate_of_a_tensor() -> None:
    scaled, plain = start(), start()
    for weights, rate, scales in (
        (scaled, 0.1, {"w": (0.5, 1.0), "b": (1.0, 1.0)}),
        (plain, 0.05, None),
    ):
        AdamW(weights, Recipe(), lambda name: True).update(gradients(1)[0], 1, rate, scales)
    torch.testing.assert_close(scaled["w"], plain["w"], rtol=0, atol=1e-15)
    assert not torch.equal(scaled["b"], plain["b"])


def test_clipping_multiplies_all_gradients() -> None:
    clipped, halved = start(), start()
    AdamW(clipped, Recipe(), lambda name: True).update(gradients(1)[0], 1, 0.1, clip=0.5)
    half = {name: gradient / 2 for name, gradient in gradients(1)[0].items()}
    AdamW(halved, Recipe(), lambda name: True).update(half, 1, 0.1)
    for name, weight in halved.items():
        torch.testing.assert_close(clipped[name], weight, rtol=0, atol=1e-15)
