"""Tiny models in folders as the hub has them, and a task of own files: whether a text has one of the good words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    Qwen2Config,
    Qwen2Model,
)

from stabbench.models.word_pieces import write_word_pieces

GOOD = ["sun", "lake", "song", "bread"]
WORDS = [*GOOD, "the", "old", "ferry", "crosses", "quiet", "river", "dawn", "slowly"]
SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
ENDS: dict[str, Any] = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": 0}
VOCABULARY = 300


def bert(folder: Path, **fields: Any) -> Path:
    config = BertConfig(**{"vocab_size": 40, "intermediate_size": 32, **SIZE, **fields})
    _saved(folder, BertModel(config))
    write_word_pieces(folder, WORDS, config.max_position_embeddings)
    return folder


def gpt2(folder: Path) -> Path:
    _saved(folder, GPT2Model(GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64, **ENDS)))
    return _bytes(folder, "GPT2Tokenizer")


def llama(folder: Path) -> Path:
    _saved(folder, LlamaModel(LlamaConfig(vocab_size=VOCABULARY, intermediate_size=32, **SIZE, **ENDS)))
    return _bytes(folder, "PreTrainedTokenizerFast")


def qwen2(folder: Path) -> Path:
    sizes: dict[str, Any] = {"intermediate_size": 32, "num_key_value_heads": 1, "use_sliding_window": False}
    _saved(folder, Qwen2Model(Qwen2Config(vocab_size=VOCABULARY, **sizes, **SIZE, **ENDS)))
    return _bytes(folder, "Qwen2Tokenizer")


def _saved(folder: Path, model: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3, generator=generator)
    model.save_pretrained(folder)


def _bytes(folder: Path, kind: str) -> Path:
    """A tokenizer of byte pairs, as decoders have it: without a padding token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 2, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": kind, "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def texts(folder: Path, rows: int = 48) -> None:
    """train.csv and dev.csv: `kind` is yes where a text has a good word, `share` says how many of its words are."""
    random = np.random.default_rng(5)
    for name, count in (("train", rows), ("dev", 30)):
        drawn = [list(random.choice(WORDS, random.integers(3, 9))) for _ in range(count)]
        shares = [sum(word in GOOD for word in text) / len(text) for text in drawn]
        table = pd.DataFrame({"text": [" ".join(text) for text in drawn], "share": shares})
        table["kind"] = np.where(table["share"] > 0.3, "yes", "no")
        table.to_csv(folder / f"{name}.csv", index=False)


def params(models: dict[str, Any], strategies: dict[str, Any], *, seeds: str = "1") -> str:
    """A params.yaml of these models and strategies, with the tasks `kinds` and `shares`, of which the grid has one."""
    own = {"files": {"train": "./train.csv", "dev": "./dev.csv"}, "text": "text"}
    content = {
        "seeds": seeds,
        "grid": {"models": list(models), "tasks": ["kinds"], "strategies": list(strategies)},
        "models": models,
        "tasks": {
            "kinds": {**own, "label": "kind", "metrics": ["accuracy", "mcc"]},
            "shares": {**own, "label": "share", "objective": "regression", "scale": True},
        },
        "strategies": strategies,
    }
    return json.dumps(content)


def strategy(recipe: dict[str, Any] | None = None, **trainer: Any) -> dict[str, Any]:
    """A strategy's block: a recipe that Trainer can do, and the trainer's own keys."""
    usual = {"learning_rate": 3e-3, "epochs": 1, "batch_size": 8, "max_length": 16, "dropout": "model"}
    block = {"plugin": "huggingface", **trainer}
    return {"plugin": "hf-default", "recipe": {**usual, **(recipe or {})}, "trainer": block}
