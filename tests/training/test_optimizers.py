"""Every optimizer's formula against an independent computation in fp64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from stabbench.recipe import Recipe
from stabbench.training.adamw import AdamW
from tests.training.rules import BIAS, MATRIX, SHAPES, TABLE, drawn, rate_of, updated


def assert_each_run(
    found: dict[str, Tensor],
    reference: Callable[[str, Tensor, list[Tensor]], Tensor],
    names: Sequence[str] = tuple(SHAPES),
) -> None:
    """`reference` makes of a run's weight and gradients what it should be after all updates."""
    weights, *gradients = drawn(2)
    for name in names:
        for run in range(2):
            expected = reference(name, weights[name][run].clone(), [gradient[name][run] for gradient in gradients])
            torch.testing.assert_close(found[name][run], expected, rtol=0, atol=1e-10)


def decay_of(name: str, decay: float) -> float:
    return 0.0 if name == BIAS else decay


def by_torch(
    make: Callable[..., torch.optim.Optimizer], **arguments: Any
) -> Callable[[str, Tensor, list[Tensor]], Tensor]:
    """A run by an optimizer of torch's own."""

    def reference(name: str, weight: Tensor, gradients: list[Tensor]) -> Tensor:
        weight.requires_grad_()
        optimizer = make([weight], lr=1.0, weight_decay=decay_of(name, 0.1), **arguments)
        for update, gradient in enumerate(gradients, start=1):
            optimizer.param_groups[0]["lr"] = rate_of(update)
            weight.grad = gradient.clone()
            optimizer.step()
        return weight.detach()

    return reference


def test_adam_is_torchs() -> None:
    found, _ = updated("adam", weight_decay=0.1, adam_formula="torch", adam_beta2=0.98, adam_epsilon=1e-8)
    assert_each_run(found, by_torch(torch.optim.Adam, betas=(0.9, 0.98), eps=1e-8))


@pytest.mark.parametrize("formula", ["paper", "torch"])
@pytest.mark.parametrize("bias_correction", [True, False])
def test_adamw_for_one_tensor_is_the_one_that_trains_all(formula: str, bias_correction: bool) -> None:
    recipe: dict[str, Any] = {"weight_decay": 0.1, "adam_formula": formula, "bias_correction": bias_correction}
    found, _ = updated("adamw", **recipe)
    weights, *gradients = drawn(2)
    optimizer = AdamW(
        {name: weight.requires_grad_() for name, weight in weights.items()}, Recipe(**recipe), lambda name: name != BIAS
    )
    for update, gradient in enumerate(gradients, start=1):
        optimizer.update(gradient, update, rate_of(update))
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.detach(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.0}, {"momentum": 0.8, "nesterov": True}])
def test_gradient_descent_is_torchs(options: dict[str, Any]) -> None:
    found, _ = updated("sgd", weight_decay=0.1, optimizer_options=options)
    assert_each_run(found, by_torch(torch.optim.SGD, **{"momentum": 0.9, **options}))


@pytest.mark.parametrize("options", [{}, {"clipping": 1.2, "beta2_decay": -0.5, "epsilon2": 0.05, "epsilon1": 1e-4}])
def test_adafactor_is_torchs(options: dict[str, Any]) -> None:
    found, _ = updated("adafactor", weight_decay=0.1, optimizer_options=options)
    theirs = {"beta2_decay": options.get("beta2_decay", -0.8), "d": options.get("clipping", 1.0)}
    eps = options.get("epsilon1"), options.get("epsilon2", 1e-3)
    assert_each_run(found, by_torch(torch.optim.Adafactor, eps=eps, **theirs))


def test_lion_follows_its_definition() -> None:
    def reference(name: str, weight: Tensor, gradients: list[Tensor]) -> Tensor:
        momentum = torch.zeros_like(weight)
        for update, gradient in enumerate(gradients, start=1):
            step = torch.sign(0.9 * momentum + 0.1 * gradient) + decay_of(name, 0.1) * weight
            weight = weight - rate_of(update) * step
            momentum = 0.99 * momentum + 0.01 * gradient
        return weight

    found, _ = updated("lion", weight_decay=0.1)
    assert_each_run(found, reference)


def test_stable_adamw_follows_its_definition() -> None:
    """Moments are corrected as Adam's are, and the rate is lowered where the root mean square of g/√û is above 1."""
    lowered = []

    def reference(name: str, weight: Tensor, gradients: list[Tensor]) -> Tensor:
        first, second = torch.zeros_like(weight), torch.zeros_like(weight)
        for t, gradient in enumerate(gradients, start=1):
            first = 0.9 * first + 0.1 * gradient
            second = 0.99 * second + 0.01 * gradient**2
            mean, square = first / (1 - 0.9**t), second / (1 - 0.99**t)
            size = math.sqrt(float((gradient**2 / torch.maximum(square, torch.tensor(1e-12))).mean()))
            lowered.append(size > 1)
            rate = rate_of(t) / max(1, size)
            weight = weight - rate * decay_of(name, 0.1) * weight - rate * mean / (square.sqrt() + 1e-6)
        return weight

    found, _ = updated("stable-adamw", weight_decay=0.1)
    assert_each_run(found, reference)
    assert {True, False} == set(lowered)


def test_schedule_free_adamw_steps_z_averages_x_and_takes_gradients_between_them() -> None:
    def rates(update: int) -> float:
        return 0.02 * min(1.0, (update - 1) / 4)

    def reference(name: str, weight: Tensor, gradients: list[Tensor]) -> tuple[Tensor, Tensor]:
        x, z, second, total = weight.clone(), weight.clone(), torch.zeros_like(weight), 0.0
        for t, gradient in enumerate(gradients, start=1):
            y = 0.1 * z + 0.9 * x
            second = 0.999 * second + 0.001 * gradient**2
            step = gradient / ((second / (1 - 0.999**t)).sqrt() + 1e-8) + decay_of(name, 0.1) * y
            z = z - rates(t) * step
            total += rates(t) ** 2
            share = rates(t) ** 2 / total if total else 0.0
            x = (1 - share) * x + share * z
        return x, 0.1 * z + 0.9 * x

    weights, scored = updated("schedule-free-adamw", rates=rates, weight_decay=0.1)
    assert_each_run(scored, lambda *given: reference(*given)[0])
    assert_each_run(weights, lambda *given: reference(*given)[1])


@pytest.mark.parametrize(
    ("options", "factor"), [({}, 0.2 * math.sqrt(5)), ({"adjust": "original", "nesterov": False}, math.sqrt(5 / 3))]
)
def test_muon_brings_the_singular_values_of_a_layers_momentum_near_one(options: dict[str, Any], factor: float) -> None:
    """Newton and Schulz's polynomial acts on singular values alone; all that is no layer's matrix is AdamW's."""

    def reference(name: str, weight: Tensor, gradients: list[Tensor]) -> Tensor:
        momentum = torch.zeros_like(weight)
        for update, gradient in enumerate(gradients, start=1):
            momentum = 0.95 * momentum + 0.05 * gradient
            direction = momentum if options else 0.05 * gradient + 0.95 * momentum
            left, values, right = torch.linalg.svd(direction, full_matrices=False)
            values = values / values.square().sum().sqrt()
            for _ in range(5):
                values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
            weight = weight * (1 - rate_of(update) * 0.1) - rate_of(update) * factor * (left * values) @ right
        return weight

    found, _ = updated("muon", weight_decay=0.1, optimizer_options=options)
    adamw, _ = updated("adamw", weight_decay=0.1)
    assert_each_run(found, reference, [MATRIX])
    assert torch.equal(found[TABLE], adamw[TABLE])
    assert torch.equal(found[BIAS], adamw[BIAS])


def test_muon_is_torchs_but_for_the_type_in_which_it_iterates() -> None:
    """Torch rounds to bf16 within; without decay, and with steps of one size, what is left are a few per cent."""
    found, _ = updated("muon", weight_decay=0.0, optimizer_options={"adjust": "original"}, rates=lambda update: 0.01)
    weights, *gradients = drawn(2)
    theirs = weights[MATRIX][0].clone().requires_grad_()
    optimizer = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0)
    for gradient in gradients:
        theirs.grad = gradient[MATRIX][0].clone()
        optimizer.step()  # type: ignore[no-untyped-call]
    change = theirs.detach() - weights[MATRIX][0]
    assert torch.linalg.norm(found[MATRIX][0] - theirs.detach()) < 0.03 * torch.linalg.norm(change)
