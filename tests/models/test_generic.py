"""Hugging Face's modules behind the interface of our own encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, DebertaV2Config, DebertaV2ForSequenceClassification

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.batch import make_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout, Padded
from stabbench.models.encoder import Encoder
from stabbench.models.families import architecture_of, encoder_of
from stabbench.models.families.contract import Computation
from stabbench.models.families.huggingface.encoder import ModuleEncoder
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.models.tokenization import positions
from stabbench.models.weights import initial_weights, pretrained_weights, save_classifier
from stabbench.randomness import Draws
from tests import tiny

KINDS = ["mpnet", "deberta-v2"]
CPU = torch.device("cpu")


def batch_of(*numbers: int, seed: int = 1) -> Any:
    return make_batch(tiny.texts(8, seed=seed), [np.array(numbers)], torch.float64, CPU)


def masks(probability: float = 0.3, *, seed: int = 1, step: int = 0, call: int = 0) -> Dropout:
    return Dropout(probability, [Draws(seed, "dropout")], step, call)


def by_transformers(model: Any, labels: int = 2) -> Architecture:
    """The architecture as transformers' module computes it, whether or not our own encoder could."""
    return huggingface_architecture(model.config.to_dict(), labels)


def loaded(kind: str) -> tuple[Computation, dict[str, Tensor]]:
    model = tiny.hugging_face_model(kind)
    return encoder_of(by_transformers(model)), tiny.stacked(model)


@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_what_we_compute_ourselves_stays_ours(kind: str) -> None:
    encoder = encoder_of(tiny.architecture(tiny.hugging_face_model(kind)))
    assert not isinstance(encoder, ModuleEncoder)
    assert (type(encoder) is Encoder) == (kind in tiny.AS_BERT)


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_shapes_are_those_of_hugging_face(kind: str) -> None:
    model = tiny.hugging_face_model(kind, labels=3)
    shapes = by_transformers(model, 3).shapes()
    assert list(shapes.items()) == [(name, tuple(tensor.shape)) for name, tensor in model.named_parameters()]


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_hugging_faces(kind: str) -> None:
    model = tiny.hugging_face_model(kind)
    encoder, weights = loaded(kind)
    padded = tiny.given(model, tiny.texts(8, seed=1), np.array([1, 4, 6]))
    torch.testing.assert_close(
        encoder.classify(weights, batch_of(1, 4, 6))[0], model(**padded).logits, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("kind", KINDS)
def test_companions_in_a_batch_change_no_logits(kind: str) -> None:
    encoder, weights = loaded(kind)
    together = encoder.classify(weights, batch_of(0, 3, 5))
    alone = torch.cat([encoder.classify(weights, batch_of(number)) for number in (0, 3, 5)], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_given_in_the_place_of_tokens_give_the_same_logits(kind: str) -> None:
    encoder, weights = loaded(kind)
    batch = batch_of(0, 3, 5)
    words = encoder.embed(weights, batch)
    assert words.shape[:2] == batch.ids.shape
    plain, given = encoder.classify(weights, batch), encoder.classify(weights, batch, None, words)
    torch.testing.assert_close(plain, given, rtol=0, atol=1e-14)
    assert not torch.allclose(plain, encoder.classify(weights, batch, None, words.flip(-1)))


def test_hidden_states_are_those_of_our_own_encoder() -> None:
    model = tiny.hugging_face_model("bert")
    config = model.config.to_dict()
    ours, theirs = Encoder(architecture_of(config, 2)), encoder_of(huggingface_architecture(config, 2))
    assert isinstance(theirs, ModuleEncoder)
    weights, batch = tiny.stacked(model), batch_of(0, 3, 5)
    for first_only in (True, False):
        found = [encoder.hidden_states(weights, batch, first_only=first_only) for encoder in (ours, theirs)]
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_a_function_of_seed_step_and_call(kind: str) -> None:
    encoder, weights = loaded(kind)
    batch = batch_of(0, 3, 5)
    first = encoder.classify(weights, batch, masks())
    torch.manual_seed(7)
    assert torch.equal(first, encoder.classify(weights, batch, masks()))
    for other in (masks(seed=2), masks(step=1), masks(call=1), None):
        assert not torch.allclose(first, encoder.classify(weights, batch, other))
    assert torch.equal(encoder.classify(weights, batch, masks(0.0)), encoder.classify(weights, batch))


@pytest.mark.parametrize("kind", KINDS)
def test_masks_drawn_on_the_device_are_the_same(kind: str) -> None:
    encoder, weights = loaded(kind)
    draws = DeviceDraws([Draws(1, "dropout")], CPU)
    on_device = DeviceDropout(0.3, draws, torch.tensor(5), call=1)
    found = encoder.classify(weights, batch_of(0, 3, 5), on_device)
    assert torch.equal(found, encoder.classify(weights, batch_of(0, 3, 5), masks(step=5, call=1)))


@pytest.mark.parametrize(("kind", "places"), [("electra", 1 + 3 * 3 + 2), ("distilbert", 1 + 2 * 3 + 1)])
def test_every_dropout_of_the_model_takes_the_recipes_probability(kind: str, places: int) -> None:
    """Embeddings; attention probabilities and the outputs of every layer; the classifier (ELECTRA: twice)."""
    asked = []

    class Recording(Dropout):
        def factors(self, place: str, values: Tensor, padded: Padded) -> Tensor | None:
            asked.append((place, super().factors(place, values, padded)))
            return asked[-1][1]

    model = tiny.hugging_face_model(kind)
    encoder, weights = encoder_of(huggingface_architecture(model.config.to_dict(), 2)), tiny.stacked(model)
    encoder.classify(weights, batch_of(*[3] * 8), Recording(0.3, [Draws(1, "dropout")], 0))
    assert [place for place, _ in asked] == [f"dropout.{number}" for number in range(places)]
    shares = [float((kept == 0).double().mean()) for _, kept in asked if kept is not None and kept.numel() > 1000]
    assert len(shares) >= places - 2
    assert all(abs(share - 0.3) < 0.05 for share in shares)


def test_depth_and_kind_follow_from_the_module_tree() -> None:
    facts = huggingface_architecture(tiny.hugging_face_model("electra", layers=3).config.to_dict(), 2).facts()
    layer = "electra.encoder.layer.2"
    assert [facts[f"electra.embeddings{name}.weight"].depth for name in (".word_embeddings", "_project")] == [0, 0]
    assert (facts[f"{layer}.attention.output.dense.weight"].kind, facts[f"{layer}.output.dense.weight"].kind) == (
        "attention",
        "feed_forward",
    )
    assert facts[f"{layer}.output.dense.weight"].depth == 3
    assert {facts[f"classifier.{name}.weight"].depth for name in ("dense", "out_proj")} == {4}
    assert (facts["classifier.dense.weight"].kind, facts["classifier.out_proj.weight"].kind) == ("pooler", "classifier")
    spared = {name for name, fact in facts.items() if not fact.decays}
    assert spared == {name for name in facts if name.endswith(".bias") or "LayerNorm" in name}


@pytest.mark.parametrize("kind", [*(kind for kind in tiny.AS_BERT if kind not in ("roberta", "albert")), "mpnet"])
def test_facts_are_the_same_by_general_rules(kind: str) -> None:
    """But for ALBERT, whose one layer no module tree tells from others, and for RoBERTa, whose dense layer is new."""
    config = tiny.hugging_face_model(kind).config.to_dict()
    ours, general = architecture_of(config, 2), huggingface_architecture(config, 2)
    assert general.facts() == ours.facts()
    for name in ("prefix", "pooler", "classifier", "word_embeddings", "layers", "hidden_size", "intermediate_size"):
        assert getattr(general, name) == getattr(ours, name)
    assert general.shapes() == ours.shapes()
    assert [name for name in ours.shapes() if ours.is_new(name)] == [
        f"{ours.classifier}.weight",
        f"{ours.classifier}.bias",
    ]
    assert all(ours.is_new(name) == general.is_new(name) for name in ours.shapes())
    assert all(ours.may_lack(name) == general.may_lack(name) for name in ours.shapes())


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_taken_but_the_output_layer_which_is_drawn(kind: str, tmp_path: Path) -> None:
    model = tiny.hugging_face_model(kind, labels=5)
    model.save_pretrained(tmp_path)
    architecture = by_transformers(model)
    found = pretrained_weights(tmp_path, architecture, torch.float64)
    expected = {name: tensor for name, tensor in model.named_parameters() if not architecture.is_new(name)}
    assert found.keys() == expected.keys() >= tiny.pretrained(model).keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    first, again, other = (initial_weights(found, architecture, seed, torch.float64) for seed in (1, 1, 2))
    head = f"{architecture.classifier}.weight"
    assert first[head].shape == (2, 32)
    assert torch.equal(first[head], again[head])
    assert not torch.equal(first[head], other[head])


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_saved_without_its_prefix_is_read(kind: str, tmp_path: Path) -> None:
    model = tiny.hugging_face_model(kind)
    encoder: Any = model.base_model
    encoder.save_pretrained(tmp_path)
    found = pretrained_weights(tmp_path, by_transformers(model), torch.float64)
    assert found.keys() == tiny.pretrained(model).keys()


def test_a_missing_encoder_tensor_is_named(tmp_path: Path) -> None:
    tiny.hugging_face_model("mpnet", layers=2).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text()) | {"num_hidden_layers": 3}
    file.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"no tensor mpnet\.encoder\.layer\.2\..* not a mpnet encoder in full"):
        pretrained_weights(tmp_path, huggingface_architecture(config, 2), torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_weights_load_in_hugging_face_with_the_recipes_dropout(kind: str, tmp_path: Path) -> None:
    model = tiny.hugging_face_model(kind)
    model.save_pretrained(tmp_path / "source")
    architecture = by_transformers(model)
    weights = initial_weights(tiny.pretrained(model), architecture, seed=3, dtype=torch.float64)
    save_classifier(tmp_path / "run", weights, tmp_path / "source", ("no", "yes"), dropout=0.25)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run").eval()
    assert again.config.architectures == [type(model).__name__]
    assert {module.p for module in again.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}
    ours = encoder_of(architecture).classify(
        {name: tensor.unsqueeze(0) for name, tensor in weights.items()}, batch_of(2)
    )
    theirs = again(**tiny.given(again, tiny.texts(8, seed=1), np.array([2]))).logits
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=1e-14)


def test_relative_attention_just_works() -> None:
    config = DebertaV2Config.from_dict({
        "vocab_size": tiny.VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 64, "type_vocab_size": 0, "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"], "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_buckets": 16,
        "position_biased_input": False,
    })  # fmt: skip
    torch.manual_seed(0)
    model: Any = DebertaV2ForSequenceClassification(config).double()
    model.eval()
    architecture = huggingface_architecture(config.to_dict(), 2)
    assert architecture.facts()["deberta.encoder.rel_embeddings.weight"].depth == 0
    padded = tiny.padded(tiny.texts(8, seed=1), np.array([1, 4]), 0)
    del padded["token_type_ids"]
    found = encoder_of(architecture).classify(tiny.stacked(model), batch_of(1, 4))
    torch.testing.assert_close(found[0], model(**padded).logits, rtol=0, atol=1e-14)


def test_several_runs_side_by_side_are_refused() -> None:
    encoder, weights = loaded("mpnet")
    two = make_batch(tiny.texts(8, seed=1), [np.array([0]), np.array([1])], torch.float64, CPU)
    with pytest.raises(ValueError, match="one run at a time"):
        encoder.classify(weights, two)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bart"}, "'bart' models cannot be fine-tuned here: it has a decoder beside its encoder"),
        ({"model_type": "gpt2"}, "'gpt2' models cannot be fine-tuned here: it is a decoder"),
        ({"model_type": "electra", "is_decoder": True}, "'electra' models .* it is a decoder"),
        ({"model_type": "fnet"}, "'fnet' models .* takes no attention mask"),
        ({"model_type": "perceiver"}, "'perceiver' models .* embeddings in the place of tokens"),
        ({"model_type": "funnel"}, "'funnel' models .* no list of its"),
        ({"model_type": "ibert"}, "'ibert' models .* no linear layers of torch's own"),
        ({"model_type": "electro"}, "unknown model type 'electro': did you mean 'electra'"),
        ({"model_type": "distilbert", "dim": 30}, "12 attention heads for states of 30"),
        ({"model_type": "mpnet", "hidden_size": 30}, "12 attention heads for states of 30"),
        ({"model_type": "layoutlm", "hidden_size": 30}, "transformers makes no classifier of it"),
    ],
)
def test_what_cannot_be_trained_is_said_by_name(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        architecture_of(config, 2)


def test_parts_of_a_layer_by_name_are_a_users_mistake_elsewhere() -> None:
    architecture = by_transformers(tiny.hugging_face_model("mpnet"))
    with pytest.raises(UserError, match="not known by name of 'mpnet'"):
        architecture.layer(0)


def test_positions_of_robertas_relatives_begin_after_the_padding_id(tmp_path: Path) -> None:
    config = {"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert positions(tmp_path) == 512
