"""Mixout as Lee et al. define it (PROTOCOL, section 3)."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from stabbench.randomness import Draws
from stabbench.strategies.contract import Context
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.training.loop import Training, train
from tests import tiny


def context(kind: str = "bert", runs: int = 1, **options: object) -> tuple[Context, dict[str, torch.Tensor]]:
    """A context and weights that have moved away from the pretrained ones."""
    inputs = tiny.inputs(kind)
    known = {name: tensor.unsqueeze(0) for name, tensor in inputs.pretrained.items()}
    ctx = Context(
        options=MixoutOptions(**options),  # type: ignore[arg-type]
        architecture=inputs.architecture,
        facts=inputs.architecture.facts(),
        pretrained=known,
        total_steps=10,
        steps_per_epoch=5,
        draws=[Draws(seed, "strategy") for seed in range(runs)],
        device=torch.device("cpu"),
        dtype=torch.float64,
    )
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn((runs, *shape), generator=generator, dtype=torch.float64)
        for name, shape in inputs.architecture.shapes().items()
    }
    return ctx, weights


QUERY = "bert.encoder.layer.1.attention.self.query.weight"


def test_the_mixed_weight_follows_the_definition() -> None:
    probability = 0.7
    ctx, weights = context(probability=probability)
    mixed = Mixout().training_weights(weights, ctx)
    keep = (ctx.uniform(QUERY, (1, 32)) >= probability).double()
    u, w = ctx.pretrained[QUERY], weights[QUERY]
    expected = ((1 - keep) * u + keep * w - probability * u) / (1 - probability)
    torch.testing.assert_close(mixed[QUERY], expected, rtol=0, atol=1e-12)
    assert set(keep.flatten().tolist()) == {0.0, 1.0}


def test_the_gradient_is_that_of_the_kept_columns_over_one_minus_p() -> None:
    ctx, weights = context(probability=0.7)
    weights[QUERY].requires_grad_()
    (gradient,) = torch.autograd.grad(Mixout().training_weights(weights, ctx)[QUERY].sum(), weights[QUERY])
    keep = (ctx.uniform(QUERY, (1, 32)) >= 0.7).double()
    torch.testing.assert_close(gradient, (keep / 0.3).expand_as(gradient))


def test_its_expectation_over_steps_is_the_weight() -> None:
    ctx, weights = context(probability=0.7)
    total = torch.zeros_like(weights[QUERY])
    for step in range(4000):
        total += Mixout().training_weights({**weights}, dataclasses.replace(ctx, step=step))[QUERY]
    difference = (total / 4000 - weights[QUERY]).abs().mean() / (weights[QUERY] - ctx.pretrained[QUERY]).abs().mean()
    assert difference < 0.03


def test_at_probability_one_training_sees_the_pretrained_weights() -> None:
    ctx, weights = context(probability=1.0)
    assert torch.equal(Mixout().training_weights(weights, ctx)[QUERY], ctx.pretrained[QUERY])


def test_matrices_of_encoder_and_pooler_are_mixed_and_nothing_else() -> None:
    ctx, weights = context()
    mixed = Mixout().training_weights(weights, ctx)
    changed = {name for name in weights if mixed[name] is not weights[name]}
    assert changed == {
        name
        for name in weights
        if name.endswith(".weight") and ("encoder" in name or "pooler" in name) and "LayerNorm" not in name
    }


def test_a_dense_layer_without_a_pretrained_value_is_left_out() -> None:
    ctx, weights = context("roberta")
    mixed = Mixout().training_weights(weights, ctx)
    assert mixed["classifier.dense.weight"] is weights["classifier.dense.weight"]


def test_the_papers_variant_skips_the_intermediate_layers() -> None:
    ctx, weights = context(exclude=("*.intermediate.*",))
    mixed = Mixout().training_weights(weights, ctx)
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    assert mixed[name] is weights[name]
    assert mixed[QUERY] is not weights[QUERY]


def test_patterns_that_leave_no_matrix_are_refused_with_both_of_them() -> None:
    architecture = tiny.inputs().architecture
    nothing = MixoutOptions(include=("*.query.weight",), exclude=("*.layer.*",))
    said = str(Mixout().unsupported(architecture, nothing))
    assert "found *.query.weight without *.layer.* (`exclude`), expected patterns that fit some" in said
    assert Mixout().unsupported(architecture, MixoutOptions()) is None


def test_each_run_has_its_own_mask() -> None:
    ctx, _ = context(runs=2)
    keep = ctx.uniform(QUERY, (1, 32)) >= 0.7
    assert not torch.equal(keep[0], keep[1])


def test_evaluation_uses_the_unmixed_weights() -> None:
    inputs = dataclasses.replace(tiny.inputs(), strategies=((Mixout(), MixoutOptions()),))
    training = Training(inputs, tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    training.update(state)
    assert training.scored(state)[QUERY] is state.weights[QUERY]
    (result,) = train(inputs, tiny.seeds(1))
    assert result.data["status"] == "ok"


def test_a_probability_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        MixoutOptions(probability=1.2)
