"""A tokenizer of whole symbols: what a regular expression finds in a text, looked up in a list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stabbench.errors import UserError

SPLITS = {
    "smiles": r"(\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|\%[0-9]{2}|[0-9])"
}
"""Expressions by name. `smiles`: bracket atoms, other atoms, bonds, branches, ring numbers and arrows of a reaction
(Schwaller et al., 2019)."""
_ROLES = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "unk": "[UNK]", "mask": "[MASK]"}


def symbol_tokenizer(words: Sequence[str], split: str, config: Mapping[str, Any]) -> dict[str, bytes]:
    """tokenizer.json and tokenizer_config.json of a model with BERT's special tokens, by name.

    `words` are the symbols in the order of their ids, `split` a name of `SPLITS` or a regular expression; `config` says
    how many tokens the model takes at most. Raises UserError where that is no expression, a symbol stands twice or a
    special token is missing.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(words) if word}
    lacking = [token for token in _ROLES.values() if token not in ids]
    if lacking or len(ids) < len([word for word in words if word]):
        wrong = f"lacks {', '.join(lacking)}" if lacking else "has a symbol twice"
        raise UserError(f"the word list {wrong}: expected each symbol once, BERT's special tokens among them")
    try:
        expression = Regex(SPLITS.get(split, split))
    except Exception as error:  # the library raises no narrower class
        raise UserError(f"found --split '{split}', expected {' or '.join(SPLITS)} or a regular expression") from error
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=_ROLES["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(expression, "isolated")
    cls, sep = _ROLES["cls"], _ROLES["sep"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(token, ids[token]) for token in (cls, sep)],
    )
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.get("max_position_embeddings"),
        **{f"{role}_token": token for role, token in _ROLES.items()},
    }
    return {"tokenizer.json": tokenizer.to_str().encode(), "tokenizer_config.json": json.dumps(settings).encode()}
