"""LP-FT as Kumar et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import math

import pytest
import torch

from stabbench.recipe import Recipe
from stabbench.strategies.lp_ft import LinearProbingFineTuning, LinearProbingOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import trained

STRATEGIES = ((LinearProbingFineTuning(), LinearProbingOptions()),)
HEADS = {
    "bert": {"classifier.weight", "classifier.bias"},
    "roberta": {f"classifier.{part}.{kind}" for part in ("dense", "out_proj") for kind in ("weight", "bias")},
    "albert": {"classifier.weight", "classifier.bias"},
    "modernbert": {"head.dense.weight", "head.norm.weight", "classifier.weight", "classifier.bias"},
}


@pytest.mark.parametrize("kind", HEADS)
def test_the_head_alone_is_trained_in_the_first_epoch_and_everything_afterwards(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=STRATEGIES, weight_decay=0.1)
    _, weights, _ = trained(inputs)
    steps = -(-len(inputs.train) // inputs.recipe.batch_size)

    def changed(first: int, last: int) -> set[str]:
        return {name for name in weights[0] if not torch.equal(weights[first][name], weights[last][name])}

    assert changed(0, steps) == HEADS[kind]
    assert changed(steps, steps + 1) == set(weights[0])


@pytest.mark.parametrize("formula", ["paper", "torch"])
@pytest.mark.parametrize("kernel", ["on", "off"])
def test_the_encoders_bias_correction_begins_when_it_is_set_free(
    formula: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", kernel)
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.0, adam_formula=formula)
    _, weights, states = trained(inputs)
    freed, total, warmup = 6, 18, 1
    for update in range(freed, freed + 3):
        rate = inputs.recipe.learning_rate * (total - update) / (total - warmup)
        for name, moments in states[update].moments.items():
            first, second = moments["first"], moments["second"]
            count = update + 1 if name in HEADS["bert"] else update + 1 - freed
            first_correction, second_correction = 1 - 0.9**count, math.sqrt(1 - 0.999**count)
            if formula == "torch":
                change = rate / first_correction * first / (second.sqrt() / second_correction + 1e-6)
            else:
                change = rate * second_correction / first_correction * first / (second.sqrt() + 1e-6)
            torch.testing.assert_close(weights[update + 1][name], weights[update][name] - change, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_what_has_never_been_trained_has_no_moments(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", kernel)
    _, weights, states = trained(tiny.inputs(strategies=STRATEGIES))
    assert set(states[5].moments) == HEADS["bert"]
    assert set(states[6].moments) == set(weights[0])


def test_what_is_frozen_counts_for_nothing_in_the_gradient_norm() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, gradient_norm_every=1)
    (result,) = train(inputs, tiny.seeds(1))
    norms, history = result.tables["gradnorms.parquet"], result.tables["history.parquet"]
    probing = norms[norms["step"] < 6]
    assert (probing[~probing["parameter"].isin(HEADS["bert"])]["norm"] == 0).all()
    head = probing[probing["parameter"].isin(HEADS["bert"])]
    totals = head.assign(square=head["norm"] ** 2).groupby("step")["square"].sum() ** 0.5
    assert (totals > 0).all()
    assert (totals - history["gradient_norm"][:6]).abs().max() < 1e-12
    assert (norms[norms["step"] == 6]["norm"] > 0).mean() > 0.9


def test_embeddings_that_no_text_uses_do_not_decay_while_they_are_frozen() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.5)
    (result,) = train(inputs, tiny.seeds(1))
    name = "bert.embeddings.word_embeddings.weight"
    unused = sorted(set(range(tiny.VOCABULARY)) - set(inputs.train.ids) - set(inputs.dev.ids))
    kept = math.prod(1 - 0.5 * inputs.recipe.learning_rate * (18 - update) / 17 for update in range(6, 18))
    torch.testing.assert_close(result.weights[name][unused], inputs.pretrained[name][unused] * kept, rtol=1e-12, atol=0)


def test_a_recipe_that_ends_before_the_second_stage_is_warned_of() -> None:
    strategy = LinearProbingFineTuning()
    assert strategy.caution(Recipe(epochs=3.0), LinearProbingOptions()) is None
    assert "stays as it was pretrained" in str(strategy.caution(Recipe(epochs=1.0), LinearProbingOptions()))


def test_a_negative_number_of_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="probing_epochs"):
        LinearProbingOptions(probing_epochs=-1.0)
