"""No dead part is offered as live: what a strategy adds changes the runs, at its defaults and beyond rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stabbench.strategies.contract import is_recipe_only
from stabbench.strategies.freelb import FreeLB
from stabbench.strategies.registry import STRATEGIES, make_options
from stabbench.strategies.smart import Smart
from stabbench.testing import checks, conformance
from stabbench.testing.trial import Trial, distance

BUILT_IN = [plugin.name for plugin in STRATEGIES.listed() if plugin.distribution == "stabbench"]
RECIPES = ("devlin", "devlin-bc", "hf-default", "modernbert-glue", "mosbach")
SWITCHES: list[tuple[str, dict[str, Any], float]] = [
    ("asam", {"radius": 0.0}, 1e-2),
    ("bema", {"bias_power": 1e3}, 1e-2),
    ("bema", {"ema_power": 0.0, "bias_power": 1e3}, 1e-2),
    ("child-tuning-d", {"probability": 1.0}, 0.1),
    ("child-tuning-f", {"probability": 1.0}, 0.1),
    ("dora", {"include": ("*.layer.0.attention.self.query.weight",)}, 1e-2),
    ("ema", {"decay": 0.0}, 1e-2),
    ("freelb", {"step_size": 0.0, "magnitude": 0.0}, 0.1),
    ("freelb", {"step_size": 0.0}, 0.1),
    ("gradual-unfreezing", {"share": 1e-9}, 0.1),
    ("l2-sp", {"alpha": 0.0}, 1e-2),
    ("l2-sp", {"beta": 0.0}, 1e-4),
    ("label-smoothing", {"epsilon": 0.0}, 1e-3),
    ("llrd", {"factor": 1.0}, 0.1),
    ("lora", {"include": ("*.layer.0.attention.self.query.weight",)}, 1e-2),
    ("lora-init-b", {"include": ("*.layer.0.attention.self.query.weight",)}, 1e-2),
    ("lora-plus", {"ratio": 1.0}, 1e-2),
    ("lp-ft", {"probing_epochs": 0.0}, 0.1),
    ("mixout", {"probability": 0.0}, 0.1),
    ("noisytune", {"intensity": 0.0}, 0.1),
    ("pretrained-decay", {"decay": 0.0}, 1e-6),
    ("r-drop", {"weight": 0.0}, 1e-4),
    ("r3f", {"epsilon": 1e-30}, 1e-6),
    ("r3f", {"weight": 0.0}, 1e-2),
    ("recadam", {"gamma": 0.0}, 3e-4),
    ("reinit", {"layers": 0}, 0.1),
    ("rslora", {"rank": 1}, 1e-2),
    ("sam", {"radius": 0.0}, 1e-2),
    ("smart", {"step_size": 0.0}, 3e-4),
    ("smart", {"weight": 0.0}, 1e-2),
    ("swa", {"share": 1e-9}, 5e-3),
    ("zhang", {"layers": 0}, 0.1),
]
"""What switches a part off, and what the part at its default changes at least, as a share of the way of training."""


WITHOUT_SWITCH = ("bitfit", "ln-tuning")
"""No option switches them off: that only their tensors are trained is what they are."""


def trial(name: str, **options: Any) -> Trial:
    strategy = STRATEGIES.load(name)
    return Trial([(strategy, make_options(name, strategy, options))])


@pytest.mark.parametrize(("name", "off", "least"), SWITCHES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_part_that_is_switched_off_is_missed(name: str, off: dict[str, Any], least: float) -> None:
    acting, plain, start = trial(name).with_and_without()
    without, _, _ = trial(name, **off).with_and_without()
    assert distance(acting.weights, without.weights) > least * distance(plain.weights, start)


@pytest.mark.parametrize("name", sorted({name for name, _, _ in SWITCHES} | set(WITHOUT_SWITCH)))
def test_no_part_is_rounded_away_in_fp32_at_its_own_rate(name: str) -> None:
    acting, plain, _ = trial(name).with_and_without(precision="fp32", learning_rate=None)
    assert any(not torch.equal(tensor, plain.weights[key]) for key, tensor in acting.weights.items())


@pytest.mark.parametrize("name", ["devlin-bc", "hf-default", "modernbert-glue", "mosbach"])
def test_a_recipe_differs_from_devlins(name: str) -> None:
    ours, theirs = STRATEGIES.load(name).recipe, STRATEGIES.load("devlin").recipe
    assert any(theirs.get(field, value) != value for field, value in ours.items())
    assert is_recipe_only(STRATEGIES.load(name))


def test_every_built_in_strategy_is_named_here() -> None:
    assert {name for name, _, _ in SWITCHES} | set(WITHOUT_SWITCH) | set(RECIPES) == set(BUILT_IN)


@pytest.mark.parametrize("name", ["noisytune", "mixout", "pretrained-decay"])
def test_the_suite_refuses_a_strength_of_nothing(name: str) -> None:
    options = {"noisytune": {"intensity": 0.0}, "mixout": {"probability": 0.0}, "pretrained-decay": {"decay": 1e-9}}
    verdict = conformance(name, options[name]).verdict(checks.ACTS)
    assert verdict.holds is False
    assert "broken is that its part acts" in verdict.message


def first_losses(strategy: type[Any], **options: Any) -> np.ndarray:
    """The loss of twenty runs at their initial weights."""
    results = Trial([(strategy, strategy.Options(**options))]).train(*range(1, 21), epochs=1.0)
    return np.array([result.tables["history.parquet"]["train_loss"][0] for result in results])


def test_smarts_ascent_finds_more_divergence_than_noise_does() -> None:
    """At its defaults: a slope that is not divided by its size moves by less than the noise that it begins with."""
    cross_entropy = first_losses(Smart, weight=0.0)

    def divergence(**options: Any) -> float:
        return float((first_losses(Smart, **options) - cross_entropy).mean())

    begun = divergence(step_size=0.0)
    assert divergence() > 1.01 * begun
    assert divergence(step_size=0.0, initial_std=1e-3) < 1.002 * begun
    assert divergence(radius=1e-5) > 1.0001 * begun


def test_freelbs_ascent_raises_the_loss_that_noise_leaves_where_it_is() -> None:
    climbed, noisy, plain = (
        first_losses(FreeLB, **options).mean()
        for options in ({}, {"step_size": 0.0}, {"step_size": 0.0, "magnitude": 0.0})
    )
    assert climbed - plain > 1e-3
    assert abs(noisy - plain) < 0.01 * (climbed - plain)
