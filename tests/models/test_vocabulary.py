"""Training on the pieces in use equals training on the whole vocabulary."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from stabbench.models import families
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.models.vocabulary import VocabularyCut
from stabbench.strategies.contract import NoOptions, Strategy
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from tests import tiny


def test_ids_that_a_module_knows_keep_their_numbers() -> None:
    texts = tiny.texts(4, seed=1)
    cut = VocabularyCut.of((texts,), fixed=9)
    assert cut.kept[:9].tolist() == list(range(9))
    few = texts.ids < 9
    assert few.any()
    assert (cut.renumber(texts).ids[few] == texts.ids[few]).all()
    architecture = huggingface_architecture(tiny.hugging_face_model("mpnet").config.to_dict(), 2)
    assert families.of(architecture).fixed_ids(architecture) == 3  # its config names 0 to 2


class EveryRow(Strategy):
    needs_whole_vocabulary = True


def narrow_inputs(kind: str = "bert") -> TrainingInputs:
    """Texts that use a part of the vocabulary only."""
    inputs = tiny.inputs(kind, epochs=2.0, weight_decay=0.3, learning_rate=1e-2)
    return dataclasses.replace(inputs, train=tiny.texts(60, seed=1, pieces=30), dev=tiny.texts(20, seed=2, pieces=30))


@pytest.mark.parametrize("kind", ["bert", "distilbert", "mpnet", "deberta-v2"])
def test_the_exported_weights_equal_those_of_training_with_every_row(kind: str) -> None:
    inputs = narrow_inputs(kind)
    (cut,) = train(inputs, tiny.seeds(1))
    (whole,) = train(dataclasses.replace(inputs, strategies=((EveryRow(), NoOptions()),)), tiny.seeds(1))
    for name, tensor in whole.weights.items():
        torch.testing.assert_close(cut.weights[name], tensor, rtol=0, atol=1e-12, msg=name)
    table = inputs.architecture.word_embeddings
    assert (whole.weights[table][50] - inputs.pretrained[table][50]).abs().max() > 1e-3


def test_only_rows_in_use_are_trained() -> None:
    training = Training(narrow_inputs(), tiny.seeds(1), torch.device("cpu"))
    rows = training.start().weights["bert.embeddings.word_embeddings.weight"].shape[1]
    assert training.parts.cut is not None
    assert rows == len(training.parts.cut.kept) <= 25 < tiny.VOCABULARY
