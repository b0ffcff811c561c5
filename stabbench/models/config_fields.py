"""Fields of a Hugging Face config that config.json may leave to the defaults of the model's type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWN = {"vocab_size": 30522, "type_vocab_size": 2, "pad_token_id": 0, "max_position_embeddings": 512}
_DEFAULTS: dict[str, dict[str, int]] = {
    "bert": _OWN,
    "roberta": _OWN | {"vocab_size": 50265, "pad_token_id": 1},
    "albert": _OWN | {"vocab_size": 30000},
}
"""Those of the types that are known here, so that transformers need not be imported for them."""


def field_of(config: Mapping[str, Any], name: str) -> Any:
    """The value of `name` in a config.json, else the default of its model type; None where that has none."""
    if config.get(name) is not None:
        return config[name]
    kind = str(config.get("model_type"))
    if kind in _DEFAULTS:
        return _DEFAULTS[kind].get(name)
    from transformers import CONFIG_MAPPING

    return getattr(CONFIG_MAPPING[kind](), name, None) if kind in CONFIG_MAPPING and name not in config else None
