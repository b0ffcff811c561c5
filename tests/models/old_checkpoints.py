"""A package with checkpoints as they were written years ago: pickled tensors, a list of symbols, no model type."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM

SYMBOLS = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "c", "C", "(", ")", "O", "1", "=", "N", ".", ">>",
           "Cl", "Br", "[Na+]", "[O-]", "~", "[Pd]"]  # fmt: skip
INSIDE = "models/transformers/bert_pretrained"


def old_package(folder: Path, name: str = "oldbert", *, layers: int = 2, hidden: int = 16) -> Path:
    """A package `name` in `folder` that cannot be imported, with two masked language models; its own folder."""
    package = folder / name
    for seed, checkpoint in enumerate((INSIDE, "models/transformers/bert_ft")):
        place = package / checkpoint
        place.mkdir(parents=True)
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(SYMBOLS),
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * hidden,
            max_position_embeddings=260,
        )
        torch.save(BertForMaskedLM(config).state_dict(), place / "pytorch_model.bin")
        said = {key: value for key, value in config.to_dict().items() if key not in ("model_type", "architectures")}
        (place / "config.json").write_text(json.dumps(said), encoding="utf-8")
        (place / "vocab.txt").write_text("\n".join(SYMBOLS) + "\n", encoding="utf-8")
    (package / "__init__.py").write_text("raise ImportError('what it requires is not there')\n", encoding="utf-8")
    return package


def as_wheel(package: Path) -> Path:
    """The package's wheel, beside it."""
    wheel = package.parent / f"{package.name}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(package.parent).as_posix())
    return wheel
