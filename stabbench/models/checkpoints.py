"""What to do about older checkpoints: which model type they are of, and how to convert them to safetensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CLASSES = {
    "Albert": "albert",
    "Bert": "bert",
    "Camembert": "camembert",
    "Deberta": "deberta",
    "DebertaV2": "deberta-v2",
    "DistilBert": "distilbert",
    "Electra": "electra",
    "MPNet": "mpnet",
    "ModernBert": "modernbert",
    "Roberta": "roberta",
    "XLMRoberta": "xlm-roberta",
}
_TENSORS = {
    "albert_layer_groups": "albert",
    "q_lin.weight": "distilbert",
    "attention.attn.q.weight": "mpnet",
    "attention.self.query_proj": "deberta-v2",
    "attention.self.in_proj": "deberta",
    "embeddings_project": "electra",
    "attn.Wqkv": "modernbert",
}


def guessed_type(config: Mapping[str, Any], tensors: Sequence[str]) -> str | None:
    """The model type of a config that names none, by its `architectures`, else by its tensors; None for no idea."""
    classes = config.get("architectures")
    for name in classes if isinstance(classes, list) else []:
        family = re.sub(r"(Model|For[A-Z]\w*)$", "", str(name))
        if family in _CLASSES:
            return _CLASSES[family]
    prefixes = {name.partition(".")[0] for name in tensors}
    for kind in ("roberta", "electra", "albert", "distilbert", "bert", "mpnet"):
        if kind in prefixes:
            return kind
    for part, kind in _TENSORS.items():
        if any(part in name for name in tensors):
            return kind
    if any("attention.self.query" in name for name in tensors):
        return "roberta" if config.get("type_vocab_size") == 1 else "bert"
    return None


def conversion(source: str, folder: Path, config: Mapping[str, Any]) -> str:
    """The sentence that says how `source` (a hub id or the `folder`) becomes safetensors; `config` is its config.json.

    A folder is converted in its place, a hub id into a new folder, which params.yaml has to name.
    """
    loader, classes = "AutoModel", config.get("architectures") or []
    suffix = re.search(r"For(MaskedLM|PreTraining)$", str(classes[0])) if classes else None
    if suffix is not None:
        loader += suffix[0]
    if Path(source) == folder:
        return f"convert it with {loader}.from_pretrained('{source}').save_pretrained('{source}')"
    target = f"./converted/{source.rpartition('/')[2]}"
    parts = "; ".join(
        f"{kind}.from_pretrained('{source}').save_pretrained('{target}')" for kind in (loader, "AutoTokenizer")
    )
    return (
        f'convert it with `python -c "from transformers import {loader}, AutoTokenizer; {parts}"` '
        f"and write `source: {target}` in params.yaml"
    )
