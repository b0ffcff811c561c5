"""AdamW's β2 for another batch size: a squared gradient counts half after as many examples as before."""

from __future__ import annotations

import math
from typing import Any

import pytest

from stabbench.huggingface.arguments import of_recipe
from stabbench.huggingface.options import Options
from stabbench.recipe import Recipe, bias_correction_factor, correction_and_root, spec_of
from stabbench.training.loop import train
from tests import tiny


def half_life(recipe: Recipe) -> float:
    """After how many examples a squared gradient counts half."""
    return recipe.batch_size * math.log(0.5) / math.log(recipe.beta2)


@pytest.mark.parametrize("meant", [1, 16, 500])
@pytest.mark.parametrize("batch_size", [1, 8, 16, 24, 4096])
@pytest.mark.parametrize("beta2", [0.9, 0.98, 0.999, 0.99999])
def test_the_half_life_in_examples_stays(beta2: float, batch_size: int, meant: int) -> None:
    recipe = Recipe(batch_size=batch_size, adam_beta2=beta2, adam_beta2_batch_size=meant)
    assert recipe.beta2 == pytest.approx(math.exp(batch_size / meant * math.log(beta2)), rel=1e-12, abs=1e-300)
    if recipe.beta2 > 1e-300:  # else it is 0, or all but
        kept = half_life(Recipe(batch_size=meant, adam_beta2=beta2))
        sharpness = 1 / -math.log(recipe.beta2)  # by which the logarithm of a number near 1 makes its rounding larger
        assert half_life(recipe) == pytest.approx(kept, rel=1e-12 + 2e-16 * sharpness)


def test_at_its_own_batch_size_or_without_one_it_is_beta2_to_the_last_bit() -> None:
    assert Recipe(batch_size=16, adam_beta2=0.98, adam_beta2_batch_size=16).beta2 == 0.98
    assert Recipe(batch_size=48, adam_beta2=0.98).beta2 == 0.98
    assert "adam_beta2_batch_size" not in spec_of(Recipe(), 100)["recipe"]


def test_the_corrections_are_those_of_the_power_in_effect() -> None:
    recipe = Recipe(batch_size=32, adam_beta2=0.99, adam_beta2_batch_size=16, bias_correction=True)
    assert correction_and_root(recipe, 7)[0] == bias_correction_factor(7, 0.9, 0.99**2)
    assert of_recipe(recipe, Options(), 100)["adam_beta2"] == 0.99**2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bias_correction": True, "adam_formula": "torch"},
        {"optimizer": "adam"},
        {"optimizer": "muon"},
        {"precision": "fp32"},
    ],
    ids=str,
)
@pytest.mark.parametrize("step", ["", "eager"])
def test_every_update_that_goes_by_beta2_goes_by_the_power(
    fields: dict[str, Any], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if step:
        monkeypatch.setenv("STABBENCH_DEVICE_STEP", step)
    recipe: dict[str, Any] = {"batch_size": 8, "epochs": 1.0, **fields}
    (kept,) = train(tiny.inputs(**recipe, adam_beta2=0.9, adam_beta2_batch_size=16), tiny.seeds(1))
    (written,) = train(tiny.inputs(**recipe, adam_beta2=0.9**0.5), tiny.seeds(1))
    (per_update,) = train(tiny.inputs(**recipe, adam_beta2=0.9), tiny.seeds(1))
    assert kept.data["result_digest"] == written.data["result_digest"]
    assert kept.data["result_digest"] != per_update.data["result_digest"]
