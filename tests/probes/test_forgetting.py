"""The forgetting probe: its perplexity is the model's own, and putting layers back does exactly that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from stabbench.models.architecture import Architecture
from stabbench.models.families import read_architecture
from stabbench.models.masked_language_model import MaskedBatch
from stabbench.models.word_pieces import write_word_pieces
from stabbench.probes.forgetting.language_model import LanguageModel, NoHeadError, masked_batches, token_count
from stabbench.tasks import embedded

KINDS: dict[str, tuple[Any, Any]] = {
    "bert": (BertConfig, BertForMaskedLM),
    "roberta": (RobertaConfig, RobertaForMaskedLM),
    "electra": (ElectraConfig, ElectraForMaskedLM),
}
LINES = embedded.corpus(60, split="dev")


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A small masked language model with noticeable weights and the grammar's tokenizer."""
    config_class, model_class = KINDS[request.param]
    size = write_word_pieces(tmp_path, embedded.vocabulary(), 130)
    config = config_class(
        vocab_size=size, hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=130, type_vocab_size=2, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = model_class(config)
    for name, parameter in model.named_parameters():
        if "LayerNorm" not in name and "layer_norm" not in name:
            torch.nn.init.normal_(parameter, 0, 0.2)
    model.save_pretrained(tmp_path)
    return tmp_path


def batches_of(folder: Path, **changes: Any) -> list[MaskedBatch]:
    options: dict[str, Any] = {"max_tokens": 300, "max_length": 32, "probability": 0.3, "seed": 0, **changes}
    return masked_batches(folder, LINES, **options)


def architecture_of(folder: Path) -> Architecture:
    return read_architecture(folder, 2)


def other_weights(model: LanguageModel, seed: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        for name, tensor in model.pretrained.items()
    }


def hugging_face_loss(folder: Path, batches: list[MaskedBatch]) -> float:
    """The loss that Hugging Face's model computes itself, over all masked positions."""
    model: Any = AutoModelForMaskedLM.from_pretrained(folder).double().eval()
    total = 0.0
    for batch in batches:
        labels = torch.full(batch.ids.shape, -100).flatten()
        labels[batch.positions] = batch.targets
        with torch.no_grad():
            found = model(
                input_ids=batch.ids,
                attention_mask=batch.attention,
                token_type_ids=batch.segments,
                labels=labels.view_as(batch.ids),
            )
        total += float(found.loss) * len(batch.targets)
    return total / sum(len(batch.targets) for batch in batches)


def test_the_untouched_model_has_hugging_faces_own_loss(folder: Path) -> None:
    batches = batches_of(folder)
    expected = hugging_face_loss(folder, batches)
    assert LanguageModel(folder, architecture_of(folder), torch.float64).loss(batches) == pytest.approx(
        expected, abs=1e-10
    )
    assert LanguageModel(folder, architecture_of(folder), torch.float32).loss(batches) == pytest.approx(
        expected, abs=1e-5
    )


def test_threads_do_not_change_the_loss(folder: Path) -> None:
    batches = batches_of(folder, max_tokens=900)
    assert len(batches) > 1
    one, two = (LanguageModel(folder, architecture_of(folder), torch.float32, workers=count) for count in (1, 2))
    assert one.loss(batches) == two.loss(batches)


def test_everything_put_back_is_the_pretrained_model_again(folder: Path) -> None:
    model, batches = LanguageModel(folder, architecture_of(folder), torch.float64), batches_of(folder)
    reference = model.loss(batches)
    model.put_back(other_weights(model), 0)
    assert abs(model.loss(batches) - reference) > 1e-2
    model.put_back(other_weights(model), 3)
    assert abs(model.loss(batches) - reference) > 1e-3
    model.put_back(other_weights(model), 3, embeddings=True)
    assert model.loss(batches) == reference


def test_the_top_layers_go_back_first_and_the_head_never_changes(folder: Path) -> None:
    model = LanguageModel(folder, architecture_of(folder), torch.float64)
    head = {
        name: tensor.detach().clone() for name, tensor in model.model.named_parameters() if name not in model.encoder
    }
    assert any(tensor.shape[0] == architecture_of(folder).vocabulary_size for tensor in head.values())
    model.put_back(other_weights(model), 2)
    back = {name for name, tensor in model.encoder.items() if torch.equal(tensor, model.pretrained[name])}
    assert back == {name for name in model.encoder if ".layer.1." in name or ".layer.2." in name}
    now = dict(model.model.named_parameters())
    assert all(torch.equal(now[name], tensor) for name, tensor in head.items())


def test_masks_depend_on_their_seed_alone_and_the_text_is_cut(folder: Path) -> None:
    first, again, other = (batches_of(folder, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a.ids, b.ids) for a, b in zip(first, other, strict=True))
    assert 250 < token_count(first) <= 300


def test_an_encoder_without_a_head_has_no_language_model(folder: Path, tmp_path: Path) -> None:
    bare: Any = AutoModelForMaskedLM.from_pretrained(folder).base_model
    bare.save_pretrained(tmp_path / "bare")
    for file in folder.glob("tokenizer*"):
        (tmp_path / "bare" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(NoHeadError, match="no pretrained masked-LM head"):
        LanguageModel(tmp_path / "bare", architecture_of(folder), torch.float32)


def test_perplexity_of_an_untrained_guess_is_about_the_vocabulary(folder: Path) -> None:
    model, batches = LanguageModel(folder, architecture_of(folder), torch.float64), batches_of(folder)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.zero_()
    assert math.exp(model.loss(batches)) == pytest.approx(architecture_of(folder).vocabulary_size)
