"""Child-Tuning: gradients masked at random, or where the Fisher information is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stabbench.randomness import Draws
from stabbench.strategies.child_tuning import MASK, ChildTuningD, ChildTuningF, ChildTuningOptions
from stabbench.strategies.contract import Strategy
from stabbench.strategies.reinit import ReInit, ReInitOptions
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from stabbench.training.state import TrainingState
from tests import tiny
from tests.strategies.reference import (
    Gradients,
    batches,
    check_equal,
    gradients,
    model_at_the_start,
    train_plainly,
)

CPU = torch.device("cpu")


def inputs_with(
    strategy: type[Strategy], kind: str = "bert", probability: float = 0.3, **recipe: object
) -> TrainingInputs:
    options = ChildTuningOptions(probability)
    return tiny.inputs(kind, strategies=((strategy(), options),), **{"dropout": 0.0, **strategy.recipe, **recipe})


def masks(inputs: TrainingInputs, *seeds: int) -> dict[str, torch.Tensor]:
    state = Training(inputs, tiny.seeds(*seeds), CPU).start().strategy
    return {name.removeprefix(MASK): mask for name, mask in state.items()}


@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_f_equals_plain_training_whose_gradients_are_masked_and_divided_by_p(kind: str) -> None:
    inputs = inputs_with(ChildTuningF, kind)
    (result,) = train(inputs, tiny.seeds(2))
    table = f"{kind}.embeddings.word_embeddings.weight"
    used = torch.from_numpy(np.unique(np.concatenate([inputs.train.ids, inputs.dev.ids])))
    kept_of_65536 = 65536 - round(0.7 * 65536)

    def mask(found: Gradients, update: int) -> None:
        for name, gradient in found.items():
            rows = used if name == table else torch.arange(len(gradient))
            part = gradient[rows]
            levels = Draws(2, "strategy").levels("0:" + name, part.numel(), update).reshape(tuple(part.shape))
            keep = torch.from_numpy((levels >= 65536 - kept_of_65536).astype(float))
            gradient[rows] = part * keep / (kept_of_65536 / 65536)

    check_equal(result, *train_plainly(inputs, 2, change=mask))


def test_f_keeps_the_expectation_of_a_gradient_and_the_share_p_of_its_entries() -> None:
    training = Training(inputs_with(ChildTuningF), tiny.seeds(1, 2), CPU)
    strategy, ctx = training.strategies.members[0]
    drawn = {"g": torch.ones(2, 300, 1000, dtype=torch.float64)}
    strategy.before_update({}, drawn, {}, ctx)
    assert abs(float(drawn["g"].mean()) - 1) < 0.01
    assert abs(float((drawn["g"] != 0).double().mean()) - 0.3) < 0.003
    assert not torch.equal(drawn["g"][0], drawn["g"][1])


@pytest.mark.parametrize(("kind", "probability"), [("bert", 0.3), ("roberta", 0.05), ("albert", 0.3)])
def test_d_equals_plain_training_with_the_mask_of_the_top_mean_squared_gradients(kind: str, probability: float) -> None:
    inputs = inputs_with(ChildTuningD, kind, probability)
    (result,) = train(inputs, tiny.seeds(2))
    model = model_at_the_start(inputs, 2)
    names = [name for name, _ in model.named_parameters() if "layer" in name]
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    first_epoch = list(batches(inputs, 2))[:6]
    for batch in first_epoch:
        for name, gradient in gradients(model, model(**batch).loss).items():
            total[name] += gradient**2 / len(first_epoch)
    entries = np.concatenate([total[name].detach().numpy().ravel() for name in names])
    least = float(np.percentile(entries, (1 - probability) * 100))
    expected = {name: total[name] >= least for name in names}
    found = masks(inputs, 2)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name][0], expected[name]) for name in names)
    assert abs(sum(int(mask.sum()) for mask in found.values()) / len(entries) - probability) < 1e-3

    def mask(slopes: Gradients, update: int) -> None:
        for name in names:
            slopes[name] *= expected[name]

    check_equal(result, *train_plainly(inputs, 2, change=mask))


def test_ds_layers_keep_what_the_mask_hides_and_all_else_learns() -> None:
    inputs = inputs_with(ChildTuningD, weight_decay=0.0, probability=0.1)
    (result,) = train(inputs, tiny.seeds(1))
    found = masks(inputs, 1)
    for name, start in inputs.pretrained.items():
        moved = result.weights[name] != start
        if name in found:
            assert not (moved & ~found[name][0]).any()
        else:
            assert moved.any(), name


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_ds_mask_is_that_of_a_run_alone_bit_for_bit_with_dropout_on(precision: str) -> None:
    inputs = inputs_with(ChildTuningD, dropout=0.2, precision=precision)
    together = masks(inputs, 1, 2, 3)
    for row, number in enumerate((1, 2, 3)):
        alone = masks(inputs, number)
        assert all(torch.equal(together[name][row], alone[name][0]) for name in alone)
    assert any(not torch.equal(mask[0], mask[1]) for mask in together.values())


def test_the_first_epochs_gradients_are_those_of_a_run_alone_bit_for_bit() -> None:
    def measured(*numbers: int) -> list[torch.Tensor]:
        training = Training(inputs_with(ChildTuningD, dropout=0.2, precision="fp32"), tiny.seeds(*numbers), CPU)
        weights = {name: tensor.requires_grad_() for name, tensor in training.start().weights.items()}
        _, ctx = training.strategies.members[0]
        found = []
        for model, batch in ctx.first_epoch(weights):
            words = model.embed(batch)
            for logits in (model(batch), model(batch, words, call=1)):
                gradients = torch.autograd.grad(logits.square().sum(), list(weights.values()), retain_graph=True)
                found += [logits.detach(), *gradients]
        return found

    together = measured(7, 8, 9)
    for row, number in enumerate((7, 8, 9)):
        for ours, alone in zip(together, measured(number), strict=True):
            assert torch.equal(ours[row], alone[0])


def test_the_pass_has_masks_of_its_own_and_repeats_itself() -> None:
    training = Training(inputs_with(ChildTuningD, dropout=0.2), tiny.seeds(1), CPU)
    weights = training.start().weights
    _, ctx = training.strategies.members[0]
    first, again = ([model(batch).detach() for model, batch in ctx.first_epoch(weights)] for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    other_calls = [model(batch, call=1).detach() for model, batch in ctx.first_epoch(weights)]
    assert not any(torch.equal(one, other) for one, other in zip(first, other_calls, strict=True))
    with_training_masks = training.step.masks.at(0)  # type: ignore[union-attr]
    model, batch = next(ctx.first_epoch(weights))
    assert not torch.equal(model(batch), training.parts.encoder.classify(weights, batch, with_training_masks))


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("strategy", [ChildTuningF, ChildTuningD])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(strategy: type[Strategy], tmp_path: Path) -> None:
    inputs = inputs_with(strategy, dropout=0.1, precision="fp32")
    uninterrupted = train(inputs, tiny.seeds(1, 2))

    def kill(state: TrainingState) -> None:
        if state.step == 7:
            raise KilledError

    with pytest.raises(KilledError):
        train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=0.0, stop=kill)
    resumed = train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=1e9)
    for before, after in zip(uninterrupted, resumed, strict=True):
        assert before.data["result_digest"] == after.data["result_digest"]


@pytest.mark.parametrize("strategy", [ChildTuningF, ChildTuningD])
def test_runs_side_by_side_equal_runs_alone(strategy: type[Strategy]) -> None:
    inputs = inputs_with(strategy, dropout=0.1)
    for number, result in zip((1, 2), train(inputs, tiny.seeds(1, 2)), strict=True):
        (alone,) = train(inputs, tiny.seeds(number))
        for name, weight in alone.weights.items():
            torch.testing.assert_close(result.weights[name], weight, rtol=0, atol=1e-10)


def test_d_after_re_init_measures_the_new_layers() -> None:
    strategies = ((ReInit(), ReInitOptions(3)), (ChildTuningD(), ChildTuningOptions()))
    composed = masks(tiny.inputs(strategies=strategies, dropout=0.0), 1)
    alone = masks(inputs_with(ChildTuningD), 1)
    assert composed.keys() == alone.keys()
    assert any(not torch.equal(composed[name], alone[name]) for name in alone)


@pytest.mark.parametrize("probability", [0.0, 1e-5, 1.01])
def test_a_probability_out_of_range_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"from 0\.001 to 1"):
        ChildTuningOptions(probability)
