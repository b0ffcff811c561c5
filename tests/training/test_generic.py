"""What must hold of a training whose model is computed by Hugging Face's own module."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from stabbench.models.architecture import Architecture
from stabbench.models.batch import make_batch
from stabbench.models.families import encoder_of
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.operations import training_operations
from stabbench.training.state import TrainingState
from tests import tiny
from tests.training.test_invariants import KilledError, largest_difference, reference_training

KINDS = ["electra", "mpnet"]
MIXOUT = (Mixout(), MixoutOptions())


class Noise(Strategy):
    """A loss on perturbed embeddings, a rate by depth and averaged weights: every kind of hook that asks for parts."""

    def initialise(self, weights: Any, state: Any, ctx: Context) -> None:
        state |= {f"mean/{name}": tensor.clone() for name, tensor in weights.items()}

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        return 0.9 ** (ctx.architecture.layers + 1 - ctx.facts[name].depth), 1.0

    def loss(self, model: BoundModel, weights: Weights, batch: Any, ctx: Context) -> Tensor:
        words = model.embed(batch)
        noise = ctx.uniform("noise", words.shape[1:]) - 0.5
        plain, moved = model(batch), model(batch, words + 0.1 * noise, call=1)
        return ctx.objective.loss(plain, batch.labels) + 0.1 * (plain - moved).square().mean(dim=(1, 2))

    def after_update(self, weights: Any, state: Any, ctx: Context) -> None:
        for name, tensor in weights.items():
            state[f"mean/{name}"].lerp_(tensor, 0.3)

    def scored_weights(self, weights: Weights, state: Any, ctx: Context) -> Weights:
        return {name: state[f"mean/{name}"] for name in weights}


STRATEGIES: dict[str, Sequence[tuple[Strategy, Any]]] = {
    "recipe": (),
    "mixout": (MIXOUT,),
    "composed": (MIXOUT, (Noise(), NoOptions())),
}
parametrize_strategies = pytest.mark.parametrize("strategies", list(STRATEGIES.values()), ids=list(STRATEGIES))


def inputs(kind: str, strategies: Sequence[tuple[Strategy, Any]] = (), **recipe: Any) -> TrainingInputs:
    found = tiny.inputs(kind, strategies=tuple(strategies), examples=48, **recipe)
    return dataclasses.replace(found, architecture=by_transformers(kind))


def by_transformers(kind: str) -> Architecture:
    """The architecture as the module of transformers computes it, whether or not our own encoder could."""
    return huggingface_architecture(tiny.hugging_face_model(kind).config.to_dict(), 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias_correction", [True, False])
def test_training_equals_a_plain_loop_under_the_papers_optimizer(kind: str, bias_correction: bool) -> None:
    cell = inputs(kind, dropout=0.0, bias_correction=bias_correction, gradient_norm_every=1)
    (ours,) = train(cell, tiny.seeds(5))
    losses, norms, model = reference_training(kind, cell, seed=5)
    history = ours.tables["history.parquet"]
    assert losses[-1] < 0.95 * losses[0]
    np.testing.assert_allclose(history["train_loss"], losses, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history["gradient_norm"], norms, rtol=0, atol=1e-11)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(ours.weights[name], parameter.detach(), rtol=0, atol=1e-11, msg=name)


@pytest.mark.parametrize("kind", ["bert", "electra", "distilbert"])
def test_a_model_on_this_path_equals_itself_on_our_own(kind: str) -> None:
    ours, theirs = tiny.inputs(kind, examples=48, dropout=0.0), inputs(kind, dropout=0.0)
    (first,), (second,) = train(ours, tiny.seeds(1)), train(theirs, tiny.seeds(1))
    losses = [result.tables["history.parquet"]["train_loss"] for result in (first, second)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-12)
    assert largest_difference(first, second) < 1e-10
    assert first.data["final"]["scores"] == second.data["final"]["scores"]
    assert first.data["parameter_groups"] == second.data["parameter_groups"]


@pytest.mark.parametrize(("kind", "precision"), [("electra", "fp32"), ("mpnet", "fp64")])
@parametrize_strategies
def test_the_same_seed_gives_the_same_digest_and_another_seed_another(
    kind: str, precision: str, strategies: Sequence[tuple[Strategy, Any]]
) -> None:
    cell = inputs(kind, strategies, epochs=1.0, precision=precision)
    torch.manual_seed(1)
    first = train(cell, tiny.seeds(1))[0]
    torch.manual_seed(2)
    again, other = (train(cell, tiny.seeds(number))[0] for number in (1, 2))
    assert first.data["result_digest"] == again.data["result_digest"] != other.data["result_digest"]
    assert {tensor.dtype for tensor in first.weights.values()} == {
        torch.float32 if precision == "fp32" else torch.float64
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", ["head", "order", "dropout", "strategy"])
def test_each_stream_changes_its_own_part_of_the_training(kind: str, stream: str) -> None:
    cell = inputs(kind, (MIXOUT,), epochs=1.0, dropout=0.1)
    (plain,) = train(cell, tiny.seeds(1))
    (changed,) = train(cell, [{**tiny.seeds(1)[0], stream: 2}])
    assert plain.data["result_digest"] != changed.data["result_digest"]


@pytest.mark.parametrize("kind", KINDS)
def test_runs_asked_for_together_are_trained_one_after_the_other(kind: str) -> None:
    cell = inputs(kind, epochs=1.0)
    told: list[tuple[int, int]] = []
    together = train(cell, tiny.seeds(1, 2, 3), progress=lambda step, total: told.append((step, total)))
    alone = [train(cell, tiny.seeds(number))[0] for number in (1, 2, 3)]
    assert [run.data["result_digest"] for run in together] == [run.data["result_digest"] for run in alone]
    assert told == [(step, 9) for step in range(1, 10)]


@pytest.mark.parametrize("kind", KINDS)
@parametrize_strategies
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(
    kind: str, strategies: Sequence[tuple[Strategy, Any]], tmp_path: Path
) -> None:
    cell = inputs(kind, strategies, precision="fp32", epochs=2.0)
    (uninterrupted,) = train(cell, tiny.seeds(1))

    def kill(state: TrainingState) -> None:
        if state.step == 4:
            raise KilledError

    with pytest.raises(KilledError):
        train(cell, tiny.seeds(1), checkpoint=tmp_path, checkpoint_seconds=0.0, stop=kill)
    (resumed,) = train(cell, tiny.seeds(1), checkpoint=tmp_path, checkpoint_seconds=1e9)
    assert uninterrupted.data["result_digest"] == resumed.data["result_digest"]
    assert all(torch.equal(uninterrupted.weights[name], resumed.weights[name]) for name in uninterrupted.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluating_more_often_changes_nothing_of_the_training(kind: str) -> None:
    (seldom,) = train(inputs(kind, evaluations_per_epoch=1), tiny.seeds(1))
    (often,) = train(inputs(kind, evaluations_per_epoch=6), tiny.seeds(1))
    assert all(torch.equal(seldom.weights[name], often.weights[name]) for name in seldom.weights)
    assert seldom.data["final"] == often.data["final"]


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_products_are_close_to_fp32_and_repeat_themselves(kind: str) -> None:
    (exact,), *rounded = (
        train(inputs(kind, precision=given, epochs=1.0), tiny.seeds(1)) for given in ("fp32", "bf16", "bf16")
    )
    (half,), (again,) = rounded
    assert 1e-6 < largest_difference(exact, half) < 0.05
    assert half.data["result_digest"] == again.data["result_digest"]
    assert {tensor.dtype for tensor in half.weights.values()} == {torch.float32}


@pytest.mark.parametrize("kind", [*KINDS, "bert"])
def test_the_operations_counted_are_those_of_the_products_that_are_computed(kind: str) -> None:
    architecture = by_transformers(kind)
    encoder = encoder_of(architecture)
    (length,) = (texts := tiny.texts(1, seed=3)).lengths
    batch = make_batch(texts, [np.array([0])], torch.float64, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.classify(tiny.stacked(tiny.hugging_face_model(kind)), batch)
    assert 3 * counter.get_total_flops() == training_operations(architecture, length, length**2, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_says_what_each_tensor_got(kind: str) -> None:
    (result,) = train(inputs(kind, ((Noise(), NoOptions()),), epochs=1.0, weight_decay=0.01), tiny.seeds(1))
    groups = result.data["parameter_groups"]
    named = [name for group in groups for name in group["tensors"]]
    assert sorted(named) == sorted(result.weights)
    assert sum(group["parameters"] for group in groups) == sum(tensor.numel() for tensor in result.weights.values())
    assert {round(group["learning_rate"] / 3e-3, 6) for group in groups} == {1.0, 0.9, 0.81, 0.729, 0.6561}
    norms = result.tables["gradnorms.parquet"]
    assert set(norms["parameter"]) == set(result.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_mixout_at_probability_one_trains_the_head_alone(kind: str) -> None:
    """Every pretrained matrix is replaced by its pretrained value, so that only decay moves it."""
    cell = inputs(kind, ((Mixout(), MixoutOptions(probability=1.0)),), epochs=1.0, weight_decay=0.0)
    (result,) = train(cell, tiny.seeds(1))
    facts = cell.architecture.facts()
    matrices = [name for name in cell.pretrained if facts[name].linear_weight]
    assert len(matrices) >= 18
    assert all(torch.equal(result.weights[name], cell.pretrained[name]) for name in matrices)


def test_the_models_own_dropout_is_that_number_where_it_is_the_same_everywhere() -> None:
    own, number, none = (train(inputs("mpnet", epochs=1.0, dropout=dropout), tiny.seeds(1))[0]
                         for dropout in ("model", 0.1, 0.0))  # fmt: skip
    assert own.data["result_digest"] == number.data["result_digest"] != none.data["result_digest"]
