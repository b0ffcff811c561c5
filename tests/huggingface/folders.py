"""Tiny models in folders as the hub has them, and a task of own files: whether a text has one of the good words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
)

from stabbench.models.word_pieces import write_word_pieces

GOOD = ["sun", "lake", "song", "bread"]
WORDS = [*GOOD, "the", "old", "ferry", "crosses", "quiet", "river", "dawn", "slowly"]
SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
ENDS = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": 1}


def bert(folder: Path, **fields: Any) -> Path:
    config = BertConfig(vocab_size=40, intermediate_size=32, **SIZE, **fields)
    _saved(folder, BertModel(config))
    write_word_pieces(folder, WORDS, 64)
    return folder


def gpt2(folder: Path) -> Path:
    _saved(folder, GPT2Model(GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=64, **ENDS)))
    return _words(folder)


def llama(folder: Path) -> Path:
    _saved(folder, LlamaModel(LlamaConfig(vocab_size=40, intermediate_size=32, **SIZE, **ENDS)))
    return _words(folder)


def qwen2(folder: Path) -> Path:
    sizes = {"intermediate_size": 32, "num_key_value_heads": 1, "use_sliding_window": False}
    _saved(folder, Qwen2Model(Qwen2Config(vocab_size=40, **sizes, **SIZE, **ENDS)))
    return _words(folder)


def _saved(folder: Path, model: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3, generator=generator)
    model.save_pretrained(folder)


def _words(folder: Path) -> Path:
    """A tokenizer without a padding token."""
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(["[UNK]", "</s>", *WORDS])}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="</s>").save_pretrained(folder)
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


def params(models: dict[str, str], strategies: dict[str, Any], *, task: str = "kind", seeds: str = "1") -> str:
    """A params.yaml of these models by their folders and these strategies; `task` is the column of the labels."""
    own: dict[str, Any] = {"files": {"train": "./train.csv", "dev": "./dev.csv"}, "text": "text", "label": task}
    own |= {"objective": "regression", "scale": True} if task == "share" else {"metrics": ["accuracy"]}
    content = {
        "seeds": seeds,
        "grid": {"models": list(models), "tasks": ["words"], "strategies": list(strategies)},
        "models": {name: {"source": source} for name, source in models.items()},
        "tasks": {"words": own},
        "strategies": strategies,
    }
    return json.dumps(content)
