"""The files of a model's folder: its weights, and those that make a tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
VOCABULARIES = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("spm.model",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("sentencepiece.model",),
    ("tokenizer.model",),
)
"""Any of these sets of files is a tokenizer: DeBERTa-v2 and v3 have spm.model, ALBERT spiece.model, XLM-RoBERTa and
CamemBERT sentencepiece.bpe.model, RemBERT sentencepiece.model."""
TOKENIZER_FILES = (
    *(name for names in VOCABULARIES for name in names),
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""What is fetched, hashed and copied of a tokenizer."""
WANTED = "tokenizer.json, vocab.txt, vocab.json with merges.txt, or a sentencepiece model such as spm.model"


def has_tokenizer(folder: Path) -> bool:
    """Whether the folder holds any of the sets of files that make a tokenizer."""
    return any(all((folder / name).is_file() for name in names) for names in VOCABULARIES)


def sentencepiece_only(folder: Path) -> str | None:
    """The sentencepiece model's name where a folder's tokenizer is in that alone, which a package is needed to read."""
    found = [names for names in VOCABULARIES if all((folder / name).is_file() for name in names)]
    plain = any(not name.endswith(".model") for names in found for name in names)
    return None if plain or not found else found[0][0]


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy all files of `source`'s tokenizer to `folder`."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
