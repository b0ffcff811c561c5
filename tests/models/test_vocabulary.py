"""Training on the pieces in use equals training on the whole vocabulary."""

from __future__ import annotations

import dataclasses

import torch

from stabbench.strategies.contract import NoOptions, Strategy
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from tests import tiny


class EveryRow(Strategy):
    needs_whole_vocabulary = True


def narrow_inputs() -> TrainingInputs:
    """Texts that use a part of the vocabulary only."""
    inputs = tiny.inputs(epochs=2.0, weight_decay=0.3, learning_rate=1e-2)
    return dataclasses.replace(inputs, train=tiny.texts(60, seed=1, pieces=30), dev=tiny.texts(20, seed=2, pieces=30))


def test_the_exported_weights_equal_those_of_training_with_every_row() -> None:
    inputs = narrow_inputs()
    (cut,) = train(inputs, tiny.seeds(1))
    (whole,) = train(dataclasses.replace(inputs, strategies=((EveryRow(), NoOptions()),)), tiny.seeds(1))
    for name, tensor in whole.weights.items():
        torch.testing.assert_close(cut.weights[name], tensor, rtol=0, atol=1e-12, msg=name)
    table = "bert.embeddings.word_embeddings.weight"
    assert (whole.weights[table][50] - inputs.pretrained[table][50]).abs().max() > 1e-3


def test_only_rows_in_use_are_trained() -> None:
    training = Training(narrow_inputs(), tiny.seeds(1), torch.device("cpu"))
    rows = training.start().weights["bert.embeddings.word_embeddings.weight"].shape[1]
    assert training.parts.cut is not None
    assert rows == len(training.parts.cut.kept) <= 25 < tiny.VOCABULARY
