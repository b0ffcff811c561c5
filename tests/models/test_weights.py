"""Weights in and out of Hugging Face form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from stabbench.errors import UserError
from stabbench.models.batch import make_batch
from stabbench.models.families import encoder_of
from stabbench.models.weights import initial_weights, pretrained_weights, save_classifier
from tests import tiny


@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_saved_weights_load_in_hugging_face_and_give_the_same_logits(kind: str, tmp_path: Path) -> None:
    model = tiny.hugging_face_model(kind)
    model.save_pretrained(tmp_path / "source")
    shape = tiny.architecture(model)
    weights = initial_weights(tiny.pretrained(model), shape, seed=3, dtype=torch.float64)
    save_classifier(tmp_path / "run", weights, tmp_path / "source", ("no", "yes"), dropout=0.1)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run").eval()
    assert loaded.dtype == torch.float64
    assert loaded.config.id2label == {0: "no", 1: "yes"}
    data, index = tiny.texts(8, seed=1), np.array([1, 4, 6])
    batch = make_batch(data, [index], torch.float64, torch.device("cpu"))
    ours = encoder_of(shape).classify({name: tensor.unsqueeze(0) for name, tensor in weights.items()}, batch)
    with tiny.InDoublePrecision():
        theirs = loaded(**tiny.given(loaded, data, index)).logits
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_the_encoder_is_taken_and_the_classifier_is_not(kind: str, tmp_path: Path) -> None:
    model = tiny.hugging_face_model(kind)
    model.save_pretrained(tmp_path)
    architecture = tiny.architecture(model)
    found = pretrained_weights(tmp_path, architecture, torch.float64)
    expected = {name: tensor for name, tensor in model.named_parameters() if not architecture.is_new(name)}
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_encoder_saved_without_its_prefix_is_read(tmp_path: Path) -> None:
    model = tiny.hugging_face_model("bert")
    encoder = model.get_submodule("bert")
    assert isinstance(encoder, PreTrainedModel)
    encoder.save_pretrained(tmp_path)
    assert pretrained_weights(tmp_path, tiny.architecture(model), torch.float64).keys() == tiny.pretrained(model).keys()


def test_a_missing_encoder_tensor_is_named(tmp_path: Path) -> None:
    tiny.hugging_face_model("bert", layers=2).save_pretrained(tmp_path)
    deeper = tiny.architecture(tiny.hugging_face_model("bert", layers=3))
    with pytest.raises(UserError, match=r"encoder\.layer\.2\."):
        pretrained_weights(tmp_path, deeper, torch.float64)


def test_the_new_head_depends_on_its_seed_and_on_nothing_else() -> None:
    model = tiny.hugging_face_model("bert")
    shape, known = tiny.architecture(model), tiny.pretrained(model)
    first, again, other = (initial_weights(known, shape, seed, torch.float64) for seed in (1, 1, 2))
    assert torch.equal(first["classifier.weight"], again["classifier.weight"])
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])
    assert torch.equal(first["bert.pooler.dense.weight"], other["bert.pooler.dense.weight"])
    assert first["classifier.bias"].abs().max() == 0


def test_new_matrices_have_the_standard_deviation_of_bert() -> None:
    shape = tiny.architecture(tiny.hugging_face_model("bert"))
    table = initial_weights({}, shape, 1, torch.float64)["bert.encoder.layer.0.intermediate.dense.weight"]
    assert abs(float(table.std()) - 0.02) < 0.002
