"""What a config says of an encoder, and what it says of its tensors."""

from __future__ import annotations

import pytest

from stabbench.errors import UserError
from stabbench.models.families import architecture_of
from tests import tiny


@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_names_and_shapes_are_those_of_hugging_face(kind: str) -> None:
    model = tiny.hugging_face_model(kind, labels=3)
    expected = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    assert tiny.architecture(model).shapes() == expected


def test_biases_and_layer_norms_do_not_decay_and_all_else_does() -> None:
    facts = tiny.architecture(tiny.hugging_face_model("bert")).facts()
    spared = {name for name, fact in facts.items() if not fact.decays}
    assert spared == {name for name in facts if name.endswith(".bias") or "LayerNorm" in name}
    assert facts["bert.embeddings.word_embeddings.weight"].decays
    assert facts["classifier.weight"].decays


def test_depth_counts_from_the_embeddings_to_the_head() -> None:
    facts = tiny.architecture(tiny.hugging_face_model("bert", layers=3)).facts()
    assert facts["bert.embeddings.LayerNorm.weight"].depth == 0
    assert facts["bert.encoder.layer.0.output.dense.weight"].depth == 1
    assert facts["bert.encoder.layer.2.output.dense.weight"].depth == 3
    assert facts["bert.pooler.dense.weight"].depth == facts["classifier.weight"].depth == 4


def test_a_shared_layer_has_one_depth() -> None:
    facts = tiny.architecture(tiny.hugging_face_model("albert", layers=3)).facts()
    assert {fact.depth for name, fact in facts.items() if ".albert_layers." in name} == {1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "brt"}, "did you mean 'bert'"),
        ({"hidden_act": "swoosh"}, "hidden_act"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
    ],
)
def test_what_the_encoder_cannot_do_is_said_by_name(change: dict[str, str], message: str) -> None:
    config = {**tiny.hugging_face_model("bert").config.to_dict(), **change}
    with pytest.raises(UserError, match=message):
        architecture_of(config, 2)
