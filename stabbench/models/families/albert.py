"""ALBERT (Lan et al., 2020): one layer that is all layers, and narrow word embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import PAPER
from stabbench.models.families.unpadded import FIELDS, UnpaddedFamily


class Albert(UnpaddedFamily):
    """ALBERT, computed as BERT; with one group of layers, as the published ones have."""

    name = "albert"
    class_name = "Albert"
    prefix = "albert"
    defaults = {**PAPER, "weight_decay": 0.0, "dropout": 0.0}
    fields = {
        **FIELDS,
        "vocab_size": 30000,
        "embedding_size": 128,
        "hidden_act": "gelu_new",
        "hidden_size": 4096,
        "num_attention_heads": 64,
        "intermediate_size": 16384,
    }
    layer = "encoder.albert_layer_groups.0.albert_layers.0"
    parts = {
        "query": "attention.query",
        "key": "attention.key",
        "value": "attention.value",
        "attention_output": "attention.dense",
        "attention_norm": "attention.LayerNorm",
        "intermediate": "ffn",
        "output": "ffn_output",
        "output_norm": "full_layer_layer_norm",
    }
    pooler = "albert.pooler"
    shares_layers = True
    mapping = "encoder.embedding_hidden_mapping_in"

    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """UserError for several groups of layers, too."""
        if config.get("num_hidden_groups", 1) != 1 or config.get("inner_group_num", 1) != 1:
            raise UserError(f"{where}: found more than one group of ALBERT layers, supported is one shared layer")
        return super().architecture(config, labels, where)

    def embedding_size(self, config: Mapping[str, Any]) -> int:
        """A width of its own."""
        return int(self.field(config, "embedding_size"))
