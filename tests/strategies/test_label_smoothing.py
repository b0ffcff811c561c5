"""Label smoothing as Szegedy et al. define it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch.nn.functional as F
from torch import Tensor

from stabbench.errors import UserError
from stabbench.strategies.label_smoothing import LabelSmoothing, LabelSmoothingOptions
from stabbench.tasks.objectives.classification import Classification
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_the_loss_is_torchs_cross_entropy_with_smoothed_labels(kind: str) -> None:
    def expected(batch: FirstBatch) -> Tensor:
        smoothed = F.cross_entropy(batch.logits(), batch.labels, label_smoothing=0.3)
        assert (smoothed - F.cross_entropy(batch.logits(), batch.labels)).abs() > 1e-4
        return smoothed

    check_loss(kind, LabelSmoothing(), LabelSmoothingOptions(epsilon=0.3), expected)


def test_without_smoothing_nothing_is_left_of_it() -> None:
    plain, smoothed, none = (
        train(tiny.inputs(strategies=strategies), tiny.seeds(1))[0]
        for strategies in (
            (),
            ((LabelSmoothing(), LabelSmoothingOptions()),),
            ((LabelSmoothing(), LabelSmoothingOptions(epsilon=0.0)),),
        )
    )
    losses = [run.tables["history.parquet"]["train_loss"].to_numpy() for run in (plain, smoothed, none)]
    np.testing.assert_allclose(losses[0], losses[2], rtol=0, atol=1e-9)
    assert losses[1][-1] > losses[0][-1] + 0.02


def test_the_dev_loss_stays_the_plain_cross_entropy() -> None:
    inputs = tiny.inputs(strategies=((LabelSmoothing(), LabelSmoothingOptions(epsilon=0.5)),), epochs=1.0)
    (result,) = train(inputs, tiny.seeds(1))
    predictions = result.tables["predictions.parquet"]
    logits = np.stack(predictions["logits"].to_list())
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_shares[np.arange(len(logits)), predictions["label"]].mean()
    assert result.data["final"]["dev_loss"] == pytest.approx(expected, abs=1e-12)


def test_a_task_of_numbers_is_refused_with_the_reason() -> None:
    of_classes, of_numbers = (tiny.architecture(tiny.hugging_face_model("bert", labels=labels)) for labels in (3, 1))
    strategy, options = LabelSmoothing(), LabelSmoothingOptions()
    assert strategy.unsupported(of_classes, options) is None
    assert "a task of numbers has none" in str(strategy.unsupported(of_numbers, options))


def test_an_objective_of_ones_own_with_several_outputs_is_refused_by_its_name() -> None:
    class Ordered(Classification):
        name = "ordered"

    inputs = tiny.inputs(strategies=((LabelSmoothing(), LabelSmoothingOptions()),))
    with pytest.raises(UserError, match="objective 'ordered': label smoothing spreads a label over several classes"):
        train(dataclasses.replace(inputs, objective=Ordered()), tiny.seeds(1))


def test_the_default_is_the_papers_and_shares_out_of_range_are_refused() -> None:
    assert LabelSmoothingOptions() == LabelSmoothingOptions(epsilon=0.1)
    for epsilon in (-0.1, 1.0):
        with pytest.raises(ValueError, match="epsilon"):
            LabelSmoothingOptions(epsilon=epsilon)
